import type { Propagation } from '../config/dns-config.js'
import { combine, settleAll } from '../core/combine-errors.js'
import { messageOf } from '../core/errors.js'
import { challengeName, type Name } from '../core/names.js'
import { openProgress, type ZoneProgress } from '../core/progress.js'
import { type RetryLimits, retry } from '../core/retry.js'
import type { Target } from '../core/target.js'
import { type ChallengeFacts, groupBy, type TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import { proveVisible } from '../dns/propagation.js'
import type { Resolver } from '../dns/resolver.js'
import { findZone, followCnames, type Zone } from '../dns/zone.js'
import type { KnownZone, Provider, ProviderCall } from '../provider/api.js'
import type { OpenProvider, Providers } from '../provider/loader.js'
import type { Journal, JournalEntry } from '../state/journal.js'
import { holdsOneValuePerName, ZoneQueue } from './zone-queue.js'

/** A TXT value that a challenge asks for, before anybody knows where it must stand. */
export interface RecordRequest {
  readonly challenge: ChallengeFacts
  readonly value: string
  readonly dns: Target['dns']
  /** Where the search for its place begins; the challenge's own name when absent. */
  readonly at?: Name
}

/** A wish with its place: the record after CNAMEs, who writes it, whom to ask for proof. */
export interface LocatedRecord {
  readonly record: TxtRecord
  readonly by: OpenProvider
  /** Who serves the zone; undefined: nobody is asked. */
  readonly zone: Zone | undefined
}

export interface PublisherParts {
  readonly world: World
  readonly providers: Providers
  readonly journal: Journal
  readonly resolver: Resolver
  readonly propagation: Propagation
  /** Stops presenting and waiting; never cleaning. */
  readonly signal: AbortSignal
  /** Told of values that may be up and could not be removed; a warning in the log when absent. */
  readonly leftBehind?: (text: string) => void
}

const ttlSeconds = 60
const recoverSeconds = 90
/** A provider that answers "later" to place() or remove() is asked again for this long. */
const placeSeconds = 120
const removeSeconds = 60

/** What one target has on its way to the zones; made by Publisher.batch(). */
export interface Batch {
  /** Publishes all of these; a promise for each, as that of Publisher.publish(). From here on nobody waits for the batch. */
  publish(placements: readonly LocatedRecord[]): Promise<void>[]
  /** It will not come any more. A second time it does nothing. */
  close(): void
}

/** The one place where TXT records appear and disappear: locate, note, group, present, watch, withdraw. */
export class Publisher {
  readonly #parts: PublisherParts
  readonly #lines = new Map<string, ZoneQueue>()
  readonly #progress = new Map<Name, ZoneProgress>()
  readonly #ready = new Map<Provider, Promise<void>>()
  /** Batches that are open: their records may still come. */
  readonly #open = new Set<Batch>()

  constructor(parts: PublisherParts) {
    this.#parts = parts
  }

  /**
   * Says that records of one more target may come soon: while a batch is open, a change worth sharing waits for it a
   * little. It ends with its first publish(), or with close() where nothing will come.
   */
  batch(): Batch {
    const batch: Batch = {
      publish: placements => {
        const published = placements.map(placement => this.publish(placement))
        batch.close()
        return published
      },
      close: () => {
        const wasLast = this.#open.delete(batch) && this.#open.size === 0
        if (wasLast) for (const line of this.#lines.values()) line.reconsider()
      },
    }
    this.#open.add(batch)
    return batch
  }

  /**
   * Looks whether there is somebody with credentials to place values for these names, before the CA is asked: no account
   * is registered and no order made for what nobody can prove. The names after CNAMEs decide, as in locate(); where the DNS
   * cannot say, locate() will. Price: a question a name, kept for the run.
   * @throws Dns01Error with `byName`: CONFIG (no provider, or none that is set up), or what the provider says
   */
  async checkProviders(names: readonly Name[], dns: Target['dns']): Promise<void> {
    const failed = new Map<Name, unknown>()
    const check = async (name: Name): Promise<void> => {
      const { provider } = await this.#providerOf(challengeName(name), dns)
      const ready = this.#ready.get(provider) ?? Promise.resolve(provider.ready?.(this.#parts.signal))
      this.#ready.set(provider, ready)
      await ready
    }
    await Promise.all(names.map(name => check(name).catch(error => failed.set(name, error))))
    this.#parts.signal.throwIfAborted()
    if (failed.size > 0) throw combine([...failed.values()], { byName: failed })
  }

  /** Who will write the value for this challenge name. Who gets along without the DNS does not wait for it here. */
  async #providerOf(asked: Name, dns: Target['dns']): Promise<OpenProvider> {
    const { propagation, providers, resolver, signal } = this.#parts
    const endOf = (): Promise<Name> =>
      followCnames(resolver, asked, signal, at => this.#isKnown(at, dns)).then(
        found => found.name,
        () => asked,
      )
    try {
      const by = await providers.for(asked, dns)
      const needsNoDns = !by.provider.ready && (by.definition.findsZone || !propagation.wait)
      if (needsNoDns || (await by.provider.zoneFor?.(asked, signal))) return by
      const name = await endOf()
      return name === asked ? by : await providers.for(name, dns)
    } catch (problem) {
      const name = await endOf()
      if (name === asked) throw problem
      return providers.for(name, dns).catch(() => Promise.reject(problem))
    }
  }

  /**
   * Finds where each value must stand: CNAMEs followed, zone and servers found by asking, unless the provider knows better.
   * @throws Dns01Error CONFIG (no provider), REFUSED or UNAVAILABLE (no such zone, no resolver answers)
   */
  locate(wishes: readonly RecordRequest[]): Promise<LocatedRecord[]> {
    return Promise.all(wishes.map(wish => this.#locateOne(wish)))
  }

  async #locateOne(wish: RecordRequest): Promise<LocatedRecord> {
    const { providers, signal } = this.#parts
    const asked = wish.at ?? challengeName(wish.challenge.host)
    const by = await providers.for(asked, wish.dns).catch((error: unknown) => ({ problem: error }))
    if ('problem' in by) return this.#locateByDns(wish, asked, undefined).catch(() => Promise.reject(by.problem))
    const known = await by.provider.zoneFor?.(asked, signal)
    if (known) return placement(wish, by, asked, known.zone, knownServers(known))
    return this.#locateByDns(wish, asked, by)
  }

  /** Where the DNS says that the value must stand; `first` is the provider of the name before CNAMEs. */
  async #locateByDns(wish: RecordRequest, asked: Name, first: OpenProvider | undefined): Promise<LocatedRecord> {
    const { providers, propagation, resolver, signal, world } = this.#parts
    const findsZone = first?.definition.findsZone ?? false
    try {
      const { name } = await followCnames(resolver, asked, signal, at => this.#isKnown(at, wish.dns))
      const by = first && name === asked ? first : await providers.for(name, wish.dns)
      const known = await by.provider.zoneFor?.(name, signal)
      if (known) return placement(wish, by, name, known.zone, knownServers(known))
      const zone = await findZone(resolver, name, signal)
      return placement(wish, by, name, by.definition.findsZone ? name : zone.apex, zone)
    } catch (error) {
      if (!first || signal.aborted || (propagation.wait && !findsZone)) throw error
      world.log.info(`${asked}: ${messageOf(error)}; left to the provider ${first.definition.name}, and not watched`)
      return placement(wish, first, asked, findsZone ? asked : wish.challenge.host, undefined)
    }
  }

  /** Whether its provider knows the zone of this name: that of `builtin` nobody else may serve just now. */
  async #isKnown(name: Name, dns: Target['dns']): Promise<boolean> {
    const { providers, signal } = this.#parts
    const by = await providers.for(name, dns).catch(() => undefined) // if it matters, the end of the chain tells
    return (await by?.provider.zoneFor?.(name, signal)) !== undefined
  }

  /** The placements in rounds that may be up together: one round, unless a provider holds one value a name. */
  rounds(placements: readonly LocatedRecord[]): LocatedRecord[][] {
    const rounds: LocatedRecord[][] = []
    for (const sameName of groupBy(placements, p => p.record.name).values()) {
      for (const [i, one] of sameName.entries()) {
        const round = holdsOneValuePerName(one.by) ? i : 0
        rounds[round] = [...(rounds[round] ?? []), one]
      }
    }
    return rounds
  }

  /**
   * Resolves when every authoritative server shows the value. Call it for many at once: they share one present() a zone.
   * @throws Dns01Error NOT_VISIBLE (who lacks it), UNAVAILABLE (nobody could be asked), or what the provider says
   */
  async publish(placement: LocatedRecord): Promise<void> {
    const { record, by, zone } = placement
    const placed = this.#progressOf(zone?.apex ?? record.zone).placing(by.definition.name)
    await this.#lineOf(by, record.zone).present(record).finally(placed)
    await this.prove(placement)
  }

  /**
   * Resolves when every authoritative server shows a value that was placed; at once where nobody is asked.
   * @throws Dns01Error NOT_VISIBLE (who lacks it), UNAVAILABLE (nobody could be asked)
   */
  async prove({ record, by, zone }: LocatedRecord): Promise<void> {
    const { propagation, resolver, signal, world } = this.#parts
    if (!propagation.wait || !zone) return
    const watched = this.#progressOf(zone.apex).watching(propagation.giveUpAfterSeconds)
    const confirmsSync = by.definition.confirmsSync ?? false
    const parts = { world, resolver, confirmsSync, limits: propagation, onNews: watched.news }
    let shown = false
    try {
      await proveVisible(parts, zone, record, signal)
      shown = true
    } finally {
      watched.end(shown)
    }
  }

  /** Takes values back, also when publish() failed. Never rejects: what can't be removed stays in the journal, and leftBehind() hears of it. */
  async withdraw(placements: readonly LocatedRecord[]): Promise<void> {
    await Promise.all(placements.map(({ by, record }) => this.#lineOf(by, record.zone).cleanup(record)))
  }

  /**
   * Places values that another process will remove: nothing is noted, nothing waits for company. One present() a zone.
   * `acceptedIsEnough`: the provider's servers need not have them yet.
   * @throws Dns01Error what the provider says; values may be up then
   */
  async place(placements: readonly LocatedRecord[], options: { readonly acceptedIsEnough: boolean }): Promise<void> {
    const limits = { giveUpAfterSeconds: placeSeconds, signal: this.#parts.signal }
    await this.#eachZone(placements, limits, (by, records, call) =>
      by.provider.present(records, { ...call, ...options }),
    )
  }

  /**
   * Removes values that another process has placed: one cleanup() a zone. The signal that stops the run does not stop it.
   * @throws Dns01Error what the provider says; values may be left then
   */
  async remove(placements: readonly LocatedRecord[]): Promise<void> {
    const signal = this.#parts.world.clock.deadline(removeSeconds + 30)
    const limits = { giveUpAfterSeconds: removeSeconds, signal }
    await this.#eachZone(placements, limits, (by, records, call) => by.provider.cleanup(records, call))
  }

  /** One call for each zone, zones in parallel, again while the provider says "later". */
  #eachZone(
    placements: readonly LocatedRecord[],
    limits: Pick<RetryLimits, 'giveUpAfterSeconds' | 'signal'>,
    act: (by: OpenProvider, records: readonly TxtRecord[], call: ProviderCall) => Promise<void>,
  ): Promise<void> {
    const { world } = this.#parts
    const zones = groupBy(placements, ({ by, record }) => lineKey(by, record.zone))
    return settleAll(
      [...zones.values()].map(group => {
        const { by, record } = group[0] as LocatedRecord
        const call = { zone: record.zone, signal: limits.signal, log: world.log }
        const records = group.map(placement => placement.record)
        return retry(world, { ...limits, what: `${by.definition.name} in ${record.zone}` }, () =>
          act(by, records, call),
        )
      }),
    )
  }

  /** Removes what earlier runs noted and could not remove: one cleanup() a zone. What fails again stays noted. */
  async recover(): Promise<void> {
    const sameZone = groupBy(this.#parts.journal.entries(), e => JSON.stringify([e.provider, e.settings, e.zone]))
    await Promise.all([...sameZone.values()].map(entries => this.#recoverZone(entries)))
  }

  async #recoverZone(entries: readonly JournalEntry[]): Promise<void> {
    const { journal, providers, world } = this.#parts
    const { provider, settings = {}, zone } = entries[0] as JournalEntry
    const records = entries.flatMap(entry => entry.records)
    const what = `${records.length} TXT record(s) of an earlier run in ${zone}`
    try {
      const opened = await providers.open({ provider, settings })
      await opened.provider.cleanup(records, { zone, signal: world.clock.deadline(recoverSeconds), log: world.log })
      for (const { id } of entries) await journal.gone(id)
      world.log.notice(`removed ${what}`)
    } catch (error) {
      this.#leftBehind(`could not remove ${what}: ${messageOf(error)}; the next run tries again`)
    }
  }

  /** Removes all that is still up and waits for every call under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#lines.values()].map(line => line.close()))
  }

  #progressOf(zone: Name): ZoneProgress {
    const progress = this.#progress.get(zone) ?? openProgress(this.#parts.world, zone)
    this.#progress.set(zone, progress)
    return progress
  }

  #lineOf(by: OpenProvider, zone: Name): ZoneQueue {
    const key = lineKey(by, zone)
    const { world, journal, signal } = this.#parts
    const parts = {
      ...{ world, journal, signal },
      othersMayCome: () => this.#open.size > 0,
      leftBehind: (text: string) => this.#leftBehind(text),
    }
    const line = this.#lines.get(key) ?? new ZoneQueue(parts, by, zone)
    this.#lines.set(key, line)
    return line
  }

  #leftBehind(text: string): void {
    const { leftBehind, world } = this.#parts
    if (leftBehind) leftBehind(text)
    else world.log.warn(text)
  }
}

const lineKey = (by: OpenProvider, zone: Name): string => JSON.stringify([by.config, zone])

const placement = (
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

const knownServers = ({ zone, servers }: KnownZone): Zone | undefined =>
  servers && { apex: zone, servers: servers.map(address => ({ name: zone, addresses: [address] })) }
