// Waits for the CA to validate or to sign (RFC 8555 §7.4, §7.5.1). ACME has no way to tell the client that something
// is done, so it must look again: too seldom wastes time, too often meets the rate limit, and a Retry-After settles
// it.
import { Dns01Error } from '../core/errors.js'
import { longestRetryAfterSeconds } from '../core/retry.js'
import type { Stage } from './pace.js'
import { type Answer, retryAfterOf } from './response.js'
import type { Session } from './session.js'

/** How long to wait, and what is known of the wait before it begins. */
export interface PollLimits {
  readonly giveUpAfterSeconds: number
  /** What is waited for: so it is known the next time how long that takes. */
  readonly stage?: Stage
  /** What the CA said when it was asked for this (RFC 8555 §7.4: the answer to finalize may have a Retry-After). */
  readonly retryAfterSeconds?: number | undefined
}

/**
 * Looks until `isDone`. A Retry-After of the last answer beats our own pause (RFC 8555 §7.4, §7.5.1), up to a cap; when
 * time is nearly up there is one last look.
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
  let isOurs = said === undefined
  let own = pace.firstPauseSeconds(stage)
  for (let looks = 0; ; looks++) {
    const pauseSeconds = Math.min(said ?? own, longestRetryAfterSeconds)
    await world.clock.sleep(Math.min(pauseSeconds, Math.max(0, giveUpAfterSeconds - elapsed())), signal)
    const lookedAfter = elapsed()
    const { value, answer } = await look()
    if (isDone(value)) {
      if (isOurs) pace.done(stage, lookedAfter, looks === 0)
      return value
    }
    if (elapsed() >= giveUpAfterSeconds)
      throw new Dns01Error('UNAVAILABLE', `${what}: still ${value.status} after ${giveUpAfterSeconds} s`, {
        hint: 'the CA is slow; the next run takes it up again',
      })
    said = retryAfterOf(answer, world.clock.now())
    isOurs = isOurs && said === undefined
    own = pace.nextPauseSeconds(stage, elapsed())
  }
}
