// The TXT record as it goes from the challenge (RFC 8555 §8.4) to a provider, and on into the journal.
import type { Name } from './names.js'

/**
 * Which challenge a TXT record answers. To write the record, its name and value are enough; this is for who must tell
 * somebody else more: a hook of another tool, a plugin of another program, a provider that serves each host with
 * credentials of its own.
 */
export interface ChallengeFacts {
  /** The identifier, never with `*.` */
  readonly host: Name
  readonly wildcard: boolean
  readonly token: string
  /** RFC 8555 §8.1; the TXT value is its SHA-256. */
  readonly keyAuthorization: string
  /** Base name of the target file in desired/; may be empty. */
  readonly targetFile: string
  /** `request.challenge.env` of the target. */
  readonly env: Readonly<Record<string, string>>
}

/** One TXT value to place (RFC 8555 §8.4). `name` is where it must stand, after CNAMEs. */
export interface TxtRecord {
  readonly name: Name
  readonly value: string
  /** As ProviderCall.zone: the apex of the zone that holds `name`; this name itself where the provider finds zones by itself. */
  readonly zone: Name
  readonly ttlSeconds: number
  readonly challenge: ChallengeFacts
}

/** A key for maps: equal for records of the same value at the same name, and for no others. */
export const recordKey = ({ name, value }: Pick<TxtRecord, 'name' | 'value'>): string => `${name} ${value}`

/** Values grouped by a key, in order of first appearance (Map.groupBy is not in Node 20). */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
