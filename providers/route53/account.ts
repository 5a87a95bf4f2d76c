// One AWS account in one run: a client of the SDK, whose calls share one pace, and the watch on pending changes. The SDK does
// the signing, the credentials and the XML; waiting and repeating are done here, where the log and the signal are.
import type {
  ChangeInfo,
  ChangeResourceRecordSetsRequest,
  ListHostedZonesByNameRequest,
  ListHostedZonesByNameResponse,
  ListResourceRecordSetsRequest,
  ListResourceRecordSetsResponse,
  Route53Client,
} from '@aws-sdk/client-route-53'
import { Dns01Error, retry, type Shared, unavailable, type World } from '../../src/provider/shipped.js'
import type { How, Zone } from './api.js'
import { credentialsOf } from './credentials.js'
import { throughWorld } from './http.js'
import { oneAtATime, pacer } from './pace.js'
import type { Values } from './settings.js'
import { explain, isThrottling, maskedKey } from './words.js'

/**
 * For how long one call is made again that Route 53 refuses for haste. That is its way to spread what all clients of an
 * account want, not a failure; and the whole present() made again would begin with the first page of many, and ask the
 * more the busier the service is. Any other trouble is left to dns01, which repeats the whole.
 */
const throttledSeconds = 60
/** A change that is PENDING for longer is in trouble: AWS says that most are INSYNC within 60 s. */
const longestPendingSeconds = 900
/** While a change is pending, a look that fails means nothing, for so long: a new present() would make another change. */
const unheardSeconds = 120
/** Pauses before the looks at a pending change, each a second longer; changes become INSYNC after 20 to 60 s. */
const lookAfterSeconds = { first: 2, longest: 4 } as const

/** What all zones of one account share in a run: client, pace, list of zones, the watch for INSYNC. `on`: the zone, in words. */
export interface AwsAccount {
  /** Resolves when there are some; whether AWS takes them the first call tells. @throws Dns01Error CONFIG when there are none */
  credentials(signal: AbortSignal): Promise<void>
  listZones(from: ListHostedZonesByNameRequest, how: How): Promise<ListHostedZonesByNameResponse>
  listSets(from: ListResourceRecordSetsRequest, on: string, how: How): Promise<ListResourceRecordSetsResponse>
  change(request: ChangeResourceRecordSetsRequest, on: string, how: How): Promise<ChangeInfo | undefined>
  zones: Promise<Zone[]> | undefined
  readonly inSync: (change: string, on: string, how: How) => Promise<void>
}

/** The account that these credentials open: zones with settings of their own still share one pace. */
export function accountOf(world: World, values: Values, shared: Shared): Promise<AwsAccount> {
  const { 'zone-id': _zone, private: _private, ttl: _ttl, ...access } = values
  return shared.once(`account ${JSON.stringify(access)}`, () => openAccount(world, values))
}

/** Loads the SDK, and so is called only when a record is to be written: most runs have none. */
async function openAccount(world: World, values: Values): Promise<AwsAccount> {
  const sdk = await import('./sdk.js')
  // The SDK's word about old Node versions is for us, who choose its version, and not for cron's mail.
  sdk.nodeVersionWarning.warningEmitted = true
  const requestHandler = throughWorld(world)
  const { region, endpoint, profile } = values
  const credentials = await credentialsOf(values, requestHandler)
  const client = new sdk.Route53Client({
    region,
    requestHandler,
    // Attempts are ours to make: paced with all other calls, shown in the log, ended by the signal. The SDK's own (adaptive,
    // 10 attempts) wait unseen, and its rate limiter knows one client only.
    maxAttempts: 1,
    ...(endpoint && { endpoint }),
    ...(profile && { profile }),
    ...(credentials && { credentials }),
  })
  const source = profile ? `profile "${profile}"` : 'the default chain'
  const call = callerOf(world, client, source)
  const isInSync = async (Id: string, how: How): Promise<boolean> => {
    const answer = await call('GetChange', `change ${Id}`, how, o => client.send(new sdk.GetChangeCommand({ Id }), o))
    return answer.ChangeInfo?.Status === 'INSYNC'
  }
  return {
    credentials: async signal => {
      try {
        await client.config.credentials()
      } catch (error) {
        signal.throwIfAborted()
        throw explain(error as Error, { action: 'credentials', on: 'all zones', who: source })
      }
    },
    listZones: (from, how) =>
      call('ListHostedZonesByName', 'all zones', how, async o =>
        having(await client.send(new sdk.ListHostedZonesByNameCommand(from), o), 'HostedZones'),
      ),
    listSets: (from, on, how) =>
      call('ListResourceRecordSets', on, how, async o =>
        having(await client.send(new sdk.ListResourceRecordSetsCommand(from), o), 'ResourceRecordSets'),
      ),
    change: async (request, on, how) => {
      const command = new sdk.ChangeResourceRecordSetsCommand(request)
      const send = async (o: { readonly abortSignal: AbortSignal }) =>
        having(await client.send(command, o), 'ChangeInfo')
      return (await call('ChangeResourceRecordSets', on, how, send)).ChangeInfo
    },
    zones: undefined,
    inSync: syncWatch(world, isInSync),
  }
}

/** The SDK makes an empty answer of any that it does not know: a page of somebody else must not count as "there is none". */
function having<T extends object>(answer: T, key: keyof T & string): T {
  if (answer[key] !== undefined) return answer
  throw unavailable(`an answer without ${key}: it is not one of Route 53's API (a proxy in between?)`)
}

/** Makes one call. `action`: the API's name of it; `on`: the zone or change, for messages. */
type Call = <T>(
  action: string,
  on: string,
  how: How,
  attempt: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
) => Promise<T>

/**
 * One API call at its turn; again, later, while Route 53 says "Throttling". `action`: the API's name of it. `source`: where
 * the credentials should come from, for the words of an error when there are none.
 */
function callerOf({ clock, random }: World, client: Route53Client, source: string): Call {
  const pace = pacer({ clock })
  return async (action, on, { signal, log }, attempt) => {
    const explained = async (error: Error): Promise<Dns01Error> => {
      const keys = await client.config.credentials().catch(() => undefined)
      return explain(error, { action, on, who: keys ? `access key ${maskedKey(keys.accessKeyId)}` : source })
    }
    const what = `Route 53 ${action} (${on})`
    const limits = { giveUpAfterSeconds: throttledSeconds, maxPauseSeconds: 8, signal, what }
    const outcome = await retry({ clock, random, log }, limits, async () => {
      await pace.turn(signal)
      try {
        const answer = await attempt({ abortSignal: signal })
        pace.faster()
        return { answer }
      } catch (error) {
        signal.throwIfAborted()
        // Returned and not thrown: retry() would make it again, which is for dns01 to do with the whole present().
        if (!isThrottling(error as Error)) return { failure: await explained(error as Error) }
        pace.slower()
        throw await explained(error as Error)
      }
    })
    if ('failure' in outcome) throw outcome.failure
    return outcome.answer
  }
}

/**
 * Waits until a change is INSYNC: looks after 2, 5, 9, 13 … s. However many changes of however many zones are pending,
 * one GetChange at a time is under way, so that changes still to be made find their turn.
 */
function syncWatch({ clock }: World, isInSync: (id: string, how: How) => Promise<boolean>): AwsAccount['inSync'] {
  const inTurn = oneAtATime()
  const secondsSince = (then: Date): number => (clock.now().getTime() - then.getTime()) / 1000
  return async (id, on, how) => {
    const since = clock.now()
    let heardAt = since
    for (let pause: number = lookAfterSeconds.first; ; pause = Math.min(pause + 1, lookAfterSeconds.longest)) {
      await clock.sleep(pause, how.signal)
      try {
        if (await inTurn(() => isInSync(id, how))) return
        heardAt = clock.now()
      } catch (error) {
        how.signal.throwIfAborted()
        const isTemporary = error instanceof Dns01Error && error.code === 'UNAVAILABLE'
        if (!isTemporary || secondsSince(heardAt) > unheardSeconds) throw error
        how.log.info(`${error.message}; asked again, as the change is accepted`)
      }
      const seconds = Math.round(secondsSince(since))
      how.log.debug(`${on}: change ${id} is PENDING after ${seconds} s`)
      if (seconds > longestPendingSeconds) throw unavailable(`${on}: change ${id} is still PENDING after ${seconds} s`)
    }
  }
}
