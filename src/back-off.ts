import { serverOf } from './ca-limits.js'
import { codeOf } from './errors.js'
import { type Name, withoutWildcard } from './names.js'
import type { Due } from './plan.js'
import type { Failure, Memory } from './state/ledger.js'
import type { Target } from './target.js'

/** What goes wrong again and again is tried again after a minute, ten, a hundred, then once a day (Let's Encrypt's integration guide). */
const backOffMinutes = [1, 10, 100, 1440] as const

/** A CA that fails as a whole is tried again after a hundred minutes at the latest: one request is enough to know. */
export const wholeCaBackOffMinutes = [1, 10, 100] as const

/** A Retry-After beyond this is a mistake. The slowest limit of Let's Encrypt lets go after 34 hours. */
const longestNotBeforeDays = 7

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

/** When it may be tried again. */
export function nextTry(failure: Failure, steps: readonly number[] = backOffMinutes): Date {
  const ours = later(failure.last, (steps[Math.min(failure.times, steps.length) - 1] ?? 0) * minuteMs)
  const theirs = failure.notBefore ?? ours
  return ours > theirs ? ours : theirs
}

/** What the user's insisting sets aside: nothing; our own back-off (want); also what the CA asked (--force). */
export type Insistence = 'none' | 'want' | 'force'

/** Until when this failure makes us wait; undefined when not, or no longer. */
export function waitsUntil(
  failure: Failure | undefined,
  now: Date,
  insistence: Insistence,
  steps?: readonly number[],
): Date | undefined {
  if (!failure || insistence === 'force') return undefined
  const until = insistence === 'want' ? failure.notBefore : nextTry(failure, steps)
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
export function failureOf({ target, lacking }: Due, memory: Memory): Failed | undefined {
  const ofCa = memory.failures.get(caKey(target.ca))
  if (ofCa) return { ...ofCa, nextTry: nextTry(ofCa, wholeCaBackOffMinutes) }
  const own = memory.failures.get(targetKey(target))
  const named = target.partial ? lacking.flatMap(name => nameFailure(target, name, memory) ?? []) : []
  const failure = own ?? named[0]
  return failure && { ...failure, nextTry: nextTry(failure) }
}

/** 2026-01-31T12:00Z */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16)}Z`
