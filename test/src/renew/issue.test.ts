// The story of one certificate: what is asked of whom in which order, what is on disk at each step, and what is left and
// returned when a step fails. The CA signs in memory, the disk is in memory; the publisher only writes down what it is told.
import { expect, test } from 'vitest'
import { accountLabel } from '../../../src/acme/challenge.js'
import { accountHash } from '../../../src/acme/persist.js'
import { codeOf, Dns01Error } from '../../../src/core/errors.js'
import type { Name } from '../../../src/core/names.js'
import type { Target } from '../../../src/core/target.js'
import type { World } from '../../../src/core/world.js'
import type { LocatedRecord, RecordRequest } from '../../../src/publish/locate.js'
import { openAuthorities } from '../../../src/renew/authorities.js'
import { type IssueParts, type IssueRequest, issue } from '../../../src/renew/issue.js'
import { noteEnds } from '../../../src/renew/persistent.js'
import { parseResponses, responses } from '../../../src/state/responses.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { readCsr } from '../../../src/x509/read-csr.js'
import { problem } from '../../fakes/ca.js'
import { ecKey } from '../../fakes/certificates.js'
import { csrOf, mustStaple } from '../../fakes/csr.js'
import { names, target } from '../../fakes/held.js'
import { type CaManners, hashPrefix, issuingCa } from '../../fakes/issuing-ca.js'
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
  /** What somebody else has published. */
  const records = new Map<string, string[]>()
  const txt = (name: string): string[] => [...(values.get(name) ?? []), ...(records.get(name) ?? [])]
  const ca = issuingCa({ txt, now: () => fake.time }, caUrl)
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
    standing: async (name: Name) => {
      tell(`look for ${name}`)
      return { name, seen: [{ server: '192.0.2.1', values: records.get(name) ?? [] }], unusable: [] }
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
    ...{ fake, ca, events, records, state, onDisk },
    async issue(wants: Target, request: Partial<IssueRequest> = {}) {
      const whole = { names: wants.requestNames, needed: wants.requestNames, mostOrders: 1, ...request }
      try {
        const issued = await issue(parts, { ...wants, ca: ca.directoryUrl }, whole)
        await noteEnds(parts, { ca: ca.directoryUrl }, issued) // as who issues does, once it is live
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

const byRecord = target('t', ['a.test'], { dns: { settings: {}, method: 'dns-persist-01' } })
const record = '_validation-persist.a.test'
const mine = 'ca.test; accounturi=https://ca.test/account/1'
const persists = { offers: ['dns-01', 'dns-persist-01'] }

test('with dns-persist-01 a record that stands is enough: no provider is asked, and nothing is written to the DNS', async () => {
  const { issue, events, records, ca, fake } = await lab({ unprovided: ['a.test'] })
  ca.manners = persists
  records.set(record, ['other.test; accounturi=x', mine])
  expect(await issue(byRecord)).toEqual({ issued: ['a.test'], missing: [] })
  expect(events.filter(event => !event.includes('on disk'))).toEqual([
    ...[`look for ${record}`, 'GET /directory', 'POST /new-account', 'POST /new-order', 'POST /authz/1-0'],
    ...[`look for ${record}`, 'nobody waits for its records', 'POST /dns-persist-01/1-0', 'POST /order/1'],
    ...['withdraw', 'nobody waits for its records'],
  ])
  expect(fake.said).toEqual([])
})

test('dns-persist-01 by draft 02: the account’s hash is what counts, and its URL is not', async () => {
  const { issue, records, ca, state } = await lab()
  ca.manners = { ...persists, persistDraft: '02' }
  records.set(record, [`persist.${mine}`])
  expect(await issue(byRecord)).toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('its accounturi is https://ca.test/account/1'),
  })
  const [account] = state.accounts()
  const { thumbprint } = state.accountKey(account?.id ?? '')
  const hash = accountHash('a.test', thumbprint, 'https://ca.test/account/1')
  records.set(record, [`persist.ca.test; accounturi=${hashPrefix}sha-256/${hash}`])
  expect(await issue(byRecord)).toEqual({ issued: ['a.test'], missing: [] })
})

test.each<[string, string[], object]>([
  ['none', [], { message: `${record}: the record of dns-persist-01 does not prove a.test: there is no such record` }],
  [
    'another account’s',
    ['ca.test; accounturi=https://ca.test/account/2'],
    { message: expect.stringContaining('and ours is https://ca.test/account/1') },
  ],
  [
    'one that is over',
    [`${mine}; persistUntil=1`],
    { message: expect.stringContaining('its persistUntil was 1970-01-01') },
  ],
  ['a malformed one', [`${mine};`], { message: expect.stringContaining('it is malformed: it ends with ";"') }],
  [
    'another CA’s',
    ['other.test; accounturi=x'],
    { message: expect.stringContaining('none for persist.ca.test or ca.test, but for other.test') },
  ],
])('with dns-persist-01 and a record that will not do the CA is not told to look: %s', async (what, values, error) => {
  const { issue, events, records, ca } = await lab()
  ca.manners = persists
  records.set(record, values)
  expect(await issue(byRecord)).toMatchObject({ code: 'CONFIG', byName: ['a.test'], ...error })
  expect(events.filter(event => /publish|dns-persist-01/.test(event))).toEqual([])
  // what no CA would take is found out before one is asked
  if (/^(none|one that is over|a malformed one)$/.test(what))
    expect(events.filter(event => event.startsWith('POST'))).toEqual([])
})

test('with dns-persist-01 and a wildcard the record must say so', async () => {
  const { issue, records, ca } = await lab()
  ca.manners = persists
  const wildcard = target('t', ['a.test', '*.a.test'], { dns: { settings: {}, method: 'dns-persist-01' } })
  records.set(record, [mine])
  expect(await issue(wildcard)).toMatchObject({
    byName: ['*.a.test'],
    message: expect.stringContaining('lacks policy=wildcard'),
  })
  records.set(record, [`${mine}; policy=wildcard`])
  expect(await issue(wildcard)).toEqual({ issued: ['a.test', '*.a.test'], missing: [] })
})

test('of a partial target with dns-persist-01 a name whose record will not do is left out', async () => {
  const { issue, records, ca } = await lab()
  ca.manners = persists
  const some = target('t', ['a.test', 'b.test', 'c.test'], {
    partial: true,
    dns: { settings: {}, method: 'dns-persist-01' },
  })
  records.set(record, [mine])
  records.set('_validation-persist.b.test', [`${mine}; persistUntil=1`])
  expect(await issue(some, { mostOrders: 3 })).toEqual({ issued: ['a.test'], missing: ['b.test', 'c.test'] })
})

test('with dns-persist-01 a CA that does not offer it says what it offers', async () => {
  const { issue, records } = await lab()
  records.set(record, [mine])
  expect(await issue(byRecord)).toMatchObject({
    code: 'REFUSED',
    message: 'a.test: the CA offers no dns-persist-01 challenge, but dns-01',
  })
})

const auto = target('t', ['a.test', 'b.test'], { dns: { settings: {}, method: 'auto' } })

test('auto: by the record where it stands, by dns-01 where none is, and a provider is wanted for those alone', async () => {
  const { issue, events, records, ca, fake } = await lab({ unprovided: ['a.test'] })
  ca.manners = persists
  records.set(record, [mine])
  expect(await issue(auto)).toEqual({ issued: ['a.test', 'b.test'], missing: [] })
  expect(events.filter(event => /provider|publish|dns-persist-01/.test(event))).toEqual([
    ...['look for a provider of b.test', 'publish b.test', 'POST /dns-persist-01/1-0'],
  ])
  expect(fake.said).toEqual([])
})

test('auto: a record that will not do is told of, and dns-01 is tried; where the CA knows no records it is not', async () => {
  const { issue, events, records, ca, fake } = await lab()
  ca.manners = persists
  records.set(record, [`${mine}; persistUntil=1`])
  expect(await issue(auto)).toMatchObject({ issued: ['a.test', 'b.test'] })
  expect(events.filter(event => event.startsWith('publish'))).toEqual(['publish a.test', 'publish b.test'])
  expect(fake.said).toEqual([
    `notice: ${record}: the record of dns-persist-01 does not prove a.test: its persistUntil was 1970-01-01T00:00Z; dns-01 is tried instead\n` +
      `  publish it with a later end: dns01 persist 'a.test' --until DATE prints it`,
  ])
  fake.said.length = 0
  ca.manners = {}
  expect(await issue(auto)).toMatchObject({ issued: ['a.test', 'b.test'] })
  expect(fake.said).toEqual([])
})

test('a record that ends before the certificate, or within 30 days, is warned of when it has served', async () => {
  const { issue, records, ca, fake, state } = await lab()
  ca.manners = persists
  const inDays = (days: number): string =>
    `${mine}; persistUntil=${Math.floor(fake.time.getTime() / 1000) + days * 86_400}`
  for (const days of [91, 89]) {
    records.set(record, [inDays(days)])
    expect(await issue(byRecord)).toMatchObject({ issued: ['a.test'] })
  }
  expect(fake.said).toEqual([
    expect.stringMatching(
      /^warn: the record at _validation-persist\.a\.test counts until .* only: after that a\.test cannot be renewed/,
    ),
  ])
  ca.manners = { ...persists, livesHours: 144 }
  for (const days of [31, 29]) {
    records.set(record, [inDays(days)])
    expect(await issue(byRecord)).toMatchObject({ issued: ['a.test'] })
  }
  expect(fake.said).toHaveLength(2)
  expect([...state.ledger().recordEnds.keys()]).toEqual(['ca.test%2fdirectory a.test'])
  records.set(record, [mine])
  await issue(byRecord)
  expect([...state.ledger().recordEnds]).toEqual([])
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

test('a profile that the CA offers, but not to this account, is left out in a second order, or is an error', async () => {
  const { issue, ca } = await lab()
  const urls = Object.fromEntries(
    Object.entries({ newNonce: 'new-nonce', newAccount: 'new-account', newOrder: 'new-order' }).map(([name, path]) => [
      name,
      `https://ca.test/${path}`,
    ]),
  )
  const meta = { termsOfService: 'https://ca.test/terms', profiles: { short: 'Six days', classic: 'The usual' } }
  ca.always('/directory', { body: { ...urls, meta } })
  const wants = (required: boolean) => issue(target('t', ['a.test'], { profile: { name: 'short', required } }))
  ca.next('/new-order', problem('unauthorized', 'not for you'))
  expect(await wants(false)).toMatchObject({ issued: ['a.test'] })
  expect(ca.orders).toMatchObject([{ profile: undefined }])
  ca.next('/new-order', problem('unauthorized', 'not for you'))
  expect(await wants(true)).toMatchObject({
    code: 'REFUSED',
    message: expect.stringMatching(
      /does not give this account the profile "short", which desired\/t requires: .*not for you/,
    ),
  })
  expect(ca.orders).toHaveLength(1)
  await wants(true)
  expect(ca.orders.at(-1)).toMatchObject({ profile: 'short' })
})

test('a request of somebody else goes to the CA byte by byte; no key is made, and there is no link to one', async () => {
  const { issue, ca, fake, onDisk, state } = await lab()
  const der = csrOf({ names: ['a.test', '*.a.test'], extensions: [mustStaple] })
  const csr = { path: 'x', ...readCsr(der) }
  expect(await issue(target('t', csr.names, { csr }))).toEqual({ issued: csr.names, missing: [] })
  expect(ca.requests).toEqual([Buffer.from(der).toString('base64url')])
  expect(onDisk()).toBe('order + certificate')
  expect(fake.files.tree('/s').filter(line => /privkey/.test(line) && !/accounts/.test(line))).toEqual([])
  expect(state.certificates()).toMatchObject([{ complete: true, hasKey: false, facts: { keyId: csr.keyId } }])
})

test('a certificate for another key than that of the request is refused, and nothing of it stays', async () => {
  const { issue, ca, onDisk } = await lab()
  ca.manners = { signsAnotherKey: true }
  const csr = { path: 'x', ...readCsr(csrOf({ names: ['a.test'] })) }
  expect(await issue(target('t', csr.names, { csr }))).toMatchObject({
    code: 'REFUSED',
    message: expect.stringContaining('it is for another key'),
  })
  expect(onDisk()).toBe('')
})
