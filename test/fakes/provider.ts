import { type Name, parseName } from '../../src/core/names.js'
import type { TxtRecord } from '../../src/core/txt-record.js'
import type { Provider, ProviderCall, ProviderDefinition } from '../../src/provider/api.js'
import type { OpenProvider } from '../../src/provider/loader.js'
import type { Journal, JournalEntry } from '../../src/state/journal.js'

export type Act = (records: readonly TxtRecord[], call: ProviderCall) => Promise<void> | void

export interface ProviderTraits {
  readonly definition?: Partial<ProviderDefinition>
  readonly present?: Act
  readonly cleanup?: Act
  readonly zoneFor?: NonNullable<Provider['zoneFor']>
  readonly ready?: NonNullable<Provider['ready']>
  readonly knowsHostOnly?: boolean
  /** Where settings would tell two of them apart. */
  readonly settings?: Readonly<Record<string, string>>
}

const valuesOf = (records: readonly TxtRecord[]): string => records.map(record => record.value).join(' ')

/** An opened provider that tells `events` what it is asked (`present ZONE: VALUES`) and then does as wished. */
export function fakeProvider(events: string[], traits: ProviderTraits = {}): OpenProvider {
  const name = traits.definition?.name ?? 'fake'
  const busy = new Set<Name>()
  const act = async (what: 'present' | 'cleanup', records: readonly TxtRecord[], call: ProviderCall): Promise<void> => {
    events.push(`${what} ${call.zone}: ${valuesOf(records)}`)
    if (busy.has(call.zone)) throw new TypeError(`two calls at once for ${call.zone}`)
    busy.add(call.zone)
    try {
      await traits[what]?.(records, call)
    } finally {
      busy.delete(call.zone)
    }
  }
  return {
    config: { provider: name, settings: traits.settings ?? {} },
    definition: {
      name,
      summary: 'a fake',
      settings: {},
      batch: true,
      additive: true,
      testedWith: 'itself',
      open: () => {
        throw new Error('it is open already')
      },
      ...traits.definition,
    },
    provider: {
      present: (records, call) => act('present', records, call),
      cleanup: (records, call) => act('cleanup', records, call),
      ...(traits.zoneFor ? { zoneFor: traits.zoneFor } : {}),
      ...(traits.ready ? { ready: traits.ready } : {}),
      ...(traits.knowsHostOnly ? { knowsHostOnly: true } : {}),
    },
  }
}

/** A journal in memory that tells `events`: `note VALUES`, `gone VALUES`. */
export function fakeJournal(events: string[], left: readonly JournalEntry[] = []): Journal {
  const entries = new Map(left.map(entry => [entry.id, entry]))
  return {
    note: async entry => {
      events.push(`note ${valuesOf(entry.records)}`)
      entries.set(entry.id, entry)
    },
    gone: async id => {
      events.push(`gone ${valuesOf(entries.get(id)?.records ?? [])}`)
      entries.delete(id)
    },
    entries: () => [...entries.values()],
    noteUntold: async () => {},
    untold: () => [],
    clearUntold: async () => {},
  }
}

/** `value` at the challenge name of `host`, for the target of that name. */
export function txt(host: string, value: string, zone: string, targetFile = host): TxtRecord {
  const challenge = {
    host: parseName(host),
    wildcard: false,
    token: `token-${value}`,
    keyAuthorization: `token-${value}.thumb`,
    targetFile,
    env: {},
  }
  return {
    name: parseName(`_acme-challenge.${host}`),
    value,
    zone: parseName(zone),
    ttlSeconds: 60,
    challenge,
  }
}

/** Random bytes that are never the same twice. */
export function countingRandom(): (bytes: number) => Uint8Array {
  let counter = 0
  return bytes => {
    counter++
    return Uint8Array.from({ length: bytes }, (_, i) => (i === bytes - 1 ? counter % 256 : i === 0 ? counter >> 8 : 0))
  }
}
