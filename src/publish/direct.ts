// Placing for the hook of another client: its "present" and its "cleanup" are two processes, and the client itself
// remembers what it has to take back. So there is no journal and no queue here, and nothing waits for company: one call to
// the provider for each zone. What a killed client forgets is noted (hook-notes.ts).
import { settleAll } from '../core/combine-errors.js'
import { isUnwritten } from '../core/errors.js'
import { groupBy } from '../core/txt-record.js'
import { callProvider, cleanupDeadline } from './call-provider.js'
import { gone, note } from './hook-notes.js'
import { type LocatedRecord, type PublishParts, zoneKey } from './locate.js'
import { Visibility } from './visibility.js'

export interface DirectParts extends PublishParts {
  /** Where the notes are kept, if it is ours. */
  readonly stateRoot: string
}

/**
 * Places and removes at once, for `dns01 hook`: no queue and no journal, since one call knows of its own values only, and what
 * it leaves is another call's to take back. For one that never comes there are notes (hook-notes.ts).
 */
export class DirectPublisher {
  readonly #parts: DirectParts

  constructor(parts: DirectParts) {
    this.#parts = parts
  }

  /**
   * Places values that another process will remove. `acceptedIsEnough`: the provider's servers need not have them yet.
   * @throws Dns01Error what the provider says; values may be up then, and stay noted, unless it proves that nothing was written
   */
  async place(located: readonly LocatedRecord[], options: { readonly acceptedIsEnough: boolean }): Promise<void> {
    const { signal, stateRoot, world } = this.#parts
    await note(world, stateRoot, located)
    try {
      await eachZone(located, sameZone => {
        const [{ by, record }] = sameZone
        return callProvider(world, by, 'present', recordsOf(sameZone), { zone: record.zone, signal, ...options })
      })
    } catch (error) {
      if (isUnwritten(error)) await gone(world, stateRoot, located)
      throw error
    }
  }

  /**
   * Resolves when every authoritative server shows all these values; at once where nobody is asked.
   * @throws Dns01Error NOT_VISIBLE (who lacks them), UNAVAILABLE (nobody could be asked)
   */
  async prove(located: readonly LocatedRecord[]): Promise<void> {
    const visibility = new Visibility(this.#parts)
    await settleAll(located.map(one => visibility.prove(one)))
  }

  /**
   * Removes values that this or another process has placed. The signal that stops the run does not stop it.
   * @throws Dns01Error what the provider says; values may be left then, and stay noted
   */
  async remove(located: readonly LocatedRecord[]): Promise<void> {
    const { stateRoot, world } = this.#parts
    const signal = cleanupDeadline(world)
    await eachZone(located, sameZone => {
      const [{ by, record }] = sameZone
      return callProvider(world, by, 'cleanup', recordsOf(sameZone), { zone: record.zone, signal })
    })
    await gone(world, stateRoot, located)
  }
}

type SameZone = readonly [LocatedRecord, ...LocatedRecord[]]

/** Zones in parallel; all have ended when it rejects. */
function eachZone(located: readonly LocatedRecord[], act: (sameZone: SameZone) => Promise<void>): Promise<void> {
  const zones = groupBy(located, ({ by, record }) => zoneKey(by, record.zone))
  return settleAll([...zones.values()].map(sameZone => act(sameZone as unknown as SameZone)))
}

const recordsOf = (sameZone: SameZone) => sameZone.map(({ record }) => record)
