import type {
  ChangeInfo,
  ChangeResourceRecordSetsRequest,
  ListHostedZonesByNameRequest,
  ListHostedZonesByNameResponse,
  ListResourceRecordSetsRequest,
  ListResourceRecordSetsResponse,
  Route53Client,
} from '@aws-sdk/client-route-53'
import { retry, unavailable, type World } from '../../src/provider/shipped.js'
import type { How, Zone } from './api.js'
import { credentialsOf } from './credentials.js'
import { throughWorld } from './http.js'
import { oneAtATime, pacer } from './pace.js'
import type { Values } from './settings.js'
import { explain, isThrottling, maskedKey } from './words.js'

const giveUpAfterSeconds = { call: 120, sync: 900 } as const
/** Pauses before the looks at a pending change, each a second longer; changes become INSYNC after 20 to 60 s. */
const lookAfterSeconds = { first: 2, longest: 4 } as const

type Patience = { readonly giveUpAfterSeconds?: number }

/** What all zones of one account share in a run: client, pace, list of zones, the watch for INSYNC. `on`: the zone, in words. */
export interface Account {
  /** Resolves when there are some; whether AWS takes them the first call tells. @throws Dns01Error CONFIG when there are none */
  credentials(signal: AbortSignal): Promise<void>
  listZones(from: ListHostedZonesByNameRequest, how: How): Promise<ListHostedZonesByNameResponse>
  listSets(from: ListResourceRecordSetsRequest, on: string, how: How): Promise<ListResourceRecordSetsResponse>
  change(request: ChangeResourceRecordSetsRequest, on: string, how: How & Patience): Promise<ChangeInfo | undefined>
  zones: Promise<Zone[]> | undefined
  readonly inSync: (change: string, on: string, how: How) => Promise<void>
}

/** Accounts by the credentials that open them: zones with settings of their own still share one pace. */
const accounts = new WeakMap<World, Map<string, Promise<Account>>>()

export function accountOf(world: World, values: Values): Promise<Account> {
  const opened = accounts.get(world) ?? new Map<string, Promise<Account>>()
  accounts.set(world, opened)
  const { 'zone-id': _zone, private: _private, ttl: _ttl, ...access } = values
  const key = JSON.stringify(access)
  const account = opened.get(key) ?? openAccount(world, values)
  opened.set(key, account)
  return account
}

async function openAccount(world: World, values: Values): Promise<Account> {
  const sdk = await import('./sdk.js')
  // The SDK's word about old Node versions is for us, who choose its version, and not for cron's mail.
  sdk.nodeVersionWarning.warningEmitted = true
  const requestHandler = throughWorld(world)
  const { region, endpoint, profile } = values
  const credentials = await credentialsOf(values, requestHandler)
  const client = new sdk.Route53Client({
    region,
    requestHandler,
    // Attempts are ours to make: paced with all other calls, told in the log, ended by the signal. The SDK's own (adaptive,
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

type Call = <T>(
  action: string,
  on: string,
  how: How & Patience,
  attempt: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
) => Promise<T>

/**
 * One API call at its turn, tried again while that can help. `action`: the API's name of it. `source`: where the
 * credentials should come from, for the words of an error when there are none.
 */
function callerOf({ clock, random }: World, client: Route53Client, source: string): Call {
  const pace = pacer({ clock })
  return (action, on, { signal, log, giveUpAfterSeconds: seconds = giveUpAfterSeconds.call }, attempt) => {
    const what = `Route 53 ${action} (${on})`
    return retry(
      { clock, random, log },
      { giveUpAfterSeconds: seconds, maxPauseSeconds: 8, signal, what },
      async () => {
        await pace.turn(signal)
        try {
          const answer = await attempt({ abortSignal: signal })
          pace.faster()
          return answer
        } catch (error) {
          signal.throwIfAborted()
          if (isThrottling(error as Error)) pace.slower()
          const keys = await client.config.credentials().catch(() => undefined)
          const who = keys ? `access key ${maskedKey(keys.accessKeyId)}` : source
          throw explain(error as Error, { action, on, who })
        }
      },
    )
  }
}

/**
 * Waits until a change is INSYNC: looks after 2, 5, 9, 13 … s. However many changes of however many zones are pending,
 * one GetChange at a time is under way, so that changes still to be made find their turn.
 */
function syncWatch({ clock }: World, look: (id: string, how: How) => Promise<boolean>): Account['inSync'] {
  const inTurn = oneAtATime()
  return async (id, on, how) => {
    const since = clock.now().getTime()
    for (let pause: number = lookAfterSeconds.first; ; pause = Math.min(pause + 1, lookAfterSeconds.longest)) {
      await clock.sleep(pause, how.signal)
      if (await inTurn(() => look(id, how))) return
      const seconds = Math.round((clock.now().getTime() - since) / 1000)
      how.log.debug(`${on}: change ${id} is PENDING after ${seconds} s`)
      if (seconds > giveUpAfterSeconds.sync)
        throw unavailable(`${on}: change ${id} is still PENDING after ${seconds} s`)
    }
  }
}
