// Takes back what earlier runs or hook calls placed and could not remove, as their journal says. Only what is in it: to
// search the zone for values that look like ours would need the right to list records, and would find those that another
// machine is just using.
import { messageOf } from '../core/errors.js'
import { groupBy } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { Providers } from '../provider/loader.js'
import type { Journal, JournalEntry } from '../state/journal.js'
import { callProvider, cleanupDeadline } from './call-provider.js'

/** Seconds. A run begins with it and waits for it, and the next run tries again: so it repeats only what passes at once. */
const giveUpAfterSeconds = 10

/** `journal` is that of the state directory, or the notes of hook calls, which read alike. */
export interface RecoverParts {
  readonly world: Pick<World, 'clock' | 'random' | 'log'>
  readonly providers: Providers
  readonly journal: Pick<Journal, 'entries' | 'gone'>
  /** Hears of values that could not be removed. */
  readonly leftBehind: (text: string) => void
}

/** One cleanup() a zone, zones in parallel. Never rejects: what fails again stays noted. */
export async function recover(parts: RecoverParts): Promise<void> {
  const sameZone = groupBy(parts.journal.entries(), e => JSON.stringify([e.provider, e.settings, e.zone]))
  await Promise.all([...sameZone.values()].map(entries => recoverZone(parts, entries)))
}

/** All entries have the same provider, settings and zone: so it is opened once, and a zone's values go in one change. */
async function recoverZone(
  { journal, providers, world, leftBehind }: RecoverParts,
  entries: readonly JournalEntry[],
): Promise<void> {
  const { provider, settings = {}, zone } = entries[0] as JournalEntry
  const records = entries.flatMap(entry => entry.records)
  const what = `${records.length} TXT record(s) of an earlier run in ${zone}`
  try {
    const by = await providers.open({ provider, settings })
    await callProvider(world, by, 'cleanup', records, { zone, signal: cleanupDeadline(world), giveUpAfterSeconds })
    // A stop before this line removes them once more next time, which is success (Provider.cleanup).
    for (const { id } of entries) await journal.gone(id)
    world.log.notice(`removed ${what}`)
  } catch (error) {
    leftBehind(`could not remove ${what}: ${messageOf(error)}; the next run tries again`)
  }
}
