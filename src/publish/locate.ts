// Finds where the TXT value of a challenge belongs: CNAMEs followed, the zone and its servers found, the provider chosen.
// Nothing is written here. Providers may know better than the DNS (they are the name server, or have a list of zones), and
// in an intranet the DNS may be out of reach; so the two are asked in turn, and each may be wanting.
import type { Propagation } from '../config/dns-config.js'
import { combine } from '../core/combine-errors.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { challengeName, isAccountChallengeName, type Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import { type ChallengeFacts, groupBy, type TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { Resolver } from '../dns/resolver.js'
import { type Standing, StandingRecords } from '../dns/standing.js'
import { findZone, followCnames, type Zone } from '../dns/zone.js'
import type { KnownZone, Provider } from '../provider/api.js'
import type { OpenProvider, Providers } from '../provider/loader.js'

/** A TXT value that a challenge asks for, before anybody knows where it belongs. */
export interface RecordRequest {
  readonly challenge: ChallengeFacts
  readonly value: string
  readonly dns: Target['dns']
  /** Where the search for its place begins; the challenge's own name when absent. */
  readonly at?: Name
}

/** A request with its place: the record after CNAMEs, who writes it, whom to ask for proof. */
export interface LocatedRecord {
  readonly record: TxtRecord
  readonly by: OpenProvider
  /** Who serves the zone; undefined: nobody is asked. */
  readonly zone: Zone | undefined
}

/** What locating, publishing and placing share. */
export interface PublishParts {
  readonly world: World
  readonly providers: Providers
  readonly resolver: Resolver
  readonly propagation: Propagation
  /** Stops locating, presenting and waiting; never cleaning. */
  readonly signal: AbortSignal
}

/**
 * TTL of our records. They live for minutes, and a resolver of the CA that asked too early must soon ask again. 60 is the
 * least that Cloudflare takes on every plan.
 */
const ttlSeconds = 60

/**
 * Finds the places of values, for one run: what it has learnt of providers and servers is kept until the end. Nothing is
 * written, and a provider is opened only when a name leads to it.
 */
export class Locator {
  readonly #parts: PublishParts
  readonly #ready = new Map<Provider, Promise<void>>()
  readonly #records: StandingRecords

  constructor(parts: PublishParts) {
    this.#parts = parts
    this.#records = new StandingRecords(parts)
  }

  /** What stands at a name that dns01 never writes to, at each of its servers; with `propagation: off` by the resolvers' word. */
  standing(name: Name): Promise<Standing> {
    const { propagation, signal } = this.#parts
    return this.#records.at(name, propagation.wait, signal)
  }

  /** With the answers of this run. */
  get resolver(): Resolver {
    return this.#parts.resolver
  }

  /**
   * Looks whether there is somebody with credentials to place values for these names, before the CA is asked: no account
   * is registered and no order made for what nobody can prove. The names after CNAMEs decide, as in locate(); where the DNS
   * cannot say, locate() will. Price: a question a name, kept for the run.
   * @param provedAt where the value for a name will have to stand
   * @throws Dns01Error with `byName`: CONFIG (no provider, or none that is set up), or what the provider says
   */
  async checkProviders(
    names: readonly Name[],
    dns: Target['dns'],
    provedAt: (name: Name) => Name = challengeName,
  ): Promise<void> {
    const failed = new Map<Name, unknown>()
    await Promise.all(
      names.map(async name => {
        try {
          await this.#checkProvider(provedAt(name), dns)
        } catch (error) {
          failed.set(name, error)
        }
      }),
    )
    this.#parts.signal.throwIfAborted()
    if (failed.size > 0) throw combine([...failed.values()], { byName: failed })
  }

  /** Each provider is asked once, however many names it serves. */
  async #checkProvider(asked: Name, dns: Target['dns']): Promise<void> {
    const { provider } = await this.#providerOf(asked, dns)
    const ready = this.#ready.get(provider) ?? Promise.resolve(provider.ready?.(this.#parts.signal))
    this.#ready.set(provider, ready)
    await ready
  }

  /** Who will write the value for this challenge name. Who gets along without the DNS does not wait for it here. */
  async #providerOf(asked: Name, dns: Target['dns']): Promise<OpenProvider> {
    const { propagation, signal } = this.#parts
    try {
      const by = await this.#providerFor(asked, asked, dns)
      const needsNoDns = !by.provider.ready && (by.definition.findsZone || !propagation.wait)
      if (needsNoDns || (await by.provider.zoneFor?.(asked, signal))) return by
      const name = await this.#endOfCnames(asked, dns)
      return name === asked ? by : await this.#providerFor(name, asked, dns)
    } catch (error) {
      return this.#providerAtEndOfCnames(asked, dns, error)
    }
  }

  /** A name without a provider of its own may be a CNAME to one that has; if not, the first error says what is missing. */
  async #providerAtEndOfCnames(asked: Name, dns: Target['dns'], firstError: unknown): Promise<OpenProvider> {
    const name = await this.#endOfCnames(asked, dns)
    if (name === asked) throw firstError
    try {
      return await this.#providerFor(name, asked, dns)
    } catch {
      throw firstError
    }
  }

  /** Who serves this name, which is `asked` or where its CNAMEs lead; not who could not place a value there. */
  async #providerFor(name: Name, asked: Name, dns: Target['dns']): Promise<OpenProvider> {
    const by = await this.#parts.providers.for(name, dns)
    refuseUnsayable(by, asked)
    return by
  }

  /** Where the CNAMEs end; the name itself when the DNS cannot say. */
  async #endOfCnames(asked: Name, dns: Target['dns']): Promise<Name> {
    try {
      return (await this.#followCnames(asked, dns)).name
    } catch {
      return asked
    }
  }

  #followCnames(asked: Name, dns: Target['dns']): ReturnType<typeof followCnames> {
    const { resolver, signal } = this.#parts
    return followCnames(resolver, asked, signal, name => this.#isKnown(name, dns))
  }

  /** Whether its provider knows the zone of this name: that of `builtin` nobody else may serve just now. */
  async #isKnown(name: Name, dns: Target['dns']): Promise<boolean> {
    const { providers, signal } = this.#parts
    const by = await providers.for(name, dns).catch(() => undefined) // if it matters, the end of the chain tells
    return (await by?.provider.zoneFor?.(name, signal)) !== undefined
  }

  /**
   * Finds where each value belongs: CNAMEs followed, zone and servers found by asking, unless the provider knows better.
   * @throws Dns01Error CONFIG (no provider), REFUSED or UNAVAILABLE (no such zone, no resolver answers)
   */
  locate(requests: readonly RecordRequest[]): Promise<LocatedRecord[]> {
    return Promise.all(requests.map(request => this.#locateOne(request)))
  }

  async #locateOne(request: RecordRequest): Promise<LocatedRecord> {
    const asked = request.at ?? challengeName(request.challenge.host)
    let by: OpenProvider
    try {
      by = await this.#providerFor(asked, asked, request.dns)
    } catch (error) {
      return this.#locateWithoutProvider(request, asked, error)
    }
    const known = await by.provider.zoneFor?.(asked, this.#parts.signal)
    if (known) return located(request, by, asked, known.zone, serversOf(known))
    return this.#locateByDns(request, asked, by)
  }

  /** As #providerAtEndOfCnames. */
  async #locateWithoutProvider(request: RecordRequest, asked: Name, firstError: unknown): Promise<LocatedRecord> {
    try {
      return await this.#locateByDns(request, asked, undefined)
    } catch {
      throw firstError
    }
  }

  /**
   * Where the DNS says that the value belongs; `first` is the provider of the name before CNAMEs. Where the DNS fails and
   * nobody insists on proof, the value is left to `first` at the challenge's own name.
   */
  async #locateByDns(request: RecordRequest, asked: Name, first: OpenProvider | undefined): Promise<LocatedRecord> {
    const { propagation, resolver, signal, world } = this.#parts
    const findsZone = first?.definition.findsZone ?? false
    try {
      const { name } = await this.#followCnames(asked, request.dns)
      const by = first && name === asked ? first : await this.#providerFor(name, asked, request.dns)
      const known = await by.provider.zoneFor?.(name, signal)
      if (known) return located(request, by, name, known.zone, serversOf(known))
      const zone = await findZone(resolver, name, signal)
      return located(request, by, name, by.definition.findsZone ? name : zone.apex, zone)
    } catch (error) {
      if (!first || signal.aborted || (propagation.wait && !findsZone)) throw error
      world.log.info(`${asked}: ${messageOf(error)}; left to the provider ${first.definition.name}, and not watched`)
      return located(request, first, asked, findsZone ? asked : request.challenge.host, undefined)
    }
  }
}

/** With dns-account-01 a program that hears of the host alone would write where dns-01 looks, and the CA would not find it. */
function refuseUnsayable({ definition, provider }: OpenProvider, asked: Name): void {
  if (!provider.knowsHostOnly || !isAccountChallengeName(asked)) return
  throw new Dns01Error(
    'CONFIG',
    `the provider ${definition.name} cannot place a value at ${asked}: it names hosts only`,
    {
      hint: 'with dns-account-01 take a provider that is told the name of the record: exec with the dialect lego or acmesh, or a DNS service',
    },
  )
}

/** Records in rounds that may be up together: one round, unless a provider holds one value a name. */
export function inRounds(records: readonly LocatedRecord[]): LocatedRecord[][] {
  const rounds: LocatedRecord[][] = []
  for (const sameName of groupBy(records, ({ record }) => record.name).values()) {
    for (const [i, one] of sameName.entries()) {
      const round = holdsOneValuePerName(one.by) ? i : 0
      rounds[round] = [...(rounds[round] ?? []), one]
    }
  }
  return rounds
}

/** Whether a name holds one value at a time at this provider. What was opened knows better than its definition. */
export const holdsOneValuePerName = ({ provider, definition }: OpenProvider): boolean =>
  provider.oneValuePerName ?? definition.oneValuePerName ?? false

/** Records that one call to a provider can take: of one zone, at one provider with the same settings. */
export const zoneKey = (by: OpenProvider, zone: Name): string => JSON.stringify([by.config, zone])

const located = (
  { challenge, value }: RecordRequest,
  by: OpenProvider,
  name: Name,
  zone: Name,
  servedBy: Zone | undefined,
): LocatedRecord => ({
  by,
  zone: servedBy,
  record: { name, value, zone, ttlSeconds, challenge },
})

/** A provider that is the name server itself knows addresses and no names; undefined where it leaves the proof to nobody. */
const serversOf = ({ zone, servers }: KnownZone): Zone | undefined =>
  servers && { apex: zone, servers: servers.map(address => ({ name: zone, addresses: [address] })) }
