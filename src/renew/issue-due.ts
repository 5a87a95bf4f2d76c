// Issuing for all targets that are due: which start now, many at a time, and what became of each. Every target is on its
// own; what they share (an account, a zone's changes) is gathered further down, by authorities.ts and the publisher.
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { certificateStep } from '../core/progress.js'
import type { Target } from '../core/target.js'
import type { Step } from '../core/world.js'
import {
  type Admitted,
  admit,
  asWanted,
  atWhichCa,
  caDeferral,
  circumstances,
  type Predecessor,
} from '../limits/admission.js'
import { recordFailure, recordSuccess, whyMissing } from '../limits/record-result.js'
import { limitConcurrency } from './concurrency.js'
import { type Due, dueTargets, firstWave, type ReconcileOptions } from './due.js'
import { whyNotInstead } from './fallback.js'
import type { GoingLive } from './going-live.js'
import { type IssueParts, issue } from './issue.js'
import { held } from './links.js'
import { type Outcome, waits } from './outcome.js'
import { noteEnds } from './persistent.js'
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

interface Tried extends IssuedDue {
  /** It is to be asked of another CA now (request.fallback); if that gives a certificate, what this one said is of no interest. */
  readonly elsewhere?: Due | undefined
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
  for (const { target } of admitted.slice(parallel))
    world.log.step(certificateStep(target, { stage: 'waiting for its turn' }))
  const inTurn = limitConcurrency(world, parallel)
  const done = await Promise.all(admitted.map(one => inTurn(() => issueOne(parts, one, options))))
  // Looked at anew and not just tried: what the first wave issued may serve these now, and what failed there counts.
  const later = [...wave.later, ...afterwards].map(one => one.target)
  const still = later.length === 0 ? [] : dueTargets(held(state, later), { ...options, now: world.clock.now() })
  const rest = await issueDue(parts, [...still, ...done.flatMap(one => one.elsewhere ?? [])], options)
  const issued = new Set(rest.outcomes.flatMap(one => (one.result === 'issued' ? [one.subject] : [])))
  const told = done.filter(({ elsewhere }) => elsewhere === undefined || !issued.has(elsewhere.target.file))
  return {
    outcomes: [...deferred.map(waits), ...told.flatMap(one => one.outcomes), ...rest.outcomes],
    notBegun: done.reduce((sum, one) => sum + one.notBegun, rest.notBegun),
  }
}

/** Never throws. A failure is recorded for the next runs; that this was not possible is told beside it. */
async function issueOne(parts: IssueDueParts, due: Admitted<Due>, options: ReconcileOptions): Promise<Tried> {
  const end = (more: Pick<Step, 'result' | 'detail'>): void => parts.world.log.step(certificateStep(due.target, more))
  if (parts.limit.over()) {
    end({})
    return { outcomes: [waits({ ...due, because: 'the time of this run is over' })], notBegun: 1 }
  }
  const mayGoOn = (outcomes: Outcome[]): Tried => ({ outcomes, notBegun: 0, elsewhere: elsewhere(parts, due, options) })
  try {
    const notNow = await whyNotNow(parts, due, options)
    if (notNow) {
      end({})
      return mayGoOn([notNow])
    }
    const outcomes = await tryOne(parts, due)
    end({ result: 'issued' })
    return { outcomes, notBegun: 0 }
  } catch (error) {
    end(parts.signal.aborted ? {} : { result: 'failed', detail: () => messageOf(error) })
    const insisted = [...(options.force ?? []), ...(options.wanted ?? [])].length > 0
    const errors = [error, ...(await unrecorded(recordFailure(parts, due.target, error, insisted)))]
    const outcomes = errors.map(each => failedOf(due.target, each))
    // What the DNS or our own machine has done wrong, or the CA has against the name, another CA would meet with as well.
    return error instanceof Dns01Error && error.caFailed ? mayGoOn(outcomes) : { outcomes, notBegun: 0 }
  }
}

/**
 * With the CA that has just failed it marked, if another one is to be asked. It goes through admission again, with the next
 * wave, and not straight to that CA: forty targets that come at once must not go beyond what that one allows.
 */
function elsewhere(
  { state, world, targets }: IssueDueParts,
  due: Admitted<Due>,
  options: ReconcileOptions,
): Due | undefined {
  const tried = { ...asWanted(due), tried: [...(due.tried ?? []), due.target.ca] }
  const there = atWhichCa<Due>(tried, state.ledger(), circumstances(world, targets.length, options))
  return there.target.insteadOf === undefined ? undefined : tried
}

/** What became of others meanwhile counts for this one, too; and a CA that stands in for another must be allowed to. */
async function whyNotNow(
  parts: IssueDueParts,
  due: Admitted<Due>,
  options: ReconcileOptions,
): Promise<Outcome | undefined> {
  const { world, state, signal, targets } = parts
  signal.throwIfAborted()
  const deferral = caDeferral(due, state.ledger(), circumstances(world, targets.length, options))
  if (deferral) return waits({ ...due, ...deferral })
  const { insteadOf, ca, file } = due.target
  if (insteadOf === undefined) return undefined
  const refusal = await whyNotInstead(parts, due.target, due.names)
  // Not written into the ledger: nobody has asked the CA for anything, and once somebody agrees it must go on at once.
  if (refusal) return failedOf(due.target, refusal)
  world.log.notice(`${file}: asking ${ca} in the place of ${insteadOf}, which failed: ${due.insteadBecause}`)
  return undefined
}

/**
 * One certificate, from the order to the ledger. A stop after issue() loses nothing but the ledger's line: the certificate is on
 * disk, the next run finds that the target is satisfied, and links it. @throws what kept it from being issued or recorded
 */
async function tryOne(parts: IssueDueParts, due: Admitted<Due>): Promise<Outcome[]> {
  const { world, state, live } = parts
  const { target, names, mostOrders, lacking, replaces } = due
  world.log.info(`${target.file}: ${due.why}`)
  const issued = await issue(parts, target, { names, needed: lacking, mostOrders, replaces })
  world.log.info(`${target.file}: certificate ${issued.id} issued`)
  if (replaces && (issued.replaced || replaces.windowBegun)) noteSuccessor(state, replaces, issued.id)
  if (replaces?.windowBegun && replaces.early)
    state.renewals().keep(issued.id, { askAgain: new Date(world.clock.now().getTime() + graceMs) })
  live.issued() // first: a ledger that cannot be written must not keep a new certificate from going live
  await state.renewals().save()
  await noteEnds(parts, target, issued)
  await recordSuccess(parts, target, issued)
  const outcome: Outcome = { subject: target.file, names: issued.names, result: 'issued' }
  if (issued.missing.size === 0) return [outcome]
  const error = whyMissing(issued.missing)
  return [outcome, { subject: target.file, names: [...issued.missing.keys()], result: 'failed', error }]
}

/**
 * What was got before its time because the CA wanted so is not asked about for a day, in which our own dates hold. A CA that
 * takes all back says so of the certificates before; one that says it of each new one has made a mistake, and such orders
 * are exempt from its limits and so from ours: every run would make one. RFC 9773 §4.2 has no bound to "immediately".
 */
const graceMs = 86_400_000

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
