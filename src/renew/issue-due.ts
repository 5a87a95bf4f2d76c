// Issuing for all targets that are due: which start now, many at a time, and what became of each. Every target is on its
// own; what they share (an account, a zone's changes) is gathered further down, by authorities.ts and the publisher.
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import { type Admitted, admit, caDeferral, circumstances, type Predecessor } from '../limits/admission.js'
import { recordFailure, recordSuccess, whyMissing } from '../limits/record-result.js'
import { limitConcurrency } from './concurrency.js'
import { type Due, dueTargets, firstWave, type ReconcileOptions } from './due.js'
import type { GoingLive } from './going-live.js'
import { type IssueParts, issue } from './issue.js'
import { held } from './links.js'
import { type Outcome, waits } from './outcome.js'
import type { RunLimit } from './run-limit.js'

export interface IssueDueParts extends IssueParts {
  /** Targets worked on at the same time. */
  readonly parallel: number
  /** All there are. */
  readonly targets: readonly Target[]
  /** When this run began. */
  readonly began: Date
  readonly limit: RunLimit
  readonly live: Pick<GoingLive, 'issued'>
}

export interface IssuedDue {
  readonly outcomes: readonly Outcome[]
  /** So many were not begun, since the time of the run was over. */
  readonly notBegun: number
}

/**
 * Every due target on its own, many at a time, but for those that must wait; those that another may make unnecessary are
 * looked at again afterwards. Never throws: what goes wrong with a target is its outcome.
 */
export async function issueDue(
  parts: IssueDueParts,
  due: readonly Due[],
  options: ReconcileOptions,
): Promise<IssuedDue> {
  if (due.length === 0) return { outcomes: [], notBegun: 0 }
  const { world, state, targets, parallel } = parts
  const wave = firstWave(due)
  const { admitted, deferred, afterwards } = admit(
    wave.now,
    state.ledger(),
    circumstances(world, targets.length, options),
  )
  const inTurn = limitConcurrency(world, parallel)
  const done = await Promise.all(admitted.map(one => inTurn(() => issueOne(parts, one, options))))
  // Looked at anew and not just tried: what the first wave issued may serve these now, and what failed there counts.
  const later = [...wave.later, ...afterwards].map(one => one.target)
  const still = later.length === 0 ? [] : dueTargets(held(state, later), { ...options, now: world.clock.now() })
  const rest = await issueDue(parts, still, options)
  return {
    outcomes: [...deferred.map(waits), ...done.flatMap(one => one.outcomes), ...rest.outcomes],
    notBegun: done.reduce((sum, one) => sum + one.notBegun, rest.notBegun),
  }
}

/** Never throws. A failure is recorded for the next runs; that this was not possible is told beside it. */
async function issueOne(parts: IssueDueParts, due: Admitted<Due>, options: ReconcileOptions): Promise<IssuedDue> {
  if (parts.limit.over()) return { outcomes: [waits({ ...due, because: 'the time of this run is over' })], notBegun: 1 }
  try {
    return { outcomes: await tryOne(parts, due, options), notBegun: 0 }
  } catch (error) {
    const insisted = [...(options.force ?? []), ...(options.wanted ?? [])].length > 0
    const errors = [error, ...(await unrecorded(recordFailure(parts, due.target, error, insisted)))]
    return { outcomes: errors.map(each => failedOf(due.target, each)), notBegun: 0 }
  }
}

async function tryOne(parts: IssueDueParts, due: Admitted<Due>, options: ReconcileOptions): Promise<Outcome[]> {
  const { world, state, signal, targets, live } = parts
  const { target, names, mostOrders, lacking, replaces } = due
  signal.throwIfAborted()
  const deferral = caDeferral(due, state.ledger(), circumstances(world, targets.length, options))
  if (deferral) return [waits({ ...due, ...deferral })] // what became of others meanwhile counts for this one, too
  world.log.info(`${target.file}: ${due.why}`)
  const issued = await issue(parts, target, { names, needed: lacking, mostOrders, replaces })
  world.log.info(`${target.file}: certificate ${issued.id} issued`)
  if (replaces && (issued.replaced || replaces.windowBegun)) noteSuccessor(state, replaces, issued.id)
  live.issued() // first: a ledger that cannot be written must not keep a new certificate from going live
  await state.renewals().save()
  await recordSuccess(parts, target, issued)
  const outcome: Outcome = { subject: target.file, names: issued.names, result: 'issued' }
  if (issued.missing.size === 0) return [outcome]
  const error = whyMissing(issued.missing)
  return [outcome, { subject: target.file, names: [...issued.missing.keys()], result: 'failed', error }]
}

/** What the CA has replaced for us goes out of service, whichever of the two ends later: noted before links are looked at. */
function noteSuccessor(state: IssueParts['state'], { certificate }: Predecessor, successor: string): void {
  state.renewals().keep(certificate, { replaced: true, successor })
}

/** Why something could not be written down, if so. */
const unrecorded = (recording: Promise<void>): Promise<unknown[]> =>
  recording.then(
    () => [],
    (problem: unknown) => [problem],
  )

/** A target is known by its file; its names are those at fault. */
const failedOf = (target: Target, error: unknown): Outcome => ({
  subject: target.file,
  names: atFault(target, error),
  result: 'failed',
  error,
})

/** Of a partial target those that the error names, else all: without request.partial one bad name fails the others. */
const atFault = ({ partial, names }: Target, error: unknown): readonly Name[] => {
  const some = partial && error instanceof Dns01Error ? names.filter(name => error.byName.has(name)) : []
  return some.length > 0 ? some : names
}
