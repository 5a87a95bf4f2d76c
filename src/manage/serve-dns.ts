/**
 * The provider `builtin` as a service of its own. It learns what to answer from the journal of the state directory, which every
 * run writes before it places a record.
 */

import type { DnsConfig } from '../config/dns-config.js'
import { Dns01Error } from '../core/errors.js'
import { groupBy, type TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { ProviderDefinition } from '../provider/api.js'
import { loadShipped } from '../provider/catalog.js'
import { settingValues } from '../provider/loader.js'
import type { JournalEntry } from '../state/journal.js'
import { openJournalView } from '../state/journal-view.js'

const server = 'builtin'

export interface ServeParts {
  readonly world: World
  readonly config: DnsConfig
  /** Root of the state directory. */
  readonly root: string
  /** Ends it. */
  readonly signal: AbortSignal
}

/**
 * Answers for all zones of the provider `builtin` until stopped, with the records that the journal holds: they are noted
 * before they are placed, and stay until they are removed. So any run finds its values served as soon as it has noted
 * them, and no word passes between the processes.
 * @throws Dns01Error CONFIG: no zone, an address that can't be had; STATE: the journal cannot be read
 */
export async function serveDns({ world, config, root, signal }: ServeParts): Promise<void> {
  const definition = await loadShipped(server)
  const all = settingsIn(config).map(settings => settingValues(world, definition, settings))
  const records = recordsOf(openJournalView(world, root))
  records()
  const serving = await serve(definition, all, records, world)
  world.log.notice(`answering for ${all.map(({ zone }) => zone).join(', ')} at ${serving.addresses.join(', ')}`)
  while (!signal.aborted) await world.clock.sleep(3600, signal).catch(() => {})
  await serving.close()
}

/** As conf/dns.yml has them, each once; else the environment decides alone. */
function settingsIn({ fallback, zones }: DnsConfig): Readonly<Record<string, string>>[] {
  const said = [fallback, ...zones.values()].filter(({ provider }) => provider === server)
  const different = [...groupBy(said, ({ settings }) => JSON.stringify(settings)).values()]
  return different.length > 0 ? different.map(([first]) => first?.settings ?? {}) : [{}]
}

function serve(
  definition: ProviderDefinition,
  ...args: Parameters<NonNullable<ProviderDefinition['serve']>>
): ReturnType<NonNullable<ProviderDefinition['serve']>> {
  if (!definition.serve) throw new Dns01Error('BUG', `the provider ${definition.name} cannot serve`)
  return definition.serve(...args)
}

/** The same list while the entries are the same. */
function recordsOf(entries: () => readonly JournalEntry[]): () => readonly TxtRecord[] {
  let seen: readonly JournalEntry[] | undefined
  let records: readonly TxtRecord[] = []
  return () => {
    const now = entries()
    if (now !== seen) records = now.flatMap(entry => (entry.provider === server ? entry.records : []))
    seen = now
    return records
  }
}
