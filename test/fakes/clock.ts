import type { Clock } from '../../src/core/world.js'

export interface FakeClock extends Clock {
  /** Seconds since the start. */
  readonly seconds: number
}

interface Timer {
  readonly at: number
  readonly fire: () => void
  /** A deadline: time does not go on for its sake alone while something else may happen. */
  readonly idle: boolean
}

/** Turns of the event loop without anything to do, before time goes on. */
const quietTurns = 3

/**
 * A clock whose time goes on by itself, from one sleeper to the next, as soon as everybody sleeps: an hour of waiting
 * takes milliseconds. Work that takes real time (sockets, disks) has none of its own here: use the real clock for it.
 */
export function fakeClock(
  start = new Date('2026-01-01T00:00:00Z'),
  /** false: time never goes on for the sake of deadlines alone; one that nobody else outlives never comes. */
  { deadlinesAlone = true }: { readonly deadlinesAlone?: boolean } = {},
): FakeClock {
  let now = start.getTime()
  const timers = new Set<Timer>()
  let running = false

  const next = (): Timer | undefined => [...timers].sort((a, b) => a.at - b.at)[0]

  const run = async (): Promise<void> => {
    running = true
    while (timers.size > 0) {
      for (let i = 0; i < quietTurns; i++) await new Promise(resolve => setImmediate(resolve))
      const onlyDeadlines = [...timers].every(timer => timer.idle)
      if (onlyDeadlines && !deadlinesAlone) break
      if (onlyDeadlines) await new Promise(resolve => setTimeout(resolve, 20))
      if (onlyDeadlines && [...timers].some(timer => !timer.idle)) continue
      const timer = next()
      if (!timer) break
      timers.delete(timer)
      now = Math.max(now, timer.at)
      timer.fire()
    }
    running = false
  }

  const at = (seconds: number, idle: boolean, fire: () => void): (() => void) => {
    const timer = { at: now + seconds * 1000, fire, idle }
    timers.add(timer)
    if (!running) void run()
    return () => timers.delete(timer)
  }

  return {
    get seconds() {
      return (now - start.getTime()) / 1000
    },
    now: () => new Date(now),
    sleep: (seconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const stop = (): void => {
          cancel()
          reject(signal.reason)
        }
        const cancel = at(Math.max(0, seconds), false, () => {
          signal.removeEventListener('abort', stop)
          resolve()
        })
        signal.addEventListener('abort', stop, { once: true })
      }),
    deadline: seconds => {
      const controller = new AbortController()
      at(seconds, true, () => controller.abort(new DOMException('The operation timed out.', 'TimeoutError')))
      return controller.signal
    },
  }
}
