// What authorize() asks of the CA and of the publisher, in which order, and what it returns: a client, a publisher and
// their answers are plain objects here that write down what they are asked.
import { expect, test } from 'vitest'
import { accountLabel } from '../../../src/acme/challenge.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { type Name, parseName, withoutWildcard } from '../../../src/core/names.js'
import type { ChallengeMethod } from '../../../src/core/target.js'
import type { LocatedRecord, RecordRequest } from '../../../src/publish/locate.js'
import { type AuthorizeParts, authorize } from '../../../src/renew/authorize.js'
import { names, target } from '../../fakes/held.js'

interface Course {
  readonly ordered: readonly string[]
  readonly partial?: boolean
  /** Status of the order as it was made; pending when absent. */
  readonly order?: 'ready' | 'valid'
  /** Names that the CA holds for proved already. */
  readonly valid?: readonly string[]
  /** The CA wants these proved, whatever was ordered. */
  readonly wants?: readonly string[]
  readonly offers?: string
  readonly method?: ChallengeMethod
  /** Names whose record has no place. */
  readonly homeless?: readonly string[]
  /** Names whose record is never to be seen. */
  readonly invisible?: readonly string[]
  /** Names whose record is to be seen only when the CA was told of the others. */
  readonly late?: readonly string[]
  /** Names whose challenge the CA finds wrong. */
  readonly wrong?: readonly string[]
  /** What becomes of waiting for the order, where it is nobody's fault. */
  readonly orderError?: Error
  /** The provider holds one value a name, and all names lead to the same one. */
  readonly oneAtATime?: boolean
  /** The run is stopped while records are published. */
  readonly stopped?: boolean
}

const because = (name: string, what: string) => new Dns01Error('REFUSED', `${name}: ${what}`)

/** Runs authorize(); gives what was asked in order, and who failed with what, or what was thrown. */
async function take(course: Course) {
  const events: string[] = []
  const stop = new AbortController()
  const has = (list: readonly string[] | undefined, name: string): boolean => list?.includes(name) ?? false
  const wanted = course.wants ?? course.ordered
  const urlOf = (name: string): string => `https://ca.test/authz/${name}`
  const nameAt = (url: string): string => url.split('/').at(-1) as string
  let tellLate = (): void => {}
  const othersToldOf = new Promise<void>(resolve => {
    tellLate = resolve
  })
  const told: string[] = []

  const authorization = (url: string) => {
    const name = nameAt(url)
    return {
      url,
      status: has(course.valid, name) ? ('valid' as const) : ('pending' as const),
      identifier: withoutWildcard(name as Name),
      wildcard: name.startsWith('*.'),
      challenges: [
        { type: course.offers ?? 'dns-01', url: `${url}/${name}`, status: 'pending' as const, token: 'tok' },
      ],
    }
  }
  const client = {
    accountUrl: async () => 'https://ca.test/account/1',
    authorization: async (url: string) => {
      events.push(`look at ${nameAt(url)}`)
      return authorization(url)
    },
    accept: async ({ url }: { url: string }) => {
      events.push(`tell the CA of ${nameAt(url)}`)
      told.push(nameAt(url))
      if (told.length === wanted.length - (course.late?.length ?? 0)) tellLate()
    },
    pollOrder: async () => {
      events.push('wait for the order')
      if (course.orderError) throw course.orderError
      const failedValidations = wanted.filter(name => has(course.wrong, name))
      if (failedValidations.length > 0)
        throw new Dns01Error('REFUSED', 'the order is invalid', { failedValidations: names(...failedValidations) })
      return { ...order, status: 'ready' }
    },
    pollAuthorization: async (url: string) => {
      events.push(`wait for ${nameAt(url)}`)
      if (has(course.wrong, nameAt(url))) throw because(nameAt(url), 'wrong value')
    },
  }
  const nameOfRecord = ({ record }: LocatedRecord): string =>
    `${record.challenge.wildcard ? '*.' : ''}${record.challenge.host}`
  const locator = {
    locate: async ([request]: readonly RecordRequest[]): Promise<LocatedRecord[]> => {
      const { challenge, at } = request as RecordRequest
      if (at !== undefined) events.push(`its place is ${at}`)
      const name = `${challenge.wildcard ? '*.' : ''}${challenge.host}`
      if (has(course.homeless, name)) throw because(name, 'no zone')
      const host = course.oneAtATime ? 'same.test' : challenge.host
      const by = { definition: {}, provider: { oneValuePerName: course.oneAtATime ?? false } }
      return [{ by, record: { ...request, name: parseName(`_acme-challenge.${host}`) } }] as never
    },
  }
  const publisher = {
    withdraw: async (records: readonly LocatedRecord[]) =>
      void events.push(`withdraw ${records.map(nameOfRecord).join(' ')}`),
  }
  const visible = async (name: string): Promise<void> => {
    if (course.stopped) stop.abort(new Dns01Error('UNAVAILABLE', 'stopped'))
    if (course.stopped) throw stop.signal.reason
    if (has(course.late, name)) await othersToldOf
    if (has(course.invisible, name)) throw because(name, 'not visible')
  }
  const batch = {
    publish: (records: readonly LocatedRecord[]) => {
      events.push(`publish ${records.map(nameOfRecord).join(' ')}`)
      return records.map(record => visible(nameOfRecord(record)))
    },
    close: () => void events.push('nothing to publish'),
  }
  const order = {
    url: 'https://ca.test/order/1',
    status: course.order ?? ('pending' as const),
    identifiers: names(...course.ordered),
    authorizations: wanted.map(urlOf),
    finalize: '',
  }
  const parts = {
    world: { log: { step: () => {} } },
    locator,
    publisher,
    batch,
    authority: { client, accountKey: { thumbprint: 'thumb' } },
    target: target('t', course.ordered, {
      ...{ partial: course.partial ?? false, dns: { settings: {}, method: course.method } },
    }),
    signal: stop.signal,
  } as unknown as AuthorizeParts
  try {
    const { order: last, failed } = await authorize(parts, order)
    const why = [...failed.values()].map(error => (error as Error).message)
    return { events, failed: why, status: last.status }
  } catch (error) {
    return { events, thrown: (error as Error).message }
  }
}

test('an order that is ready, or valid, needs no record and no question', async () => {
  expect(await take({ ordered: ['a.test'], order: 'ready' })).toEqual({ events: [], failed: [], status: 'ready' })
  expect(await take({ ordered: ['a.test'], order: 'valid' })).toEqual({ events: [], failed: [], status: 'valid' })
})

test('all records are published at once, then the CA is told of each, and the order is waited for', async () => {
  expect(await take({ ordered: ['a.test', '*.a.test'] })).toEqual({
    events: [
      ...['look at a.test', 'look at *.a.test', 'publish a.test *.a.test'],
      ...['tell the CA of a.test', 'tell the CA of *.a.test', 'wait for the order', 'withdraw a.test *.a.test'],
    ],
    failed: [],
    status: 'ready',
  })
})

test('with dns-account-01 the value stands at the account’s own name, and all else is as with dns-01', async () => {
  const label = accountLabel('https://ca.test/account/1')
  const offers = 'dns-account-01'
  expect(await take({ ordered: ['a.test', '*.a.test'], method: 'dns-account-01', offers })).toEqual({
    events: [
      ...['look at a.test', 'look at *.a.test', `its place is ${label}._acme-challenge.a.test`],
      ...[`its place is ${label}._acme-challenge.a.test`, 'publish a.test *.a.test'],
      ...['tell the CA of a.test', 'tell the CA of *.a.test', 'wait for the order', 'withdraw a.test *.a.test'],
    ],
    failed: [],
    status: 'ready',
  })
})

test('with dns-account-01 a CA that offers dns-01 alone gets neither a record nor an answer', async () => {
  expect(await take({ ordered: ['a.test'], method: 'dns-account-01' })).toEqual({
    events: ['look at a.test'],
    thrown: 'a.test: the CA offers no dns-account-01 challenge, but dns-01',
  })
})

test('the CA is told of a name as soon as its own record is visible', async () => {
  const { events } = await take({ ordered: ['a.test', 'b.test', 'c.test'], late: ['a.test'] })
  expect(events.filter(event => event.startsWith('tell'))).toEqual([
    'tell the CA of b.test',
    'tell the CA of c.test',
    'tell the CA of a.test',
  ])
})

test('what the CA has proved already is not proved again', async () => {
  const { events } = await take({ ordered: ['a.test', 'b.test'], valid: ['a.test'] })
  expect(events.slice(2)).toEqual([
    ...['publish b.test', 'tell the CA of b.test', 'wait for the order', 'withdraw b.test'],
  ])
})

test('when all is proved already nobody waits for records, and the order is waited for', async () => {
  expect(await take({ ordered: ['a.test'], valid: ['a.test'] })).toEqual({
    events: ['look at a.test', 'nothing to publish', 'wait for the order', 'withdraw '],
    failed: [],
    status: 'ready',
  })
})

test('a provider with one value a name: the CA has looked before the next value takes its place', async () => {
  const { events } = await take({ ordered: ['a.test', '*.a.test'], oneAtATime: true })
  expect(events.slice(2)).toEqual([
    ...['publish a.test', 'tell the CA of a.test', 'wait for a.test', 'withdraw a.test'],
    ...['publish *.a.test', 'tell the CA of *.a.test', 'wait for the order', 'withdraw a.test *.a.test'],
  ])
})

const both = { ordered: ['a.test', 'b.test'] }
const looked = ['look at a.test', 'look at b.test']

test.each<[string, Course, { failed: string[]; after: string[] }]>([
  [
    'a record without a place stops the order before anything is published',
    { ...both, homeless: ['a.test'] },
    { failed: ['a.test: no zone'], after: [] },
  ],
  [
    'a record without a place, partial: the other is proved',
    { ...both, homeless: ['a.test'], partial: true },
    {
      failed: ['a.test: no zone'],
      after: ['publish b.test', 'tell the CA of b.test', 'wait for b.test', 'withdraw b.test'],
    },
  ],
  [
    'no record has a place, partial: nothing is published, and nobody waits for it',
    { ...both, homeless: both.ordered, partial: true },
    { failed: ['a.test: no zone', 'b.test: no zone'], after: ['nothing to publish'] },
  ],
  [
    'a record is never visible: the CA is not told of it, and its word on the other is waited for',
    { ...both, invisible: ['a.test'] },
    {
      failed: ['a.test: not visible'],
      after: ['publish a.test b.test', 'tell the CA of b.test', 'wait for b.test', 'withdraw a.test b.test'],
    },
  ],
  [
    'the CA finds one wrong: each name has its own verdict',
    { ...both, wrong: ['b.test'] },
    {
      failed: ['b.test: wrong value'],
      after: [
        ...['publish a.test b.test', 'tell the CA of a.test', 'tell the CA of b.test', 'wait for the order'],
        ...['wait for a.test', 'wait for b.test', 'withdraw a.test b.test'],
      ],
    },
  ],
  [
    'one value a name, and the first is wrong: the second is not published',
    { ...both, oneAtATime: true, wrong: ['a.test'] },
    {
      failed: ['a.test: wrong value'],
      after: [
        ...['publish a.test', 'tell the CA of a.test', 'wait for a.test', 'withdraw a.test'],
        'withdraw a.test b.test',
      ],
    },
  ],
])('%s', async (_, course, { failed, after }) => {
  expect(await take(course)).toEqual({ events: [...looked, ...after], failed, status: 'pending' })
})

test.each<[string, Course, { thrown: RegExp; after: string[] }]>([
  [
    'an authorization that nobody ordered',
    { ordered: ['a.test'], wants: ['a.test', 'evil.test'] },
    { thrown: /wants evil\.test proved, which nobody ordered/, after: ['look at a.test', 'look at evil.test'] },
  ],
  [
    'no dns-01 challenge',
    { ordered: ['a.test'], offers: 'http-01' },
    { thrown: /a\.test: the CA offers no dns-01 challenge, but http-01/, after: ['look at a.test'] },
  ],
  [
    'a CA that does not come to an end: the records go',
    { ordered: ['a.test'], orderError: new Dns01Error('UNAVAILABLE', 'still pending') },
    {
      thrown: /still pending/,
      after: ['look at a.test', 'publish a.test', 'tell the CA of a.test', 'wait for the order', 'withdraw a.test'],
    },
  ],
  [
    'a run that is stopped: its reason, and the records go',
    { ordered: ['a.test'], stopped: true },
    { thrown: /stopped/, after: ['look at a.test', 'publish a.test', 'withdraw a.test'] },
  ],
])('it throws for %s', async (_, course, { thrown, after }) => {
  const took = await take(course)
  expect(took.thrown).toMatch(thrown)
  expect(took.events).toEqual(after)
})
