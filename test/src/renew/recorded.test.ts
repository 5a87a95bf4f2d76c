// What a run leaves behind: a record of what it did and what went wrong, or, if there was nothing to do, its lock.
import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { Name } from '../../../src/core/names.js'
import type { Outcome } from '../../../src/renew/outcome.js'
import { type Done, recorded } from '../../../src/renew/recorded.js'
import { type Context, locked, looking } from '../../../src/renew/run.js'
import type { History } from '../../../src/state/history.js'
import type { StateDir } from '../../../src/state/state-dir.js'
import { type Machine, machine } from '../../fakes/machine.js'

const ROOT = '/var/lib/acme'
const began = new Date('2026-01-01T00:00:00Z')
const refused = new Dns01Error('REFUSED', 'the CA said no')
const named = (...names: string[]) => ({ subject: 'x', names: names as Name[] })
const issued: Outcome = { ...named('a.test', 'b.test'), result: 'issued' }
const failed: Outcome = { ...named('c.test'), result: 'failed', error: refused }
const waits: Outcome = { ...named('d.test'), result: 'waits', error: refused }
const nothing: Done = { outcomes: [], errors: [] }

/** A run of `dns01 quickstart`, as the fake machine has it, that takes 2.5 s. */
const run = async (
  on: Machine,
  work: (state: StateDir) => Promise<Done>,
  more: Partial<Context> = {},
): Promise<History> => {
  const context = { ...on.context, ...more }
  await recorded(context, async state => {
    const done = await work(state)
    await context.world.clock.sleep(2.5, context.signal)
    return done
  }).catch(() => {})
  return (await looking(context)).history()
}

test('what a run did is recorded: certificates, failures, links, orders, changes of DNS, status and time', async () => {
  const history = await run(machine(), async ({ tally }) => {
    tally.ordered('ca.test')
    tally.ordered('ca.test')
    tally.dnsChanged()
    const linked: Outcome = { subject: 'a.test', names: [], result: 'linked' }
    return { outcomes: [issued, linked, failed, waits], errors: [refused] }
  })
  expect(history.runs).toEqual([
    {
      started: began,
      ended: new Date('2026-01-01T00:00:02.500Z'),
      seconds: 2.5,
      times: 1,
      command: 'dns01 quickstart',
      exit: 6,
      issued: ['a.test +1'],
      failures: [{ subject: 'c.test', code: 'REFUSED', message: 'the CA said no' }],
      counts: { issued: 1, revoked: 0, linked: 1, failed: 1, waiting: 1, dnsChanges: 1 },
      orders: { 'ca.test': 2 },
    },
  ])
  expect(history.lastQuiet).toBeUndefined()
})

test.each([
  ['nothing to do', nothing],
  ['nothing but what waits, its certificate being good', { outcomes: [waits], errors: [] }],
])('a run that finds %s writes nothing, and its lock tells when it was', async (_, done) => {
  const on = machine()
  await run(on, async state => {
    await state.conform()
    return nothing
  })
  const before = on.files.changes
  await locked(on.context, async () => undefined)
  const ofTheLock = on.files.changes - before
  const history = await run(on, async () => done)
  expect(history.runs).toEqual([])
  expect(history.lastQuiet).toEqual(new Date('2026-01-01T00:00:02.500Z'))
  expect(on.files.changes - before - ofTheLock, 'changes of the disk').toBe(ofTheLock)
  expect(on.files.info(`${ROOT}/.dns01/lock`)).toBeUndefined()
  expect(on.files.info(`${ROOT}/.dns01/last-run`)?.mode).toBe(0o600)
})

test('a name that waits without a certificate is no quiet run', async () => {
  const history = await run(machine(), async () => ({ outcomes: [waits], errors: [refused] }))
  expect(history.runs).toMatchObject([{ exit: 6, counts: { waiting: 1, failed: 0 } }])
  expect(history.lastQuiet).toBeUndefined()
})

test('what stops a whole run is recorded, and thrown', async () => {
  const on = machine()
  const wrong = new Dns01Error('CONFIG', 'conf/dns.yml:4: no such key')
  await expect(recorded(on.context, async () => Promise.reject(wrong))).rejects.toBe(wrong)
  expect((await (await looking(on.context)).history()).runs).toMatchObject([
    { exit: 3, failures: [{ subject: 'run', code: 'CONFIG', message: 'conf/dns.yml:4: no such key' }] },
  ])
})

test('a run that somebody stops has no exit status, and says who stopped it', async () => {
  const stop = new AbortController()
  const history = await run(
    machine(),
    async () => {
      stop.abort(new Dns01Error('UNAVAILABLE', 'stopped by SIGTERM'))
      throw stop.signal.reason
    },
    { signal: stop.signal },
  )
  expect(history.runs).toMatchObject([{ failures: [{ message: 'stopped by SIGTERM' }] }])
  expect(history.runs[0]?.exit).toBeUndefined()
})

test('a run that was killed is recorded by the next one, from what its lock says, even if that finds nothing to do', async () => {
  const on = machine()
  const lock = { token: 'aa', pid: 999, host: 'here', command: 'dns01 want x', since: '2025-12-31T22:00:00.000Z' }
  on.files.put(`${ROOT}/.dns01/lock`, JSON.stringify({ ...lock, startTicks: '', boot: '', pidNamespace: 'pid:[1]' }))
  const history = await run(on, async () => nothing)
  expect(history.runs).toMatchObject([
    {
      started: new Date('2025-12-31T22:00:00Z'),
      command: 'dns01 want x',
      failures: [{ code: 'KILLED', message: 'it was killed, or the machine went down' }],
    },
  ])
  expect(history.runs[0]?.ended).toBeUndefined()
  expect(history.lastQuiet).toEqual(began)
})

test('a record that cannot be written is a warning: the certificates are there all the same', async () => {
  const on = machine()
  on.files.options = {
    ...on.files.options,
    fail: (_, path) => (/history.json|\/tmp\//.test(path) ? 'ENOSPC' : undefined),
  }
  const done = await recorded(on.context, async () => ({ outcomes: [issued], errors: [] }))
  expect(done).toEqual([])
  expect(on.said).toEqual([expect.stringMatching(/^warn: the history of runs lacks this one: .*history.json/)])
})
