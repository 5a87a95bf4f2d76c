import { describe, expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { refused } from '../../../src/provider/api.js'
import { inRounds, type LocatedRecord } from '../../../src/publish/locate.js'
import type { JournalEntry } from '../../../src/state/journal.js'
import { fakeResolver } from '../../fakes/dns.js'
import { txt } from '../../fakes/provider.js'
import { aHouse, calls, noProvider, places, requestFor } from '../../fakes/publisher-house.js'

describe('locate', () => {
  test('finds the zone and all its servers', async () => {
    const { publisher } = aHouse()
    expect(
      places(await publisher.locator.locate([requestFor('x.a.test', 'v1'), requestFor('deep.er.b.test', 'v2')])),
    ).toEqual([
      { name: '_acme-challenge.x.a.test', zone: 'a.test', by: 'fake', asked: ['192.0.2.1', '192.0.2.2'] },
      { name: '_acme-challenge.deep.er.b.test', zone: 'b.test', by: 'fake', asked: ['192.0.2.3'] },
    ])
  })

  test('the search can begin at another name than the challenge has', async () => {
    const { publisher } = aHouse()
    const at = parseName('x.challenges.b.test')
    expect(places(await publisher.locator.locate([{ ...requestFor('x.a.test', 'v1'), at }]))).toMatchObject([
      { name: 'x.challenges.b.test', zone: 'b.test' },
    ])
  })

  test('a bare name and its wildcard share one record name', async () => {
    const { publisher } = aHouse()
    const [bare, wild] = await publisher.locator.locate([requestFor('a.test', 'v1'), requestFor('a.test', 'v2')])
    expect(wild?.record.name).toBe(bare?.record.name)
  })

  test('a CNAME into another zone picks the provider of that zone', async () => {
    const { publisher, dns } = aHouse({
      choose: (name, house) => house.provider({ definition: { name: name.endsWith('b.test') ? 'forB' : 'forA' } }),
    })
    dns.add('_acme-challenge.x.a.test', 'CNAME', 'x.challenges.b.test')
    expect(places(await publisher.locator.locate([requestFor('x.a.test', 'v1')]))).toEqual([
      { name: 'x.challenges.b.test', zone: 'b.test', by: 'forB', asked: ['192.0.2.3'] },
    ])
  })

  test('nobody is asked about the end of a CNAME in a zone that its provider serves itself, perhaps not just now', async () => {
    const { publisher, dns } = aHouse({
      provider: {
        zoneFor: async name =>
          name === 'x.own.test' ? { zone: parseName('own.test'), servers: ['[::1]:53'] } : undefined,
      },
    })
    dns.add('_acme-challenge.x.a.test', 'CNAME', 'x.own.test')
    expect(places(await publisher.locator.locate([requestFor('x.a.test', 'v1')]))).toMatchObject([
      { name: 'x.own.test', zone: 'own.test', asked: ['[::1]:53'] },
    ])
    expect(dns.asked.join()).not.toContain('own.test')
  })

  test('a host without a provider is not an error when its CNAME leads to one', async () => {
    const { publisher, dns } = aHouse({
      choose: (name, house) => (name.endsWith('b.test') ? house.provider() : noProvider(name)),
    })
    dns.add('_acme-challenge.x.a.test', 'CNAME', 'x.b.test')
    expect(places(await publisher.locator.locate([requestFor('x.a.test', 'v1')]))).toMatchObject([{ name: 'x.b.test' }])
  })

  test('no provider at all: the error names the host, whatever the DNS says', async () => {
    const { publisher } = aHouse({ choose: noProvider })
    await expect(publisher.locator.locate([requestFor('x.a.test', 'v1')])).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'no DNS provider is chosen for _acme-challenge.x.a.test',
    })
  })

  test('a provider that knows the zone is believed; nothing is asked', async () => {
    const { publisher, dns } = aHouse({
      provider: { zoneFor: async name => ({ zone: name, servers: ['127.0.0.1:5353'] }) },
    })
    expect(places(await publisher.locator.locate([requestFor('x.corp', 'v1')]))).toEqual([
      {
        name: '_acme-challenge.x.corp',
        zone: '_acme-challenge.x.corp',
        by: 'fake',
        asked: ['127.0.0.1:5353'],
      },
    ])
    expect(dns.asked).toEqual([])
  })

  test('a provider that knows only the name after CNAMEs is asked for that one', async () => {
    const { publisher, dns } = aHouse({
      provider: { zoneFor: async name => (name === 'x.b.test' ? { zone: parseName('b.test') } : undefined) },
    })
    dns.add('_acme-challenge.x.a.test', 'CNAME', 'x.b.test')
    expect(places(await publisher.locator.locate([requestFor('x.a.test', 'v1')]))).toEqual([
      { name: 'x.b.test', zone: 'b.test', by: 'fake', asked: undefined },
    ])
  })

  test('a provider that finds its own zone gets the name as zone, and is proved by the servers found', async () => {
    const { publisher } = aHouse({ provider: { definition: { findsZone: true } } })
    expect(places(await publisher.locator.locate([requestFor('x.a.test', 'v1')]))).toEqual([
      {
        name: '_acme-challenge.x.a.test',
        zone: '_acme-challenge.x.a.test',
        by: 'fake',
        asked: ['192.0.2.1', '192.0.2.2'],
      },
    ])
  })

  test.each([
    [
      'a DNS that cannot be reached',
      (house: ReturnType<typeof aHouse>) => house.dns.manners(fakeResolver, { unheard: 'closed' }),
    ],
    ['a zone that does not exist', () => {}],
  ])('%s is no error for a provider that finds its own zone', async (_, spoil) => {
    const house = aHouse({ provider: { definition: { findsZone: true } } })
    spoil(house)
    expect(places(await house.publisher.locator.locate([requestFor('x.nowhere', 'v1')]))).toEqual([
      { name: '_acme-challenge.x.nowhere', zone: '_acme-challenge.x.nowhere', by: 'fake', asked: undefined },
    ])
    expect(house.said.join()).toContain('left to the provider fake, and not watched')
  })

  test('a zone that cannot be found is an error for a provider that does not find its own', async () => {
    const { publisher, dns } = aHouse()
    await expect(publisher.locator.locate([requestFor('x.nowhere', 'v1')])).rejects.toMatchObject({ code: 'REFUSED' })
    dns.manners(fakeResolver, { rcode: 'SERVFAIL' })
    await expect(publisher.locator.locate([requestFor('x.elsewhere', 'v1')])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
  })

  test('with propagation off the DNS need not know', async () => {
    const { publisher } = aHouse({ propagation: { wait: false } })
    expect(places(await publisher.locator.locate([requestFor('x.nowhere', 'v1')]))).toMatchObject([
      { name: '_acme-challenge.x.nowhere', asked: undefined },
    ])
  })
})

describe('publish', () => {
  test('comes back when every server shows the value', async () => {
    const { publisher, dns, clock } = aHouse()
    dns.manners('192.0.2.2', { lagSeconds: 10 })
    const [located] = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    await publisher.publish(located!)
    expect(clock.seconds).toBeGreaterThanOrEqual(10)
    expect(clock.seconds).toBeLessThan(13)
  })

  test.each([
    ['it is shown', 10],
    ['it is given up', 1e6],
  ])('the list on a terminal has the certificate, not its zone, until %s', async (_, lagSeconds) => {
    const { publisher, dns, steps } = aHouse({ propagation: { giveUpAfterSeconds: 30 } })
    dns.manners('192.0.2.2', { lagSeconds })
    const [located] = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    await publisher.publish(located!).catch(() => {})
    expect(steps).toEqual(
      new Map([
        [
          'x.a.test',
          ['placing records: 1 TXT record with fake', 'waiting for the name servers: nobody has answered yet'],
        ],
      ]),
    )
  })

  test('the laggards are named when the time is up, and the value is removed all the same', async () => {
    const { publisher, dns, journal } = aHouse({ propagation: { giveUpAfterSeconds: 30 } })
    dns.manners('192.0.2.2', { lagSeconds: 1e6 })
    const located = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    await expect(publisher.publish(located[0]!)).rejects.toMatchObject({
      code: 'NOT_VISIBLE',
      message: expect.stringMatching(/1 of 2 servers .*192\.0\.2\.2/),
    })
    await publisher.withdraw(located)
    expect([dns.values('_acme-challenge.x.a.test'), journal.entries()]).toEqual([[], []])
  })

  test('with propagation off nobody is asked for the value', async () => {
    const { publisher, dns, clock } = aHouse({ propagation: { wait: false } })
    dns.manners('192.0.2.2', { lagSeconds: 1e6 })
    const [located] = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    await publisher.publish(located!)
    expect(clock.seconds).toBeLessThan(1)
    expect(dns.asked.filter(question => question.includes(' TXT '))).toEqual([])
  })

  test('a record whose zone is not known is placed and not watched', async () => {
    const { publisher, dns } = aHouse({ provider: { definition: { findsZone: true } } })
    const [located] = await publisher.locator.locate([requestFor('x.nowhere', 'v1')])
    await publisher.publish(located!)
    expect(dns.values('_acme-challenge.x.nowhere')).toEqual(['v1'])
  })

  test('the word of a provider that proves it counts when its servers cannot be asked', async () => {
    const { publisher, dns, said } = aHouse({ provider: { definition: { confirmsSync: true } } })
    const [located] = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    for (const address of ['192.0.2.1', '192.0.2.2']) dns.manners(address, { unheard: 'noRoute' })
    await publisher.publish(located!)
    expect(said.join('\n')).toContain('the provider says that all have the record')
  })
})

describe('the price', () => {
  /** Fifty hosts in each of two zones, one target each. */
  const hundred = Array.from({ length: 100 }, (_, i) => requestFor(`h${i}.${i % 2 ? 'a' : 'b'}.test`, `v${i}`))

  test('100 records in 2 zones are 2 presents and 2 cleanups, at the same time', async () => {
    const house: ReturnType<typeof aHouse> = aHouse({
      provider: {
        present: (_, { signal }) => house.clock.sleep(30, signal),
        cleanup: (_, { signal }) => house.clock.sleep(30, signal),
      },
    })
    const { publisher, events, clock, journal } = house
    const located = await publisher.locator.locate(hundred)
    await Promise.all(located.map(p => publisher.publish(p)))
    await publisher.withdraw(located)
    expect(calls(events).map(call => call.split(':')[0])).toEqual([
      'present b.test',
      'present a.test',
      'cleanup b.test',
      'cleanup a.test',
    ])
    expect(clock.seconds).toBeLessThan(62)
    expect(journal.entries()).toEqual([])
  })

  test('targets that come one after the other share a dear change, as each has a batch open', async () => {
    const { publisher, events, clock } = aHouse({ provider: { definition: { batchDelaySeconds: 5 } } })
    const issue = async (host: string, afterSeconds: number): Promise<LocatedRecord[]> => {
      const batch = publisher.batch()
      await clock.advance(afterSeconds)
      const located = await publisher.locator.locate([requestFor(host, `v-${host}`)])
      await clock.runUntil(Promise.all(batch.publish(located)))
      return located
    }
    const located = await Promise.all([issue('x.a.test', 0), issue('y.a.test', 1), issue('z.a.test', 2)])
    expect(calls(events)).toEqual(['present a.test: v-x.a.test v-y.a.test v-z.a.test'])
    expect(clock.seconds).toBeLessThan(4)
    await publisher.withdraw(located.flat())
    expect(calls(events)).toHaveLength(2)
  })

  test('a batch that is closed without a record is not waited for any longer', async () => {
    const { publisher, clock } = aHouse({ provider: { definition: { batchDelaySeconds: 60 } } })
    const [located] = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    const gone = publisher.batch()
    const stays = publisher.batch()
    const published = publisher.publish(located!)
    await clock.advance(2)
    gone.close()
    gone.close()
    await clock.advance(2)
    expect(clock.seconds).toBeLessThan(5)
    stays.close()
    await published
    expect(clock.seconds).toBeLessThan(6)
  })
})

describe('one value a name', () => {
  test('rounds: what shares a name goes one after the other', async () => {
    const { publisher } = aHouse({ provider: { definition: { oneValuePerName: true } } })
    const located = await publisher.locator.locate([
      requestFor('a.test', 'v1'),
      requestFor('x.a.test', 'v2'),
      requestFor('a.test', 'v3'),
    ])
    expect(inRounds(located).map(round => round.map(p => p.record.value))).toEqual([['v1', 'v2'], ['v3']])
  })

  test('a provider that holds several has one round', async () => {
    const { publisher } = aHouse()
    const located = await publisher.locator.locate([requestFor('a.test', 'v1'), requestFor('a.test', 'v2')])
    expect(inRounds(located)).toHaveLength(1)
  })

  test('no record, no round', () => {
    expect(inRounds([])).toEqual([])
  })
})

describe('withdraw and close', () => {
  test('withdraw never rejects; what cannot be removed is noted and said', async () => {
    const { publisher, journal, said } = aHouse({
      provider: {
        cleanup: () => {
          throw refused('no rights')
        },
      },
    })
    const located = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    await publisher.publish(located[0]!)
    await publisher.withdraw(located)
    expect(journal.entries()).toHaveLength(1)
    expect(said.join('\n')).toContain('could not be removed: no rights; the next run tries again')
  })

  test('withdraw of what was never published does nothing', async () => {
    const { publisher, events } = aHouse()
    await publisher.withdraw(await publisher.locator.locate([requestFor('x.a.test', 'v1')]))
    expect(events).toEqual([])
  })

  test('close takes down all zones, also after the run was stopped', async () => {
    const { publisher, dns, stopping, journal } = aHouse()
    const located = await publisher.locator.locate([requestFor('x.a.test', 'v1'), requestFor('x.b.test', 'v2')])
    await Promise.all(located.map(p => publisher.publish(p)))
    stopping.abort(new Error('SIGTERM'))
    await publisher.close()
    expect([...dns.values('_acme-challenge.x.a.test'), ...dns.values('_acme-challenge.x.b.test')]).toEqual([])
    expect(journal.entries()).toEqual([])
  })

  test('a stop ends the wait for visibility', async () => {
    const { publisher, dns, stopping, clock } = aHouse()
    dns.manners('192.0.2.2', { lagSeconds: 1e6 })
    const [located] = await publisher.locator.locate([requestFor('x.a.test', 'v1')])
    const published = publisher.publish(located!)
    setTimeout(() => stopping.abort(new Error('SIGTERM')), 5)
    await expect(published).rejects.toThrow('SIGTERM')
    await publisher.close()
    expect(clock.seconds).toBeLessThan(900)
    expect(dns.values('_acme-challenge.x.a.test')).toEqual([])
  })
})

describe('recover', () => {
  const entry = (id: string, zone: string, ...values: string[]): JournalEntry => ({
    id,
    provider: 'fake',
    settings: {},
    zone: parseName(zone),
    records: values.map(value => txt(`x.${zone}`, value, zone)),
  })

  test('removes what an earlier run left, and says so', async () => {
    const { publisher, journal, said, events } = aHouse({ left: [entry('1', 'a.test', 'v1', 'v2')] })
    await publisher.recover()
    expect(events).toEqual(['cleanup a.test: v1 v2', 'gone v1 v2'])
    expect(journal.entries()).toEqual([])
    expect(said).toEqual(['removed 2 TXT record(s) of an earlier run in a.test'])
  })

  test('several entries of a zone are one call, zones go in parallel', async () => {
    const left = [entry('1', 'a.test', 'v1'), entry('2', 'b.test', 'v2'), entry('3', 'a.test', 'v3')]
    const house: ReturnType<typeof aHouse> = aHouse({
      left,
      provider: { cleanup: (_, { signal }) => house.clock.sleep(20, signal) },
    })
    await house.publisher.recover()
    expect(calls(house.events)).toEqual(['cleanup a.test: v1 v3', 'cleanup b.test: v2'])
    expect(house.journal.entries()).toEqual([])
    expect(house.clock.seconds).toBeLessThan(21)
  })

  test('what fails again stays noted and stops nobody', async () => {
    const left = [
      entry('1', 'a.test', 'v1'),
      entry('2', 'b.test', 'v2'),
      { ...entry('3', 'c.test', 'v3'), provider: 'gone' },
    ]
    const { publisher, journal, said } = aHouse({
      left,
      provider: {
        cleanup: (_, { zone }) => {
          if (zone === 'a.test') throw refused('not yours')
        },
      },
    })
    await publisher.recover()
    expect(journal.entries().map(left => left.id)).toEqual(['1', '3'])
    expect(said).toEqual(
      expect.arrayContaining([
        'could not remove 1 TXT record(s) of an earlier run in a.test: not yours; the next run tries again',
        'could not remove 1 TXT record(s) of an earlier run in c.test: there is no provider "gone"; the next run tries again',
        'removed 1 TXT record(s) of an earlier run in b.test',
      ]),
    )
  })

  test('ends though the provider never answers', async () => {
    const { publisher, journal, clock } = aHouse({
      left: [entry('1', 'a.test', 'v1')],
      provider: {
        cleanup: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      },
    })
    await publisher.recover()
    expect(clock.seconds).toBe(90)
    expect(journal.entries()).toHaveLength(1)
  })
})
