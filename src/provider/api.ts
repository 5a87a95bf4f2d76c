/**
 * The plugin API, which others import as `dns01/provider`: what a provider is, what is promised to it, and the few
 * functions with which it keeps its own promises. docs/plugin-api.md shows them in use; `dns01/provider-contract`
 * (src/contract/) tests them. What the providers that we ship use besides is in shipped.ts, and nobody else's.
 *
 * Units: every number says its own (`…Seconds`), a moment is a Date. Names are lower case, in A-labels (`xn--…`), and have
 * no final dot; a TXT value has no quotes. Who talks to an API that wants a dot or quotes adds them, and takes them off.
 */
import { Dns01Error, doubtful, unwritten } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { DnsServer, Log, RecordType, World } from '../core/world.js'

export { Dns01Error, unwritten } from '../core/errors.js'
export { asChallengeName, isWithin, longestMatch, type Name, parseName } from '../core/names.js'
export { type ChallengeFacts, groupBy, recordKey, type TxtRecord } from '../core/txt-record.js'
export type { HttpRequest, HttpResponse, Log, RecordType, World } from '../core/world.js'

/**
 * How long a call that fails with UNAVAILABLE is made again. dns01 does it, in one place (src/publish/call-provider.ts), and
 * a provider does not retry by itself: two loops inside each other would wait for the product of their times. Inside one
 * call stays what a new call could not go on with: a compare-and-set that met another's change, the wait for a change
 * that is accepted, one page of many that was refused for haste.
 *
 * 120 s outlive the restart of a name server and most rate limits (a longer Retry-After is left to the next run, as an
 * order at the CA waits meanwhile). cleanup() holds up the end of a run, and the journal keeps what is left: 60 s.
 */
export const repeated = { presentSeconds: 120, cleanupSeconds: 60 } as const

/** What comes with every call. */
export interface ProviderCall {
  /** The zone of all records of the call: its apex. For a provider with `findsZone` it is the record's own name, since
   *  such a provider finds zones itself; and where the DNS cannot be asked and need not be (`propagation: off`), the host. */
  readonly zone: Name
  /** Stops all waiting: hand it to everything that waits, and throw its reason. cleanup() gets one of its own, since what
   *  stopped the run must not stop the cleaning. */
  readonly signal: AbortSignal
  /** Secrets of the settings are masked in it. info() is seen with -v, debug() with -vv; a warning reaches cron's mail. */
  readonly log: Log
  /** With present(): resolve as soon as the change is accepted; whoever calls waits for the servers by itself. */
  readonly acceptedIsEnough?: boolean
}

/** A zone and the addresses that serve it, when the provider itself knows. */
export interface KnownZone {
  /** Its apex. */
  readonly zone: Name
  /** As World.dns.query's `server`; the engine finds them by asking when absent. */
  readonly servers?: readonly string[]
}

/**
 * An opened provider.
 *
 * One call at a time for a zone: present() and cleanup() are never called while another call of theirs for the same zone is
 * under way; different zones are served in parallel. Another process (a second machine, another ACME client) may write
 * the same names at any time.
 *
 * Errors: refused() if the same call would fail again (credentials, rights, no such zone), unavailable() if it may work
 * later. After UNAVAILABLE the call is made again, with growing pauses, for `repeated.presentSeconds` or
 * `repeated.cleanupSeconds` in all; `retryAfterSeconds` of the error is obeyed. What is thrown besides is a bug of the provider,
 * told with its stack and never retried. Messages go to logs, mails and JSON: no secret in them, no whole body of an
 * answer. (What is `secret` in the settings is masked there too, but not what an API makes of it.)
 */
export interface Provider {
  /**
   * Adds these TXT values. All records of one call lie in `call.zone`; several may share a name (a host and its wildcard
   * do). Values already there stay. Twice is the same as once, since a call whose answer was lost is made again.
   * Resolves when the provider says that all its servers have them, if its API can tell; else once they are accepted: the
   * engine then asks the servers by itself.
   *
   * An error thrown as unwritten(…) says: it is proved that this call wrote none of its records. The server said no to the
   * whole, the credentials were not taken, not a byte was sent. Then cleanup() is not called, and no later run hears of the
   * records. A time-out proves nothing, nor does an error after a part was accepted: see beforeWriting() and oneByOne().
   */
  present(records: readonly TxtRecord[], call: ProviderCall): Promise<void>
  /**
   * Removes exactly these values and no others. A value already gone is success.
   * Is called even when present() failed, unless that proved that nothing was written. It may come from another process,
   * days later: dns01 notes the records in a journal before present(), and after a crash the next run opens the
   * provider with the same settings and hands it the records that were read there. So whatever cleanup() needs it finds by
   * name and value, and keeps no ids in memory for it, but as a short cut.
   */
  cleanup(records: readonly TxtRecord[], call: ProviderCall): Promise<void>
  /**
   * The zone of a challenge name, if this provider knows it better than the DNS (it is the name server, or has a list).
   * Asked before the DNS is.
   */
  zoneFor?(name: Name, signal: AbortSignal): Promise<KnownZone | undefined>
  /** Looks whether credentials are there, without using them. Asked once a run, before the CA is; throws CONFIG if not. */
  ready?(signal: AbortSignal): Promise<void>
  /** Overrides the definition's, where that depends on the settings. */
  readonly oneValuePerName?: boolean
  /** It tells somebody else the host, who makes `_acme-challenge.HOST` of it: no record of dns-account-01 is given to it. */
  readonly knowsHostOnly?: boolean
  /** Ends what open() or present() began (sockets, clients). Called once, at the end of the run. */
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

/** One thing that a provider must be told. */
export interface Setting {
  /** Environment variables that give it, best first; `NAME_FILE` gives a path to read instead. */
  readonly env: readonly string[]
  /** A phrase for `dns01 providers NAME`, quickstart's question, and the error when it is missing. */
  readonly help: string
  readonly required?: boolean
  /** Masked in every log; refused in conf/dns.yml (write `KEY-file: PATH` there). */
  readonly secret?: boolean
  readonly default?: string
  /** Whether quickstart asks for it although it is not required, by what is known of the others (KEY → value or answer). */
  readonly ask?: (known: Readonly<Record<string, string | undefined>>) => boolean
}

/** The settings of a provider by their keys in conf/dns.yml. */
export type Settings = Readonly<Record<string, Setting>>

/** What open() is given: a string where the setting is required or has a default. */
export type SettingValues<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { required: true } | { default: string } ? string : string | undefined
}

/**
 * What all openings of one provider in a run have in common, each set of settings being opened by itself: the pace of an
 * account, a socket. It belongs to whoever opens providers (Providers of loader.ts) and ends with it: nothing of a
 * provider's lies at module level, where no caller sees it.
 */
export interface Shared {
  /** What was made for this key first. */
  once<T>(key: string, make: () => T): T
}

/** One that is empty. What make() throws is not kept: the next one who asks makes it anew. */
export function openShared(): Shared {
  const made = new Map<string, unknown>()
  return {
    once: <T>(key: string, make: () => T): T => {
      if (!made.has(key)) made.set(key, make())
      return made.get(key) as T
    },
  }
}

/** A provider as its file describes it, before it is opened. */
export interface ProviderDefinition<S extends Settings = Settings> {
  /** As in conf/dns.yml and the name of the file or package; lower case, digits, hyphens. */
  readonly name: string
  /** A line for `dns01 providers`. */
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
  /** It finds its own zone from the challenge's host; a zone the engine cannot find is not an error. */
  readonly findsZone?: boolean
  /** Only one value at a name at a time: the engine validates them one after the other. */
  readonly oneValuePerName?: boolean
  /** How long a change may wait for others of the same run to join it: about a tenth of what a change takes. Default 0. */
  readonly batchDelaySeconds?: number
  /** `real server: BIND 9, Knot` or `double: test/fakes/route53.ts`. */
  readonly testedWith: string
  /**
   * Called once a run for each set of settings, and only if one of its names is due: so no request here. Whatever touches
   * the outside goes through `world` (`fetch` knows the user's proxies and CAs); tests hand in another. `shared` is for what
   * several sets of settings have in common in a run; without it nothing is shared.
   */
  open(values: SettingValues<S>, world: World, shared?: Shared): Provider | Promise<Provider>
  /** The least rights that serve these hosts (none: any host), as text for the provider's own console. With dns-account-01
   *  a name is the challenge name, and not the host: asChallengeName() makes one of both. */
  policy?(names: readonly Name[], values: SettingValues<S>): string
  /**
   * What must stand elsewhere before these hosts (or challenge names, as above) can be served, and whether it does, by
   * asking the resolvers of `world`.
   */
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

/** Gives `open` its types; the one default export of a provider's file. */
export const defineProvider = <const S extends Settings>(definition: ProviderDefinition<S>): ProviderDefinition<S> =>
  definition

/** The provider said no and will again: credentials, rights, no such zone, a bad setting. */
export const refused = (message: string, hint?: string, cause?: unknown): Dns01Error =>
  new Dns01Error('REFUSED', message, { hint, cause })

/** It may work later: time-out, throttling, server error. */
export const unavailable = (message: string, cause?: unknown, retryAfterSeconds?: number): Dns01Error =>
  new Dns01Error('UNAVAILABLE', message, { cause, retryAfterSeconds })

/** What a present() does before it writes (finds the zone, signs in): where that fails, nothing was written. */
export async function beforeWriting<T>(prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare()
  } catch (error) {
    throw unwritten(error)
  }
}

/** Writes part after part, and stops at the first that fails: what the second says of itself proves nothing of the first. */
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
