// Reads TXT sets in few calls. The API lists sets in the order of names reversed by label, so many are found in one page.
import type { ResourceRecordSet } from '@aws-sdk/client-route-53'
import { type Name, refused } from '../../src/provider/api.js'
import type { AwsAccount } from './account.js'
import { describe, fromApi, type How, type TxtSet, type Zone } from './api.js'

/** The sets of these names as they are now. Price: a call for each name or for each 300 sets between them, whichever is less. */
export async function readSets(
  account: AwsAccount,
  zone: Zone,
  names: readonly Name[],
  how: How,
): Promise<Map<Name, TxtSet | undefined>> {
  const found = new Map<Name, TxtSet | undefined>(names.map(name => [name, undefined]))
  const rank = (name: Name): string => `${name.split('.').reverse().join('.')}.`
  let todo = [...names].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  while (todo.length > 0) {
    const MaxItems = todo.length === 1 ? 1 : 300
    const from = { HostedZoneId: zone.id, StartRecordName: todo[0], StartRecordType: 'TXT', MaxItems } as const
    const { ResourceRecordSets = [], IsTruncated, NextRecordName } = await account.listSets(from, describe(zone), how)
    for (const set of ResourceRecordSets) {
      const name = fromApi(set.Name)
      if (set.Type === 'TXT' && found.has(name)) found.set(name, plainSet(set, name))
    }
    // What the page passed by is not there; where it ended in the middle of a name's sets, that name is asked for again.
    const reached = IsTruncated ? rank(fromApi(NextRecordName)) : undefined
    todo = reached === undefined ? [] : todo.slice(1).filter(name => rank(name) >= reached && !found.get(name))
  }
  return found
}

/** @throws Dns01Error REFUSED for a set that only its owner can merge with: routed by weight or place, or an alias */
function plainSet({ SetIdentifier, AliasTarget, ResourceRecords, TTL }: ResourceRecordSet, name: Name): TxtSet {
  const kind = SetIdentifier ? `a routed set ("${SetIdentifier}")` : AliasTarget ? 'an alias' : undefined
  if (kind)
    throw refused(`${name} TXT is ${kind} in Route 53, not a plain set`, 'delete it there; dns01 makes a plain one')
  return { values: (ResourceRecords ?? []).map(({ Value }) => Value ?? ''), ttlSeconds: TTL ?? 0 }
}
