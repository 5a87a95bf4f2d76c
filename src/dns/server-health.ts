// Whether a name server is of use as a witness: one that stays silent, refuses or is not authoritative must not hold up a
// run for ever while others answer, and one that was slow once must not be written off at once. A server that answers and
// lacks the value is healthy: that one is waited for.
import type { World } from '../core/world.js'

/** Our own choice, both. */
const healthLimits = {
  /** A server that gives nothing useful for so long is unusable. Less than the time-out of a question: one silence is enough. */
  graceSeconds: 2,
  /** What was seen of it counts for so long: about the length of a run, so that not every wait pays for the time-out again. */
  memorySeconds: 30,
} as const

/** Questions that failed, with none in between that succeeded. */
interface Trouble {
  /** When the first of the questions that failed was asked. */
  readonly since: Date
  readonly lastSeen: Date
  readonly why: string
  /** Nothing gets out of this machine that way: grace would be of no use. */
  readonly noRoute: boolean
}

/** Healthy until a question fails; in trouble until one succeeds; unusable when the trouble has lasted for graceSeconds. */
export class ServerHealth {
  readonly #clock: World['clock']
  #trouble: Trouble | undefined
  #lastAnswer = 'nothing yet'

  constructor(clock: World['clock']) {
    this.#clock = clock
  }

  get isInTrouble(): boolean {
    return this.#trouble !== undefined
  }

  /**
   * Why it is of no use; undefined while it may be. Decided when somebody looks, by the time that has passed since, so that
   * a server which nobody asks meanwhile becomes good again by itself.
   */
  get unusable(): string | undefined {
    const trouble = this.#trouble
    if (!trouble || this.#secondsSince(trouble.lastSeen) >= healthLimits.memorySeconds) return undefined
    const isOver = trouble.noRoute || this.#secondsSince(trouble.since) >= healthLimits.graceSeconds
    return isOver ? trouble.why : undefined
  }

  /** The last answer, or what came instead, for people. */
  get lastAnswer(): string {
    return this.#lastAnswer
  }

  /** A question brought so many values, which may be none. */
  succeeded(values: number): void {
    this.#trouble = undefined
    this.#lastAnswer = `${values || 'no'} value(s)`
  }

  /** A question that was asked at `askedAt` brought nothing that counts. */
  failed(why: string, askedAt: Date, noRoute: boolean): void {
    // The time of asking and not of the failure: a question that times out after 3 s has used up the grace by itself.
    const since = this.#trouble?.since ?? askedAt
    this.#trouble = { since, lastSeen: this.#clock.now(), why, noRoute }
    this.#lastAnswer = why
  }

  #secondsSince(then: Date): number {
    return (this.#clock.now().getTime() - then.getTime()) / 1000
  }
}
