// AWS Route 53: one change for a zone, compared before it is set, waited for until it is in sync. account.ts talks to the
// API, zones.ts finds the hosted zone, sets.ts changes its TXT sets.
// UPSERT, which most clients use, lost: it replaces the whole set of a name, and with it a value that another machine or the
// wildcard of the same name has there. And a name server that shows the value proves nothing of the others: Route 53 is an
// anycast cloud, of which we see one place and the CA several. INSYNC is the word for all of them.
import {
  beforeWriting,
  defineProvider,
  doubtful,
  isWithin,
  type Name,
  openShared,
  type Provider,
  type ProviderCall,
  parseSeconds,
  refused,
  type TxtRecord,
  type World,
} from '../src/provider/shipped.js'
import { type AwsAccount, accountOf } from './route53/account.js'
import { describe, type How, withoutPrefix, type Zone } from './route53/api.js'
import { iamPolicy } from './route53/policy.js'
import { type Goal, settleSets, usualSyncSeconds } from './route53/sets.js'
import { checkSettings, parseTruth, settings, type Values } from './route53/settings.js'
import { hints } from './route53/words.js'
import { zoneById, zoneByName } from './route53/zones.js'

export default defineProvider({
  name: 'route53',
  summary: 'AWS Route 53: one change a zone, compared before it is set, proven in sync',
  settings,
  batch: true,
  additive: true,
  confirmsSync: true,
  batchDelaySeconds: 2,
  testedWith: 'double: test/fakes/route53.ts, by the real AWS SDK',
  open: openRoute53,
  policy: (names, values) =>
    `${JSON.stringify(iamPolicy(names, values['zone-id'] ? [withoutPrefix(values['zone-id'])] : []), null, 2)}\n`,
})

function openRoute53(values: Values, world: World, shared = openShared()): Provider {
  checkSettings(values)
  const isPrivate = parseTruth(values.private)
  const ttlSeconds = values.ttl === undefined ? undefined : Math.ceil(parseSeconds('ttl', values.ttl))
  // by apex and for the run; a zone that was not found is looked for again, since it may have been made meanwhile
  const chosen = new Map<Name, Promise<Zone>>()
  const zoneOf = (account: AwsAccount, apex: Name, how: How): Promise<Zone> => {
    const zone =
      chosen.get(apex) ??
      (values['zone-id'] ? zoneById(account, values['zone-id'], how) : zoneByName(account, world, apex, isPrivate, how))
    chosen.set(apex, zone)
    zone.catch(() => chosen.delete(apex))
    return zone
  }
  const placeOf = async (records: readonly TxtRecord[], { zone: apex, ...how }: ProviderCall) => {
    const account = await accountOf(world, values, shared)
    const zone = await zoneOf(account, apex, how)
    // with an id in the settings the zone is as the user says; Route 53's own error would not name it
    const stray = records.find(({ name }) => !isWithin(name, zone.name))
    if (stray) throw refused(`${describe(zone)} does not hold ${stray.name}`, hints.zoneId)
    return { account, zone }
  }
  const settle = async (goal: Goal, records: readonly TxtRecord[], how: ProviderCall) => {
    const { account, zone } = await beforeWriting(() => placeOf(records, how))
    // A second change while one is being applied is refused (PriorRequestNotComplete), so openings that share a zone queue.
    const changes = await zone.inTurn(() => settleSets({ world, account, zone, how }, { goal, records, ttlSeconds }))
    return { account, zone, changes }
  }
  return {
    ready: async signal => (await accountOf(world, values, shared)).credentials(signal),
    async present(records, call) {
      const { account, zone, changes } = await settle('present', records, call)
      if (call.acceptedIsEnough) return
      call.log.info(`${describe(zone)}: ${records.length} TXT values in ${changes.length} changes, waiting for INSYNC`)
      await Promise.all(
        changes.map(id =>
          id === undefined ? world.clock.sleep(usualSyncSeconds, call.signal) : account.inSync(id, zone.name, call),
        ),
      ).catch(error => {
        throw doubtful(error) // the change was accepted: cleanup() must come
      })
      call.log.info(`${describe(zone)}: in sync`)
    },
    /** Does not wait for INSYNC: nobody needs the values any more, and the next change compares before it sets. */
    async cleanup(records, call) {
      await settle('absent', records, call)
    },
  }
}
