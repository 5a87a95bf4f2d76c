// The story of one certificate: what is asked of whom in which order, what is on disk at each step, and what is left and
// returned when a step fails. The CA signs in memory, the disk is in memory; the publisher only writes down what it is told.
import { expect, test } from 'vitest'
import { accountLabel } from '../../../src/acme/challenge.js'
import { codeOf, Dns01Error } from '../../../src/core/errors.js'
import type { Name } from '../../../src/core/names.js'
import type { Target } from '../../../src/core/target.js'
import type { World } from '../../../src/core/world.js'
import type { LocatedRecord, RecordRequest } from '../../../src/publish/locate.js'
import { openAuthorities } from '../../../src/renew/authorities.js'
import { type IssueParts, type IssueRequest, issue } from '../../../src/renew/issue.js'
import { parseResponses, responses } from '../../../src/state/responses.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { problem } from '../../fakes/ca.js'
import { ecKey } from '../../fakes/certificates.js'
import { names, target } from '../../fakes/held.js'
import { type CaManners, issuingCa } from '../../fakes/issuing-ca.js'
import { stateWorld } from '../../fakes/state-world.js'

interface Trouble {
  /** Names that no provider will place a record for. */
  readonly unprovided?: readonly string[]
  /** Names whose record is never visible. */
  readonly invisible?: readonly string[]
  /** The run is stopped while records are published. */
  readonly stopped?: boolean
}

/** https://acme-v02.api.letsencrypt.org is a CA whose limits are known. */
async function lab(trouble: Trouble = {}, caUrl = 'https://ca.test') {
  const fake = stateWorld()
  const values = new Map<string, string[]>()
  const ca = issuingCa({ txt: name => values.get(name) ?? [], now: () => fake.time }, caUrl)
  const events: string[] = []
  const stop = new AbortController()
  const isIn = (list: readonly string[] | undefined, name: string): boolean => list?.includes(name) ?? false
  /** `key`, `order`, `certificate`, as far as they are there. */
  const onDisk = (): string => {
    const tree = fake.files.tree('/s').join('\n')
    const found = { key: /keys\/\w+\/privkey/, order: /certs\/\w+\/url/, certificate: /certs\/\w+\/fullchain/ }
    return Object.entries(found)
      .flatMap(([what, pattern]) => (pattern.test(tree) ? [what] : []))
      .join(' + ')
  }
  const tell = (what: string): void => void events.push(onDisk() === '' ? what : `${what}, on disk: ${onDisk()}`)
  const world = {
    ...fake.world,
    env: {},
    fetch: async (url: URL, request: Parameters<World['fetch']>[1]) => {
      if (!/nonce/.test(url.pathname)) tell(`${request.method} ${url.pathname}`)
      return ca.fetch(url, request)
    },
  } as World
  const nameOf = ({ challenge }: Pick<RecordRequest, 'challenge'>): string =>
    `${challenge.wildcard ? '*.' : ''}${challenge.host}`
  const refused = (name: string, what: string): Dns01Error => new Dns01Error('REFUSED', `${name}: ${what}`)
  const by = { definition: {}, provider: {} }
  const locator = {
    checkProviders: async (all: readonly Name[], _: unknown, provedAt = (name: Name) => name) => {
      tell(`look for a provider of ${all.map(provedAt).join(' ')}`)
      const failed = all.filter(name => isIn(trouble.unprovided, name))
      const byName = new Map(failed.map(name => [name, refused(name, 'no provider')]))
      if (failed.length > 0) throw new Dns01Error('CONFIG', 'no provider', { byName })
    },
    locate: async (requests: readonly RecordRequest[]) =>
      requests.map(request => ({
        by,
        record: { ...request, name: request.at ?? `_acme-challenge.${request.challenge.host}` },
      })),
  }
  const publisher = {
    batch: () => ({
      publish: (records: readonly LocatedRecord[]) =>
        records.map(async ({ record }) => {
          tell(`publish ${nameOf(record)}`)
          if (trouble.stopped) stop.abort(new Dns01Error('UNAVAILABLE', 'stopped'))
          stop.signal.throwIfAborted()
          if (isIn(trouble.invisible, nameOf(record))) throw refused(nameOf(record), 'not visible')
          values.set(record.name, [...(values.get(record.name) ?? []), record.value])
        }),
      close: () => void events.push('nobody waits for its records'),
    }),
    locator,
    withdraw: async () => {
      tell('withdraw')
      values.clear()
    },
  }
  const state = await StateDir.open(world, '/s')
  await state.conform()
  const { signal } = stop
  const consent = `"acme-agreement:${caUrl}/terms": true\n"acme-enter-email": ""\n`
  const agreed = responses(parseResponses(consent, 'r').answers)
  const authorities = openAuthorities({ world, state, defaults: state.defaults(), responses: agreed, signal })
  const parts = { world, state, authorities, publisher, signal } as unknown as IssueParts
  return {
    ...{ fake, ca, events, state, onDisk },
    async issue(wants: Target, request: Partial<IssueRequest> = {}) {
      const whole = { names: wants.requestNames, needed: wants.requestNames, mostOrders: 1, ...request }
      try {
        const issued = await issue(parts, { ...wants, ca: ca.directoryUrl }, whole)
        return { issued: issued.names, missing: [...issued.missing.keys()] }
      } catch (error) {
        return {
          code: codeOf(error),
          message: (error as Error).message,
          byName: [...((error as Dns01Error).byName ?? [])].map(([name]) => name),
        }
      }
    },
  }
}

const one = target('t', ['a.test'])
const partial = target('t', ['a.test', 'b.test'], { partial: true })

test('a certificate: provider, account, order, records, then the key, and what the CA signed', async () => {
  const { issue, events, fake } = await lab()
  expect(await issue(one)).toEqual({ issued: ['a.test'], missing: [] })
  expect(events).toEqual([
    ...['look for a provider of a.test', 'GET /directory', 'POST /new-account', 'POST /new-order'],
    ...['POST /authz/1-0', 'publish a.test', 'POST /challenge/1-0', 'POST /order/1', 'withdraw'],
    'POST /finalize/1, on disk: key + order',
    'POST /order/1, on disk: key + order',
    'POST /order/1, on disk: key + order',
    'POST /certificate/1, on disk: key + order',
    'nobody waits for its records',
  ])
  expect(fake.said).toEqual([])
})

test('with dns-account-01 the account comes first, whose label says where, and still no order is made for what nobody proves', async () => {
  const label = accountLabel('https://ca.test/account/1')
  const wants = target('t', ['a.test'], { dns: { settings: {}, method: 'dns-account-01' } })
  const { issue, events, ca } = await lab()
  ca.manners = { offers: ['dns-01', 'dns-account-01'] }
  expect(await issue(wants)).toEqual({ issued: ['a.test'], missing: [] })
  expect(events.slice(0, 8)).toEqual([
    ...['GET /directory', 'POST /new-account', `look for a provider of ${label}._acme-challenge.a.test`],
    ...['POST /new-order', 'POST /authz/1-0', 'publish a.test', 'POST /dns-account-01/1-0', 'POST /order/1'],
  ])
  const unprovided = await lab({ unprovided: ['a.test'] })
  expect(await unprovided.issue(wants)).toMatchObject({ code: 'CONFIG', byName: ['a.test'] })
  expect(unprovided.ca.orders).toEqual([])
})

test('with dns-account-01 a CA that looks at the name of dns-01 finds nothing, and says so', async () => {
  const wants = target('t', ['a.test'], { dns: { settings: {}, method: 'dns-account-01' } })
  const { issue, ca, events } = await lab()
  expect(await issue(wants)).toMatchObject({ code: 'REFUSED', message: expect.stringContaining('but dns-01') })
  expect(events.filter(event => event.startsWith('publish'))).toEqual([])
  ca.manners = { offers: ['dns-account-01'], blindFor: ['a.test'] }
  expect(await issue(wants)).toMatchObject({ code: 'REFUSED' })
})

type Prepare = (it: Awaited<ReturnType<typeof lab>>) => void

test.each<
  [
    string,
    { trouble?: Trouble; manners?: CaManners; ca?: Prepare; code: string; message: RegExp; last: RegExp; left: string },
  ]
>([
  [
    'no provider: the CA is not asked',
    { trouble: { unprovided: ['a.test'] }, code: 'CONFIG', message: /no provider/, last: /^look for/, left: '' },
  ],
  [
    'the CA is down: nothing is ordered',
    {
      ca: ({ ca }) => ca.always('/directory', { status: 503 }),
      ...{ code: 'UNAVAILABLE', message: /directory/, last: /^GET \/directory/, left: '' },
    },
  ],
  [
    'the CA refuses the order',
    {
      ca: ({ ca }) => ca.next('/new-order', problem('rejectedIdentifier', 'not this one')),
      ...{ code: 'REFUSED', message: /not this one/, last: /^POST \/new-order/, left: '' },
    },
  ],
  [
    'a record is never visible',
    { trouble: { invisible: ['a.test'] }, code: 'REFUSED', message: /not visible/, last: /^withdraw/, left: '' },
  ],
  [
    'the CA does not see the record',
    {
      manners: { blindFor: ['a.test'] },
      ...{ code: 'REFUSED', message: /a\.test/, last: /^withdraw/, left: '' },
    },
  ],
  [
    'the run is stopped while the DNS is waited for',
    { trouble: { stopped: true }, code: 'UNAVAILABLE', message: /stopped/, last: /^withdraw/, left: '' },
  ],
  [
    'the CA takes its time to sign: the order stays, and its key, for a later run',
    {
      manners: { neverSigns: true },
      ...{ code: 'UNAVAILABLE', message: /processing after 600 s/, last: /^POST \/order\/1/, left: 'key + order' },
    },
  ],
  [
    'the CA gives up the order when it is finalized: the order goes',
    {
      manners: { refusesToSign: true },
      ...{ code: 'REFUSED', message: /is invalid/, last: /^POST/, left: 'key' },
    },
  ],
  [
    'the CA signs another key: what came goes',
    {
      manners: { signsAnotherKey: true },
      ...{ code: 'REFUSED', message: /another key/, last: /^POST \/certificate\/1/, left: 'key' },
    },
  ],
])('%s', async (_, { trouble, manners = {}, ca, code, message, last, left }) => {
  const it = await lab(trouble)
  it.ca.manners = manners
  ca?.(it)
  expect(await it.issue(one)).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(it.events.at(-1)).toBe('nobody waits for its records')
  expect(it.events.at(-2)).toMatch(last)
  expect(it.onDisk()).toBe(left)
})

const ordered = ({ ca }: Awaited<ReturnType<typeof lab>>): string[] => ca.orders.map(order => order.names.join(' '))

test.each<[string, { trouble?: Trouble; manners?: CaManners; ca?: Prepare; orders: string[] }]>([
  ['has no provider', { trouble: { unprovided: ['b.test'] }, orders: ['a.test'] }],
  ['has a record that is never visible', { trouble: { invisible: ['b.test'] }, orders: ['a.test b.test', 'a.test'] }],
  ['fails validation', { manners: { blindFor: ['b.test'] }, orders: ['a.test b.test', 'a.test'] }],
  [
    'is refused when it is ordered',
    {
      ca: ({ ca }) => {
        const identifier = { type: 'dns', value: 'b.test' }
        const subproblems = [{ type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'not b', identifier }]
        ca.next('/new-order', problem('rejectedIdentifier', 'not all', 400, { subproblems }))
      },
      orders: ['a.test'],
    },
  ],
  [
    'is refused when the order is finalized (CAA)',
    {
      ca: ({ ca }) => {
        const identifier = { type: 'dns', value: 'b.test' }
        const subproblems = [{ type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids', identifier }]
        ca.next('/finalize/1', problem('caa', 'not all', 403, { subproblems }))
      },
      orders: ['a.test b.test', 'a.test'],
    },
  ],
])('of a partial target a name is left out that %s', async (_, { trouble, manners = {}, ca, orders }) => {
  const it = await lab(trouble)
  it.ca.manners = manners
  ca?.(it)
  expect(await it.issue(partial, { mostOrders: 3 })).toEqual({ issued: ['a.test'], missing: ['b.test'] })
  expect(ordered(it)).toEqual(orders)
})

test.each<[string, Target, Partial<IssueRequest>]>([
  ['the target wants all of its names or none', target('t', ['a.test', 'b.test']), { mostOrders: 3 }],
  ['the name that failed is the one for whose sake it was asked', partial, { needed: names('b.test'), mostOrders: 3 }],
  ['no order more may be made', partial, { mostOrders: 1 }],
])('nothing is ordered again when %s', async (_, wants, request) => {
  const it = await lab({ invisible: ['b.test'] })
  expect(await it.issue(wants, request)).toMatchObject({ code: 'REFUSED', byName: ['b.test'] })
  expect(ordered(it)).toEqual(['a.test b.test'])
})

test('the same key is asked with in each order of one target', async () => {
  const it = await lab()
  const identifier = { type: 'dns', value: 'b.test' }
  const subproblems = [{ type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids', identifier }]
  it.ca.next('/finalize/1', problem('caa', 'not all', 403, { subproblems }))
  await it.issue(partial, { mostOrders: 2 })
  expect(it.state.keyIds().size).toBe(1)
  expect(it.fake.files.tree('/s').filter(line => line.endsWith('/fullchain'))).toHaveLength(1)
})

test('request.key.id: that key, if it is there; else a new one, and the log says so', async () => {
  const it = await lab()
  const key = ecKey()
  await it.state.addKey(key)
  const { key: spec } = one
  await it.issue({ ...one, key: { ...spec, id: key.id } })
  expect([...it.state.keyIds()]).toEqual([key.id])
  expect(it.fake.said).toEqual([])
  await it.issue({ ...one, key: { ...spec, id: 'gone' } })
  expect(it.state.keyIds().size).toBe(2)
  expect(it.fake.said).toEqual([expect.stringMatching(/the key gone .* is not in keys\/; making a new one/)])
})

test('each order is counted before it is made, where the CA tells its limit', async () => {
  const it = await lab({ invisible: ['b.test'] }, 'https://acme-v02.api.letsencrypt.org')
  await it.issue(partial, { mostOrders: 3 })
  const counted = (): number => [...it.state.ledger().orders.values()].flat().length
  expect(counted()).toBe(2)
  it.ca.next('/new-order', problem('serverInternal', 'lost', 403))
  await it.issue(one)
  expect(counted()).toBe(3)
})

test('a profile goes with the order, and where the CA has it not and it must be had, nothing is ordered', async () => {
  const { issue, ca } = await lab()
  await issue(target('t', ['a.test'], { profile: { name: 'short', required: false } }))
  expect(ca.orders).toMatchObject([{ profile: undefined }])
  expect(await issue(target('t', ['a.test'], { profile: { name: 'short', required: true } }))).toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('offers no profile "short"'),
  })
  expect(ca.orders).toHaveLength(1)
})
