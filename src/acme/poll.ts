import { Dns01Error } from '../errors.js'
import { longestRetryAfterSeconds } from '../retry.js'
import { type Answer, retryAfterOf } from './answer.js'
import type { SessionWorld } from './session.js'

/** When an order or authorization is looked at: soon at first, since a CA nearby is done by then, later seldom. */
const polling = { firstPauseSeconds: 0.04, growth: 1.7, maxPauseSeconds: 5 } as const

export interface PollLimits {
  readonly giveUpAfterSeconds: number
}

/**
 * Looks until `isDone`. A Retry-After of the last look beats our own pause (RFC 8555 §7.4, §7.5.1), up to a cap; when
 * time is nearly up there is one last look.
 * @throws Dns01Error UNAVAILABLE when it is not done in time
 */
export async function poll<T extends { readonly status: string }>(
  world: SessionWorld,
  look: () => Promise<{ readonly value: T; readonly answer: Answer }>,
  isDone: (value: T) => boolean,
  { what, giveUpAfterSeconds, signal }: PollLimits & { readonly what: string; readonly signal: AbortSignal },
): Promise<T> {
  const endsAt = world.clock.now().getTime() + giveUpAfterSeconds * 1000
  let own: number = polling.firstPauseSeconds
  let pauseSeconds = own
  for (;;) {
    const leftSeconds = Math.max(0, (endsAt - world.clock.now().getTime()) / 1000)
    await world.clock.sleep(Math.min(pauseSeconds, leftSeconds), signal)
    const { value, answer } = await look()
    if (isDone(value)) return value
    const now = world.clock.now()
    if (now.getTime() >= endsAt)
      throw new Dns01Error('UNAVAILABLE', `${what}: still ${value.status} after ${giveUpAfterSeconds} s`, {
        hint: 'the CA is slow; the next run takes it up again',
      })
    own = Math.min(own * polling.growth, polling.maxPauseSeconds)
    pauseSeconds = Math.min(retryAfterOf(answer, now) ?? own, longestRetryAfterSeconds)
  }
}
