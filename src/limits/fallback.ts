// A second CA (request.fallback): when it is asked in the place of the first. It is there for the day on which a CA fails as a
// whole, which happens to each of them once a year; on all other days certificates come from the CA that somebody chose.
import type { Target } from '../core/target.js'
import type { Failure } from '../state/ledger.js'
import type { AtStake } from './backoff.js'

/**
 * Nobody can say when the next run comes. acmetool's cron line is a run a day, the slowest that is common; so what ends
 * within a day is asked for elsewhere now.
 */
const nextRunAfterHours = 24

const hourMs = 3_600_000

interface Waiting extends AtStake {
  readonly target: Pick<Target, 'fallbackAfterHours'>
  /** Every name of it has a certificate that is valid still. */
  readonly live: boolean
}

/**
 * Whether to go to another CA, the one that was asked having failed as a CA (no connection, 5xx, a limit): when a name would
 * be without a valid certificate before the next try, or when it has failed for as long as somebody wrote down. What failed
 * before this renewal was due is another story. Pure.
 */
export function isTimeForAnother(
  { target, live, renewAt, notAfter }: Waiting,
  { since }: Pick<Failure, 'since'>,
  nextTry: Date,
  now: Date,
): boolean {
  const nextChance = Math.max(nextTry.getTime(), now.getTime() + nextRunAfterHours * hourMs)
  if (!live || notAfter === undefined || notAfter.getTime() <= nextChance) return true
  if (target.fallbackAfterHours === undefined) return false
  const failingSince = Math.max(since.getTime(), renewAt?.getTime() ?? 0)
  return now.getTime() - failingSince >= target.fallbackAfterHours * hourMs
}
