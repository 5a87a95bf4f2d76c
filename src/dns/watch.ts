import pLimit from 'p-limit'
import { messageOf, systemCodeOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'

/** How often an address is asked. */
export interface Rhythm {
  readonly firstPauseSeconds: number
  readonly maxPauseSeconds: number
}

/** One record that somebody waits for at one address. */
export interface Seat {
  readonly name: Name
  readonly value: string
  /** The address shows the value. */
  readonly shown: boolean
  /** A question has come to its end since the seat was taken. */
  readonly looked: boolean
  /** Why the address is of no use: silent, refusing or not authoritative for `graceSeconds`; undefined while it answers. */
  readonly useless: string | undefined
  /** What it said last, for people. */
  readonly lastSaid: string
  leave(): void
}

/** Asks one address for as long as somebody has a seat, and tells each seat when something is new. */
export interface AddressWatch {
  readonly server: string
  sit(record: { readonly name: Name; readonly value: string }, onNews: () => void): Seat
}

export const watching = {
  /** For this long a wait is young: pauses stay short, so that the run goes on within 0.1 s of visibility. */
  youngSeconds: 20,
  youngPauseSeconds: 0.08,
  /** A young wait asks for so many names a round; when one has turned up, for all the rest at once (they mostly come together). */
  youngNamesPerRound: 4,
  /** An address that gives nothing useful for so long no longer holds up the others. */
  graceSeconds: 2,
  /** What was seen of it in an earlier wait counts for so long. */
  memorySeconds: 30,
  timeoutSeconds: 3,
  questionsAtOnce: 25,
} as const

/** The pause after this one: growing by half, to `maxPauseSeconds`, while the wait is young to youngPauseSeconds only. */
export function nextPauseSeconds(pauseSeconds: number, ageSeconds: number, rhythm: Rhythm): number {
  const young = Math.max(rhythm.firstPauseSeconds, watching.youngPauseSeconds)
  const ceiling = ageSeconds < watching.youngSeconds ? Math.min(young, rhythm.maxPauseSeconds) : rhythm.maxPauseSeconds
  return Math.min(pauseSeconds * 1.5, ceiling)
}

/** Nothing gets out of this machine that way: no need to try for graceSeconds. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

interface Trouble {
  readonly since: Date
  readonly lastSeen: Date
  readonly why: string
  readonly noWay: boolean
}

interface OpenSeat {
  readonly name: Name
  readonly value: string
  readonly since: Date
  readonly onNews: () => void
  shown: boolean
  looked: boolean
}

/**
 * Price: one question a name when the first seat for it is taken, then at most one a name and round; an address in
 * trouble is asked for one name only. `recursion` false asks an authoritative server, true a resolver.
 */
export function openAddressWatch(
  world: Pick<World, 'dns' | 'clock'>,
  server: string,
  recursion: boolean,
  rhythm: Rhythm,
): AddressWatch {
  const seats = new Set<OpenSeat>()
  const asking = new Map<Name, Promise<void>>()
  const limit = pLimit(watching.questionsAtOnce)
  let trouble: Trouble | undefined
  let lastSaid = 'nothing yet'
  let rounds: AbortController | undefined
  let pauseSeconds = rhythm.firstPauseSeconds

  const now = (): Date => world.clock.now()
  const secondsSince = (then: Date): number => (now().getTime() - then.getTime()) / 1000
  const isUseless = (): boolean =>
    trouble !== undefined &&
    secondsSince(trouble.lastSeen) < watching.memorySeconds &&
    (trouble.noWay || secondsSince(trouble.since) >= watching.graceSeconds)

  /** What an answer or its absence means; undefined is good. */
  const note = (why: string | undefined, since: Date, noWay: boolean): void => {
    trouble = why === undefined ? undefined : { since: trouble?.since ?? since, lastSeen: now(), why, noWay }
  }

  /** One question; what it brings goes to every seat. */
  const look = async (name: Name): Promise<void> => {
    const since = now()
    const signal = world.clock.deadline(watching.timeoutSeconds * 2)
    const where = { server, recursion, signal, timeoutSeconds: watching.timeoutSeconds }
    try {
      const { answers, authoritative, rcode } = await world.dns.query({ name, type: 'TXT' }, where)
      const why = objection(rcode, authoritative || recursion)
      lastSaid = why ?? `${answers.length || 'no'} value(s)`
      note(why, since, false)
      const values = new Set(answers.filter(r => r.type === 'TXT').map(r => r.data))
      if (!why) for (const seat of seats) if (seat.name === name && values.has(seat.value)) seat.shown = true
    } catch (error) {
      lastSaid = messageOf(error).split(': ').at(-1) ?? ''
      note(lastSaid, since, NO_WAY.has(systemCodeOf(error) ?? ''))
    }
    for (const seat of [...seats]) {
      if (seat.since <= since || seat.name === name) seat.looked = true
      seat.onNews()
    }
  }

  /** Joins the question under way for this name. `anyway`: also when the address is known to be of no use. */
  const askFor = (name: Name, anyway: boolean): Promise<void> => {
    const underWay = asking.get(name)
    if (underWay) return underWay
    const looking = limit(async () => {
      if (anyway || !isUseless()) await look(name)
    }).finally(() => asking.delete(name))
    asking.set(name, looking)
    return looking
  }

  const missing = (): Name[] => [...new Set([...seats].filter(seat => !seat.shown).map(seat => seat.name))]
  const ageSeconds = (): number => Math.min(...[...seats].map(seat => secondsSince(seat.since)))

  /** Asks for some; when one of them has turned up, or the address answers again, for all others too. */
  const round = async (turn: number): Promise<void> => {
    const names = missing()
    const hadTrouble = trouble !== undefined
    const young = ageSeconds() < watching.youngSeconds
    const some = hadTrouble ? 1 : young ? watching.youngNamesPerRound : names.length
    const chosen = rotated(names, turn * some).slice(0, some)
    await Promise.all(chosen.map(name => askFor(name, true)))
    const still = missing()
    const turnedUp = chosen.some(name => !still.includes(name))
    if (trouble || !(hadTrouble || turnedUp)) return
    await Promise.all(still.filter(name => !chosen.includes(name)).map(name => askFor(name, false)))
  }

  const run = async (signal: AbortSignal): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn++) {
      try {
        await world.clock.sleep(pauseSeconds, signal)
      } catch {
        return
      }
      if (missing().length > 0) await round(turn)
      if (seats.size > 0) pauseSeconds = nextPauseSeconds(pauseSeconds, ageSeconds(), rhythm)
    }
  }

  /** Begins the rounds, or begins them anew where the next would come too late for a new seat. */
  const begin = (): void => {
    if (rounds && pauseSeconds <= watching.youngPauseSeconds) return
    rounds?.abort()
    rounds = new AbortController()
    pauseSeconds = rhythm.firstPauseSeconds
    void run(rounds.signal)
  }

  const sit: AddressWatch['sit'] = ({ name, value }, onNews) => {
    const seat: OpenSeat = { name, value, since: now(), onNews, shown: false, looked: false }
    seats.add(seat)
    void askFor(name, false)
    begin()
    const leave = (): void => {
      seats.delete(seat)
      if (seats.size > 0) return
      rounds?.abort()
      rounds = undefined
    }
    return {
      name,
      value,
      leave,
      get shown() {
        return seat.shown
      },
      get looked() {
        return seat.looked
      },
      get useless() {
        return isUseless() ? trouble?.why : undefined
      },
      get lastSaid() {
        return lastSaid
      },
    }
  }
  return { server, sit }
}

/** Why an answer proves nothing; undefined when it counts. */
function objection(rcode: string, entitled: boolean): string | undefined {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return `it answers ${rcode}`
  return entitled ? undefined : 'its answer is not authoritative'
}

const rotated = <T>(items: readonly T[], by: number): T[] => {
  const at = items.length === 0 ? 0 : by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}
