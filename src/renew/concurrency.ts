import pLimit from 'p-limit'
import type { World } from '../core/world.js'

/** What takes longer waits for a slow zone or a slow CA, and hardly works. */
const slowSeconds = 10

/** Of the slow ones there may be so many times as many: what waits takes memory, too. */
const slowAtMost = 10

/**
 * Runs flows, `parallel` at a time. One that is slow makes room for the next, so that a slow zone with a thousand names
 * does not hold up the others; all together are at most ten times `parallel`.
 */
export function openSlots(
  { clock }: Pick<World, 'clock'>,
  parallel: number,
): <T>(work: () => Promise<T>) => Promise<T> {
  const all = pLimit(parallel * slowAtMost)
  const brisk = pLimit(parallel)
  return work =>
    all(
      () =>
        new Promise((resolve, reject) => {
          void brisk(async () => {
            const done = work()
            done.then(resolve, reject)
            await Promise.race([done.catch(() => undefined), abortedOf(clock.deadline(slowSeconds))])
          })
        }),
    )
}

const abortedOf = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
