import { Dns01Error, doubtful, unwritten } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { DnsServer, Log, RecordType, World } from '../core/world.js'

export { readSecretFile } from '../config/secret-file.js'
export { settleAll } from '../core/combine-errors.js'
export { Dns01Error, doubtful, messageOf, systemCodeOf, unwritten, wasNeverSent, withDetails } from '../core/errors.js'
export { issueText } from '../core/gate.js'
export { ancestors, challengeName, isWithin, longestMatch, type Name, parseName } from '../core/names.js'
export { retry } from '../core/retry.js'
export { weakness } from '../core/trust.js'
export { type ChallengeFacts, groupBy, type TxtRecord } from '../core/txt-record.js'
export type {
  DnsAnswer,
  DnsServer,
  HttpResponse,
  Log,
  Question,
  RecordType,
  ResourceRecord,
  RunResult,
  World,
} from '../core/world.js'
export {
  findHooks,
  type HookResult,
  holdSeveralValues,
  hookFolders,
  hookTimeoutSeconds,
  notMyEvent,
  runHooks,
} from './hook-scripts.js'

/** What comes with every call. `signal` stops all waiting; cleanup() gets one of its own. */
export interface ProviderCall {
  readonly zone: Name
  readonly signal: AbortSignal
  readonly log: Log
  /** With present(): resolve as soon as the change is accepted; whoever calls waits for the servers by itself. */
  readonly acceptedIsEnough?: boolean
}

/** A zone and the addresses that serve it, when the provider itself knows. */
export interface KnownZone {
  readonly zone: Name
  /** As World.dns.query's `server`; the engine finds them by asking when absent. */
  readonly servers?: readonly string[]
}

/** An opened provider. Never called twice at once for one zone; different zones are served in parallel. */
export interface Provider {
  /** Adds these TXT values. All records of one call lie in `call.zone`; several may share a name. Values already there
   *  stay. Resolves when the provider says all its servers have them, if its API can tell; else once accepted.
   *  Twice is the same as once. Throws refused() or unavailable(); as unwritten(…) if it is proved that this call wrote
   *  none of them: the server said no to the whole, the credentials were not taken, not a byte was sent. Then cleanup()
   *  is not called and no run after this one hears of it. A time-out proves nothing, nor does the exit status of a program, nor an error
   *  after a part was accepted: beforeWriting() and oneByOne() mind that, and retry() minds what an earlier attempt
   *  may have written. */
  present(records: readonly TxtRecord[], call: ProviderCall): Promise<void>
  /** Removes exactly these values and no others. A value already gone is success. Is called even when present() failed,
   *  unless that proved that nothing was written. */
  cleanup(records: readonly TxtRecord[], call: ProviderCall): Promise<void>
  /** The zone of a challenge name, if this provider knows it better than the DNS (it is the name server, or has a list). Asked before the DNS is. */
  zoneFor?(name: Name, signal: AbortSignal): Promise<KnownZone | undefined>
  /** Looks whether credentials are there, without using them. Asked once a run, before the CA is; throws CONFIG if not. */
  ready?(signal: AbortSignal): Promise<void>
  /** Overrides the definition's, where that depends on the settings. */
  readonly oneValuePerName?: boolean
  /** Ends what open() or present() began (sockets, clients). */
  close?(): Promise<void>
}

/** A record that somebody must create elsewhere before a provider can serve. */
export interface NeededRecord {
  readonly name: Name
  readonly type: RecordType
  /** As in a zone file, names with their final dot. */
  readonly data: string
  /** What is wrong with it, in words; undefined when it stands. */
  readonly missing?: string | undefined
}

export interface Setting {
  /** Environment variables that give it, best first; `NAME_FILE` gives a path to read instead. */
  readonly env: readonly string[]
  readonly help: string
  readonly required?: boolean
  /** Masked in every log; refused in conf/dns.yml (write `KEY-file: PATH` there). */
  readonly secret?: boolean
  readonly default?: string
  /** Whether quickstart asks for it although it is not required, by what is known of the others (KEY → value or answer). */
  readonly ask?: (known: Readonly<Record<string, string | undefined>>) => boolean
}

export type Settings = Readonly<Record<string, Setting>>

export type SettingValues<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { required: true } | { default: string } ? string : string | undefined
}

export interface ProviderDefinition<S extends Settings = Settings> {
  readonly name: string
  readonly summary: string
  /** Keyed by the name used in conf/dns.yml, lower case with hyphens. */
  readonly settings: S
  /** One call to present() costs about the same for one record and for a hundred. */
  readonly batch: boolean
  /** Values of others at the same name survive present() and cleanup(). */
  readonly additive: boolean
  /** When present() has resolved, every server of the provider shows the values (Route 53: INSYNC). */
  readonly confirmsSync?: boolean
  /** Values are to be seen only while dns01 runs: of no use to a hook, which ends before the CA looks. */
  readonly ephemeral?: boolean
  /** It runs a program of somebody else: the secrets of the other providers in use are not in its World's environment. */
  readonly othersSecretsHidden?: boolean
  /** It finds its own zone from the challenge's host; a zone the engine cannot find is no error. */
  readonly findsZone?: boolean
  /** Only one value at a name at a time: the engine validates them one after the other. */
  readonly oneValuePerName?: boolean
  /** How long a change may wait for others of the same run to join it: about a tenth of what a change takes. Default 0. */
  readonly batchDelaySeconds?: number
  /** `real server: BIND 9, Knot` or `double: test/fakes/route53.ts`. */
  readonly testedWith: string
  open(values: SettingValues<S>, world: World): Provider | Promise<Provider>
  /** The least rights that serve these hosts (none: any host), as text for the provider's own console. */
  policy?(names: readonly Name[], values: SettingValues<S>): string
  /** What must stand elsewhere before these hosts can be served, and whether it does, by asking the resolvers of `world`. */
  requiredRecords?(
    names: readonly Name[],
    values: SettingValues<S>,
    world: World,
    signal: AbortSignal,
  ): Promise<readonly NeededRecord[]>
  /** `dns01 serve-dns`: answers with whatever `records` gives when asked (the same list while it has not changed), until
   *  closed; one server for all these settings. */
  serve?(
    all: readonly SettingValues<S>[],
    records: () => readonly Pick<TxtRecord, 'name' | 'value'>[],
    world: World,
  ): Promise<DnsServer>
}

/** Gives `open` its types; a provider file's one default export. */
export const defineProvider = <const S extends Settings>(definition: ProviderDefinition<S>): ProviderDefinition<S> =>
  definition

/** The provider said no and will again: credentials, rights, no such zone, a bad setting. */
export const refused = (message: string, hint?: string, cause?: unknown): Dns01Error =>
  new Dns01Error('REFUSED', message, { hint, cause })

/** It may work later: time-out, throttling, server error. */
export const unavailable = (message: string, cause?: unknown, retryAfterSeconds?: number): Dns01Error =>
  new Dns01Error('UNAVAILABLE', message, { cause, retryAfterSeconds })

/** What a present() does before it writes: where that fails, nothing was written. */
export async function beforeWriting<T>(prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare()
  } catch (error) {
    throw unwritten(error)
  }
}

/** Writes part after part: what the second says of itself proves nothing of the first. */
export async function oneByOne<T>(parts: readonly T[], write: (part: T) => Promise<void>): Promise<void> {
  for (const [i, part] of parts.entries()) {
    try {
      await write(part)
    } catch (error) {
      throw i === 0 ? error : doubtful(error)
    }
  }
}

/**
 * A setting that is a time in seconds, more than 0.
 * @throws Dns01Error CONFIG
 */
export function parseSeconds(setting: string, text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && Number.isFinite(seconds)) return seconds
  throw new Dns01Error('CONFIG', `${setting} is ${JSON.stringify(text)}`, { hint: 'give a number of seconds above 0' })
}
