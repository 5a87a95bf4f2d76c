// What one zone may hold of ours: every value that was handed to the provider and not yet taken back, and the entries of
// the journal that cover them. The journal comes first (first the intent is noted, then it is carried out), so that a run
// that is killed between two lines leaves nothing that the next one does not know.
import type { Name } from '../core/names.js'
import { recordKey, type TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { OpenProvider } from '../provider/loader.js'
import type { Journal } from '../state/journal.js'

/** Of one zone at one provider. What may be up counts as up, seen or not: it has to be taken back either way. */
export class PlacedValues {
  readonly #random: World['random']
  readonly #journal: Journal
  readonly #about: OpenProvider['config'] & { readonly zone: Name }
  readonly #records = new Map<string, TxtRecord>()
  /** Journal entry → keys of its records that may still be up. */
  readonly #entries = new Map<string, Set<string>>()

  constructor({ random }: Pick<World, 'random'>, journal: Journal, by: OpenProvider, zone: Name) {
    this.#random = random
    this.#journal = journal
    this.#about = { zone, ...by.config }
  }

  get all(): readonly TxtRecord[] {
    return [...this.#records.values()]
  }

  has(record: TxtRecord): boolean {
    return this.#records.has(recordKey(record))
  }

  /** For providers that hold one value at a name: whether that place is taken. */
  hasName(name: Name): boolean {
    return this.all.some(record => record.name === name)
  }

  /**
   * Notes values that are about to be placed, in one entry and so with one write, however many they are; returns those that
   * were not noted before. @throws Dns01Error STATE when the disk refuses: then nothing may be placed
   */
  async note(records: readonly TxtRecord[]): Promise<readonly TxtRecord[]> {
    const added = records.filter(record => !this.has(record))
    if (added.length > 0) {
      const id = Buffer.from(this.#random(12)).toString('hex')
      await this.#journal.note({ id, ...this.#about, records: added })
      this.#entries.set(id, new Set(added.map(recordKey)))
    }
    for (const record of records) this.#records.set(recordKey(record), record)
    return added
  }

  /** Forgets values that are gone; an entry leaves the journal with the last of its values. */
  async gone(records: readonly TxtRecord[]): Promise<void> {
    for (const [id, keys] of this.#entries) {
      for (const record of records) keys.delete(recordKey(record))
      if (keys.size > 0) continue
      this.#entries.delete(id)
      await this.#journal.gone(id)
    }
  }

  /** This run does nothing more about these values. Those that are still in the journal are for the next run. */
  leave(records: readonly TxtRecord[]): void {
    for (const record of records) this.#records.delete(recordKey(record))
  }
}
