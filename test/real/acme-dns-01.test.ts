import { execFileSync } from 'node:child_process'
import { describe } from 'vitest'
import plugins from '../../providers/acme-dns-01.js'
import type { Provider } from '../../src/provider/api.js'
import { providerContract } from '../contract/provider-contract.js'
import { fakeClock } from '../fakes/clock.js'
import { diskWorld } from '../fakes/disk-world.js'
import { domainsApi } from '../fakes/domains-api.js'
import { newFolder } from '../folder.js'

const plugin = 'acme-dns-01-digitalocean'
const folder = newFolder('plugin')

/** Whether the plugin, as published, could be installed into `folder`; said loudly if not. */
function installed(): boolean {
  try {
    const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--fetch-retries=0']
    execFileSync('npm', ['install', ...flags, '--prefix', folder, `${plugin}@3.0.1`], {
      stdio: 'pipe',
      timeout: 60_000,
    })
    return true
  } catch (error) {
    process.stderr.write(`\nSKIPPED, NOT TESTED: ${plugin} cannot be got from npm: ${(error as Error).message}\n`)
    return false
  }
}

/** The real plugin on a double of the API of its provider, which is why its own messages on stderr are not ours. */
describe.skipIf(!installed())('the npm plugin as published', () => {
  const zones = ['example.test', 'example.org'] as const
  const api = domainsApi(zones, 'token')
  const place = (name: string): [string, string] => {
    const zone = name.endsWith(zones[0]) ? zones[0] : zones[1]
    return [zone, name.slice(0, -zone.length - 1)]
  }
  const open = async (token: string): Promise<Provider> => {
    const clock = fakeClock(undefined, { patient: true })
    const { world } = diskWorld({}, { fetch: api.fetch, clock })
    const options = JSON.stringify({ baseUrl: api.url, token })
    return clock.along((await plugins.open({ module: plugin, folder, options, wait: 'none' }, world)) as Provider)
  }
  providerContract(plugin, async () => ({
    provider: await open('token'),
    zones,
    values: async name => api.values(...place(name)),
    put: async (name, value) => api.put(...place(name), value),
    refusing: () => open('wrong'),
    refusalProves: false, // the plugin throws without the status
  }))
})
