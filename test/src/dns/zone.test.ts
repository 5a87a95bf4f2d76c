import { setMaxListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import { openResolver } from '../../../src/dns/resolver.js'
import { findZone, followCnames, longestCnameChain, mostAddressesEach, mostServers } from '../../../src/dns/zone.js'
import { fakeClock } from '../../fakes/clock.js'
import { type FakeDns, fakeDns, fakeResolver } from '../../fakes/dns.js'

const signal = new AbortController().signal
setMaxListeners(0, signal)
const name = (text: string): Name => text as Name

function scene(servers: readonly string[] = []) {
  const clock = fakeClock()
  const dns = fakeDns(clock)
  dns.zone('example.test', { 'ns1.example.test': ['192.0.2.1', '2001:db8::1'], 'ns2.other.test': ['192.0.2.2'] })
  dns.zone('other.test', { 'ns.other.test': ['192.0.2.9'] })
  return { clock, dns, resolver: clock.along(openResolver({ dns, clock }, servers)) }
}

describe('followCnames', () => {
  const chains: { what: string; set: (dns: FakeDns) => void; ends: string; chain: number }[] = [
    { what: 'no alias', set: () => {}, ends: '_acme-challenge.www.example.test', chain: 1 },
    {
      what: 'two aliases',
      set: dns => {
        dns.add('_acme-challenge.www.example.test', 'CNAME', 'a.other.test')
        dns.add('a.other.test', 'CNAME', 'b.other.test')
      },
      ends: 'b.other.test',
      chain: 3,
    },
    {
      what: 'a DNAME above',
      set: dns => dns.add('www.example.test', 'DNAME', 'w.other.test'),
      ends: '_acme-challenge.w.other.test',
      chain: 2,
    },
    {
      what: `${longestCnameChain} aliases`,
      set: dns => links(dns, longestCnameChain),
      ends: `c${longestCnameChain}.other.test`,
      chain: longestCnameChain + 1,
    },
  ]
  for (const { what, set, ends, chain } of chains)
    test(what, async () => {
      const { dns, resolver } = scene()
      set(dns)
      const found = await followCnames(resolver, name('_acme-challenge.www.example.test'), signal)
      expect(found.name).toBe(ends)
      expect(found.chain).toHaveLength(chain)
      expect(found.chain.at(-1)).toBe(ends)
    })

  const links = (dns: FakeDns, count: number): void => {
    dns.add('_acme-challenge.www.example.test', 'CNAME', 'c1.other.test')
    for (let i = 1; i < count; i++) dns.add(`c${i}.other.test`, 'CNAME', `c${i + 1}.other.test`)
  }
  const bad: { what: string; set: (dns: FakeDns) => void; says: RegExp }[] = [
    {
      what: 'a circle',
      set: dns => {
        dns.add('_acme-challenge.www.example.test', 'CNAME', 'a.other.test')
        dns.add('a.other.test', 'CNAME', '_acme-challenge.www.example.test')
      },
      says: /a\.other\.test → _acme-challenge\.www\.example\.test: they lead in a circle/,
    },
    { what: 'too many', set: dns => links(dns, longestCnameChain + 1), says: /more than 8/ },
    {
      what: 'a DNAME that makes a name too long',
      set: dns =>
        dns.add('www.example.test', 'DNAME', `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`),
      says: /longer than 253/,
    },
  ]
  for (const { what, set, says } of bad)
    test(`refuses ${what}`, async () => {
      const { dns, resolver } = scene()
      set(dns)
      await expect(followCnames(resolver, name('_acme-challenge.www.example.test'), signal)).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringMatching(says),
      })
    })
})

describe('findZone', () => {
  test('finds the apex and every address of every server', async () => {
    const { resolver } = scene()
    expect(await findZone(resolver, name('_acme-challenge.a.b.example.test'), signal)).toEqual({
      apex: 'example.test',
      servers: [
        { name: 'ns1.example.test', addresses: ['192.0.2.1', '2001:db8::1'] },
        { name: 'ns2.other.test', addresses: ['192.0.2.2'] },
      ],
    })
  })

  test('the name itself may be the apex of a delegated zone', async () => {
    const { dns, resolver } = scene()
    dns.zone('_acme-challenge.www.example.test', { 'ns.other.test': ['192.0.2.9'] })
    expect((await findZone(resolver, name('_acme-challenge.www.example.test'), signal)).apex).toBe(
      '_acme-challenge.www.example.test',
    )
  })

  test('goes up by SOA questions where the resolver leaves the authority section away', async () => {
    const { clock, dns } = scene()
    const query: FakeDns['query'] = async (question, where) => ({
      ...(await dns.query(question, where)),
      authorities: [],
    })
    const resolver = clock.along(openResolver({ dns: { ...dns, query }, clock }, []))
    expect((await findZone(resolver, name('_acme-challenge.a.example.test'), signal)).apex).toBe('example.test')
  })

  test('of an excessive delegation 13 servers with 8 addresses each are kept, of both families, and the rest is counted', async () => {
    const { dns, resolver } = scene()
    const addresses = (i: number) => [
      ...Array.from({ length: 60 }, (_, k) => `198.51.${i}.${k}`),
      ...Array.from({ length: 10 }, (_, k) => `2001:db8:${i}::${k + 1}`),
    ]
    const servers = Array.from({ length: 20 }, (_, i) => [`ns${i + 10}.many.test`, addresses(i)] as const)
    dns.zone('many.test', Object.fromEntries(servers))
    const zone = await findZone(resolver, name('www.many.test'), signal)
    expect(zone.servers).toHaveLength(mostServers)
    for (const server of zone.servers) {
      expect(server.addresses).toHaveLength(mostAddressesEach)
      expect(server.addresses.filter(address => address.includes(':'))).toHaveLength(4)
    }
    expect(zone.leftOut).toBe(`7 more name servers and ${13 * 62} more addresses`)
    expect(dns.asked.filter(question => / A+ ns/.test(question)).length).toBeLessThanOrEqual(2 * mostServers)
  })

  test('a server without addresses does not hide the others', async () => {
    const { dns, resolver } = scene()
    dns.add('example.test', 'NS', 'ghost.other.test')
    const zone = await findZone(resolver, name('www.example.test'), signal)
    expect(zone.servers.find(server => server.name === 'ghost.other.test')?.addresses).toEqual([])
  })

  test('a hundred names of one zone cost one question each and one look at the zone', async () => {
    const { clock, dns, resolver } = scene()
    const names = Array.from({ length: 100 }, (_, i) => name(`_acme-challenge.h${i}.example.test`))
    const began = clock.seconds
    await Promise.all(
      names.map(async one => findZone(resolver, (await followCnames(resolver, one, signal)).name, signal)),
    )
    expect(dns.asked).toHaveLength(100 + 1 + 2 * 2)
    expect(clock.seconds - began).toBeLessThan(0.02)
  })

  const troubles: {
    what: string
    set: (dns: FakeDns) => void
    of?: string
    code: string
    says: RegExp
    hint: RegExp
  }[] = [
    {
      what: 'no such zone',
      set: () => {},
      of: '_acme-challenge.www.nowhere.invalid',
      code: 'REFUSED',
      says: /no zone holds _acme-challenge\.www\.nowhere\.invalid, says 203\.0\.113\.53/,
      hint: /registered and delegated/,
    },
    {
      what: 'SERVFAIL',
      set: dns => dns.manners(fakeResolver, { rcode: 'SERVFAIL' }),
      code: 'UNAVAILABLE',
      says: /203\.0\.113\.53 answers SERVFAIL for CNAME _acme-challenge\.www\.example\.test/,
      hint: /DNSSEC/,
    },
    {
      what: 'a silent resolver',
      set: dns => dns.manners(fakeResolver, { unheard: 'silent' }),
      code: 'UNAVAILABLE',
      says: /no answer within 5 s/,
      hint: /DNS01_RESOLVERS/,
    },
    {
      what: 'servers without addresses',
      set: dns => dns.zone('empty.test', { 'ns.ghost.test': [] }),
      of: 'www.empty.test',
      code: 'UNAVAILABLE',
      says: /empty\.test is served by ns\.ghost\.test, which have no addresses/,
      hint: /delegation/,
    },
  ]
  for (const { what, set, of = '_acme-challenge.www.example.test', code, says, hint } of troubles)
    test(`says what to do about ${what}`, async () => {
      const { dns, resolver } = scene()
      set(dns)
      await expect(findZone(resolver, name(of), signal)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(says),
        hint: expect.stringMatching(hint),
      })
    })
})

describe('resolvers', () => {
  test('the next is asked when one does not answer, and is asked first from then on', async () => {
    const { clock, dns, resolver } = scene(['198.51.100.1', 'system'])
    dns.manners('198.51.100.1', { unheard: 'silent' })
    await resolver.ask({ name: name('a.example.test'), type: 'TXT' }, signal)
    const first = clock.seconds
    expect(first).toBeGreaterThanOrEqual(5)
    await resolver.ask({ name: name('b.example.test'), type: 'TXT' }, signal)
    expect(clock.seconds - first).toBeLessThan(0.1)
  })

  test('a failure is not kept', async () => {
    const { dns, resolver } = scene()
    const question = { name: name('a.example.test'), type: 'TXT' } as const
    dns.manners(fakeResolver, { rcode: 'SERVFAIL' })
    await expect(resolver.ask(question, signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    dns.manners(fakeResolver, {})
    expect((await resolver.ask(question, signal)).rcode).toBe('NXDOMAIN')
  })

  test('who is stopped leaves the shared question to the others', async () => {
    const { resolver } = scene()
    const stop = new AbortController()
    const question = { name: name('a.example.test'), type: 'TXT' } as const
    const stopped = resolver.ask(question, stop.signal)
    const other = resolver.ask(question, signal)
    stop.abort(new Error('Ctrl-C'))
    await expect(stopped).rejects.toThrow('Ctrl-C')
    expect((await other).rcode).toBe('NXDOMAIN')
  })

  test('without any there is an error that says so', async () => {
    const { clock, dns } = scene()
    const resolver = openResolver({ dns: { ...dns, systemResolvers: () => [] }, clock }, [])
    await expect(resolver.ask({ name: name('a.test'), type: 'TXT' }, signal)).rejects.toThrow('no resolver to ask')
  })
})
