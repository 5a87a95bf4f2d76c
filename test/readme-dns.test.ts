import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDnsConfig } from '../src/config/dns-yml.js'
import { loadProvider, settingValues } from '../src/provider/loader.js'
import { listeningLog } from './contract/provider-contract.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const [, example = ''] = readme.match(/```yaml\n(provider: route53[\s\S]*?)```/) ?? []

describe('the full example of conf/dns.yml in the README', () => {
  const config = parseDnsConfig(example, 'README.md', {})
  const zones = [...config.zones].map(([zone, said]) => [zone as string, said] as const)

  test('is read whole', () => {
    expect(zones.length).toBeGreaterThan(4)
    expect(config.resolvers).toHaveLength(2)
    expect(config.propagation).toEqual(parseDnsConfig('', '', {}).propagation)
  })

  test.each([['the default', config.fallback] as const, ...zones])(
    '%s: settings that its provider has',
    async (_, said) => {
      const definition = await loadProvider(said.provider ?? config.fallback.provider ?? '')
      const files = { read: () => Buffer.from('a secret'), info: () => ({ kind: 'file', mode: 0o600, uid: 0, gid: 0 }) }
      const world = { env: {}, log: listeningLog([]), files } as never
      const values = settingValues(world, definition, said.settings)
      for (const [key, value] of Object.entries(said.settings))
        expect(values[key.replace(/-file$/, '')] ?? values[key], key).toBe(key.startsWith('token') ? 'a secret' : value)
    },
  )
})

test('the unit that keeps serve-dns running names flags and a command that exist', async () => {
  const { parseCommandLine } = await import('../src/cli/parse.js')
  const words = readme.match(/ExecStart=\/usr\/bin\/env dns01 (.*serve-dns)$/m)?.[1]?.split(' ') ?? []
  expect(await parseCommandLine(words)).toMatchObject({ command: { command: 'serve-dns' }, flags: { batch: true } })
})

test('the firewall line is the one that the error tells', () => {
  const line = readme.match(/^nft '(.*)'$/m)?.[1] ?? 'none'
  const source = readFileSync(new URL('../providers/builtin/listening.ts', import.meta.url), 'utf8')
  const said = source.replace(/['"] \+\n\s*['"]/g, '')
  expect(said).toContain(line)
})
