import { access } from 'node:fs'
import type { Clock } from '../../src/core/world.js'

/** A clock that stands still until the test moves it: an hour of waiting takes milliseconds. */
export interface FakeClock extends Clock {
  /** Seconds since the start. */
  readonly seconds: number
  /** Moves on by so much, from timer to timer. Resolves when all that follows from it has been done. */
  advance(seconds: number): Promise<void>
  /**
   * Moves from timer to timer until this has ended, and gives what it gave; rejects when nobody waits for time any more.
   * Several at once are moved on together.
   */
  runUntil<T>(work: Promise<T>, how?: How): Promise<T>
  /** The same object or function; with each of its calls that takes time, time goes on until it has ended. */
  along<T extends object>(one: T, how?: How): T
}

export interface How {
  /**
   * Something else than time may end it, too: a module is loaded, the test stops it. So time never goes on for the sake
   * of deadlines alone, one that nobody else outlives never comes, and it may be that nobody waits for time.
   */
  readonly patient?: boolean | undefined
}

interface Timer {
  readonly at: number
  readonly fire: () => void
  /** A deadline: time does not go on for its sake alone where all are patient. */
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

/** That many rests without anybody who waits for time, and nobody will: one signature after the other takes several. */
const looks = 50

/**
 * The one that goes from timer to timer while there is work that waits for time; for all of it together, so that two
 * steps always have a rest between.
 */
class Mover {
  readonly #timers: Timers
  readonly #works = new Set<{ readonly patient: boolean; readonly giveUp: (why: Error) => void }>()
  #moving = false
  /** Something began while all came to rest: it comes to rest first. */
  #restAgain = false

  constructor(timers: Timers) {
    this.#timers = timers
  }

  runUntil<T>(work: Promise<T>, { patient = false }: How = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (why: Error): void => {
        this.#works.delete(one)
        reject(why)
      }
      const one = { patient, giveUp }
      const ending =
        <A>(tell: (outcome: A) => void) =>
        (outcome: A): void => {
          this.#works.delete(one)
          tell(outcome)
        }
      this.#works.add(one)
      work.then(ending(resolve), ending(reject))
      this.#restAgain = true
      this.look()
    })
  }

  /** As rest(), and time stands still meanwhile. */
  async rest(): Promise<void> {
    this.#restAgain = true
    await rest()
    this.#restAgain = true
  }

  /** To be called whenever there is more to wait for. */
  look(): void {
    if (!this.#moving && this.#works.size > 0) void this.#move()
  }

  async #move(): Promise<void> {
    this.#moving = true
    let looked = 0
    do {
      do {
        this.#restAgain = false
        await rest()
      } while (this.#restAgain)
      if (this.#step()) looked = 0
      else looked++
    } while (looked === 0 || (this.#pressing() && looked < looks))
    this.#moving = false
    for (const { patient, giveUp } of this.#works)
      if (!patient) giveUp(new Error('nobody waits for time any more, and it has not ended'))
  }

  #pressing(): boolean {
    return [...this.#works].some(({ patient }) => !patient)
  }

  /** Whether it could. */
  #step(): boolean {
    if (this.#works.size === 0 || this.#timers.next() === undefined) return false
    if (this.#timers.sleepers === 0 && !this.#pressing()) return false
    this.#timers.step()
    return true
  }
}

function clockOf(timers: Timers, added: () => void): Pick<FakeClock, keyof Clock> {
  const at = (seconds: number, idle: boolean, fire: () => void): (() => void) => {
    const cancel = timers.add(seconds, idle, fire)
    added()
    return cancel
  }
  return {
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

/** `how` is how all its work is, unless it says otherwise. */
export function fakeClock(start = newYear, how: How = {}): FakeClock {
  const timers = new Timers(start)
  const mover = new Mover(timers)
  const clock = clockOf(timers, () => mover.look())
  const runUntil: FakeClock['runUntil'] = (work, its = how) => mover.runUntil(work, its)
  return {
    ...clock,
    get seconds() {
      return (timers.now - timers.start) / 1000
    },
    runUntil,
    advance: async seconds => {
      await mover.runUntil(clock.sleep(seconds, new AbortController().signal))
      await mover.rest()
    },
    along: (one, its) => {
      const moved = (result: unknown): unknown => (result instanceof Promise ? runUntil(result, its) : result)
      return new Proxy(one, {
        apply: (called, self, args) => moved(Reflect.apply(called as () => unknown, self, args)),
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? (...args: unknown[]) => moved(value.apply(target, args)) : value
        },
      })
    },
  }
}
