import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import plugins from '../../providers/acme-dns-01.js'
import { Dns01Error } from '../../src/core/errors.js'
import { parseName } from '../../src/core/names.js'
import type { Fetch } from '../../src/core/world.js'
import type { Provider, ProviderCall } from '../../src/provider/api.js'
import { providerContract, record } from '../contract/provider-contract.js'
import { fakeClock } from '../fakes/clock.js'
import { diskWorld } from '../fakes/disk-world.js'
import { domainsApi } from '../fakes/domains-api.js'
import { newFolder } from '../folder.js'

/** A copy: as root we load no plugin that belongs to somebody else, as a checkout may. */
const folder = newFolder('plugins')
for (const name of ['callbacks.cjs', 'nothing.cjs', 'promises.cjs'])
  writeFileSync(join(folder, name), readFileSync(join(import.meta.dirname, '../fixtures/plugins', name)))
const noNetwork: Fetch = () => Promise.reject(new Dns01Error('UNAVAILABLE', 'no network'))

/** The opened plugin, and what it said, masked, and how long it waited. */
async function open(module: string, options: unknown, fetch: Fetch = noNetwork, wait = 'none') {
  const clock = fakeClock(undefined, { patient: true }) // real time passes while a module is loaded
  const disk = diskWorld({}, { fetch, clock })
  const values = { module, folder, options: typeof options === 'string' ? options : JSON.stringify(options), wait }
  const provider = (await plugins.open(values, disk.world)) as Provider
  return { ...disk, clock, provider: clock.along(provider) }
}

const token = 'very-secret-token'
providerContract('acme-dns-01', async () => {
  const zones = ['example.test', 'example.org'] as const
  const api = domainsApi(zones, token)
  const place = (name: string): [string, string] => {
    const zone = name.endsWith(zones[0]) ? zones[0] : zones[1]
    return [zone, name.slice(0, -zone.length - 1)]
  }
  return {
    provider: (await open('./promises.cjs', { url: api.url, token }, api.fetch)).provider,
    zones,
    values: async name => api.values(...place(name)),
    put: async (name, value) => api.put(...place(name), value),
    refusing: async () => (await open('./promises.cjs', { url: api.url, token: `${token}-old` }, api.fetch)).provider,
    failing: async () => (await open('./promises.cjs', { url: api.url, token }, noNetwork)).provider,
    secrets: [token],
  }
})

const one = record(parseName('_acme-challenge.www.sub.example.test'), 'VALUE', 'example.test')
const call = (signal = new AbortController().signal): ProviderCall => ({
  zone: parseName('example.test'),
  signal,
  log: diskWorld().world.log,
})

describe('a plugin', () => {
  /** The old kind, and the notes it takes. */
  async function old(options: Record<string, unknown> = {}, fail?: unknown) {
    const notes: [string, unknown][] = []
    const name = `test: ${expect.getState().currentTestName}`
    Object.assign(globalThis, { [name]: { notes, fail } })
    return { notes, ...(await open('./callbacks.cjs', { zones: ['example.test'], ...options, test: name })) }
  }

  test('of the old kind is called with callbacks, and told all of the challenge', async () => {
    const { provider, notes } = await old()
    await provider.present([{ ...one, challenge: { ...one.challenge, wildcard: true } }], call())
    await provider.cleanup([one], call())
    expect(notes).toEqual([
      [
        'set',
        {
          type: 'dns-01',
          status: 'pending',
          identifier: { type: 'dns', value: 'www.sub.example.test' },
          wildcard: true,
          altname: '*.www.sub.example.test',
          token: 'token',
          thumbprint: 'thumb',
          keyAuthorization: 'token.thumb',
          keyAuthorizationDigest: 'VALUE',
          dnsHost: '_acme-challenge.www.sub.example.test',
          dnsZone: 'example.test',
          dnsPrefix: '_acme-challenge.www.sub',
          dnsAuthorization: 'VALUE',
        },
      ],
      ['remove', 'VALUE'],
    ])
  })

  test('tells its zones, asked once for names in a zone that is known; both ways to ask', async () => {
    const { provider, notes } = await old({ zones: ['Example.TEST.', 'sub.example.test'] })
    const { signal } = new AbortController()
    expect(await provider.zoneFor?.(one.name, signal)).toEqual({ zone: 'sub.example.test' })
    expect(await provider.zoneFor?.(parseName('_acme-challenge.example.test'), signal)).toEqual({
      zone: 'example.test',
    })
    expect(notes).toEqual([['zones', [one.name]]])
    expect(await provider.zoneFor?.(parseName('_acme-challenge.evilexample.test'), signal)).toBeUndefined()

    const api = domainsApi(['example.test'], token)
    const documented = await open('./promises.cjs', { url: api.url, token }, api.fetch)
    expect(await documented.provider.zoneFor?.(one.name, signal)).toEqual({ zone: 'example.test' })
  })

  test.each([
    [{ message: 'bad token' }, 'REFUSED'],
    ['just a text', 'REFUSED'],
    [{ message: 'connect', code: 'ECONNREFUSED' }, 'UNAVAILABLE'],
    [{ message: 'busy', statusCode: 429 }, 'UNAVAILABLE'],
    [{ message: 'oops', response: { statusCode: 503 } }, 'UNAVAILABLE'],
  ])('that fails with %j is %s', async (fail, code) => {
    const { provider } = await old({}, fail)
    await expect(provider.present([one], call())).rejects.toMatchObject({
      code,
      message: `./callbacks.cjs: set for ${one.name}: ${typeof fail === 'string' ? fail : fail.message}`,
    })
    await expect(provider.cleanup([one], call())).rejects.toMatchObject({ code })
  })

  test('that never answers does not hold us', async () => {
    const { provider } = await old({ hang: true })
    const stop = new AbortController()
    const presenting = provider.present([one], call(stop.signal))
    setTimeout(() => stop.abort(new Error('stopped')), 20)
    await expect(presenting).rejects.toThrow('stopped')
  })

  test('waits for its propagationDelay only where it is asked to; 0 or none is 5 s, as with ACME.js', async () => {
    const api = domainsApi(['example.test'], token)
    for (const [wait, delay, seconds] of [
      ['none', 60_000, 0],
      ['delay', 60_000, 60],
      ['delay', 0, 5],
    ] as const) {
      const { provider, clock } = await open('./promises.cjs', { url: api.url, token, delay }, api.fetch, wait)
      await provider.present([one], call())
      expect(clock.seconds).toBe(seconds)
    }
  })

  test('has its secrets masked in the log', async () => {
    const options = { url: 'https://x.test', token: 'tok-1', deep: { list: ['apikey-2'] }, email: 'a@b.test', n: 3 }
    expect((await open('./promises.cjs', options)).masked).toEqual(['tok-1', 'apikey-2'])
  })
})

describe('where it is looked for', () => {
  test('without a folder: beside dns01, whatever the working directory is', async () => {
    const values = { module: 'acme-dns-01-nobody', options: '{}', wait: 'none', folder: undefined }
    const opening = (async () => plugins.open(values, diskWorld().world))()
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/no npm module "acme-dns-01-nobody" in \/.*\/providers\/acme-dns-01\//),
      hint: expect.stringContaining('npm install -g acme-dns-01-nobody'),
    })
  })

  test.skipIf(process.getuid?.() !== 0)('root loads none that belongs to another user', async () => {
    writeFileSync(join(folder, 'theirs.cjs'), 'throw new Error("loaded")')
    chownSync(join(folder, 'theirs.cjs'), 65534, 65534)
    await expect(open('./theirs.cjs', {})).rejects.toMatchObject({
      code: 'CONFIG',
      message: `the npm module "./theirs.cjs" is not loaded: ${join(folder, 'theirs.cjs')} belongs to user 65534`,
    })
  })
})

describe('a mistake in the settings', () => {
  test.each([
    ['acme-dns-01-nobody', '{}', 'none', /no npm module "acme-dns-01-nobody"/],
    ['./nothing.cjs', '{}', 'none', /not an acme-dns-01 plugin: it has no create\(\)/],
    ['./promises.cjs', '{"token": "secret"', 'none', /not a JSON object$/],
    ['./promises.cjs', '["secret"]', 'none', /not a JSON object$/],
    ['./promises.cjs', '{}', 'soon', /wait is "soon"/],
  ])('%s %s %s', async (module, options, wait, message) => {
    const opening = open(module, options, noNetwork, wait)
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) })
    await expect(opening).rejects.not.toThrow('secret')
  })
})
