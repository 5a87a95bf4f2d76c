// Proves that a TXT value is visible before the CA is told to look: every address of every authoritative server is asked
// directly. A CA may ask any of them, and does so from several places (Baseline Requirements §3.2.2.9); a failed validation
// counts against its rate limits. Resolvers would tell what they remember, not what the servers say now; and one that is
// asked too early remembers that there is nothing, for as long as the SOA says (RFC 2308 §5).
// Three ways lost. A fixed pause is too short on a bad day and too long on all others. One server of the zone is not enough:
// secondaries lag. One address of each server is not enough either: a name may have several machines behind it, and IPv4
// and IPv6 lead to different ones. What cannot be seen from here is an anycast cloud; there the provider's word helps
// (`confirmsSync`).
import { Dns01Error, shortList } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import type { Resolver } from './resolver.js'
import { type Rhythm, ServerWatch, type Subscription } from './server-watch.js'
import type { Zone } from './zone.js'

/** Servers with the answer of each, in one message: more does not help a reader, and a zone may have a hundred addresses. */
const shownAtMost = 5

/** `propagation` of conf/dns.yml. */
interface ProofLimits extends Rhythm {
  readonly giveUpAfterSeconds: number
}

/**
 * What all proofs of one run share: a watch for each server, so that all values that wait at one server share its
 * questions, and what was logged already. Whoever makes proofs makes one and hands it to each of them.
 */
export class SharedWatches {
  readonly #world: Pick<World, 'dns' | 'clock'>
  readonly #watches = new Map<string, ServerWatch>()
  readonly #logged = new Set<string>()

  constructor(world: Pick<World, 'dns' | 'clock'>) {
    this.#world = world
  }

  /** The watch of a server, made when it is first asked for. The rhythm is that of whoever comes first: a run has one. */
  of(server: string, recursion: boolean, rhythm: Rhythm): ServerWatch {
    const key = `${server} ${recursion}` // a resolver may be a name server of the zone as well, and is asked otherwise
    const watch = this.#watches.get(key) ?? new ServerWatch(this.#world, server, recursion, rhythm)
    this.#watches.set(key, watch)
    return watch
  }

  /** Those of these texts that were not given to it before. */
  notYetLogged(texts: readonly string[]): string[] {
    const fresh = texts.filter(text => !this.#logged.has(text))
    for (const text of fresh) this.#logged.add(text)
    return fresh
  }
}

/** What the proof of one zone needs. */
export interface ProofParts {
  readonly world: Pick<World, 'dns' | 'clock' | 'log'>
  readonly watches: SharedWatches
  /** Decides where no server of the zone can be asked, unless the provider does. */
  readonly resolver: Resolver
  /** The provider's own word counts: its servers had the value when present() came back (Route 53: INSYNC). Used only where
   *  nothing can be asked; what can be seen is looked at all the same. */
  readonly confirmsSync: boolean
  readonly limits: ProofLimits
  /** Hears after every answer of how many servers there are, and which do not show the value yet, as far as they can be asked. */
  readonly onProgress?: (seen: { readonly servers: number; readonly missing: readonly string[] }) => void
}

/** A value at its name, after CNAMEs. There may be other values beside it: the CA looks for one that fits (RFC 8555 §8.4). */
interface Wanted {
  readonly name: Name
  readonly value: string
}

/**
 * Who does not yet serve every value. `seen`: an entry per address that answered, an empty one per silent server. Tells who,
 * and not whether: message and report need nothing else.
 * @throws Dns01Error UNAVAILABLE when `seen` is empty: that nobody lacks it would be true then, and mean nothing
 */
export function lagging(seen: ReadonlyMap<string, readonly string[]>, values: readonly string[]): string[] {
  if (seen.size === 0) throw new Dns01Error('UNAVAILABLE', 'no authoritative server to ask')
  return [...seen].filter(([, has]) => !values.every(v => has.includes(v))).map(([who]) => who)
}

/**
 * Resolves when every address of every server of the zone, asked directly, shows the value. An address that is of no use
 * (see server-health.ts) is reported once and does not stop the run while another one confirms; if all are of no use
 * (port 53 blocked), the provider's word or else the configured resolvers decide, and the log says which. Call it for many
 * records at once: they share the questions.
 * @throws Dns01Error NOT_VISIBLE naming who lacks it; UNAVAILABLE when nobody at all can be asked; the signal's reason
 */
export async function proveVisible(parts: ProofParts, zone: Zone, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const { world, watches, resolver, confirmsSync, limits } = parts
  // as a set: several names of servers may lead to one machine
  const addresses = [...new Set(zone.servers.flatMap(server => server.addresses))]
  if (addresses.length === 0) throw new Dns01Error('UNAVAILABLE', `${zone.apex}: no authoritative server to ask`)
  const timeUp = world.clock.deadline(limits.giveUpAfterSeconds) // for both ways of asking together
  if (zone.leftOut !== undefined && watches.notYetLogged([`${zone.apex} has more`]).length > 0)
    world.log.notice(`${zone.apex}: ${addresses.length} server addresses are asked; it has ${zone.leftOut}`)
  const direct = await watchAll(parts, { servers: addresses, recursion: false }, wanted, timeUp, signal)
  if (direct.visible) return warnOfUnusable(parts, zone, direct.unusable)
  // Port 53 is closed here, as in many companies. That is no fault of the record: somebody else has to be believed, and the
  // log says who, since what was not seen by ourselves may be wrong.
  if (confirmsSync) return tellWhoDecides(parts, zone, direct.unusable, 'the provider says that all have the record')
  tellWhoDecides(parts, zone, direct.unusable, `the resolvers ${shortList(resolver.servers)} decide`)
  const indirect = await watchAll(parts, { servers: resolver.servers, recursion: true }, wanted, timeUp, signal)
  if (!indirect.visible) throw nobodyToAsk(wanted.name, [...direct.unusable, ...indirect.unusable])
}

interface Visibility {
  /** All servers that are of use show the value; false: none is of use. */
  readonly visible: boolean
  /** `ADDRESS: why` */
  readonly unusable: readonly string[]
}

interface Asked {
  readonly servers: readonly string[]
  readonly recursion: boolean
}

/**
 * Subscribes at every server until all that are of use show the value, or none is of use. Nothing is asked here: the watches
 * do that, for all who wait at the same servers.
 * @throws Dns01Error NOT_VISIBLE when `timeUp` comes first; the signal's reason
 */
async function watchAll(
  { watches, limits, onProgress }: ProofParts,
  { servers, recursion }: Asked,
  wanted: Wanted,
  timeUp: AbortSignal,
  signal: AbortSignal,
): Promise<Visibility> {
  signal.throwIfAborted()
  if (servers.length === 0) return { visible: false, unusable: [] } // an empty list must not count as "all"
  const subscriptions = new Map<string, Subscription>()
  const ended = new AbortController()
  try {
    return await new Promise<Visibility>((resolve, reject) => {
      const giveUp = (): void => reject(notVisible(wanted.name, subscriptions, limits.giveUpAfterSeconds))
      const look = (): void => {
        if (subscriptions.size < servers.length) return // the others are about to be subscribed to
        const visibility = visibilityOf(subscriptions)
        if (visibility) resolve(visibility)
        else onProgress?.({ servers: subscriptions.size, missing: missingAt(subscriptions) })
      }
      signal.addEventListener('abort', () => reject(signal.reason), { signal: ended.signal })
      timeUp.addEventListener('abort', giveUp, { signal: ended.signal })
      for (const server of servers)
        subscriptions.set(server, watches.of(server, recursion, limits).subscribe(wanted, look))
      if (timeUp.aborted) giveUp()
    })
  } finally {
    ended.abort() // takes both listeners away: `signal` is that of the whole run, and would collect one for each value
    for (const subscription of subscriptions.values()) subscription.close()
  }
}

/** For progress: those that can be asked and do not show it. */
const missingAt = (subscriptions: ReadonlyMap<string, Subscription>): string[] =>
  [...subscriptions].filter(([, { shown, unusable }]) => !shown && unusable === undefined).map(([server]) => server)

/**
 * undefined: it is not yet clear. Visible when every server that may be of use shows the value, and one does; a server of no
 * use is not waited for. Not visible only when each was asked since: to be of no use may be an old verdict.
 */
function visibilityOf(subscriptions: ReadonlyMap<string, Subscription>): Visibility | undefined {
  const open = [...subscriptions].filter(([, { shown }]) => !shown)
  if (open.some(([, { unusable }]) => unusable === undefined)) return undefined
  const unusable = open.map(([server, { unusable }]) => `${server}: ${unusable}`)
  if (open.length < subscriptions.size) return { visible: true, unusable }
  return open.every(([, { asked }]) => asked) ? { visible: false, unusable } : undefined
}

/** With the last answer of each server that lags: whoever runs them sees at once what is wrong. */
function notVisible(name: Name, subscriptions: ReadonlyMap<string, Subscription>, seconds: number): Dns01Error {
  const seen = new Map([...subscriptions].map(([who, { shown, value }]) => [who, shown ? [value] : []]))
  const late = lagging(seen, [...new Set([...subscriptions.values()].map(({ value }) => value))])
  const answers = late.map(who => `${who}: ${subscriptions.get(who)?.lastAnswer}`)
  const message = `${name}: ${late.length} of ${subscriptions.size} servers lack the value after ${seconds} s (${shortList(answers, shownAtMost, '; ')})`
  return new Dns01Error('NOT_VISIBLE', message, { hint: 'dns01 probe shows what each server answers' })
}

/** UNAVAILABLE and not NOT_VISIBLE: nobody has said that the record is missing. */
const nobodyToAsk = (name: Name, unusable: readonly string[]): Dns01Error =>
  new Dns01Error(
    'UNAVAILABLE',
    `${name}: nobody can be asked whether the record is there (${shortList(unusable, shownAtMost, '; ')})`,
    {
      hint: 'name a resolver that can be reached (DNS01_RESOLVERS), or do without the proof: DNS01_PROPAGATION=off',
    },
  )

/** One line for each address and zone, whatever it answers the second time: a dead IPv6 path would fill the log otherwise. */
function warnOfUnusable({ world, watches }: ProofParts, zone: Zone, unusable: readonly string[]): void {
  const addressIn = (text: string): string => `${zone.apex} ${text.split(': ')[0]}`
  const fresh = new Set(watches.notYetLogged(unusable.map(addressIn)))
  const texts = unusable.filter(text => fresh.has(addressIn(text)))
  if (texts.length > 0)
    world.log.warn(
      `${zone.apex}: ${texts.length} server address(es) cannot be asked, the others confirm (${shortList(texts, shownAtMost, '; ')})`,
    )
}

/** Once for each zone: all its values meet the same. */
function tellWhoDecides({ world, watches }: ProofParts, zone: Zone, unusable: readonly string[], who: string): void {
  if (watches.notYetLogged([`${zone.apex} ${who}`]).length > 0)
    world.log.notice(
      `${zone.apex}: none of its servers can be asked from here (${shortList(unusable, shownAtMost, '; ')}): ${who}`,
    )
}
