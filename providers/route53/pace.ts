// The pace of calls to Route 53, which counts all clients of an account and refuses who is too fast.
import type { World } from '../../src/provider/api.js'

/** AWS: "Quotas", five requests a second for an account; calls are spread evenly. Other programs share it. */
const callsPerSecond = 5
/** The gap between two calls grows to this while Route 53 says "Throttling". */
const longestGapSeconds = 2

/** Spreads calls evenly; after a refusal for haste the gap doubles, with each call that passes it shrinks again. */
export function pacer({ clock }: Pick<World, 'clock'>) {
  let gapSeconds = 1 / callsPerSecond
  let nextAt = new Date(0)
  return {
    turn(signal: AbortSignal): Promise<void> {
      const now = clock.now()
      const at = nextAt > now ? nextAt : now
      nextAt = new Date(at.getTime() + gapSeconds * 1000)
      return clock.sleep((at.getTime() - now.getTime()) / 1000, signal)
    },
    slower(): void {
      gapSeconds = Math.min(gapSeconds * 2, longestGapSeconds)
    },
    faster(): void {
      gapSeconds = Math.max(gapSeconds * 0.8, 1 / callsPerSecond)
    },
  }
}

/** Runs what it is given one after the other; one that fails does not stop the next. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const next = last.then(work)
    last = next.catch(() => {})
    return next
  }
}
