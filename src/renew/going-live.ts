// Links new certificates and tells the hooks while the run still goes on. To wait for its end would keep an expired
// certificate in service for as long as the slowest name server takes; to tell each by itself would reload the web
// server hundreds of times.
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { LinkChange } from './link-changes.js'
import { type HookFailure, linkUp, type TellParts, tellWhatChanged } from './links.js'

/**
 * Certificates that come together are linked together, and make one reload of the web server: it is waited until none has
 * come for `quietSeconds`, and from the first on for `atMostSeconds` at most. All of a usual run come within a second.
 */
const gathering = { quietSeconds: 3, atMostSeconds: 10 } as const

/** Thousands of certificates take a second to look through: looking takes no more than so large a part of a run. */
const shareOfTime = 1 / 10

export interface GoingLiveParts extends TellParts {
  readonly world: TellParts['world'] & Pick<World, 'clock'>
}

/** All that went live in this run, told when it ends. An error is kept and not thrown: what was linked before holds. */
export interface WentLive {
  readonly linked: readonly LinkChange[]
  /** Hooks that failed when they were told last. */
  readonly failed: readonly HookFailure[]
  /** Why not all links could be made. */
  readonly error?: unknown
}

/**
 * What is issued goes live while other targets still wait for a slow CA or name server: its link is made and the hooks
 * are told, some seconds after it is there. One after the other, never two at once; what was told is not told again.
 */
export class GoingLive {
  readonly #parts: GoingLiveParts
  readonly #targets: readonly Target[]
  readonly #stop = new AbortController()
  readonly #linked: LinkChange[] = []
  #failed: readonly HookFailure[] = []
  /** When the first and the last came of those that are not linked yet. */
  #news: { readonly first: number; readonly last: number } | undefined
  /** There may be links, of this run or an earlier one, that no hook was told of in this one. */
  #untold = true
  #restUntil = 0
  #working: Promise<void> | undefined

  constructor(parts: GoingLiveParts, targets: readonly Target[]) {
    this.#parts = parts
    this.#targets = targets
  }

  /** One certificate more is on disk. */
  issued(): void {
    const now = this.#now()
    this.#untold = true
    this.#news = { first: this.#news?.first ?? now, last: now }
    this.#working ??= this.#work()
  }

  /**
   * No more will come: links and tells what is left. A hook that failed is not tried again but with something new: the
   * next run does that.
   * @throws Dns01Error the reason of the signal, when the run was stopped: then links are made, and the next run tells
   */
  async finish(): Promise<WentLive> {
    this.#stop.abort()
    await this.#working
    let error: unknown
    try {
      await this.#link()
    } catch (problem) {
      error = problem
      this.#untold = true // some links may have been made
    }
    if (this.#untold) await this.#tell()
    return { linked: this.#linked, failed: this.#failed, error }
  }

  async #work(): Promise<void> {
    try {
      while (this.#news) {
        await this.#gathered()
        this.#news = undefined
        await this.#link()
        if (!this.#parts.signal.aborted) await this.#tell()
      }
    } catch {
      // stopped, or the disk failed: finish() does it again and tells what is wrong
    } finally {
      this.#working = undefined
    }
  }

  async #gathered(): Promise<void> {
    for (;;) {
      const { first = 0, last = 0 } = this.#news ?? {}
      const quiet = Math.min(last + gathering.quietSeconds * 1000, first + gathering.atMostSeconds * 1000)
      const left = Math.max(quiet, this.#restUntil) - this.#now()
      if (left <= 0) return
      await this.#parts.world.clock.sleep(left / 1000, this.#stop.signal)
    }
  }

  async #link(): Promise<void> {
    const began = this.#now()
    const changes = await linkUp(this.#parts.world, this.#parts.state, this.#targets)
    const took = this.#now() - began
    this.#restUntil = this.#now() + took / shareOfTime
    this.#linked.push(...changes)
    if (changes.length > 0) this.#untold = true
  }

  async #tell(): Promise<void> {
    this.#failed = await tellWhatChanged(this.#parts, this.#targets)
    this.#untold = false
  }

  #now(): number {
    return this.#parts.world.clock.now().getTime()
  }
}
