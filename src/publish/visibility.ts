// Waits until placed values are visible, for runs and hooks alike, and shows on the way how far each zone is. How it is
// proved is dns/propagation.ts; here is what a run shares: the watches, so that all values of a zone share their questions.
import { openProgress, type RecordProgress, type Watched, type Whose } from '../core/progress.js'
import { proveVisible, SharedWatches } from '../dns/propagation.js'
import type { Zone } from '../dns/zone.js'
import type { LocatedRecord, PublishParts } from './locate.js'

/** One for a run: it keeps the watches, and what is told and shown of them. Nothing is asked before the first prove(). */
export class Visibility {
  readonly #parts: Omit<PublishParts, 'providers'>
  readonly #watches: SharedWatches
  readonly #progress = new Map<string, RecordProgress>()

  constructor(parts: Omit<PublishParts, 'providers'>) {
    this.#parts = parts
    this.#watches = new SharedWatches(parts.world)
  }

  /** Shows that a value is with its provider, until the returned function is called. */
  placing(located: LocatedRecord): () => void {
    const ends = this.#progressOf(located).map(progress => progress.placing(located.by.definition.name))
    return () => {
      for (const end of ends) end()
    }
  }

  /**
   * Resolves when every authoritative server shows a value that was placed; at once where nobody is asked.
   * @throws Dns01Error NOT_VISIBLE (who lacks it), UNAVAILABLE (nobody could be asked)
   */
  async prove(located: LocatedRecord): Promise<void> {
    const { record, by, zone } = located
    const { propagation, resolver, signal, world } = this.#parts
    // DNS01_PROPAGATION=off, or a zone that only the provider knows: then its word is all there is.
    if (!propagation.wait || !zone) return
    const watched = this.#progressOf(located).map(progress => progress.watching(propagation.giveUpAfterSeconds))
    // the provider's word counts only where no server can be asked (dns/propagation.ts)
    const confirmsSync = by.definition.confirmsSync ?? false
    const onProgress: Watched['news'] = seen => {
      for (const each of watched) each.news(seen)
    }
    const proof = { world, watches: this.#watches, resolver, confirmsSync, limits: propagation, onProgress }
    let shown = false
    try {
      await proveVisible(proof, zone, record, signal)
      shown = true
    } finally {
      for (const each of watched) each.end(shown)
    }
  }

  /** The log hears of zones, since their records go together; the list has certificates, where it is known whose they are. */
  #progressOf({ record, zone }: LocatedRecord): RecordProgress[] {
    const apex = zone?.apex ?? record.zone
    const { targetFile, host } = record.challenge
    const ofZone = { subject: apex, told: true, shown: targetFile === '' }
    if (targetFile === '') return [this.#open(`zone ${apex}`, ofZone)]
    const ofTarget = {
      subject: host,
      id: targetFile,
      kind: 'certificate',
      shown: true,
      serverName: namesIn(zone),
    } as const
    return [this.#open(`zone ${apex}`, ofZone), this.#open(`target ${targetFile}`, ofTarget)]
  }

  #open(key: string, whose: Whose): RecordProgress {
    const progress = this.#progress.get(key) ?? openProgress(this.#parts.world, whose)
    this.#progress.set(key, progress)
    return progress
  }
}

/** `ns2.example.net`, with the address where that server has several. */
const namesIn =
  (zone: Zone | undefined) =>
  (address: string): string => {
    const server = zone?.servers.find(({ addresses }) => addresses.includes(address))
    if (!server) return address
    return server.addresses.length > 1 ? `${server.name} ${address}` : server.name
  }
