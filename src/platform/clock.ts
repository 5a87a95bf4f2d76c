/** The World's `clock` over node's timers. A sleep may be longer than they hold, and ends as soon as its signal does. */

import type { Clock } from '../core/world.js'

/** setTimeout holds at most this (2^31 ms); longer sleeps are made of pieces. */
const longestTimerSeconds = 2_000_000

/** `now` is the clock of the wall, which may be set; timers go by one that is not. */
export const realClock: Clock = {
  now: () => new Date(),
  async sleep(seconds, signal) {
    for (let left = seconds; left > 0 || left === seconds; left -= longestTimerSeconds)
      await nap(Math.min(left, longestTimerSeconds), signal)
  },
  /** One that is further off than a timer can hold comes after that time: 23 days. */
  deadline: seconds => AbortSignal.timeout(Math.ceil(Math.min(Math.max(0, seconds), longestTimerSeconds) * 1000)),
}

/** One timer. The listener goes with it: a run has one signal and thousands of naps. */
function nap(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, Math.max(0, seconds) * 1000)
    signal.addEventListener('abort', stop, { once: true })
  })
}
