// How many targets are worked on at a time: those that compute, and those that wait. A plain limit of 40 would let 40 names
// in a zone that takes a quarter of an hour hold up a thousand in a zone that takes seconds; no limit would open a
// thousand connections.
import pLimit from 'p-limit'
import type { World } from '../core/world.js'

/**
 * A task that runs longer is taken to wait for a slow zone or a slow CA, not to compute, and no longer counts against
 * `parallel`. Our own choice: an order at a fast CA, records in a fast zone included, takes less.
 */
const slowSeconds = 10

/** Waiting takes memory, too (keys, connections): all together are at most so many times `parallel`. Our own choice. */
const mostTogether = 10

/**
 * Gives a function that runs tasks, `parallel` at a time. One that is slow makes room for the next, so that a slow zone with
 * a thousand names does not hold up the others.
 */
export function limitConcurrency(
  { clock }: Pick<World, 'clock'>,
  parallel: number,
): <T>(work: () => Promise<T>) => Promise<T> {
  const all = pLimit(parallel * mostTogether)
  const computing = pLimit(parallel)
  return work =>
    all(
      () =>
        new Promise((resolve, reject) => {
          void computing(async () => {
            const done = work()
            done.then(resolve, reject)
            await Promise.race([done.catch(() => undefined), abortedOf(clock.deadline(slowSeconds))])
          })
        }),
    )
}

const abortedOf = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
