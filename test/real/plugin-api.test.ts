// The plugin API as people get it: dns01 is packed and installed without a network, and examples/provider-example, of which
// docs/plugin-api.md consists, is tested, typed and run with what was installed.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DnsAnswer, Question } from '../../src/core/world.js'
import { openDns } from '../../src/platform/dns.js'
import { listeningLog, txtValue } from '../contract/provider-contract.js'
import { pageText } from '../docs.js'
import { type Dns01Result, startProgram } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { otherNode } from './servers/node.js'
import { startPebble } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'
import { prepareState } from './servers/state.js'

const root = join(import.meta.dirname, '../..')
const example = join(root, 'examples/provider-example')
const token = 'the token that the double takes'
const apex = 'example.test'

/** How a block begins: JSON has no comment for the name of the file. */
const block = (file: string): string => (file.endsWith('.json') ? 'json\n' : `js\n// ${file}\n`)

test.each(['index.js', 'test/provider.test.js', 'package.json'])(
  'docs/plugin-api.md shows %s of the example as it is',
  file => {
    const shown = pageText('docs/plugin-api.md').match(/^```js(on)?\n.*?^```$/gms)
    expect(shown).toContain(`\`\`\`${block(file)}${readFileSync(join(example, file), 'utf8')}\`\`\``)
  },
)

test('the provider of the example is about 40 lines long', () => {
  expect(readFileSync(join(example, 'index.js'), 'utf8').split('\n').length).toBeLessThanOrEqual(45)
})

describe('with dns01 as it is packed and installed', () => {
  const folder = temporaryFolder('plugin-api')
  const inside = (...path: string[]): string => join(folder.path, ...path)
  const dns01 = inside('global/bin/dns01')
  const project = inside('dns01-provider-example')
  afterAll(() => folder.remove())

  async function run(cwd: string, ...argv: string[]): Promise<Dns01Result> {
    const npm = { npm_config_cache: inside('cache'), npm_config_offline: 'true', npm_config_update_notifier: 'false' }
    const result = await startProgram(argv, { cwd, env: { HOME: folder.path, ...npm }, timeoutSeconds: 120 }).result
    expect(result.exit, `${argv.join(' ')}\n${result.stdout}${result.stderr}`).toBe(0)
    return result
  }
  const pack = async (what: string): Promise<string> =>
    inside((await run(folder.path, 'npm', 'pack', what, '--ignore-scripts', '--silent')).stdout.trim())
  const install = (...args: string[]) => run(folder.path, 'npm', 'install', '--no-audit', '--no-fund', ...args)

  beforeAll(async () => {
    const tarball = await pack(root)
    await install('--global', '--prefix', inside('global'), tarball)
    cpSync(example, project, { recursive: true })
    await install('--prefix', project, '--no-save', tarball)
  }, 240_000)

  test('the example keeps the contract, on the test runner of node', async () => {
    const { stdout } = await run(project, 'npm', 'test')
    expect(stdout).toMatch(/^# fail 0$/m)
    expect(Number(stdout.match(/^# pass (\d+)$/m)?.[1])).toBeGreaterThan(10)
  })

  test('a provider that breaks the contract fails its test', async () => {
    const broken = inside('broken')
    cpSync(project, broken, { recursive: true })
    const text = readFileSync(join(broken, 'index.js'), 'utf8')
    writeFileSync(join(broken, 'index.js'), text.replace('{ remove: records.map(toJson) }', '{}'))
    const { exit, stdout } = await startProgram([process.execPath, '--test'], { cwd: broken }).result
    expect(exit).toBe(1)
    expect(stdout).toMatch(/not ok \d+ - adds a value and takes it away again/)
    expect(stdout).toMatch(/ok \d+ - cleanup of what never was there is success/)
  })

  test('the types that come along fit the example, and find a mistake in it', async () => {
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
    symlinkSync(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'))
    const options = '--noEmit --allowJs --checkJs --strict --module nodenext --target es2023 --types node'.split(' ')
    const tsc = [process.execPath, join(root, 'node_modules/typescript/bin/tsc'), ...options]
    await run(project, ...tsc, 'index.js')
    const text = readFileSync(join(project, 'index.js'), 'utf8')
    writeFileSync(join(project, 'wrong.js'), text.replace(/`Bearer .*?`/, 'token.length'))
    const { exit, stdout } = await startProgram([...tsc, 'wrong.js'], { cwd: project }).result
    expect([exit, stdout]).toEqual([1, expect.stringMatching(/wrong\.js.*is not assignable to type/s)])
  })

  describe('a file in DNS01_PROVIDERS', () => {
    const env = { DNS01_PROVIDERS: inside('providers'), ACME_STATE_DIR: inside('no-state') }
    beforeAll(() => {
      mkdirSync(inside('providers'), { mode: 0o755 })
      cpSync(join(example, 'index.js'), inside('providers/example.mjs'))
    })

    // Node 24 has hooks that Node 20 lacks.
    const newest = otherNode('24.21.0')
    test.each([process.execPath, ...(newest ? [newest] : [])])(
      'finds dns01/provider, which no node_modules has: %s',
      async node => {
        const main = inside('global/lib/node_modules/dns01/dist/main.js')
        const { exit, stdout, stderr } = await startProgram([node, '--', main, 'providers', 'example'], { env }).result
        expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
        expect(stdout).toMatch(/^example: Example DNS/)
      },
    )

    test('is listed and described like ours, and says where it comes from', async () => {
      const list = await startProgram([dns01, 'providers'], { env }).result
      expect(list).toMatchObject({ exit: 0, stderr: '' })
      expect(list.stdout).toMatch(/^ {2}example +Example DNS, by its HTTP API\n +from .*\/providers\/example\.mjs$/m)
      const { stdout } = await startProgram([dns01, 'providers', 'example'], { env }).result
      expect(stdout).toMatch(/^ {2}token: EXAMPLE_TOKEN \(required; secret: never in conf\/dns\.yml/m)
      expect(stdout).toContain('it comes from')
    })

    test('gets the dns01/provider of the dns01 that loads it: its errors are known, its secrets masked', async () => {
      const { startDouble } = await import(join(example, 'test/double.js'))
      const api = await startDouble({ token, zones: [apex] })
      const dns = await answering(api)
      try {
        mkdirSync(inside('state'), { mode: 0o755 })
        const more = { EXAMPLE_TOKEN: 'a-wrong-token', EXAMPLE_URL: api.url, DNS01_PROVIDER: 'example' }
        const settings = { ...env, ...more, ACME_STATE_DIR: inside('state'), DNS01_RESOLVERS: dns.address }
        const args = ['hook', 'certbot', 'auth']
        const challenge = {
          CERTBOT_DOMAIN: 'www.example.test',
          CERTBOT_VALIDATION: txtValue('one'),
          DNS01_PROPAGATION: 'off',
        }
        const { exit, stderr } = await startProgram([dns01, ...args], { env: { ...settings, ...challenge } }).result
        expect({ exit, stderr }).toEqual({
          exit: 6,
          stderr: expect.stringMatching(
            /^\S+ \[ERROR\] dns01: example: changing example\.test was answered with status 403\n +look at the token.*\n$/,
          ),
        })
        expect(stderr).not.toContain('a-wrong-token')
      } finally {
        await dns.close()
        api.stop()
      }
    })
  })

  describe.skipIf(lacking('pebble'))('installed beside dns01', () => {
    test('gets a certificate from a CA, and leaves no value behind', async () => {
      await install('--global', '--prefix', inside('global'), await pack(example))
      const { startDouble } = await import(join(example, 'test/double.js'))
      const api = await startDouble({ token, zones: [apex] })
      const dns = await answering(api)
      const pebble = await startPebble({ dnsServer: dns.address })
      const state = inside('issuing')
      try {
        mkdirSync(state, { mode: 0o755 })
        prepareState(state, pebble.directoryUrl)
        writeFileSync(join(state, 'conf/dns.yml'), `zones: {example.test: {provider: example, url: '${api.url}'}}\n`)
        const env = {
          ACME_STATE_DIR: state,
          SSL_CERT_FILE: pebble.caFile,
          EXAMPLE_TOKEN: token,
          DNS01_RESOLVERS: dns.address,
          DNS01_PROPAGATION: 'off',
        }
        const list = await startProgram([dns01, 'providers'], { env }).result
        expect(list.stdout).toMatch(
          /^\* example .*\n +from .*\/node_modules\/dns01-provider-example\n +chosen: example/m,
        )
        const want = [dns01, 'want', 'www.example.test', '*.www.example.test']
        const { exit, stderr } = await startProgram(want, { env }).result
        expect({ exit, stderr }).toMatchObject({ exit: 0 })
        expect(readFileSync(join(state, 'live/www.example.test/cert'), 'utf8')).toContain('BEGIN CERTIFICATE')
        expect(api.changes()).toBe(2) // both values in one change, and out in one
        expect(api.values('_acme-challenge.www.example.test')).toEqual([])
      } finally {
        await pebble.stop()
        await dns.close()
        api.stop()
      }
    })
  })
})

/** A name server and resolver for example.test, which shows what the double holds. */
async function answering({ values }: { values(name: string): readonly string[] }) {
  const fixed: Readonly<Record<string, readonly string[]>> = {
    [`SOA ${apex}`]: [`ns.${apex}`],
    [`NS ${apex}`]: [`ns.${apex}`],
    [`A ns.${apex}`]: ['127.0.0.1'],
  }
  const answer = ({ name, type }: Question): DnsAnswer => {
    const rows = type === 'TXT' ? values(name) : (fixed[`${type} ${name}`] ?? [])
    const soa = { name: apex as Question['name'], type: 'SOA', ttlSeconds: 1, data: `ns.${apex}` } as const
    const answers = rows.map(data => ({ name, type, ttlSeconds: 1, data }))
    return { rcode: 'NOERROR', authoritative: true, answers, authorities: answers.length > 0 ? [] : [soa] }
  }
  const log = listeningLog([])
  const server = await openDns({}).serve(['127.0.0.1:0'], answer, log)
  return { address: server.addresses[0] ?? '', close: () => server.close() }
}
