import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import builtin from '../../providers/builtin.js'
import { Dns01Error } from '../../src/core/errors.js'
import type { Name } from '../../src/core/names.js'
import type { Clock, Dns, DnsAnswer, RecordType, World } from '../../src/core/world.js'
import { openDns } from '../../src/platform/dns.js'
import { openShared, type Shared } from '../../src/provider/api.js'
import { listeningLog, providerContract, record } from '../contract/provider-contract.js'
import { fakeClock } from '../fakes/clock.js'
import { fakeDns } from '../fakes/dns.js'
import { fakeWorld } from '../fakes/world.js'
import { lacking, need } from '../real/servers/need.js'
import { freePort } from '../real/servers/process.js'

const log = listeningLog([])
const zone = 'acme.test'
const signal = new AbortController().signal
const call = { zone: zone as Name, signal, log }
const here = '127.0.0.1:53'
const settings = { zone, listen: here, ns: undefined, addresses: undefined }
const worldWith = (dns: Dns, clock: Clock = fakeClock()): World => fakeWorld({ dns, log, clock })
const at = (text: string): Name => text as Name

async function scene(more: Partial<Record<keyof typeof settings, string>> = {}, shared?: Shared) {
  const clock = fakeClock()
  const dns = fakeDns(clock)
  const provider = await builtin.open({ ...settings, ...more } as never, worldWith(dns), shared)
  const ask = (name: string, type: RecordType = 'TXT', server = here): Promise<DnsAnswer> =>
    clock.runUntil(dns.query({ name: at(name), type }, { server, recursion: false, signal }))
  return { dns, provider, ask }
}

providerContract('builtin', async () => {
  const { provider, ask } = await scene({ zone: 'acme.test, _acme-challenge.host.example.org, example.org' })
  return {
    provider,
    zones: ['acme.test', 'example.org'],
    values: async name => (await ask(name).catch(() => ({ answers: [] }))).answers.map(r => r.data),
    put: async (name, value) => provider.present([record(name, value, zone)], call),
    refusing: async () => (await scene({ zone: 'elsewhere.test' })).provider,
  }
})

describe('answers', () => {
  const value = 'gfj9Xq-Rg85nM'
  const table: [what: string, name: string, type: RecordType, rcode: string, answers: string[], soa: boolean][] = [
    ['the record', '_acme-challenge.a.b.acme.test', 'TXT', 'NOERROR', [value], false],
    ['another type at its name: NODATA', '_acme-challenge.a.b.acme.test', 'CNAME', 'NOERROR', [], true],
    ['an empty non-terminal: NODATA (RFC 8020)', 'b.acme.test', 'TXT', 'NOERROR', [], true],
    ['a name that is not there', 'c.acme.test', 'TXT', 'NXDOMAIN', [], true],
    ['a name below the record', 'x._acme-challenge.a.b.acme.test', 'TXT', 'NXDOMAIN', [], true],
    ['SOA of the apex', 'acme.test', 'SOA', 'NOERROR', ['ns.acme.test'], false],
    ['NS of the apex', 'acme.test', 'NS', 'NOERROR', ['ns.acme.test'], false],
    ['DS of the apex: no DNSSEC', 'acme.test', 'DS', 'NOERROR', [], true],
    ['A of the server', 'ns.acme.test', 'A', 'NOERROR', ['192.0.2.7'], false],
    ['AAAA of the server', 'ns.acme.test', 'AAAA', 'NOERROR', ['2001:db8::7'], false],
    ['a type nobody knows', 'ns.acme.test', 'TYPE65534', 'NOERROR', [], true],
    ['ANY: one set (RFC 8482)', '_acme-challenge.a.b.acme.test', 'TYPE255', 'NOERROR', [value], false],
    ['another zone', 'www.example.test', 'A', 'REFUSED', [], false],
    ['a zone above ours', 'test', 'SOA', 'REFUSED', [], false],
    ['a name that only ends alike', 'evilacme.test', 'TXT', 'REFUSED', [], false],
  ]
  for (const [what, name, type, rcode, answers, soa] of table)
    test(what, async () => {
      const { provider, ask } = await scene({ addresses: '192.0.2.7, 2001:db8::7' })
      await provider.present([record(at('_acme-challenge.a.b.acme.test'), value, zone)], call)
      const answer = await ask(name, type)
      expect(answer).toMatchObject({ rcode, authoritative: rcode !== 'REFUSED' })
      expect(answer.answers.map(r => r.data)).toEqual(answers)
      expect(answer.authorities.map(r => `${r.type} ${r.name} ${r.ttlSeconds}`)).toEqual(soa ? ['SOA acme.test 0'] : [])
    })
})

test('listens only while records are up', async () => {
  const { provider, ask } = await scene()
  const [a, b] = ['a', 'b'].map(value => record(at('_acme-challenge.acme.test'), value, zone)) as [never, never]
  await expect(ask('acme.test', 'SOA')).rejects.toThrow('no answer')
  await provider.present([a], call)
  await provider.present([b], call)
  await provider.cleanup([a], call)
  expect((await ask('acme.test', 'SOA')).rcode).toBe('NOERROR')
  await provider.cleanup([b], call)
  await expect(ask('acme.test', 'SOA')).rejects.toThrow('no answer')
  await provider.present([a], call)
  await provider.close?.()
  await expect(ask('acme.test', 'SOA')).rejects.toThrow('no answer')
})

test('zones of different settings at one address share the server', async () => {
  const shared = openShared()
  const { dns, provider, ask } = await scene({}, shared)
  const other = await builtin.open({ ...settings, zone: 'other.test' }, worldWith(dns), shared)
  const [a, b] = [record(at('_acme-challenge.acme.test'), 'a', zone), record(at('x.other.test'), 'b', 'other.test')]
  await Promise.all([provider.present([a], call), other.present([b], { ...call, zone: at('other.test') })])
  const values = async (name: string) => (await ask(name)).answers.map(r => r.data)
  expect([await values(a.name), await values(b.name)]).toEqual([['a'], ['b']])
  await provider.cleanup([a], call)
  expect(await values(b.name)).toEqual(['b'])
  expect((await ask(a.name)).rcode).toBe('REFUSED')
  await other.cleanup([b], { ...call, zone: at('other.test') })
  await expect(ask('other.test', 'SOA')).rejects.toThrow('no answer')
})

describe('knows its zones', () => {
  const zones = 'acme.test, _acme-challenge.host.example.org'
  const table: [name: string, zone: string | undefined][] = [
    ['_acme-challenge.www.acme.test', 'acme.test'],
    ['_acme-challenge.host.example.org', '_acme-challenge.host.example.org'],
    ['_acme-challenge.other.example.org', undefined],
  ]
  for (const [name, expected] of table)
    test(`${name}: ${expected ?? 'not ours'}`, async () => {
      const { provider } = await scene({ zone: zones })
      expect((await provider.zoneFor?.(at(name), signal))?.zone).toBe(expected)
    })

  test('where it listens everywhere, the proof is asked for at the loopback', async () => {
    const { provider } = await scene({ listen: '0.0.0.0:53,[::]:53,::,192.0.2.7:5353' })
    expect((await provider.zoneFor?.(at(zone), signal))?.servers).toEqual([
      '127.0.0.1:53',
      '[::1]:53',
      '::1',
      '192.0.2.7:5353',
    ])
  })

  test('the error for a foreign name says how to get it in', async () => {
    const { provider } = await scene()
    await expect(
      provider.present([record(at('_acme-challenge.www.example.org'), 'v', zone)], call),
    ).rejects.toMatchObject({
      code: 'REFUSED',
      hint: expect.stringContaining('a CNAME to www.example.org.acme.test'),
    })
  })
})

describe('settings that cannot be', () => {
  const table: [settings: Record<string, string>, says: RegExp][] = [
    [{ zone: ' , ' }, /DNS01_BUILTIN_ZONE: it names no zone/],
    [{ zone: 'a..test' }, /DNS01_BUILTIN_ZONE: .*empty label/],
    [{ ns: '192.0.2.1' }, /DNS01_BUILTIN_NS: .*IP address/],
    [{ addresses: 'localhost' }, /DNS01_BUILTIN_ADDRESSES: "localhost" is not an address/],
  ]
  for (const [more, says] of table)
    test(`${JSON.stringify(more)} is CONFIG`, async () =>
      expect(scene(more)).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringMatching(says) }))
})

describe('an address that cannot be had', () => {
  const failing = (code: string, when: (listen: readonly string[]) => boolean) => {
    const tried: (readonly string[])[] = []
    const clock = fakeClock()
    const dns = fakeDns(clock)
    const serve: Dns['serve'] = async (listen, answer, to) => {
      tried.push(listen)
      if (when(listen))
        throw new Dns01Error('CONFIG', 'cannot answer DNS', { cause: Object.assign(new Error(code), { code }) })
      return dns.serve(listen, answer, to)
    }
    return { tried, clock, world: worldWith({ ...dns, serve }, clock) }
  }
  const one = record(at('_acme-challenge.acme.test'), 'v', zone)
  const both = ['0.0.0.0:53', '[::]:53']

  test('no right to port 53: says what to type', async () => {
    const { world } = failing('EACCES', () => true)
    const provider = await builtin.open(settings, world)
    await expect(provider.present([one], call)).rejects.toMatchObject({
      code: 'CONFIG',
      hint: expect.stringMatching(/setcap.*DNS01_BUILTIN_LISTEN.*nft/s),
    })
    await provider.cleanup([one], call)
  })

  test('no IPv6 on this machine: does without where nobody asked for it', async () => {
    const { tried, world } = failing('EAFNOSUPPORT', listen => listen.length > 1)
    await (await builtin.open({ ...settings, listen: both.join() }, world)).present([one], call)
    expect(tried).toEqual([both, ['0.0.0.0:53']])
    const asked = await builtin.open({ ...settings, listen: both.toReversed().join() }, world)
    await expect(asked.present([one], call)).rejects.toMatchObject({ code: 'CONFIG' })
  })

  test('a second try is possible', async () => {
    let busy = true
    const { world, clock } = failing('EADDRINUSE', () => busy)
    const provider = clock.along(await builtin.open(settings, world))
    await expect(provider.present([one], call)).rejects.toMatchObject({ code: 'CONFIG' })
    busy = false
    await provider.present([one], call)
    const asking = world.dns.query({ name: one.name, type: 'TXT' }, { server: here, recursion: false, signal })
    const { answers } = await clock.runUntil(asking)
    expect(answers).toHaveLength(1)
  })
})

describe('an address that another program holds', () => {
  const one = record(at('_acme-challenge.acme.test'), 'v', zone)
  const two = record(at('_acme-challenge.acme.test'), 'w', zone)
  const listen = '0.0.0.0:53,[::]:53'

  /** The neighbour shows `value` after a second, at the loopback's IPv4 address only. */
  async function besides(value: string) {
    const clock = fakeClock()
    const dns = fakeDns(clock)
    const serve: Dns['serve'] = async () => {
      throw new Dns01Error('CONFIG', 'taken', { cause: Object.assign(new Error(), { code: 'EADDRINUSE' }) })
    }
    const answer = { name: one.name, type: 'TXT' as const, ttlSeconds: 0, data: value }
    await dns.serve(
      ['127.0.0.1:53'],
      () => ({
        rcode: 'NOERROR',
        authoritative: true,
        authorities: [],
        answers: clock.seconds < 1 ? [] : [answer],
      }),
      log,
    )
    dns.manners('[::1]:53', { unheard: 'noRoute' })
    const provider = await builtin.open({ ...settings, listen }, worldWith({ ...dns, serve }, clock))
    return { provider: clock.along(provider), clock }
  }

  test('serve-dns: goes on as soon as it shows the values, here after a second', async () => {
    const { provider, clock } = await besides('v')
    await provider.present([one], call)
    expect(clock.seconds).toBeGreaterThanOrEqual(1)
    expect(clock.seconds).toBeLessThan(1.2)
    await provider.cleanup([one], call)
    await provider.close?.()
  })

  test('a program that does not show the values within three seconds is another one', async () => {
    const { provider, clock } = await besides('v')
    await expect(provider.present([one, two], call)).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'taken',
      hint: expect.stringContaining('another program listens there'),
    })
    expect(clock.seconds).toBeGreaterThan(2.9)
    expect(clock.seconds).toBeLessThan(4)
  })
})

describe.skipIf(lacking('dig'))('asked by dig', () => {
  const dig = async (port: number, ...args: string[]): Promise<string> =>
    (await promisify(execFile)(need('dig'), ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=3', ...args])).stdout

  test('over UDP and TCP, with 60 values, and as a resolver that scrambles letters', async () => {
    const port = await freePort()
    const listen = `127.0.0.1:${port}`
    const provider = await builtin.open({ ...settings, listen, addresses: '192.0.2.7' }, worldWith(openDns()))
    const name = at('_acme-challenge.www.acme.test')
    const values = Array.from({ length: 60 }, (_, i) => `value-${i}`.padEnd(43, '-'))
    await provider.present([record(at('_acme-challenge.acme.test'), 'one', zone)], call)
    await provider.present(
      values.map(value => record(name, value, zone)),
      call,
    )
    expect(await dig(port, '+short', 'TXT', '_acme-challenge.acme.test')).toBe('"one"\n')
    expect(await dig(port, '+short', '+tcp', 'TXT', '_acme-challenge.acme.test')).toBe('"one"\n')
    expect((await dig(port, '+short', 'TXT', name)).trim().split('\n').sort()).toEqual(values.map(v => `"${v}"`).sort())
    expect(await dig(port, '+ignore', 'TXT', name)).toMatch(/flags: qr aa tc/)
    const scrambled = await dig(port, '+norecurse', '+dnssec', 'TXT', '_aCME-chaLLenge.ACME.tesT')
    expect(scrambled).toMatch(/status: NOERROR/)
    expect(scrambled).toMatch(/flags: qr aa;/)
    expect(scrambled).toMatch(/EDNS: version: 0, flags: do; udp: 1232/)
    expect(scrambled).toMatch(/^;_aCME-chaLLenge\.ACME\.tesT\.\s+IN\s+TXT$/m)
    expect(await dig(port, 'TXT', 'nothing.acme.test')).toMatch(
      /status: NXDOMAIN[\s\S]*acme\.test\.\s+0\s+IN\s+SOA\s+ns\.acme\.test\. hostmaster\.acme\.test\. 1 3600 600 86400 0/,
    )
    expect(await dig(port, 'A', 'www.example.org')).toMatch(/status: REFUSED/)
    expect(await dig(port, 'CH', 'TXT', 'version.bind')).toMatch(/status: REFUSED/)
    expect(await dig(port, 'AXFR', 'acme.test')).toMatch(/Transfer failed/)
    expect(await dig(port, '+edns=1', '+noednsneg', 'SOA', 'acme.test')).toMatch(/BADVERS/)
    await provider.close?.()
    await expect(dig(port, 'SOA', 'acme.test')).rejects.toThrow()
  })
})
