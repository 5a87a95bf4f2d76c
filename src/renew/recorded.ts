// Runs that leave a record: what each did and what went wrong is added to the history (state/history.ts) under the run's own lock.
// A run that found nothing to do leaves its lock behind instead, which costs no write.
import { codeOf, exitStatus, messageOf } from '../core/errors.js'
import { shortNames } from '../core/names.js'
import type { RunFailure, RunRecord } from '../state/history.js'
import type { StateDir } from '../state/state-dir.js'
import type { Outcome } from './outcome.js'
import { type Context, locked } from './run.js'

/** What a command did, and what of it counts for its exit status. */
export interface Done {
  readonly outcomes: readonly Outcome[]
  readonly errors: readonly unknown[]
}

interface Begun {
  readonly started: Date
  readonly command: string
}

/**
 * As locked(), for what gets and renews certificates. That a record cannot be written fails no run: its certificates are there.
 * @throws as locked(), and what `work` throws, which is recorded, too
 */
export function recorded(context: Context, work: (state: StateDir) => Promise<Done>): Promise<readonly unknown[]> {
  let isQuiet = false
  const killed: Begun[] = []
  const lock = {
    leave: () => isQuiet,
    tookOver: ({ command, since }: { readonly command: string; readonly since: string }) => {
      const started = new Date(since)
      if (!Number.isNaN(started.getTime())) killed.push({ command, started })
    },
  }
  const run = async (state: StateDir): Promise<readonly unknown[]> => {
    const begun: Begun = { started: context.world.clock.now(), command: context.commandLine }
    const note = (done: Done, stopped: boolean): Promise<void> =>
      add(context, state, [...killed.map(killedRecord), ...recordOf(context, state, { begun, done, stopped })])
    try {
      const done = await work(state)
      await note(done, false)
      isQuiet = isNothing(done)
      return done.errors
    } catch (error) {
      const outcome: Outcome = { subject: 'run', names: [], result: 'failed', error }
      await note({ outcomes: [outcome], errors: [error] }, context.signal.aborted)
      throw error
    }
  }
  return locked(context, run, lock)
}

/** What waits was told when it failed; that a name is without a certificate meanwhile is not nothing. */
const isNothing = ({ outcomes, errors }: Done): boolean =>
  errors.length === 0 && outcomes.every(({ result }) => result === 'waits')

async function add({ world }: Context, state: StateDir, runs: readonly RunRecord[]): Promise<void> {
  try {
    for (const run of runs) await (await state.history()).add(run)
  } catch (error) {
    world.log.warn(`the history of runs lacks this one: ${messageOf(error)}`)
  }
}

const none = { issued: 0, revoked: 0, linked: 0, failed: 0, waiting: 0, dnsChanges: 0 }

/** All that is known of it is what its lock says. */
const killedRecord = ({ started, command }: Begun): RunRecord => ({
  ...{ started, command, times: 1, issued: [], orders: {}, counts: { ...none, failed: 1 } },
  failures: [{ subject: 'run', code: 'KILLED', message: 'it was killed, or the machine went down' }],
})

function recordOf(
  { world }: Context,
  { tally }: StateDir,
  { begun, done, stopped }: { readonly begun: Begun; readonly done: Done; readonly stopped: boolean },
): RunRecord[] {
  const { outcomes, errors } = done
  if (isNothing(done) && tally.dnsChanges === 0) return []
  const ended = world.clock.now()
  const of = (...results: Outcome['result'][]): Outcome[] => outcomes.filter(({ result }) => results.includes(result))
  const [issued, failed] = [of('issued', 'resumed'), of('failed', 'left')]
  return [
    {
      ...{ ...begun, ended, times: 1, orders: tally.orders },
      seconds: Math.round((ended.getTime() - begun.started.getTime()) / 100) / 10,
      exit: stopped ? undefined : exitStatus(errors),
      issued: issued.map(titleOf),
      failures: failed.map(failureOf),
      counts: {
        ...{ issued: issued.length, failed: failed.length, dnsChanges: tally.dnsChanges },
        ...{ revoked: of('revoked').length, linked: of('linked').length, waiting: of('waits').length },
      },
    },
  ]
}

const titleOf = ({ names, subject }: Outcome): string => shortNames(names, subject)

const failureOf = (outcome: Outcome): RunFailure => ({
  subject: titleOf(outcome),
  code: codeOf(outcome.error),
  message: messageOf(outcome.error),
})
