// Waits for the CA to validate or to sign (RFC 8555 §7.4, §7.5.1). ACME has no way to tell the client that something
// is done, so it must look again: too seldom wastes time, too often meets the rate limit, and a Retry-After settles
// it. When to look where there is none, pace.ts says.
import { Dns01Error } from '../core/errors.js'
import { longestRetryAfterSeconds } from '../core/retry.js'
import type { Stage } from './pace.js'
import { type Answer, retryAfterOf } from './response.js'
import type { Session } from './session.js'

/** How long to wait, and what is known of the wait before it begins. */
export interface PollLimits {
  /** For all looks and pauses together. What is not done then is not lost: the next run resumes the order. */
  readonly giveUpAfterSeconds: number
  /** What is waited for: so it is known the next time how long that takes. */
  readonly stage?: Stage
  /** What the CA said when it was asked for this (RFC 8555 §7.4: the answer to finalize may have a Retry-After). Only for
   *  the first look; each answer after that has its own, or none. */
  readonly retryAfterSeconds?: number | undefined
}

/**
 * Looks until `isDone`; the price is a request for each look. A Retry-After of the last answer beats our own pause (RFC 8555
 * §7.4, §7.5.1), up to a cap, since a CA that asks for an hour must not hold the lock for an hour. When time is nearly up
 * there is one last look: a pause that is cut short would have been for nothing without it.
 * @throws Dns01Error UNAVAILABLE when it is not done in time
 */
export async function poll<T extends { readonly status: string }>(
  { world, pace }: Pick<Session, 'world' | 'pace'>,
  look: () => Promise<{ readonly value: T; readonly answer: Answer }>,
  isDone: (value: T) => boolean,
  {
    what,
    giveUpAfterSeconds,
    stage,
    retryAfterSeconds,
    signal,
  }: PollLimits & { readonly what: string; readonly signal: AbortSignal },
): Promise<T> {
  const began = world.clock.now().getTime()
  const elapsed = (): number => (world.clock.now().getTime() - began) / 1000
  let said = retryAfterSeconds
  // Only a wait that was all our own choice teaches how long this CA takes; what it says itself is its answer, not its speed.
  let isOurs = said === undefined
  let own = pace.firstPauseSeconds(stage)
  for (let looks = 0; ; looks++) {
    const pauseSeconds = Math.min(said ?? own, longestRetryAfterSeconds)
    await world.clock.sleep(Math.min(pauseSeconds, Math.max(0, giveUpAfterSeconds - elapsed())), signal)
    const lookedAfter = elapsed()
    // the time is that at which the look began: how long the answer travelled says nothing of when it was done
    const { value, answer } = await look()
    if (isDone(value)) {
      if (isOurs) pace.done(stage, lookedAfter, looks === 0)
      return value
    }
    // after the look and not before, so that whoever waits in vain was told the last status that the CA gave
    if (elapsed() >= giveUpAfterSeconds)
      throw new Dns01Error('UNAVAILABLE', `${what}: still ${value.status} after ${giveUpAfterSeconds} s`, {
        hint: 'the CA is slow; the next run takes it up again',
      })
    said = retryAfterOf(answer, world.clock.now())
    isOurs = isOurs && said === undefined
    own = pace.nextPauseSeconds(stage, elapsed())
  }
}
