import { setMaxListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import { lagging, proveVisible, SharedWatches } from '../../../src/dns/propagation.js'
import { openResolver } from '../../../src/dns/resolver.js'
import { nextPauseSeconds, watching } from '../../../src/dns/server-watch.js'
import type { Zone } from '../../../src/dns/zone.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { fakeClock } from '../../fakes/clock.js'
import { fakeDns, fakeResolver, type Manners } from '../../fakes/dns.js'

const signal = new AbortController().signal
setMaxListeners(0, signal)
const at = '_acme-challenge.www.example.test' as Name
const A = '192.0.2.1'
const B = '192.0.2.2'
const C = '2001:db8::3'

function scene(
  manners: Readonly<Record<string, Manners>> = {},
  limits: { giveUpAfterSeconds?: number; confirmsSync?: boolean } = {},
) {
  const clock = fakeClock()
  const dns = fakeDns(clock)
  const said: string[] = []
  const world = { clock, dns, log: listeningLog(said) }
  const servers = { 'ns1.example.test': [A], 'ns2.example.test': [B, C] }
  dns.zone('example.test', servers)
  for (const [address, how] of Object.entries(manners)) dns.manners(address, how)
  const zone: Zone = {
    apex: 'example.test' as Name,
    servers: Object.entries(servers).map(([name, addresses]) => ({ name: name as Name, addresses })),
  }
  const parts = {
    world,
    watches: new SharedWatches(world),
    resolver: openResolver(world, []),
    confirmsSync: limits.confirmsSync ?? false,
    limits: { giveUpAfterSeconds: limits.giveUpAfterSeconds ?? 900, firstPauseSeconds: 0.05, maxPauseSeconds: 2 },
  }
  const visible = clock.along(proveVisible)
  const prove = (name = at, value = 'v1') => visible(parts, zone, { name, value }, signal)
  return { clock, dns, said, prove, visible, parts, zone }
}

test('lagging says who lacks a value', () => {
  const seen = new Map([
    ['all', ['a', 'b', 'other']],
    ['one of two', ['a']],
    ['silent', []],
  ])
  expect(lagging(seen, ['a', 'b'])).toEqual(['one of two', 'silent'])
  expect(lagging(seen, [])).toEqual([])
  expect(() => lagging(new Map(), ['a'])).toThrow('no authoritative server to ask')
})

test('pauses grow by half: to 0.08 s while the wait is young, then to 2 s', () => {
  const rhythm = { firstPauseSeconds: 0.05, maxPauseSeconds: 2 }
  const table: [pause: number, age: number, next: number][] = [
    [0.05, 0.1, 0.075],
    [0.075, 0.2, 0.08],
    [0.08, 10, 0.08],
    [0.08, watching.youngSeconds, 0.12],
    [1.9, 60, 2],
    [2, 800, 2],
  ]
  for (const [pause, age, next] of table) expect(nextPauseSeconds(pause, age, rhythm)).toBeCloseTo(next, 6)
})

describe('a record is proven', () => {
  const table: { what: string; manners: Record<string, Manners>; from: number; to: number; warns?: RegExp }[] = [
    { what: 'at once', manners: {}, from: 0, to: 0.02 },
    { what: '0.1 s after the last server has it', manners: { [C]: { lagSeconds: 10 } }, from: 10, to: 10.1 },
    { what: 'when a slow server has answered', manners: { [A]: { delaySeconds: 1 } }, from: 1, to: 1.1 },
    { what: 'within 2.2 s after a minute of waiting', manners: { [A]: { lagSeconds: 60 } }, from: 60, to: 62.2 },
    {
      what: 'without a silent server, which is reported',
      manners: { [B]: { unheard: 'silent' } },
      from: 3,
      to: 3.1,
      warns:
        /example\.test: 1 server address\(es\) cannot be asked, the others confirm \(192\.0\.2\.2: no answer within 3 s\)/,
    },
    {
      what: 'without a server that answers about another name',
      manners: { [B]: { unheard: 'otherName' } },
      from: 3,
      to: 3.1,
      warns: /192\.0\.2\.2: no answer/,
    },
    { what: 'without a closed port', manners: { [B]: { unheard: 'closed' } }, from: 2, to: 2.2, warns: /ECONNREFUSED/ },
    {
      what: 'at once without IPv6 on this machine',
      manners: { [C]: { unheard: 'noRoute' } },
      from: 0,
      to: 0.02,
      warns: /ENETUNREACH/,
    },
    {
      what: 'without a server that says SERVFAIL',
      manners: { [A]: { rcode: 'SERVFAIL' } },
      from: 2,
      to: 2.2,
      warns: /it answers SERVFAIL/,
    },
    {
      what: 'without a server that does not serve the zone',
      manners: { [A]: { lame: true } },
      from: 2,
      to: 2.2,
      warns: /not authoritative/,
    },
  ]
  for (const { what, manners, from, to, warns } of table)
    test(what, async () => {
      const { clock, dns, prove, said } = scene(manners)
      dns.add(at, 'TXT', 'v1')
      await prove()
      expect(clock.seconds).toBeGreaterThanOrEqual(from)
      expect(clock.seconds).toBeLessThanOrEqual(to)
      if (warns) expect(said.join('\n')).toMatch(warns)
      else expect(said).toEqual([])
    })

  test('a server that wakes up counts again', async () => {
    const { clock, dns, prove } = scene({ [B]: { unheard: 'closed' }, [A]: { lagSeconds: 8 } })
    dns.add(at, 'TXT', 'v1')
    const proven = prove()
    await clock.advance(4)
    dns.manners(B, { lagSeconds: 15 })
    await proven
    expect(clock.seconds).toBeGreaterThanOrEqual(15)
    expect(clock.seconds).toBeLessThanOrEqual(15.1)
  })

  test('each as soon as it is visible itself, not when all are', async () => {
    const { clock, dns, prove } = scene()
    dns.add('a.example.test', 'TXT', 'v1')
    const done: string[] = []
    const proofs = ['a', 'b', 'c'].map(host =>
      prove(`${host}.example.test` as Name).then(() => done.push(`${host} ${clock.seconds.toFixed(0)}`)),
    )
    await clock.advance(3)
    dns.add('b.example.test', 'TXT', 'v1')
    await clock.advance(4)
    dns.add('c.example.test', 'TXT', 'v1')
    await Promise.all(proofs)
    expect(done).toEqual(['a 0', 'b 3', 'c 7'])
  })

  test('a record that comes late to a long wait is looked for at once', async () => {
    const { clock, dns, prove } = scene()
    const old = prove('old.example.test' as Name)
    await clock.advance(100)
    dns.add(at, 'TXT', 'v1')
    const began = clock.seconds
    await prove()
    expect(clock.seconds - began).toBeLessThan(0.1)
    const again = prove('next.example.test' as Name)
    await clock.advance(0.01)
    dns.add('next.example.test', 'TXT', 'v1')
    const placed = clock.seconds
    await again
    expect(clock.seconds - placed).toBeLessThan(0.2)
    dns.add('old.example.test', 'TXT', 'v1')
    await old
  })

  test('questions are shared: 200 values at 100 names, 3 addresses, one question each', async () => {
    const { clock, dns, prove } = scene()
    const names = Array.from({ length: 100 }, (_, i) => `_acme-challenge.h${i}.example.test` as Name)
    for (const name of names) for (const value of ['v1', 'v2']) dns.add(name, 'TXT', value)
    await Promise.all(names.flatMap(name => [prove(name, 'v1'), prove(name, 'v2')]))
    expect(dns.asked).toHaveLength(300)
    expect(clock.seconds).toBeLessThan(0.05)
  })

  test('a long wait of many names asks for few of them, and has all 0.1 s after they come together', async () => {
    const { clock, dns, prove } = scene({ [B]: { lagSeconds: 10 } })
    const names = Array.from({ length: 100 }, (_, i) => `_acme-challenge.h${i}.example.test` as Name)
    for (const name of names) dns.add(name, 'TXT', 'v1')
    await Promise.all(names.map(name => prove(name)))
    expect(clock.seconds).toBeLessThanOrEqual(10.1)
    expect(dns.asked.length).toBeLessThan(300 + 100 + (10 / 0.08) * watching.youngNamesPerRound + 20)
  })

  test('a silent address costs its time-out once, also for 100 names and later ones', async () => {
    const { clock, dns, prove } = scene({ [B]: { unheard: 'silent' } })
    const names = Array.from({ length: 100 }, (_, i) => `_acme-challenge.h${i}.example.test` as Name)
    for (const name of names) dns.add(name, 'TXT', 'v1')
    await Promise.all(names.map(name => prove(name)))
    expect(clock.seconds).toBeLessThan(3.2)
    const began = clock.seconds
    dns.add(at, 'TXT', 'v1')
    await prove()
    expect(clock.seconds - began).toBeLessThan(0.1)
  })
})

test('servers that are left out are named once', async () => {
  const { dns, visible, parts, zone, said } = scene()
  dns.add(at, 'TXT', 'v1')
  const more = { ...zone, leftOut: '7 more name servers' }
  for (let i = 0; i < 2; i++) await visible(parts, more, { name: at, value: 'v1' }, signal)
  expect(said).toEqual(['example.test: 3 server addresses are asked; it has 7 more name servers'])
})

describe('a record is not proven', () => {
  test('of many servers that lag five are named', async () => {
    const { dns, visible, parts } = scene({}, { giveUpAfterSeconds: 5 })
    const addresses = Array.from({ length: 30 }, (_, i) => `203.0.113.${i}`)
    dns.zone('late.test', { 'ns.late.test': addresses })
    const late = { apex: 'late.test' as Name, servers: [{ name: 'ns.late.test' as Name, addresses }] }
    const proof = visible(parts, late, { name: '_acme-challenge.late.test' as Name, value: 'v1' }, signal)
    const { message } = await proof.catch(error => error)
    expect(message).toMatch(/30 of 30 servers lack the value after 5 s \((203\S+ no value\(s\); ){5}and 25 more\)$/)
  })

  test('when the time is up, the servers that lag are named', async () => {
    const { clock, dns, prove } = scene({ [B]: { showsAtMost: 1 } }, { giveUpAfterSeconds: 30 })
    dns.add(at, 'TXT', 'v1')
    dns.add(at, 'TXT', 'v2')
    await prove(at, 'v1')
    await expect(prove(at, 'v2')).rejects.toMatchObject({
      code: 'NOT_VISIBLE',
      message: `${at}: 1 of 3 servers lack the value after 30 s (192.0.2.2: 1 value(s))`,
    })
    expect(clock.seconds).toBeCloseTo(30, 0)
  })

  test('the wait ends with the signal', async () => {
    const { visible, parts, zone } = scene()
    const stop = new AbortController()
    const proof = visible(parts, zone, { name: at, value: 'v1' }, stop.signal)
    stop.abort(new Error('Ctrl-C'))
    await expect(proof).rejects.toThrow('Ctrl-C')
  })
})

describe('where no server can be asked', () => {
  const blocked: Record<string, Manners> = {
    [A]: { unheard: 'silent' },
    [B]: { unheard: 'silent' },
    [C]: { unheard: 'noRoute' },
  }

  test('without a resolver it is said at once', async () => {
    const { clock, visible, parts, zone } = scene(blocked)
    const resolver = { ...parts.resolver, servers: [] }
    const proof = visible({ ...parts, resolver }, zone, { name: at, value: 'v1' }, signal)
    await expect(proof).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/nobody can be asked/),
    })
    expect(clock.seconds).toBeLessThan(10)
  })

  test("the provider's own word decides, and is said once", async () => {
    const { clock, prove, said } = scene(blocked, { confirmsSync: true })
    await Promise.all([prove(), prove('b.example.test' as Name)])
    await prove('c.example.test' as Name)
    expect(clock.seconds).toBeLessThan(9)
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(/none of its servers can be asked from here.*the provider says/)
  })

  test('the resolvers decide', async () => {
    const { clock, dns, prove, said } = scene(blocked)
    const proof = prove()
    await clock.advance(6)
    dns.add(at, 'TXT', 'v1')
    await proof
    expect(clock.seconds).toBeLessThan(6.2)
    expect(said.join('\n')).toContain(`the resolvers ${fakeResolver} decide`)
  })

  test('silent resolvers are an error that says how to go on', async () => {
    const { prove } = scene({ ...blocked, [fakeResolver]: { unheard: 'silent' } })
    await expect(prove()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(`${fakeResolver}: no answer within 3 s`),
      hint: expect.stringContaining('DNS01_PROPAGATION=off'),
    })
  })
})
