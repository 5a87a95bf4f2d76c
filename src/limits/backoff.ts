// Back-off: what fails again and again is tried ever more seldom, by what the ledger remembers of it. So a run every few
// hours neither wears a CA out nor spends what it allows, and a certificate that is about to end is tried often all the
// same.
import { minute } from '../core/dates.js'
import { codeOf, hintsOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { Failure, Memory } from '../state/ledger.js'
import { caKey, namesKey, targetKey } from '../state/ledger-keys.js'

/**
 * Pauses after the first failure, the second …: a minute, ten, a hundred, then once a day (Let's Encrypt's integration
 * guide, letsencrypt.org/docs/integration-guide). A day is 20 hours here: after 24, the run of a daily cron line comes
 * some seconds too early each time, since it failed some seconds after it began, and every second day is lost.
 */
const pausesMinutes = [1, 10, 100, 1200] as const

/** A CA that fails as a whole is tried again after a hundred minutes at the latest: one request is enough to know. */
const pausesOfCaMinutes = [1, 10, 100] as const

/**
 * A Retry-After beyond this is a mistake: the slowest limit of Let's Encrypt lets go after 34 hours
 * (letsencrypt.org/docs/rate-limits).
 */
const longestRetryAfterDays = 7

/** For a certificate past half of its margin: the pause of the step before the last, so that a day has more than ten tries. */
const hurriedMinutes = 100

/** Our own choice: no pause takes more of what is left of a certificate, so that at least ten tries are made before it ends. */
const shareOfWhatIsLeft = 1 / 10

const minuteMs = 60_000

const later = (at: Date, ms: number): Date => new Date(at.getTime() + ms)

/**
 * Whether a failure makes the next runs wait: the CA or the DNS said no, or later. What is wrong on this machine is tried
 * at once.
 */
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
  const capSeconds = longestRetryAfterDays * 86_400
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

/** When the certificate that a failure keeps from being renewed was due, and when it ends; neither where there is none. */
export interface AtStake {
  readonly renewAt?: Date | undefined
  readonly notAfter?: Date | undefined
}

/** When it may be tried again: the sooner, the less is left of the certificate at stake; never before the CA's Retry-After. */
export const nextTry = (failure: Failure, atStake: AtStake = {}): Date => nextTryBy(pausesMinutes, failure, atStake)

/** The same of a CA that failed as a whole. */
export const nextTryOfCa = (failure: Failure, atStake: AtStake): Date => nextTryBy(pausesOfCaMinutes, failure, atStake)

function nextTryBy(pauses: readonly number[], failure: Failure, atStake: AtStake): Date {
  const usual = pauses[Math.min(failure.times, pauses.length) - 1] ?? 0
  const ours = later(failure.last, Math.min(usual, longestPauseMinutes(atStake, failure.last)) * minuteMs)
  const theirs = failure.notBefore ?? ours
  return ours > theirs ? ours : theirs
}

/** The longest pause that a certificate bears. One that ended longer ago than its margin is missed by nobody. */
function longestPauseMinutes({ renewAt, notAfter }: AtStake, at: Date): number {
  if (!renewAt || !notAfter) return Number.POSITIVE_INFINITY
  const marginMinutes = (notAfter.getTime() - renewAt.getTime()) / minuteMs
  const leftMinutes = (notAfter.getTime() - at.getTime()) / minuteMs
  if (leftMinutes < -marginMinutes) return Number.POSITIVE_INFINITY
  if (leftMinutes <= 0) return hurriedMinutes
  const share = Math.max(1, leftMinutes * shareOfWhatIsLeft)
  return leftMinutes < marginMinutes / 2 ? Math.min(share, hurriedMinutes) : share
}

/** What a user's command sets aside: nothing; our own back-off (want); also the CA's Retry-After (--force). */
export type Override = 'none' | 'want' | 'force'

/** Until when this failure makes us wait; undefined when not, or no longer. */
export const waitsUntil = (failure: Failure | undefined, now: Date, override: Override, atStake?: AtStake) =>
  failure && stillAhead(nextTry(failure, atStake), failure, now, override)

/** The same of a CA that failed as a whole. */
export const caWaitsUntil = (failure: Failure | undefined, now: Date, override: Override, atStake: AtStake = {}) =>
  failure && stillAhead(nextTryOfCa(failure, atStake), failure, now, override)

function stillAhead(next: Date, { notBefore }: Failure, now: Date, override: Override): Date | undefined {
  if (override === 'force') return undefined
  const until = override === 'want' ? notBefore : next
  return until && now < until ? until : undefined
}

export interface Failed extends Failure {
  readonly nextTry: Date
}

/** Of one name at the target's CA; those of a target as a whole are kept by all its names together (ledger-keys.ts). */
export const nameFailure = ({ ca }: Target, name: Name, memory: Memory): Failure | undefined =>
  memory.failures.get(namesKey(ca, [name]))

/** For people: how often, since when, what was said, what to do. */
export const failedText = ({ times, since, message, hint }: Failure): string =>
  `failed ${times === 1 ? '' : `${times} times `}since ${minute(since)}: ${message}${hint ? ` (${hintsOf(hint)?.join('; ')})` : ''}`

/** What went wrong with a due target when it was last tried: with its CA, with itself, or with a name that a `partial` one lacks. */
export function failureOf(
  due: AtStake & { readonly target: Target; readonly lacking: readonly Name[] },
  memory: Memory,
): Failed | undefined {
  const { target, lacking } = due
  const ofCa = memory.failures.get(caKey(target.ca))
  if (ofCa) return { ...ofCa, nextTry: nextTryOfCa(ofCa, due) }
  const own = memory.failures.get(targetKey(target))
  const named = target.partial ? lacking.flatMap(name => nameFailure(target, name, memory) ?? []) : []
  const failure = own ?? named[0]
  return failure && { ...failure, nextTry: nextTry(failure, due) }
}
