// Publishing for runs: whatever is placed is in the journal first, goes to the provider in few calls for each zone, is
// proven visible, and is taken back at the end, by this run or by the next.
import type { Name } from '../core/names.js'
import type { OpenProvider } from '../provider/loader.js'
import type { Journal } from '../state/journal.js'
import { type LocatedRecord, Locator, type PublishParts, zoneKey } from './locate.js'
import { recover } from './recover.js'
import { Visibility } from './visibility.js'
import { ZoneQueue } from './zone-queue.js'

export interface PublisherParts extends PublishParts {
  readonly journal: Journal
  /** Hears of values that may be up and could not be removed; a warning in the log when absent. */
  readonly leftBehind?: (text: string) => void
  /** Hears of each change of a zone that its provider has made. */
  readonly changed?: () => void
}

/** What one target has on its way to the zones; made by Publisher.batch(). */
export interface Batch {
  /** Publishes all of these; a promise for each, as that of Publisher.publish(). From here on nobody waits for the batch. */
  publish(located: readonly LocatedRecord[]): Promise<void>[]
  /** It will not come any more. A second time it does nothing. */
  close(): void
}

/** The queues of a run: one for each zone and provider. It must be closed. */
export class Publisher {
  /** Finds the places of what this run publishes. */
  readonly locator: Locator
  readonly #parts: PublisherParts
  readonly #queues = new Map<string, ZoneQueue>()
  readonly #visibility: Visibility
  /** Batches that are open: their records may still come. */
  readonly #open = new Set<Batch>()

  constructor(parts: PublisherParts) {
    this.#parts = parts
    this.#visibility = new Visibility(parts)
    this.locator = new Locator(parts)
  }

  /**
   * Says that records of one more target may come soon: while a batch is open, a change worth sharing waits for it a
   * little. It ends with its first publish(), or with close() where nothing will come.
   */
  batch(): Batch {
    const batch: Batch = {
      publish: located => {
        const published = located.map(one => this.publish(one))
        batch.close()
        return published
      },
      close: () => this.#closeBatch(batch),
    }
    this.#open.add(batch)
    return batch
  }

  #closeBatch(batch: Batch): void {
    if (!this.#open.has(batch)) return
    this.#open.delete(batch)
    if (this.#open.size === 0) for (const queue of this.#queues.values()) queue.reconsider()
  }

  /**
   * Resolves when every authoritative server shows the value. Call it for many at once: they share one present() a zone.
   * @throws Dns01Error NOT_VISIBLE (who lacks it), UNAVAILABLE (nobody could be asked), or what the provider says
   */
  async publish(located: LocatedRecord): Promise<void> {
    const { record, by } = located
    const placed = this.#visibility.placing(located)
    try {
      await this.#queueOf(by, record.zone).present(record) // in the journal before the provider hears of it
    } finally {
      placed()
    }
    await this.#visibility.prove(located)
  }

  /**
   * Takes values back, also when publish() failed. Never rejects: what can't be removed stays in the journal, and
   * leftBehind() hears of it.
   */
  async withdraw(located: readonly LocatedRecord[]): Promise<void> {
    await Promise.all(located.map(({ by, record }) => this.#queueOf(by, record.zone).cleanup(record)))
  }

  /** Removes what earlier runs noted and could not remove: one cleanup() a zone. What fails again stays noted. */
  async recover(): Promise<void> {
    await recover({ ...this.#parts, leftBehind: this.#leftBehind })
  }

  /** Removes all that is still up and waits for every call under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(queue => queue.close()))
  }

  #queueOf(by: OpenProvider, zone: Name): ZoneQueue {
    const key = zoneKey(by, zone)
    const { world, journal, signal, changed = () => {} } = this.#parts
    const othersMayCome = (): boolean => this.#open.size > 0
    const parts = { world, journal, signal, changed, othersMayCome, leftBehind: this.#leftBehind }
    const queue = this.#queues.get(key) ?? new ZoneQueue(parts, by, zone)
    this.#queues.set(key, queue)
    return queue
  }

  readonly #leftBehind = (text: string): void => {
    const { leftBehind, world } = this.#parts
    if (leftBehind) leftBehind(text)
    else world.log.warn(text)
  }
}
