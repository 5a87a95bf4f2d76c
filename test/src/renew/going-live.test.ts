import { setMaxListeners } from 'node:events'
import { beforeAll, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { World } from '../../../src/core/world.js'
import { allSecretVariables } from '../../../src/provider/catalog.js'
import { GoingLive } from '../../../src/renew/going-live.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { target } from '../../fakes/held.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { type Outside, type OutsideOptions, outside, ROOT, serversOf } from '../../fakes/outside.js'
import { stateWorld } from '../../fakes/state-world.js'

/** Whole runs in which some certificates are there long before others. */

beforeAll(async () => {
  await allSecretVariables({ env: {}, files: new MemoryFiles(), self: {} as never }) // loading modules takes time that no clock here knows of
})

const ZONES = ['one.test', 'slow.test'] as const
const [SLOW] = serversOf('slow.test', ZONES)

interface Lab extends Outside {
  /** What the hook was told, in order. */
  readonly told: (readonly string[])[]
}

/** The CA does not answer for the last order's authorization before the hook was told of something. */
function machineWith(targets: string[][], exitOf: (calls: number) => number = () => 0): Lab {
  const told: (readonly string[])[] = []
  let release = (): void => {}
  const first = new Promise<void>(resolve => {
    release = resolve
  })
  const hook = (names: readonly string[]): number => {
    told.push(names)
    release()
    return exitOf(told.length)
  }
  const machine = outside({ targets, zones: ZONES, hook })
  machine.ca.next(`/authz/${targets.length}-0`, async () => {
    await first
    return { status: 503 }
  })
  return Object.assign(machine, { told })
}

const hosts = (count: number): string[][] => Array.from({ length: count }, (_, i) => [`h${i}.one.test`])
const linksOf = ({ files }: Outside): string[] =>
  files.info(`${ROOT}/live`) ? files.tree(`${ROOT}/live`).map(line => `${line.split(' ')[1]}`) : []
const results = (run: Awaited<ReturnType<Outside['run']>>): string[] => {
  if (run.error) throw run.error
  return (run.outcomes ?? []).map(({ subject, result }) => `${subject} ${result}`).sort()
}

test('what is issued is live and told while a CA does not answer for another target', async () => {
  const live: string[][] = []
  const machine = machineWith(hosts(2), () => {
    live.push(linksOf(machine))
    return 0
  })
  const run = await machine.run()
  expect(results(run)).toEqual(hosts(2).flatMap(([name]) => [`${name} issued`, `${name} linked`]))
  expect(machine.told.map(names => names.length)).toEqual([1, 1])
  expect(live.map(links => links.length)).toEqual([1, 2])
  expect(live[0]).toEqual(machine.told[0])
  expect(machine.files.info(`${ROOT}/.dns01/untold`)).toBeUndefined()
})

/** A clock that goes on only when the test says so, second by second, with time for what is then to be done. */
function handClock() {
  const start = Date.parse('2026-01-01T00:00:00Z')
  let seconds = 0
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  return {
    now: () => new Date(start + seconds * 1000),
    deadline: () => new AbortController().signal,
    sleep: (pause: number, signal: AbortSignal) =>
      new Promise<void>((wake, reject) => {
        const stop = (): void => reject(signal.reason)
        signal.addEventListener('abort', stop, { once: true })
        const awake = (): void => {
          signal.removeEventListener('abort', stop)
          wake()
        }
        sleepers.add({ until: seconds + pause, wake: awake })
      }),
    seconds: () => seconds,
    /** `told`: what waking somebody leads to, unless he sleeps again. */
    async later(count: number, told: () => number): Promise<void> {
      for (const end = seconds + count; seconds < end; ) {
        for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
        seconds++
        const before = told()
        const awake = [...sleepers].filter(({ until }) => until <= seconds)
        for (const sleeper of awake) sleepers.delete(sleeper)
        for (const sleeper of awake) sleeper.wake()
        while (awake.length > 0 && sleepers.size === 0 && told() === before)
          await new Promise(resolve => setImmediate(resolve))
      }
    },
  }
}

/** A state directory where a certificate more is there whenever `issue()` is called; tells when how many were told. */
async function stateWith() {
  const clock = handClock()
  const fake = stateWorld()
  const told: string[] = []
  fake.files.put('/hooks/reload', '#!/bin/sh\n', 0o755)
  const run: World['run'] = async (_, { input }) => {
    told.push(`${clock.seconds()} s: ${input.split('\n').length - 1}`)
    return { exit: 0, output: '' }
  }
  const world = { ...fake.world, clock, run, env: {} }
  const state = await StateDir.open(world, '/s')
  await state.conform()
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  const targets = hosts(60).map(([name]) => target(`${name}`, [`${name}`]))
  const live = new GoingLive({ world, state, hookFolders: ['/hooks'], signal }, targets)
  const key = ecKey()
  await state.addKey(key)
  const dates = { notBefore: clock.now(), notAfter: new Date(clock.now().getTime() + 90 * 86_400_000), issuer: 'CN=CA' }
  const made = await Promise.all(targets.map(({ names }) => selfSigned(key, names, dates)))
  let count = 0
  const issue = async (): Promise<void> => {
    const certificate = made[count] as (typeof made)[number]
    const id = await state.addOrder({ url: `https://ca.test/${count++}`, accountId: undefined, keyId: key.id })
    await state.storeCertificate(id, certificate)
    live.issued()
  }
  return { live, told, issue, later: (seconds: number) => clock.later(seconds, () => told.length) }
}

test('fifty that come together make one reload, three seconds after the last', async () => {
  const { live, told, issue, later } = await stateWith()
  for (let i = 0; i < 50; i++) await issue()
  await later(100)
  expect(told).toEqual(['3 s: 50'])
  await issue()
  await later(100)
  expect(told).toEqual(['3 s: 50', '103 s: 1'])
  expect(await live.finish()).toMatchObject({ failed: [], error: undefined })
  expect(told).toHaveLength(2)
})

test('what comes one after the other, without end, makes a reload every ten seconds', async () => {
  const { live, told, issue, later } = await stateWith()
  for (let i = 0; i < 14; i++) {
    await issue()
    await later(2)
  }
  expect(told).toEqual(['10 s: 5', '20 s: 5'])
  expect((await live.finish()).linked).toHaveLength(14)
  expect(told.at(-1)).toBe('28 s: 4')
})

test('a hook that fails is tried again when there is something new, else by the next run', async () => {
  let exit = 1
  const machine = machineWith(hosts(2), () => exit)
  expect(results(await machine.run())).toContain('/hooks/reload failed')
  expect(machine.told.map(names => names.length)).toEqual([1, 2])
  exit = 0
  expect(results(await machine.run())).toEqual([])
  expect(machine.told[2]).toHaveLength(2)
  await machine.run()
  expect(machine.told).toHaveLength(3)
})

test('a hook that failed once and succeeded later in the same run does not count as failed', async () => {
  const machine = machineWith(hosts(2), calls => (calls === 1 ? 1 : 0))
  expect(results(await machine.run()).filter(line => line.includes('failed'))).toEqual([])
  expect(machine.told.map(names => names.length)).toEqual([1, 2])
})

test('a run that is killed after the first reload does not tell it again, but the rest', async () => {
  const machine = machineWith(hosts(2))
  await machine.run(() => (machine.told.length > 0 && !untold(machine) ? 'stop' : undefined))
  machine.files.restart()
  const [first] = machine.told
  expect(linksOf(machine)).toEqual(first)
  await machine.run()
  expect(machine.told).toHaveLength(2)
  expect(machine.told[1]).not.toEqual(first)
})

const untold = ({ files }: Outside): boolean => files.info(`${ROOT}/.dns01/untold`) !== undefined

/** Name servers of slow.test lag for hours. */
function slowMachine(targets: string[][], env: OutsideOptions['env']): Outside {
  const machine = outside({ targets, zones: ZONES, parallel: 1, ...(env && { env }) })
  machine.dns.manners(SLOW, { lagSeconds: 7200 })
  return machine
}

test('DNS01_RUN_LIMIT: then no order begins, ten minutes later what is under way stops, and the next run goes on', async () => {
  const machine = slowMachine([...hosts(2), ['h8.slow.test'], ['h9.slow.test']], { DNS01_RUN_LIMIT: '5' })
  const files = [...hosts(2).flat(), 'h8.slow.test', 'h9.slow.test']
  const run = await machine.run(undefined, { batch: true })
  expect(run.seconds).toBeLessThan(620)
  const waiting = (run.outcomes ?? []).filter(({ result }) => result === 'waits')
  expect(waiting.length).toBeGreaterThan(0)
  for (const { error } of waiting) expect(error).toMatchObject({ message: expect.stringMatching(/time of this run/) })
  const failed = (run.outcomes ?? []).filter(({ result }) => result === 'failed').map(({ error }) => error)
  expect(failed).toContainEqual(
    expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringMatching(/left to the next run/) }),
  )
  for (const error of failed) expect((error as Dns01Error).code).toBe('UNAVAILABLE')
  expect(machine.txt()).toEqual([])
  expect(machine.files.info(`${ROOT}/.dns01/ledger.json`), 'it teaches nothing').toBeUndefined()
  machine.dns.manners(SLOW, {})
  await machine.run(undefined, { batch: true })
  await machine.run(undefined, { batch: true })
  expect(linksOf(machine)).toEqual(files)
})

test('a run with a bound, over many targets, makes node warn of nothing', async () => {
  const warnings: string[] = []
  const hear = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', hear)
  const machine = outside({ targets: hosts(40), zones: ZONES })
  expect(results(await machine.run(undefined, { batch: true })).filter(line => line.endsWith('issued'))).toHaveLength(
    40,
  )
  await new Promise(resolve => setImmediate(resolve))
  process.off('warning', hear)
  expect(warnings).toEqual([])
})

test('a run that a person watches has no bound', async () => {
  const machine = slowMachine([['h8.slow.test']], { DNS01_RUN_LIMIT: '5' })
  machine.dns.manners(SLOW, { lagSeconds: 600 })
  const run = await machine.run()
  expect(results(run)).toContain('h8.slow.test issued')
  expect(run.seconds).toBeGreaterThan(599)
})

test('the bound must be a number of seconds', async () => {
  const { error } = await slowMachine(hosts(1), { DNS01_RUN_LIMIT: 'soon' }).run(undefined, { batch: true })
  expect(error).toBeInstanceOf(Dns01Error)
  expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringContaining('DNS01_RUN_LIMIT') })
})
