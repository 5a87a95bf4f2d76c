// Waits until placed values are visible, for runs and hooks alike, and shows on the way how far each zone is. How it is
// proved is dns/propagation.ts; here is what a run shares: the watches, so that all values of a zone share their questions.
import type { Name } from '../core/names.js'
import { openProgress, type ZoneProgress } from '../core/progress.js'
import { proveVisible, SharedWatches } from '../dns/propagation.js'
import type { LocatedRecord, PublishParts } from './locate.js'

/** One for a run: it keeps the watches and, by zone, what a terminal shows of them. Nothing is asked before the first prove(). */
export class Visibility {
  readonly #parts: Omit<PublishParts, 'providers'>
  readonly #watches: SharedWatches
  readonly #progress = new Map<Name, ZoneProgress>()

  constructor(parts: Omit<PublishParts, 'providers'>) {
    this.#parts = parts
    this.#watches = new SharedWatches(parts.world)
  }

  /** Shows that a value is with its provider, until the returned function is called. */
  placing({ by, record, zone }: LocatedRecord): () => void {
    return this.#progressOf(zone?.apex ?? record.zone).placing(by.definition.name)
  }

  /**
   * Resolves when every authoritative server shows a value that was placed; at once where nobody is asked.
   * @throws Dns01Error NOT_VISIBLE (who lacks it), UNAVAILABLE (nobody could be asked)
   */
  async prove({ record, by, zone }: LocatedRecord): Promise<void> {
    const { propagation, resolver, signal, world } = this.#parts
    // DNS01_PROPAGATION=off, or a zone that only the provider knows: then its word is all there is.
    if (!propagation.wait || !zone) return
    const watched = this.#progressOf(zone.apex).watching(propagation.giveUpAfterSeconds)
    // the provider's word counts only where no server can be asked (dns/propagation.ts)
    const confirmsSync = by.definition.confirmsSync ?? false
    const proof = { world, watches: this.#watches, resolver, confirmsSync, limits: propagation }
    let shown = false
    try {
      await proveVisible({ ...proof, onProgress: watched.news }, zone, record, signal)
      shown = true
    } finally {
      watched.end(shown)
    }
  }

  #progressOf(zone: Name): ZoneProgress {
    const progress = this.#progress.get(zone) ?? openProgress(this.#parts.world, zone)
    this.#progress.set(zone, progress)
    return progress
  }
}
