// Collects what a run wants of one zone and hands it to the provider in few calls, never two at once. A provider that reads a
// set of values, adds one and writes it back loses one of two that come together; and one call for a hundred names costs as
// much as for one (Route 53 waits for its servers after each). Nobody plans the batches: what arrives while a call is under
// way is the next call.
import { codeOf, FAULTS, isUnwritten, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { OpenProvider } from '../provider/loader.js'
import type { Journal } from '../state/journal.js'
import { callProvider, cleanupDeadline } from './call-provider.js'
import { holdsOneValuePerName } from './locate.js'
import { PlacedValues } from './placed-values.js'

export interface ZoneQueueParts {
  readonly world: Pick<World, 'clock' | 'random' | 'log'>
  readonly journal: Journal
  /** Stops presenting, never cleaning. */
  readonly signal: AbortSignal
  /** Whether somebody may still ask for a record in this run: then a change that takes long waits for batchDelaySeconds. */
  readonly othersMayCome: () => boolean
  /** Hears of values that may be up and could not be removed. */
  readonly leftBehind: (text: string) => void
  /** Hears of each change that the provider has made. */
  readonly changed: () => void
}

/**
 * A value that nobody needs any more waits for others to be removed with it for at most this many times the provider's
 * batchDelaySeconds: for Route 53 20 s, in which the other names of a run mostly become valid, too. Removing is never
 * urgent, but a run ends only after it.
 */
const cleanupWaitsForDelays = 10

/** A value that waits for the next call, and whoever waits for it. */
interface QueuedChange {
  readonly record: TxtRecord
  readonly since: Date
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * All changes of one zone at one provider. A value goes through these states:
 *
 *     to present → placed (noted in the journal, then with the provider, then up) → to clean up → gone
 *
 * - `#toPresent` and `#toCleanup` wait for the next call. `#placed` has what may be up: a value comes there before the
 *   provider hears of it, and stays when present() fails, unless that failure proves that nothing was written.
 * - `#running` is the loop: it sleeps until a call is worth making, makes it, and looks again. It begins with the first
 *   value and ends when nothing waits that could be done; values that come while a call is under way are the next call.
 * - When: the values of one moment go together. While others may come, present() waits for the provider's
 *   batchDelaySeconds; cleanup() waits until all that is up is to go, ten times that long at most. Where a name holds one
 *   value at a time, a second value waits until the first is gone, and a cleanup never waits.
 * - Its end: reconsider() interrupts the sleep; `signal` rejects all that is to be presented, while cleaning goes on;
 *   close() removes what is up and resolves when the loop has ended.
 */
export class ZoneQueue {
  readonly #parts: ZoneQueueParts
  readonly #by: OpenProvider
  readonly #zone: Name
  readonly #placed: PlacedValues
  readonly #batchDelaySeconds: number
  readonly #oneValuePerName: boolean
  #toPresent: QueuedChange[] = []
  #toCleanup: QueuedChange[] = []
  #running: Promise<void> | undefined
  #sleeping = new AbortController()
  #closing = false

  constructor(parts: ZoneQueueParts, by: OpenProvider, zone: Name) {
    this.#parts = parts
    this.#by = by
    this.#zone = zone
    this.#placed = new PlacedValues(parts.world, parts.journal, by, zone)
    this.#batchDelaySeconds = by.definition.batchDelaySeconds ?? 0
    this.#oneValuePerName = holdsOneValuePerName(by)
    parts.signal.addEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => this.reconsider()

  /** Resolves when the provider has accepted the value. @throws Dns01Error what the provider says */
  present(record: TxtRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#toPresent.push({ record, since: this.#now(), resolve, reject })
      this.reconsider()
    })
  }

  /** Resolves when the value is gone, or could not be removed and stays in the journal. */
  cleanup(record: TxtRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#toCleanup.push({ record, since: this.#now(), resolve, reject })
      this.reconsider()
    })
  }

  /** Looks again whether a call is worth making: a value came, or those that were expected will not come. */
  reconsider(): void {
    this.#sleeping.abort()
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#secondsUntilCall() !== undefined) this.reconsider() // it came after the loop had looked for the last time
    })
  }

  /** Removes at once all that is up and not yet waiting for removal; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closing = true
    this.#parts.signal.removeEventListener('abort', this.#onAbort)
    do {
      await Promise.all(this.#placed.all.map(record => this.cleanup(record)))
      this.reconsider()
      while (this.#running) await this.#running
    } while (this.#placed.all.length > 0) // what was under way or waiting has come up meanwhile
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts.world
    await clock.sleep(0, new AbortController().signal) // what is asked for in the same moment goes together
    for (let left = this.#secondsUntilCall(); left !== undefined; left = this.#secondsUntilCall()) {
      if (left > 0) await this.#sleep(left)
      else await this.#change()
    }
  }

  /** Ends early when reconsider() is called. */
  async #sleep(seconds: number): Promise<void> {
    this.#sleeping = new AbortController()
    try {
      await this.#parts.world.clock.sleep(seconds, this.#sleeping.signal)
    } catch {
      // interrupted: the loop looks again
    }
  }

  /** Seconds until a call is worth making: 0 now; undefined: not before reconsider(). */
  #secondsUntilCall(): number | undefined {
    const { signal } = this.#parts
    const [next] = this.#presentable()
    const waits = this.#toPresent.length + this.#toCleanup.length > 0
    const canDo = next !== undefined || this.#toCleanup.length > 0
    if (waits && signal.aborted) return 0 // to reject what is to be presented
    if (!canDo) return undefined
    if (this.#closing) return 0
    return next ? this.#secondsUntilPresent(next) : this.#secondsUntilCleanup()
  }

  #secondsUntilPresent(next: QueuedChange): number {
    return this.#parts.othersMayCome() ? Math.max(0, this.#batchDelaySeconds - this.#ageSeconds(next)) : 0
  }

  #secondsUntilCleanup(): number {
    const [oldest] = this.#toCleanup
    const isEverything = this.#toCleanup.length >= this.#placed.all.length
    if (!oldest || this.#oneValuePerName || isEverything) return 0
    return Math.max(0, cleanupWaitsForDelays * this.#batchDelaySeconds - this.#ageSeconds(oldest))
  }

  /** What the next present() may take: all that wait, or, where a name holds one value, the first for each free name. */
  #presentable(): readonly QueuedChange[] {
    if (!this.#oneValuePerName) return this.#toPresent
    return firstOfEachName(this.#toPresent.filter(({ record }) => !this.#placed.hasName(record.name)))
  }

  async #change(): Promise<void> {
    if (this.#parts.signal.aborted) this.#rejectToPresent()
    const adding = new Set(this.#presentable())
    const removing = this.#toCleanup
    this.#toPresent = this.#toPresent.filter(change => !adding.has(change))
    this.#toCleanup = []
    if (adding.size > 0) await this.#add([...adding])
    if (removing.length > 0) await this.#remove(removing)
  }

  #rejectToPresent(): void {
    for (const { reject } of this.#toPresent) reject(this.#parts.signal.reason)
    this.#toPresent = []
  }

  async #add(adding: readonly QueuedChange[]): Promise<void> {
    const { signal, world } = this.#parts
    const records = adding.map(change => change.record)
    let added: readonly TxtRecord[] = []
    try {
      added = await this.#placed.note(records)
      await callProvider(world, this.#by, 'present', records, { zone: this.#zone, signal })
      this.#parts.changed()
      for (const { resolve } of adding) resolve()
    } catch (error) {
      // Unless it is proved that nothing was written, they stay in #placed: close() removes them, or the next run.
      if (isUnwritten(error)) await this.#neverWritten(added)
      await this.#addApartOrReject(adding, error)
    }
  }

  /** A change that was refused as a whole is tried again target by target: one wrong name must not hold up the others. */
  async #addApartOrReject(adding: readonly QueuedChange[], error: unknown): Promise<void> {
    const targetOf = ({ record }: QueuedChange): string => record.challenge.targetFile
    const targets = new Set(adding.map(targetOf))
    const isFinal = !FAULTS[codeOf(error)].again
    if (targets.size > 1 && isFinal && !this.#parts.signal.aborted) {
      for (const target of targets) await this.#add(adding.filter(change => targetOf(change) === target))
    } else {
      for (const { reject } of adding) reject(error)
    }
  }

  /** Nothing of these was written, for sure: nobody need take them back, in this run or a later one. */
  async #neverWritten(records: readonly TxtRecord[]): Promise<void> {
    this.#placed.leave(records)
    try {
      await this.#placed.gone(records)
    } catch (error) {
      this.#parts.world.log.debug(
        `${this.#zone}: the journal keeps records that were never written: ${messageOf(error)}`,
      )
    }
  }

  async #remove(removing: readonly QueuedChange[]): Promise<void> {
    const { leftBehind, world } = this.#parts
    const records = removing.map(change => change.record).filter(record => this.#placed.has(record))
    const call = { zone: this.#zone, signal: cleanupDeadline(world) }
    try {
      if (records.length > 0) {
        await callProvider(world, this.#by, 'cleanup', records, call)
        this.#parts.changed()
      }
      await this.#placed.gone(records) // after, so that a stop in between removes them twice rather than never
    } catch (error) {
      leftBehind(
        `${this.#zone}: ${records.length} TXT record(s) could not be removed: ${messageOf(error)}; the next run tries again`,
      )
    }
    this.#placed.leave(records)
    for (const { resolve } of removing) resolve()
  }

  #now(): Date {
    return this.#parts.world.clock.now()
  }

  #ageSeconds({ since }: QueuedChange): number {
    return (this.#now().getTime() - since.getTime()) / 1000
  }
}

/** Of several values for one name the one that came first, so that none waits for ever. */
function firstOfEachName(changes: readonly QueuedChange[]): QueuedChange[] {
  const first = new Map<Name, QueuedChange>()
  for (const one of changes) if (!first.has(one.record.name)) first.set(one.record.name, one)
  return [...first.values()]
}
