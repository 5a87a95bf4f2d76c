// Finds the hosted zone for a name: an account may have several of one name (private ones, old ones), and only that to which
// the public DNS delegates is seen by the CA.
import type { ListHostedZonesByNameRequest, ListHostedZonesByNameResponse } from '@aws-sdk/client-route-53'
import {
  ancestors,
  groupBy,
  isWithin,
  type Name,
  refused,
  unavailable,
  type World,
} from '../../src/provider/shipped.js'
import type { AwsAccount } from './account.js'
import { describe, fromApi, type How, withoutPrefix, type Zone } from './api.js'
import { oneAtATime } from './pace.js'
import { hints } from './words.js'

/** All hosted zones of the account, asked for once a run; 100 a call. */
function listZones(account: AwsAccount, how: How): Promise<Zone[]> {
  account.zones ??= (async () => {
    const zones: Zone[] = []
    const asked = new Set<string>()
    let from: ListHostedZonesByNameRequest | undefined = {}
    while (from) {
      const key = JSON.stringify(from)
      if (asked.has(key)) throw unavailable('Route 53 lists the hosted zones in a circle: the same page comes again')
      asked.add(key)
      const page: ListHostedZonesByNameResponse = await account.listZones(from, how)
      for (const { Id, Name, Config } of page.HostedZones ?? [])
        zones.push(makeZone(Id ?? '', fromApi(Name), Config?.PrivateZone === true))
      from = page.IsTruncated ? { DNSName: page.NextDNSName, HostedZoneId: page.NextHostedZoneId } : undefined
    }
    return zones
  })()
  account.zones.catch(() => {
    account.zones = undefined
  })
  return account.zones
}

/** The API gives `/hostedzone/Z1`, people copy `Z1` from the console: the bare id is what we compare and show. */
const makeZone = (id: string, name: Name, isPrivate: boolean): Zone => ({
  id: withoutPrefix(id),
  name,
  isPrivate,
  written: new Map(),
  inTurn: oneAtATime(),
})

/** The zone that the user names. Its first set is the apex; so no right is needed but those on the zone itself. */
export async function zoneById(account: AwsAccount, id: string, how: How): Promise<Zone> {
  const HostedZoneId = withoutPrefix(id)
  const { ResourceRecordSets } = await account.listSets({ HostedZoneId, MaxItems: 1 }, HostedZoneId, how)
  return makeZone(id, fromApi(ResourceRecordSets?.[0]?.Name), false)
}

/**
 * The hosted zone for records in `apex`, the zone that the DNS showed (or, if it showed none, the challenge's parent):
 * the longest that holds it and that the public DNS delegates to. The DNS is asked only when that decides something.
 */
export async function zoneByName(
  account: AwsAccount,
  world: World,
  apex: Name,
  isPrivate: boolean,
  how: How,
): Promise<Zone> {
  const all = await listZones(account, how)
  const fitting = groupBy(
    all.filter(zone => zone.isPrivate === isPrivate && isWithin(apex, zone.name)),
    zone => zone.name,
  )
  const names = ancestors(apex).filter(name => fitting.has(name))
  if (names[0] !== apex && !isPrivate) await checkNotElsewhere(world, apex, all, how)
  for (const name of names) {
    const same = fitting.get(name) ?? []
    if (names.length === 1 && same.length === 1) return same[0] as Zone
    const servers = isPrivate ? undefined : await publicServers(world, name, how.signal)
    if (servers?.length === 0) how.log.info(`Route 53: the zone ${name} is skipped: nobody delegates to it`)
    else if (same.length === 1) return same[0] as Zone
    else return pickByServers(account, same, servers, how)
  }
  const kind = isPrivate ? 'private' : 'public'
  throw refused(
    `Route 53 has no ${kind} hosted zone for ${apex} among the ${all.length} that these credentials see`,
    hints.noZone,
  )
}

/**
 * A value in a zone above the one that the DNS shows would be accepted and seen by nobody, and the run would wait for it to
 * the end. @throws Dns01Error REFUSED when the zone is served by somebody else
 */
async function checkNotElsewhere(world: World, apex: Name, all: readonly Zone[], how: How): Promise<void> {
  const servers = await publicServers(world, apex, how.signal)
  if (!servers?.length) return
  const also = all.some(zone => zone.name === apex) ? ' (it has a private one: set "private: true" to use that)' : ''
  throw refused(
    `${apex} is a zone of its own, served by ${servers.join(', ')}; Route 53 has no public hosted zone ${apex} here${also}`,
    hints.noZone,
  )
}

/** Of several zones of one name, the one whose NS set is what the public DNS has. */
async function pickByServers(
  account: AwsAccount,
  same: Zone[],
  servers: string[] | undefined,
  how: How,
): Promise<Zone> {
  const [{ name, isPrivate }] = same as [Zone]
  const ids = same.map(zone => zone.id).join(', ')
  if (!servers)
    throw refused(
      `Route 53 has ${same.length} ${isPrivate ? 'private' : 'public'} zones ${name} (${ids})`,
      hints.zoneId,
    )
  for (const zone of same) {
    const from = { HostedZoneId: zone.id, StartRecordName: name, StartRecordType: 'NS', MaxItems: 1 } as const
    const { ResourceRecordSets = [] } = await account.listSets(from, describe(zone), how)
    const own = (ResourceRecordSets[0]?.ResourceRecords ?? []).map(({ Value }) => fromApi(Value)).sort()
    if (own.join() === servers.join()) return zone
  }
  throw refused(
    `Route 53 has ${same.length} public zones ${name} (${ids}), none with the name servers that the DNS shows: ${servers.join(', ')}`,
    hints.zoneId,
  )
}

/** The NS set that the machine's resolvers know for a zone, sorted; [] when there is no such zone; undefined when none answers. */
async function publicServers({ dns }: World, name: Name, signal: AbortSignal): Promise<string[] | undefined> {
  for (const server of dns.systemResolvers()) {
    const answer = await dns.query({ name, type: 'NS' }, { server, recursion: true, signal }).catch(() => undefined)
    signal.throwIfAborted()
    if (answer?.rcode === 'NOERROR' || answer?.rcode === 'NXDOMAIN')
      return answer.answers
        .filter(found => found.type === 'NS' && found.name === name)
        .map(found => fromApi(found.data))
        .sort()
  }
  return undefined
}
