import { access } from 'node:fs'
import type { Clock } from '../../src/core/world.js'

export interface FakeClock extends Clock {
  /** Seconds since the start. */
  readonly seconds: number
}

export interface MovedClock extends FakeClock {
  /** Moves on by so much, from timer to timer. Resolves when all that follows from it has been done. */
  advance(seconds: number): Promise<void>
  /** Moves from timer to timer until this has ended, and gives what it gave; rejects when nobody waits for time any more. */
  runUntil<T>(work: Promise<T>): Promise<T>
}

interface Timer {
  readonly at: number
  readonly fire: () => void
  /** A deadline: time does not go on for its sake alone where `deadlinesAlone` says so. */
  readonly idle: boolean
  cancelled: boolean
}

/** A step of work in memory leads to the next within one turn of the event loop; three are plenty. */
const turns = 3

/**
 * Resolves when all has been done that can be done without time going on. What keys, signatures and files take real time
 * for is done by the threads of libuv, and the fast tests have one of these (vitest.config.ts): it takes its tasks in
 * order, so a look at a file comes back when all that were asked for before it are done. Sockets and children are not
 * waited for: what works with them gets the real clock.
 */
async function rest(): Promise<void> {
  for (let i = 0; i < turns; i++) {
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => access('/', resolve))
  }
}

/** Who waits for which time, earliest first; of the same time, who came first. */
class Timers {
  readonly start: number
  now: number
  readonly #waiting: Timer[] = []
  #sleepers = 0

  constructor(start: Date) {
    this.start = start.getTime()
    this.now = this.start
  }

  /** How many wait that are not deadlines. */
  get sleepers(): number {
    return this.#sleepers
  }

  add(seconds: number, idle: boolean, fire: () => void): () => void {
    const timer: Timer = { at: this.now + Math.max(0, seconds) * 1000, fire, idle, cancelled: false }
    this.#waiting.splice(this.#placeFor(timer.at), 0, timer)
    if (!idle) this.#sleepers++
    return () => {
      if (!timer.cancelled && !idle) this.#sleepers--
      timer.cancelled = true
    }
  }

  /** After all that are not later. */
  #placeFor(at: number): number {
    let [low, high] = [0, this.#waiting.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#waiting[middle]?.at ?? 0) <= at) low = middle + 1
      else high = middle
    }
    return low
  }

  next(): number | undefined {
    while (this.#waiting[0]?.cancelled) this.#waiting.shift()
    return this.#waiting[0]?.at
  }

  /** Goes to the time of the next one, and wakes all that wait for it. */
  step(): void {
    const at = this.next()
    if (at === undefined) return
    this.now = Math.max(this.now, at)
    while (this.next() === at) {
      const timer = this.#waiting.shift()
      if (timer && !timer.idle) this.#sleepers--
      if (timer) timer.cancelled = true
      timer?.fire()
    }
  }
}

function clockOf(timers: Timers, added: () => void = () => {}): FakeClock {
  const at = (seconds: number, idle: boolean, fire: () => void): (() => void) => {
    const cancel = timers.add(seconds, idle, fire)
    added()
    return cancel
  }
  return {
    get seconds() {
      return (timers.now - timers.start) / 1000
    },
    now: () => new Date(timers.now),
    sleep: (seconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const stop = (): void => {
          cancel()
          reject(signal.reason)
        }
        const cancel = at(seconds, false, () => {
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

const newYear = new Date('2026-01-01T00:00:00Z')

/** A clock that stands still until the test moves it. */
export function movedClock(start = newYear): MovedClock {
  const timers = new Timers(start)
  const advance = async (seconds: number): Promise<void> => {
    const goal = timers.now + seconds * 1000
    await rest()
    for (let at = timers.next(); at !== undefined && at <= goal; at = timers.next()) {
      timers.step()
      await rest()
    }
    timers.now = goal
  }
  const runUntil = async <T>(work: Promise<T>): Promise<T> => {
    let ended = false
    const end = (): void => {
      ended = true
    }
    work.then(end, end)
    await rest()
    while (!ended) {
      if (timers.next() === undefined) throw new Error(`nobody waits for time any more, and it has not ended`)
      timers.step()
      await rest()
    }
    return work
  }
  return Object.defineProperties({ advance, runUntil } as MovedClock, Object.getOwnPropertyDescriptors(clockOf(timers)))
}

/** A clock that moves on by itself from one sleeper to the next, whenever all is at rest: an hour of waiting takes milliseconds. */
export function fakeClock(
  start = newYear,
  /** false: time never goes on for the sake of deadlines alone; one that nobody else outlives never comes. */
  { deadlinesAlone = true }: { readonly deadlinesAlone?: boolean } = {},
): FakeClock {
  const timers = new Timers(start)
  let running = false
  const run = async (): Promise<void> => {
    running = true
    for (;;) {
      await rest()
      if (timers.next() === undefined || (timers.sleepers === 0 && !deadlinesAlone)) break
      timers.step()
    }
    running = false
  }
  return clockOf(timers, () => {
    if (!running) void run()
  })
}
