import { expect, test } from 'vitest'
import { Dns01Error } from '../../src/core/errors.js'
import { problem, type Reply } from '../fakes/ca.js'
import type { Manners } from '../fakes/dns.js'
import type { CaManners } from '../fakes/issuing-ca.js'
import { type Outside, outside, type Run, serversOf } from '../fakes/outside.js'
import { failures } from './whole-run.js'

const ZONES = ['one.test']
const ADDRESSES = serversOf('one.test', ZONES)
const dnsYml = 'propagation:\n  give-up-after-seconds: 30\n'

/** One target for a name and its wildcard: two values at one name. */
const machine = (more: { clockAheadSeconds?: number } = {}): Outside =>
  outside({ targets: [['www.one.test', '*.www.one.test']], zones: ZONES, dnsYml, ...more })

const problemOf = ({ outcomes, error }: Run): unknown => error ?? failures(outcomes)[0]

const live = ({ files }: Outside): string[] => files.tree('/var/lib/acme/live')

/** A run that must fail in time with this error; nothing is live, nothing stays in DNS, no half-made certificate. */
async function fails(it: Outside, expected: { code: string; message: RegExp; withinSeconds: number }): Promise<void> {
  const run = await it.run()
  expect(problemOf(run)).toMatchObject({ code: expected.code, message: expect.stringMatching(expected.message) })
  expect(run.seconds).toBeLessThan(expected.withinSeconds)
  expect(live(it)).toEqual([])
  expect(it.txt()).toEqual([])
}

async function succeeds(it: Outside, withinSeconds: number): Promise<void> {
  const run = await it.run()
  expect(problemOf(run)).toBeUndefined()
  expect(run.seconds).toBeLessThan(withinSeconds)
  expect(live(it)).toHaveLength(2)
  expect(it.txt()).toEqual([])
}

test.each<[string, CaManners, { code: string; message: RegExp; withinSeconds: number }]>([
  [
    'never looks at a challenge',
    { neverValidates: true },
    { code: 'UNAVAILABLE', message: /order .*: still pending after 600 s/, withinSeconds: 660 },
  ],
  [
    'never signs',
    { neverSigns: true },
    { code: 'UNAVAILABLE', message: /order .*: still processing after 600 s/, withinSeconds: 660 },
  ],
  [
    'gives up the order when it is finalized',
    { refusesToSign: true },
    { code: 'REFUSED', message: /order .* is invalid/, withinSeconds: 10 },
  ],
  [
    'signs another key',
    { signsAnotherKey: true },
    { code: 'REFUSED', message: /not what was asked for: it is for another key/, withinSeconds: 10 },
  ],
  [
    'adds a name that nobody asked for',
    { adds: 'evil.test' },
    { code: 'REFUSED', message: /not what was asked for: it is also for evil\.test/, withinSeconds: 10 },
  ],
  [
    'leaves out a wanted name',
    { forgets: '*.www.one.test' },
    { code: 'REFUSED', message: /not what was asked for: it lacks \*\.www\.one\.test/, withinSeconds: 10 },
  ],
])('a CA that %s', async (_, manners, expected) => {
  const it = machine()
  it.ca.manners = manners
  await fails(it, expected)
  it.ca.manners = {}
  await succeeds(it, 30) // what was signed late is downloaded, what was refused is asked for anew
})

test('a certificate that comes hours late is waited for, holds up nobody, and is not asked for twice', async () => {
  const it = machine()
  it.ca.manners = { neverSigns: true }
  await it.run()
  for (let hour = 1; hour < 12; hour++) {
    const run = await it.run()
    expect(run.seconds).toBeLessThan(30)
    expect(run.outcomes).toEqual([expect.objectContaining({ result: 'waits', notLive: true })])
    expect(run.outcomes?.[0]?.error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/the CA is still at the order/),
    })
  }
  expect(it.ca.orders).toHaveLength(1)
  it.ca.manners = {}
  await succeeds(it, 30)
  expect(it.ca.orders).toHaveLength(1)
})

test('a certificate that has not come for a day is asked for anew', async () => {
  const it = machine()
  it.ca.manners = { neverSigns: true }
  for (let run = 0; run < 3; run++) {
    await it.run()
    await it.later(86_400)
  }
  expect(it.ca.orders).toHaveLength(2)
})

test('the live certificate stays when the next one is wrong', async () => {
  const it = machine()
  await succeeds(it, 30)
  const before = live(it)
  it.ca.manners = { signsAnotherKey: true }
  await it.later(85 * 86_400)
  expect(problemOf(await it.run())).toMatchObject({ code: 'REFUSED' })
  expect(live(it)).toEqual(before)
})

test.each([-3600, 3600])('a clock that is %i s off is not an obstacle', async clockAheadSeconds => {
  await succeeds(machine({ clockAheadSeconds }), 30)
})

test('a clock that is a year slow is named as the cause', async () => {
  const it = machine({ clockAheadSeconds: -365 * 86_400 })
  await fails(it, { code: 'REFUSED', message: /not valid before/, withinSeconds: 30 })
  expect(problemOf(await it.run())).toMatchObject({ hint: expect.stringContaining('clock') })
})

test('a clock that becomes years slow is told in every run, since by it nothing is due', async () => {
  const options = { targets: [['www.one.test']], zones: ZONES, clockAheadSeconds: 0 }
  const it = outside(options)
  await it.run()
  options.clockAheadSeconds = -5 * 365 * 86_400
  const { said, outcomes } = await it.run()
  expect(outcomes).toEqual([])
  expect(said.join()).toMatch(
    /warn: www\.one\.test: its certificate is not valid before .*is the clock right\? It says 2021/s,
  )
})

test.each([
  [2, [expect.stringMatching(/warn: www\.one\.test: it is valid for 2\.0 hours/)]],
  [24, []],
  [3650 * 24, []],
])(
  'a certificate of %i hours is taken, and one that hourly runs cannot renew is warned of',
  async (livesHours, said) => {
    const it = machine()
    it.ca.manners = { livesHours }
    const run = await it.run()
    expect(live(it)).toHaveLength(2)
    expect(run.said).toEqual(said)
  },
)

const broken = (status: number, headers: Record<string, string> = {}): Reply => ({ status, headers, body: 'oops' })

test.each<[string, Reply, number]>([
  ['500', broken(500), 5],
  ['503 with Retry-After', broken(503, { 'retry-after': '20' }), 60],
  ['serverInternal', problem('serverInternal', 'oops', 500), 5],
  ['a page of HTML', { status: 502, headers: { 'content-type': 'text/html' }, body: '<title>Bad Gateway</title>' }, 5],
])('%s for newOrder, once, costs no certificate', async (_, reply, withinSeconds) => {
  const it = machine()
  it.ca.next('/new-order', reply)
  await succeeds(it, withinSeconds)
})

test('a rate limit that names no time is left to the next run', async () => {
  const it = machine()
  it.ca.next('/new-order', problem('rateLimited', 'slow down', 429, {}))
  await fails(it, { code: 'UNAVAILABLE', message: /slow down/, withinSeconds: 5 })
})

test('a CA that answers 500 for ever is reported in time, with its own words', async () => {
  const it = machine()
  it.ca.always('/new-order', broken(500))
  await fails(it, { code: 'UNAVAILABLE', message: /newOrder for .*500.*oops/, withinSeconds: 360 })
})

test('a Retry-After of a day is left to the next run', async () => {
  const it = machine()
  it.ca.always('/new-order', broken(503, { 'retry-after': '86400' }))
  await fails(it, { code: 'UNAVAILABLE', message: /503/, withinSeconds: 10 })
})

/** The first server behaves so, the second, when nothing is said of it, well. */
const behave = (it: Outside, manners: readonly Manners[]): void => {
  for (const [i, address] of ADDRESSES.entries()) it.dns.manners(address, manners[i] ?? {})
}

test.each<[string, Manners]>([
  ['never answers', { unheard: 'silent' }],
  ['answers for another name', { unheard: 'otherName' }],
  ['answers SERVFAIL', { rcode: 'SERVFAIL' }],
  ['is not authoritative', { lame: true }],
  ['lags ten seconds', { lagSeconds: 10 }],
])('a name server that %s costs no certificate', async (_, manners) => {
  const it = machine()
  behave(it, [manners])
  await succeeds(it, 30)
})

test.each<[string, readonly Manners[], RegExp]>([
  ['shows one of two values', [{ showsAtMost: 1 }], /1 of 2 servers lack the value after 30 s \(192\.0\.2\.1/],
  ['lags for ever', [{ lagSeconds: 86_400 }], /1 of 2 servers lack the value after 30 s \(192\.0\.2\.1/],
  ['shows one of two values, and so do all', [{ showsAtMost: 1 }, { showsAtMost: 1 }], /2 of 2 servers lack/],
])('a name server that %s is named, and the run after its mending heals', async (_, manners, message) => {
  const it = machine()
  behave(it, manners)
  await fails(it, { code: 'NOT_VISIBLE', message, withinSeconds: 40 })
  behave(it, [])
  await succeeds(it, 30)
})

test('a name server that flaps is waited for', async () => {
  const it = machine()
  let flap = 0
  const run = await it.run(step => {
    if (step === 'question')
      it.dns.manners(ADDRESSES[0], ++flap % 3 === 0 ? {} : flap % 3 === 1 ? { rcode: 'SERVFAIL' } : { lagSeconds: 5 })
    return undefined
  })
  expect(problemOf(run)).toBeUndefined()
  expect(live(it)).toHaveLength(2)
  expect(it.txt()).toEqual([])
})

const isUnset = (name: string): boolean => name.includes('unset')
const choose = (name: string): void => {
  if (isUnset(name)) throw new Dns01Error('CONFIG', `no DNS provider is chosen for ${name}`)
}

test('the CA hears nothing of a target that has no provider', async () => {
  const it = outside({ targets: [['unset.one.test'], ['www.unset.one.test']], zones: ZONES, dnsYml, choose })
  const { outcomes } = await it.run()
  expect(failures(outcomes ?? [])).toMatchObject([{ code: 'CONFIG' }, { code: 'CONFIG' }])
  expect(it.ca.asked).toEqual([])
  expect(it.files.tree('/var/lib/acme').filter(line => /accounts\/.|keys\/./.test(line))).toEqual([])
})

test('a target without a provider does not hold up the others', async () => {
  const it = outside({ targets: [['unset.one.test'], ['www.one.test']], zones: ZONES, dnsYml, choose })
  const { outcomes } = await it.run()
  expect(failures(outcomes ?? [])).toMatchObject([{ code: 'CONFIG' }])
  expect(it.ca.orders.map(order => order.names)).toEqual([['www.one.test']])
  expect(live(it)).toHaveLength(1)
})
