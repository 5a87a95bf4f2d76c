import pLimit from 'p-limit'
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import {
  type Admitted,
  admit,
  caDeferral,
  circumstances,
  type Deferred,
  deferralText,
  forceHint,
  hasTime,
} from '../limits/admission.js'
import { recordFailure, recordSuccess, whyMissing } from '../limits/record-result.js'
import type { Publisher } from '../publish/publisher.js'
import type { Certificate } from '../state/certificates.js'
import { serverPart } from '../state/layout.js'
import type { Responses } from '../state/responses.js'
import type { StateDir } from '../state/state-dir.js'
import { openAuthorities } from './authorities.js'
import { openSlots } from './concurrency.js'
import { GoingLive } from './going-live.js'
import { type IssueParts, issue } from './issue.js'
import { type HookFailure, mendKeyLinks, pointLinks, tellWhatChanged } from './links.js'
import { slowClock } from './outlook.js'
import { type Due, firstWave, type LinkChange, type Plan, plan } from './plan.js'
import { awaitedAtMostHours, resume } from './resume.js'
import { revoke } from './revoke.js'
import { leftOver, noRunLimit, type RunLimit } from './run-limit.js'

/** What became of one thing the run had to do. */
export interface Outcome {
  /** Target file, certificate id, or hook. */
  readonly subject: string
  readonly names: readonly Name[]
  /** `waits`: earlier failures, or what the CA allows, leave it to a later run. `left`: TXT records that may be up. */
  readonly result: 'issued' | 'resumed' | 'revoked' | 'linked' | 'failed' | 'waits' | 'left'
  readonly error?: unknown
  /** Of what waits: a name has no valid certificate meanwhile. */
  readonly notLive?: boolean
}

export interface ReconcileParts {
  readonly world: World
  readonly state: StateDir
  readonly publisher: Publisher
  readonly responses: Responses
  readonly signal: AbortSignal
  /** Targets worked on at the same time. */
  readonly parallel: number
  readonly hookFolders: readonly string[]
  /** None when absent. Its signal stops what goes to the CA; `signal` alone stops the hooks, too. */
  readonly limit?: RunLimit
}

export interface ReconcileOptions {
  readonly force?: readonly Name[] | undefined
  readonly onlyFiles?: readonly string[] | undefined
  /** Names somebody has just wanted: dns01's own back-off does not hold them up. */
  readonly wanted?: readonly Name[] | undefined
}

/**
 * Makes true what desired/ says, under the lock: clears up what an earlier run left, then revokes, resumes, issues,
 * links, and tells the hooks, both while other targets are still under way. Whatever fails is an Outcome; the rest goes on.
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions = {}): Promise<Outcome[]> {
  const { state, publisher } = parts
  await publisher.recover()
  const { targets, problems } = state.targets()
  const outcomes: Outcome[] = problems.map(error => ({ subject: 'desired', names: [], result: 'failed', error }))
  const now = parts.world.clock.now()
  const there = held(parts, targets)
  for (const { message, hint } of slowClock(there.certificates, now)) parts.world.log.warn(message, hint)
  await mendKeyLinks(state, there)
  const first = plan(there, { ...options, now })
  if (nothingIsDue(first)) {
    await pointLinks(state, first.link) // what was read still holds: with ten thousand certificates a look takes a second
    return [...outcomes, ...first.link.map(linked), ...(await tellWhatChanged(parts)).map(hookFailed)]
  }
  const live = new GoingLive(parts, targets)
  try {
    outcomes.push(...(await obtain({ ...parts, live }, targets, first, options)))
  } finally {
    await publisher.close()
    const went = await live.finish()
    outcomes.push(...went.linked.map(linked))
    if (went.error !== undefined) outcomes.push({ subject: 'live', names: [], result: 'failed', error: went.error })
    outcomes.push(...went.failed.map(hookFailed))
  }
  return outcomes
}

const nothingIsDue = ({ revoke, resume, issue }: Plan): boolean => revoke.length + resume.length + issue.length === 0

const linked = ({ link }: LinkChange): Outcome => ({ subject: link, names: [], result: 'linked' })
const hookFailed = ({ hook, error }: HookFailure): Outcome => ({ subject: hook, names: [], result: 'failed', error })

interface ObtainParts extends ReconcileParts {
  readonly live: GoingLive
}

async function obtain(
  parts: ObtainParts,
  targets: readonly Target[],
  first: Plan,
  options: ReconcileOptions,
): Promise<Outcome[]> {
  const { world, state, responses } = parts
  const limit = parts.limit ?? noRunLimit(parts.signal)
  const { signal } = limit
  await state.ledger().mend()
  const authorities = openAuthorities({ world, state, responses, defaults: state.defaults(), signal })
  const all = { ...parts, authorities, began: world.clock.now(), targets, limit, signal, left: new Set<Target>() }
  const revoked = await revokeAll(all, first.revoke)
  const { resumed, awaited } = await resumeAll(all, first.resume)
  const cleared = [...revoked, ...resumed]
  const due =
    cleared.length === 0 ? first.issue : plan(held(parts, targets), { ...options, now: world.clock.now() }).issue
  const because = 'the CA is still at the order that an earlier run made'
  const now = world.clock.now()
  const ends = ({ notAfter }: Due): boolean =>
    notAfter !== undefined && notAfter.getTime() - now.getTime() < awaitedAtMostHours * 3_600_000
  const mayWait = (one: Due): boolean => !one.forced && (!one.live || hasTime(one, now) || !ends(one))
  const wait = due.filter(one => mayWait(one) && isAwaited(one.target, awaited))
  const go = due.filter(one => !wait.includes(one))
  const outcomes = await issueAll(all, go, options)
  return [...cleared, ...wait.map(one => waits({ ...one, because })), ...outcomes, ...endOfRun(all)]
}

/** Where the time of the run was too short, that is its fault, also when all it left have time. */
const endOfRun = ({ limit, left }: Issuing): Outcome[] =>
  left.size === 0 ? [] : [{ subject: 'the run', names: [], result: 'failed', error: leftOver(limit, left.size) }]

/** An order that the CA is still at. */
interface Awaited {
  readonly server: string | undefined
  readonly names: readonly Name[]
}

const isAwaited = ({ ca, requestNames }: Target, all: readonly Awaited[]): boolean =>
  all.some(order => order.server === serverPart(ca) && requestNames.every(name => order.names.includes(name)))

const held = ({ state }: ReconcileParts, targets: readonly Target[]) => ({
  targets,
  certificates: state.certificates(),
  links: state.links(),
})

interface Issuing extends IssueParts, ObtainParts {
  readonly began: Date
  readonly targets: readonly Target[]
  readonly limit: RunLimit
  /** Those that were not begun, since the time of the run was over. */
  readonly left: Set<Target>
}

/**
 * Every due target on its own, many at a time, but for those that must wait; those that another may make unnecessary are
 * looked at again afterwards.
 */
async function issueAll(parts: Issuing, due: readonly Due[], options: ReconcileOptions): Promise<Outcome[]> {
  if (due.length === 0) return []
  const { world, state } = parts
  const wave = firstWave(due)
  const around = circumstances(world, parts.targets.length, options)
  const { admitted, deferred, afterwards } = admit(wave.now, state.ledger(), around)
  const slots = openSlots(world, parts.parallel)
  const outcomes = await Promise.all(admitted.map(one => slots(() => issueOne(parts, one, options))))
  const later = [...wave.later, ...afterwards].map(one => one.target)
  const still = later.length === 0 ? [] : plan(held(parts, later), { ...options, now: world.clock.now() }).issue
  return [...deferred.map(waits), ...outcomes.flat(), ...(await issueAll(parts, still, options))]
}

async function issueOne(parts: Issuing, due: Admitted<Due>, options: ReconcileOptions): Promise<Outcome[]> {
  const { world, state, signal, limit } = parts
  const { target, names, mostOrders, why } = due
  if (limit.over()) {
    parts.left.add(target)
    return [waits({ ...due, because: 'the time of this run is over' })]
  }
  const about = { subject: target.file, names: target.names }
  try {
    signal.throwIfAborted()
    const deferral = caDeferral(due, state.ledger(), circumstances(world, parts.targets.length, options))
    if (deferral) return [waits({ ...due, ...deferral })]
    world.log.info(`${target.file}: ${why}`)
    const issued = await issue(parts, target, { names, needed: due.lacking, mostOrders })
    world.log.info(`${target.file}: certificate ${issued.id} issued`)
    parts.live.issued()
    await recordSuccess(parts, target, issued)
    const missing = [...issued.missing.keys()]
    const lacks: Outcome = { subject: target.file, names: missing, result: 'failed', error: whyMissing(issued.missing) }
    return [{ ...about, names: issued.names, result: 'issued' }, ...(missing.length > 0 ? [lacks] : [])]
  } catch (error) {
    const insisted = [...(options.force ?? []), ...(options.wanted ?? [])].length > 0
    const unwritten = await recordFailure(parts, target, error, insisted).catch((problem: unknown) => problem)
    const errors = unwritten === undefined ? [error] : [error, unwritten]
    return errors.map(each => ({ ...about, names: atFault(target, each), result: 'failed', error: each }))
  }
}

const atFault = ({ partial, names }: Target, error: unknown): readonly Name[] => {
  const some = partial && error instanceof Dns01Error ? names.filter(name => error.byName.has(name)) : []
  return some.length > 0 ? some : names
}

/** As cron must know it: not an error of this run, but a name that is not live is not a success. */
const waits = (deferred: Deferred<Due>): Outcome => ({
  subject: deferred.target.file,
  names: deferred.target.names,
  result: 'waits',
  notLive: !deferred.live,
  error: new Dns01Error('UNAVAILABLE', `${deferred.target.file}: ${deferred.why}; ${deferralText(deferred)}`, {
    hint: deferred.failure && [deferred.failure.hint, forceHint(deferred.target.names)].filter(Boolean).join('; '),
  }),
})

async function resumeAll(
  parts: Issuing,
  left: readonly Certificate[],
): Promise<{ readonly resumed: Outcome[]; readonly awaited: Awaited[] }> {
  const atATime = pLimit(parts.parallel)
  const resumed: Outcome[] = []
  const awaited: Awaited[] = []
  const one = async (certificate: Certificate): Promise<void> => {
    const { id, awaited: names } = await resume(parts, certificate, parts.targets)
    if (id !== undefined) {
      resumed.push({ subject: id, names: [], result: 'resumed' })
      parts.live.issued()
    }
    if (names) awaited.push({ server: certificate.accountId?.split('/')[0], names })
  }
  await Promise.all(left.map(certificate => atATime(() => one(certificate).catch(() => undefined))))
  return { resumed, awaited }
}

/** Tells the CA to revoke what somebody marked: with the account's key, else with the certificate's own (RFC 8555 §7.6). */
async function revokeAll(parts: Issuing, marked: readonly Certificate[]): Promise<Outcome[]> {
  return Promise.all(
    marked.map(async (certificate): Promise<Outcome> => {
      const about = { subject: certificate.id, names: certificate.facts?.names ?? [] }
      try {
        await revoke(parts, certificate)
        await parts.state.markRevoked(certificate.id)
        return { ...about, result: 'revoked' }
      } catch (error) {
        return { ...about, result: 'failed', error }
      }
    }),
  )
}
