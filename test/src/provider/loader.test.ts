import { describe, expect, test } from 'vitest'
import { type DnsConfig, defaultPropagation, type ZoneConfig } from '../../../src/config/dns-config.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'
import type { World } from '../../../src/core/world.js'
import type { Settings } from '../../../src/provider/api.js'
import { misspelt, openProviders, settingValues } from '../../../src/provider/loader.js'
import { listeningLog, record } from '../../contract/provider-contract.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { fakeWorld } from '../../fakes/world.js'

function aWorld(env: World['env'] = {}) {
  const files = new MemoryFiles()
  const masked: string[] = []
  const log = { ...listeningLog([]), mask: (secret: string) => void masked.push(secret) }
  return { files, masked, world: fakeWorld({ env, files, log }) }
}

const settings = {
  server: { env: ['FOO_SERVER', 'FOO_HOST'], help: 'the server', required: true },
  token: { env: ['FOO_TOKEN'], help: 'the token', secret: true },
  port: { env: ['FOO_PORT'], help: 'the port', default: '53' },
  note: { env: [], help: 'a note' },
} satisfies Settings
const definition = { name: 'foo', settings }

test.each<[Record<string, string>, (readonly string[])[]]>([
  [{ FOO_TOKEM: 'x' }, [['FOO_TOKEM', 'FOO_TOKEN']]],
  [{ FOO_TOKEN_FIEL: '/x' }, [['FOO_TOKEN_FIEL', 'FOO_TOKEN_FILE']]],
  [
    { FO_TOKEN: 'x', FOO_SERVERS: 'y' },
    [
      ['FO_TOKEN', 'FOO_TOKEN'],
      ['FOO_SERVERS', 'FOO_SERVER'],
    ],
  ],
  [{ FOO_TOKEM: 'x', FOO_TOKEN: 'y' }, []],
  [{ FOO_TOKEN: 'x', FOO_SERVER_FILE: '/y', PATH: '/bin', BAR_TOKEN_ID: 'z' }, []],
])('of the variables %j these look misspelt: %j', (env, expected) => {
  expect(misspelt(env, settings)).toEqual(expected)
})

describe('settingValues', () => {
  const values = (
    conf: Record<string, string>,
    env: Record<string, string> = {},
    put: (files: MemoryFiles) => void = () => {},
  ) => {
    const { world, files, masked } = aWorld(env)
    put(files)
    return { ...settingValues(world, definition, conf), masked }
  }
  const errorOf = (...args: Parameters<typeof values>): Dns01Error => {
    try {
      values(...args)
    } catch (error) {
      if (error instanceof Dns01Error) return error
      throw error
    }
    throw new Error('nothing was thrown')
  }

  test.each<[string, Parameters<typeof values>, Record<string, unknown>]>([
    ['conf', [{ server: 'ns1', note: 'n' }], { server: 'ns1', note: 'n', port: '53', token: undefined }],
    ['the environment', [{}, { FOO_SERVER: 'ns2', FOO_PORT: '5353' }], { server: 'ns2', port: '5353' }],
    ['its first name in order', [{}, { FOO_SERVER: 'ns1', FOO_HOST: 'ns2' }], { server: 'ns1' }],
    ['its second name', [{}, { FOO_HOST: 'ns2' }], { server: 'ns2' }],
    ['an empty variable counts for nothing', [{}, { FOO_SERVER: '', FOO_HOST: 'ns2' }], { server: 'ns2' }],
    ['conf before the environment', [{ server: 'ns1' }, { FOO_SERVER: 'ns2' }], { server: 'ns1' }],
    [
      'KEY-file',
      [{ 'server-file': '/etc/server' }, { FOO_SERVER: 'ns2' }, files => files.put('/etc/server', ' ns3\n', 0o640)],
      { server: 'ns3' },
    ],
    [
      'NAME_FILE',
      [{}, { FOO_SERVER_FILE: '/etc/server' }, files => files.put('/etc/server', 'ns4\n', 0o640)],
      { server: 'ns4' },
    ],
    ['a variable before its file', [{}, { FOO_SERVER: 'ns2', FOO_SERVER_FILE: '/nowhere' }], { server: 'ns2' }],
    [
      'a secret, masked from here on',
      [{ server: 'ns1' }, { FOO_TOKEN: 'hush-hush' }],
      { token: 'hush-hush', masked: ['hush-hush'] },
    ],
    [
      'a secret in a file',
      [{ server: 'ns1', 'token-file': '/etc/token' }, {}, files => files.put('/etc/token', 'hush\n', 0o600)],
      { token: 'hush', masked: ['hush'] },
    ],
    [
      'a secret in a file that a group may read',
      [{ server: 'ns1' }, { FOO_TOKEN_FILE: '/etc/token' }, files => files.put('/etc/token', 'hush', 0o640)],
      { token: 'hush' },
    ],
    ['what is no secret is not masked', [{ server: 'ns1' }], { masked: [] }],
  ])('%s', (_, args, expected) => {
    expect(values(...args)).toMatchObject(expected)
  })

  test.each<[string, Parameters<typeof values>, string, string]>([
    ['an unknown key', [{ sever: 'x' }], 'provider foo has no setting "sever"', 'did you mean "server"?'],
    [
      'an unknown file key',
      [{ 'sever-file': 'x' }],
      'provider foo has no setting "sever-file"',
      'did you mean "server"?',
    ],
    [
      'a required one that is missing',
      [{}],
      'provider foo needs the setting "server": the server',
      'set FOO_SERVER or FOO_HOST, or FOO_SERVER_FILE',
    ],
    [
      'a secret in conf/',
      [{ server: 'ns1', token: 'hush-hush' }],
      'foo: the secret "token" is in a file that everybody can read',
      'write "token-file: PATH" there, or set FOO_TOKEN in the environment, and change the secret',
    ],
    [
      'a secret in conf/ though there is a file too',
      [{ server: 'ns1', token: 'hush-hush', 'token-file': '/etc/token' }],
      'foo: the secret "token" is in a file that everybody can read',
      'write "token-file: PATH" there, or set FOO_TOKEN in the environment, and change the secret',
    ],
    [
      'a secret that others can read',
      [{ server: 'ns1', 'token-file': '/etc/token' }, {}, files => files.put('/etc/token', 'hush-hush', 0o644)],
      'the setting in /etc/token may hold a secret and everybody can read it',
      'chmod o= /etc/token',
    ],
    [
      'also behind a link',
      [
        { server: 'ns1' },
        { FOO_TOKEN_FILE: '/run/token' },
        files => {
          files.put('/etc/token', 'hush-hush', 0o644)
          files.putLink('/run/token', '/etc/token')
        },
      ],
      'the setting in /run/token may hold a secret and everybody can read it',
      'chmod o= /etc/token',
    ],
  ])('refuses %s', (_, args, message, hint) => {
    const error = errorOf(...args)
    expect(error).toMatchObject({ code: 'CONFIG', message, hint })
    expect(`${error.message} ${error.hint}`).not.toContain('hush-hush')
  })

  test.each([
    ['there is none', () => {}, 'ENOENT'],
    ['it is a folder', (files: MemoryFiles) => files.putFolder('/etc/token'), 'EISDIR'],
  ])('a file that cannot be read, as %s, is named', (_, put, code) => {
    const error = errorOf({ server: 'ns1', 'token-file': '/etc/token' }, {}, put)
    expect(error.code).toBe('CONFIG')
    expect(error.message).toContain('cannot read the setting in /etc/token: ')
    expect(error.message).toContain(code)
  })
})

describe('openProviders', () => {
  const config = (fallback: ZoneConfig, zones: Record<string, ZoneConfig> = {}): DnsConfig => ({
    fallback,
    zones: new Map(Object.entries(zones).map(([zone, config]) => [parseName(zone), config])),
    resolvers: [],
    propagation: defaultPropagation,
  })
  const name = parseName('_acme-challenge.x.a.test')
  const none = { settings: {} }

  test('opens one provider once', async () => {
    const providers = openProviders(aWorld().world, config({ provider: 'memory', settings: {} }), () => undefined)
    const [a, b] = await Promise.all([providers.for(name), providers.for(parseName('other.test'))])
    expect(a).toBe(b)
    expect(a.config).toEqual({ provider: 'memory', settings: {} })
    expect(await providers.open(a.config)).toBe(a)
  })

  test('other settings are another one', async () => {
    const { world } = aWorld()
    const wanted = { provider: 'exec', settings: { command: '/bin/true' } }
    const other = { provider: 'exec', settings: { command: '/bin/false' } }
    const providers = openProviders(world, config(wanted, { 'b.test': other }), () => undefined)
    const [a, b] = await Promise.all([providers.for(name), providers.for(parseName('b.test'))])
    expect(a).not.toBe(b)
    expect(b.config).toEqual(other)
  })

  test.each<[string, ZoneConfig, Parameters<ReturnType<typeof openProviders>['for']>[1], string | undefined, string]>([
    ['the default when nothing is said', none, undefined, 'memory', 'memory'],
    ['conf/dns.yml before the default', { provider: 'memory', settings: {} }, undefined, 'hooks', 'memory'],
    [
      "the target's own before conf/dns.yml",
      { provider: 'hooks', settings: {} },
      { provider: 'memory', settings: {} },
      undefined,
      'memory',
    ],
  ])('%s', async (_, fallback, chosen, defaultProvider, provider) => {
    const providers = openProviders(aWorld().world, config(fallback), () => defaultProvider)
    expect((await providers.for(name, chosen)).definition.name).toBe(provider)
  })

  test('a program of exec gets no secret of another provider in use, but whatever else there is', async () => {
    const given = { CF_Token: 'c', CF_Token_FILE: '/c', AWS_SECRET_ACCESS_KEY: 'a', PATH: '/bin', EXEC_MODE: '' }
    let got: World['env'] = {}
    const run: World['run'] = async (_, { env }) => {
      got = env
      return { exit: 0, output: '' }
    }
    const exec = { provider: 'exec', settings: { command: '/bin/true' } }
    const zones = { 'b.test': { provider: 'cloudflare', settings: {} } }
    const world = { ...aWorld(given).world, run }
    const { provider } = await openProviders(world, config(exec, zones), () => undefined).for(name)
    const zone = parseName('a.test')
    const call = { zone, signal: new AbortController().signal, log: world.log }
    await provider.present([record(name, 'value', zone)], call)
    expect(Object.keys(got).sort()).toEqual(['ACME_STATE_DIR', 'AWS_SECRET_ACCESS_KEY', 'EXEC_MODE', 'PATH'])
  })

  test("a target's settings are added to those of the zone, unless it names another provider", async () => {
    const zone = { provider: 'exec', settings: { command: '/bin/true' } }
    const providers = openProviders(aWorld().world, config(zone), () => undefined)
    expect((await providers.for(name, { settings: { timeout: '5' } })).config.settings).toEqual({
      command: '/bin/true',
      timeout: '5',
    })
    expect((await providers.for(name, { provider: 'memory', settings: {} })).config.settings).toEqual({})
  })

  test('without any choice the error names the host and lists the choices; it is a rejection, not a throw', async () => {
    const providers = openProviders(aWorld().world, config(none), () => undefined)
    const asked = providers.for(name)
    await expect(asked).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'no DNS provider is chosen for _acme-challenge.x.a.test',
      hint: expect.stringContaining('memory'),
    })
  })

  test('a wrong setting comes out of the opening', async () => {
    const providers = openProviders(
      aWorld().world,
      config({ provider: 'memory', settings: { x: '1' } }),
      () => undefined,
    )
    await expect(providers.for(name)).rejects.toMatchObject({ message: 'provider memory has no setting "x"' })
    await providers.close()
  })
})
