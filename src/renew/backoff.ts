import { codeOf } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { Failure, Memory } from '../state/ledger.js'
import { serverOf } from './ca-limits.js'
import type { Due } from './plan.js'

/**
 * What goes wrong again and again is tried again after a minute, ten, a hundred, then once a day (Let's Encrypt's
 * integration guide). A day is 20 hours here: after 24, the run of a daily cron line comes some seconds too early each
 * time, since it failed some seconds after it began, and every second day is lost.
 */
const backOffMinutes = [1, 10, 100, 1200] as const

/** A CA that fails as a whole is tried again after a hundred minutes at the latest: one request is enough to know. */
export const wholeCaBackOffMinutes = [1, 10, 100] as const

/** A Retry-After beyond this is a mistake. The slowest limit of Let's Encrypt lets go after 34 hours. */
const longestNotBeforeDays = 7

/** With a certificate past half of its margin the pauses stay as short as they are at this step. */
const hurriedMinutes = 100
/** No pause takes more of what is left of a certificate: so ten tries at least are made before it ends. */
const shareOfWhatIsLeft = 1 / 10

const minuteMs = 60_000

const later = (at: Date, ms: number): Date => new Date(at.getTime() + ms)

/** The keys of the ledger: a CA as a whole, names at a CA, an order, one identifier at a CA. */
export const caKey = (ca: string): string => serverOf(ca)
export const namesKey = (ca: string, names: readonly Name[]): string => `${serverOf(ca)} ${[...names].sort().join(',')}`
export const targetKey = (target: Target): string => namesKey(target.ca, target.requestNames)
export const orderKey = (url: string): string => `order ${url}`
export const validationKey = (ca: string, name: Name): string => `${serverOf(ca)} ${withoutWildcard(name)}`

/** Whether a failure makes the next runs wait: the CA or the DNS said no or later. What is wrong here is not waited for. */
export const isCounted = (error: unknown): boolean => ['REFUSED', 'UNAVAILABLE', 'NOT_VISIBLE'].includes(codeOf(error))

/** One failure more. `retryAfterSeconds` is what the CA said, if it did. */
export function afterFailure(
  before: Failure | undefined,
  now: Date,
  {
    retryAfterSeconds,
    ...what
  }: Pick<Failure, 'code' | 'message' | 'hint'> & { retryAfterSeconds?: number | undefined },
): Failure {
  const capSeconds = longestNotBeforeDays * 86_400
  return {
    ...what,
    since: before?.since ?? now,
    last: now,
    times: (before?.times ?? 0) + 1,
    ...(retryAfterSeconds !== undefined && {
      notBefore: later(now, Math.min(retryAfterSeconds, capSeconds) * 1000),
    }),
  }
}

/** The certificate that a failure keeps from being renewed, if there is one. */
export type AtStake = Pick<Due, 'renewAt' | 'notAfter'>

/** When it may be tried again: the sooner, the less is left of what is at stake. */
export function nextTry(failure: Failure, atStake: AtStake = {}, steps: readonly number[] = backOffMinutes): Date {
  const usual = steps[Math.min(failure.times, steps.length) - 1] ?? 0
  const ours = later(failure.last, Math.min(usual, patienceMinutes(atStake, failure.last)) * minuteMs)
  const theirs = failure.notBefore ?? ours
  return ours > theirs ? ours : theirs
}

/** The longest pause that a certificate bears. One that ended longer ago than its margin is missed by nobody. */
function patienceMinutes({ renewAt, notAfter }: AtStake, at: Date): number {
  if (!renewAt || !notAfter) return Number.POSITIVE_INFINITY
  const marginMinutes = (notAfter.getTime() - renewAt.getTime()) / minuteMs
  const leftMinutes = (notAfter.getTime() - at.getTime()) / minuteMs
  if (leftMinutes < -marginMinutes) return Number.POSITIVE_INFINITY
  if (leftMinutes <= 0) return hurriedMinutes
  const share = Math.max(1, leftMinutes * shareOfWhatIsLeft)
  return leftMinutes < marginMinutes / 2 ? Math.min(share, hurriedMinutes) : share
}

/** What the user's insisting sets aside: nothing; our own back-off (want); also what the CA asked (--force). */
export type Insistence = 'none' | 'want' | 'force'

/** Until when this failure makes us wait; undefined when not, or no longer. */
export function waitsUntil(
  failure: Failure | undefined,
  now: Date,
  insistence: Insistence,
  atStake?: AtStake,
  steps?: readonly number[],
): Date | undefined {
  if (!failure || insistence === 'force') return undefined
  const until = insistence === 'want' ? failure.notBefore : nextTry(failure, atStake, steps)
  return until && now < until ? until : undefined
}

export interface Failed extends Failure {
  readonly nextTry: Date
}

export const nameFailure = ({ ca }: Target, name: Name, memory: Memory): Failure | undefined =>
  memory.failures.get(namesKey(ca, [name]))

/** For people: how often, since when, what was said, what to do. */
export const failedText = ({ times, since, message, hint }: Failure): string =>
  `failed ${times === 1 ? '' : `${times} times `}since ${minute(since)}: ${message}${hint ? ` (${hint})` : ''}`

/** What went wrong with a due target when it was last tried: with its CA, with itself, or with a name that a `partial` one lacks. */
export function failureOf(due: Due, memory: Memory): Failed | undefined {
  const { target, lacking } = due
  const ofCa = memory.failures.get(caKey(target.ca))
  if (ofCa) return { ...ofCa, nextTry: nextTry(ofCa, due, wholeCaBackOffMinutes) }
  const own = memory.failures.get(targetKey(target))
  const named = target.partial ? lacking.flatMap(name => nameFailure(target, name, memory) ?? []) : []
  const failure = own ?? named[0]
  return failure && { ...failure, nextTry: nextTry(failure, due) }
}

/** 2026-01-31T12:00Z */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16)}Z`
