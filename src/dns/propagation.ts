import { Dns01Error, shortList } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import type { Resolver } from './resolver.js'
import { type AddressWatch, openAddressWatch, type Rhythm, type Seat } from './watch.js'
import type { Zone } from './zone.js'

/** Servers with what each of them said, in one message. */
const toldAtMost = 5

interface ProofLimits extends Rhythm {
  readonly giveUpAfterSeconds: number
}

export interface ProofParts {
  readonly world: Pick<World, 'dns' | 'clock' | 'log'>
  /** Decides where no server of the zone can be asked, unless the provider does. Watches are kept with it, for the run. */
  readonly resolver: Resolver
  /** The provider's own word counts: its servers had the value when present() came back (Route 53: INSYNC). */
  readonly confirmsSync: boolean
  readonly limits: ProofLimits
  /** Told with every answer: of how many servers, which do not show the value yet, as far as they can be asked. */
  readonly onNews?: (seen: { readonly servers: number; readonly missing: readonly string[] }) => void
}

/** Who does not yet serve every value. `seen`: an entry per address that answered, an empty one per silent server. */
export function lagging(seen: ReadonlyMap<string, readonly string[]>, values: readonly string[]): string[] {
  if (seen.size === 0) throw new Dns01Error('UNAVAILABLE', 'no authoritative server to ask')
  return [...seen].filter(([, has]) => !values.every(v => has.includes(v))).map(([who]) => who)
}

/**
 * Resolves when every address of every server of the zone, asked directly, shows the value: the CA may ask any of them.
 * An address that is of no use (see watch.ts) is reported once and does not stop the run while another one confirms;
 * if all are of no use (port 53 blocked), the provider's word or else the configured resolvers decide, and the log says
 * which. Call it for many records at once: they share the questions.
 * @throws Dns01Error NOT_VISIBLE naming who lacks it; UNAVAILABLE when nobody at all can be asked; the signal's reason
 */
export async function proveVisible(
  { world, resolver, confirmsSync, limits, onNews = () => {} }: ProofParts,
  zone: Zone,
  record: { readonly name: Name; readonly value: string },
  signal: AbortSignal,
): Promise<void> {
  const state = stateOf(resolver)
  const addresses = [...new Set(zone.servers.flatMap(server => server.addresses))]
  if (addresses.length === 0) throw new Dns01Error('UNAVAILABLE', `${zone.apex}: no authoritative server to ask`)
  const endsAt = world.clock.now().getTime() + limits.giveUpAfterSeconds * 1000
  const leftSeconds = (): number => Math.max(0, (endsAt - world.clock.now().getTime()) / 1000)
  const watch = (servers: readonly string[], recursion: boolean): Promise<Verdict> => {
    const watches = servers.map(server => state.watch(world, server, recursion, limits))
    const time = { seconds: leftSeconds(), saidSeconds: limits.giveUpAfterSeconds }
    return settle(world, { watches, record, time, onNews }, signal)
  }
  if (zone.leftOut !== undefined && state.isNew(`${zone.apex} has more`))
    world.log.notice(`${zone.apex}: ${addresses.length} server addresses are asked; it has ${zone.leftOut}`)
  const direct = await watch(addresses, false)
  if (direct.visible) return warnOnce(world, state, zone, direct.useless)
  if (confirmsSync) return tellOnce(world, state, zone, direct.useless, 'the provider says that all have the record')
  tellOnce(world, state, zone, direct.useless, `the resolvers ${shortList(resolver.servers)} decide`)
  const indirect = await watch(resolver.servers, true)
  if (!indirect.visible) throw nobody(record.name, [...direct.useless, ...indirect.useless])
}

interface Verdict {
  readonly visible: boolean
  /** `ADDRESS: why` */
  readonly useless: readonly string[]
}

interface Settling {
  readonly watches: readonly AddressWatch[]
  readonly record: { readonly name: Name; readonly value: string }
  readonly time: { readonly seconds: number; readonly saidSeconds: number }
  readonly onNews: NonNullable<ProofParts['onNews']>
}

/** Sits down at every address until all that are of use show the value, or none is of use. */
function settle(
  world: Pick<World, 'clock'>,
  { watches, record, time, onNews: tell }: Settling,
  signal: AbortSignal,
): Promise<Verdict> {
  signal.throwIfAborted()
  const timeUp = world.clock.deadline(time.seconds)
  const seats = new Map<string, Seat>()
  let stop = (): void => {}
  let giveUp = (): void => {}
  const verdict = new Promise<Verdict>((resolve, reject) => {
    stop = () => reject(signal.reason)
    giveUp = () => reject(notVisible(record.name, seats, time.saidSeconds))
    const onNews = (): void => {
      if (seats.size < watches.length) return
      const found = verdictOf(seats)
      if (found) resolve(found)
      else tell({ servers: seats.size, missing: lacking(seats) })
    }
    signal.addEventListener('abort', stop, { once: true })
    timeUp.addEventListener('abort', giveUp, { once: true })
    for (const watch of watches) seats.set(watch.server, watch.sit(record, onNews))
  })
  return verdict.finally(() => {
    signal.removeEventListener('abort', stop)
    timeUp.removeEventListener('abort', giveUp)
    for (const seat of seats.values()) seat.leave()
  })
}

const lacking = (seats: ReadonlyMap<string, Seat>): string[] =>
  [...seats].filter(([, seat]) => !seat.shown && seat.useless === undefined).map(([server]) => server)

/** undefined: it is not yet clear. */
function verdictOf(seats: ReadonlyMap<string, Seat>): Verdict | undefined {
  const open = [...seats].filter(([, seat]) => !seat.shown)
  if (open.some(([, seat]) => seat.useless === undefined)) return undefined
  const useless = open.map(([server, seat]) => `${server}: ${seat.useless}`)
  if (open.length < seats.size) return { visible: true, useless }
  return open.every(([, seat]) => seat.looked) ? { visible: false, useless } : undefined
}

function notVisible(name: Name, seats: ReadonlyMap<string, Seat>, seconds: number): Dns01Error {
  const seen = new Map([...seats].map(([who, seat]) => [who, seat.shown ? [seat.value] : []]))
  const late = lagging(seen, [...new Set([...seats.values()].map(seat => seat.value))])
  const said = late.map(who => `${who}: ${seats.get(who)?.lastSaid}`)
  const message = `${name}: ${late.length} of ${seats.size} servers lack the value after ${seconds} s (${shortList(said, toldAtMost, '; ')})`
  return new Dns01Error('NOT_VISIBLE', message, { hint: 'dns01 probe shows what each server answers' })
}

const nobody = (name: Name, useless: readonly string[]): Dns01Error =>
  new Dns01Error(
    'UNAVAILABLE',
    `${name}: nobody can be asked whether the record is there (${shortList(useless, toldAtMost, '; ')})`,
    {
      hint: 'name a resolver that can be reached (DNS01_RESOLVERS), or do without the proof: DNS01_PROPAGATION=off',
    },
  )

interface WatchState {
  watch(world: Pick<World, 'dns' | 'clock'>, server: string, recursion: boolean, rhythm: Rhythm): AddressWatch
  /** Whether this was not said before. */
  isNew(text: string): boolean
}

const states = new WeakMap<Resolver, WatchState>()

/** The watches of a run: all records that wait at one address share its questions. */
function stateOf(resolver: Resolver): WatchState {
  const known = states.get(resolver)
  if (known) return known
  const watches = new Map<string, AddressWatch>()
  const said = new Set<string>()
  const state: WatchState = {
    watch: (world, server, recursion, rhythm) => {
      const key = `${server} ${recursion}`
      const watch = watches.get(key) ?? openAddressWatch(world, server, recursion, rhythm)
      watches.set(key, watch)
      return watch
    },
    isNew: text => !said.has(text) && said.add(text).size > 0,
  }
  states.set(resolver, state)
  return state
}

/** One line for each address and zone, whatever it says the second time. */
function warnOnce({ log }: Pick<World, 'log'>, state: WatchState, zone: Zone, useless: readonly string[]): void {
  const fresh = useless.filter(text => state.isNew(`${zone.apex} ${text.split(': ')[0]}`))
  if (fresh.length > 0)
    log.warn(
      `${zone.apex}: ${fresh.length} server address(es) cannot be asked, the others confirm (${shortList(fresh, toldAtMost, '; ')})`,
    )
}

function tellOnce(
  { log }: Pick<World, 'log'>,
  state: WatchState,
  zone: Zone,
  useless: readonly string[],
  who: string,
): void {
  if (state.isNew(`${zone.apex} ${who}`))
    log.notice(
      `${zone.apex}: none of its servers can be asked from here (${shortList(useless, toldAtMost, '; ')}): ${who}`,
    )
}
