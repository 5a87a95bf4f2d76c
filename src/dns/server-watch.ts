// Asks one name server again and again for TXT values that somebody waits for, until they are there. All that wait at one
// server share its questions: a hundred values at one name cost as much as one.
// The alternative, a loop for each value, lost: a hundred names at eight servers would be 800 loops, whose questions look
// like an attack, and each of them would pay by itself for a server that is silent.
import pLimit from 'p-limit'
import { reasonIn, systemCodeOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import { ServerHealth } from './server-health.js'

/** How often a server is asked; `propagation` of conf/dns.yml. */
export interface Rhythm {
  /** Short: most providers' servers have a value a moment after the API has accepted it. */
  readonly firstPauseSeconds: number
  /** Of a long wait: what takes minutes need not be known to the tenth of a second. */
  readonly maxPauseSeconds: number
}

/** Our choice, held to by the lagging server of `npm run bench`: a run goes on within 0.1 s of visibility, for few packets. */
export const watching = {
  /** For this long a wait is young, and pauses stay short: a primary and its secondaries (NOTIFY, RFC 1996) need less. */
  youngSeconds: 20,
  youngPauseSeconds: 0.08,
  /** A young wait asks for so many names a round; when one of them shows up, for all others at once (they mostly come together). */
  youngNamesPerRound: 4,
  /** A name server answers from memory: what is not there after 3 s was lost, or will not come. */
  timeoutSeconds: 3,
  /** Few enough that a server which limits the rate of a client's questions does not take us for an attack (BIND calls it
   *  response rate limiting, and then leaves out answers). */
  questionsAtOnce: 25,
} as const

/**
 * The pause after this one: growing by half, to `maxPauseSeconds`, while the wait is young to youngPauseSeconds only. Pure, so
 * that a table can test it. Both seconds.
 */
export function nextPauseSeconds(pauseSeconds: number, ageSeconds: number, rhythm: Rhythm): number {
  const young = Math.max(rhythm.firstPauseSeconds, watching.youngPauseSeconds)
  const ceiling = ageSeconds < watching.youngSeconds ? Math.min(young, rhythm.maxPauseSeconds) : rhythm.maxPauseSeconds
  return Math.min(pauseSeconds * 1.5, ceiling)
}

/**
 * System errors that say that nothing gets out of this machine that way: mostly a machine without IPv6 that is given the
 * IPv6 address of a server. They come at once, and will come again.
 */
const NO_ROUTE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** A subscription to one TXT value at one server: `onChange` is called after every question until it is closed. */
export interface Subscription {
  readonly name: Name
  readonly value: string
  /** The server shows the value. */
  readonly shown: boolean
  /** A question was asked since the subscription began, and has ended, with an answer or without. What the server said
   *  before that, to others, proves nothing of this value. */
  readonly asked: boolean
  /** Why the server is of no use (see ServerHealth); undefined while it may be. */
  readonly unusable: string | undefined
  /** What the server answered last, for people. */
  readonly lastAnswer: string
  close(): void
}

/** What the watch holds of a subscription: the same, and may be changed. */
interface Subscriber {
  readonly name: Name
  readonly value: string
  readonly since: Date
  readonly onChange: () => void
  shown: boolean
  asked: boolean
}

/**
 * Watches one server while it has subscribers. What it holds:
 *
 * - `#subscribers`, each waiting for one value until it is closed, shown or not;
 * - `#questions`, the one question under way for each name, which whoever wants the same joins;
 * - `#rounds`, the loop: pause, ask for what is missing, again. It begins with the first subscriber and ends with the last.
 *   A new subscriber that comes amid long pauses begins it anew, with short ones.
 * - the server's health. An unusable server is asked on, for one name a round: it may come back.
 *
 * Price: one question a name when the first subscriber for it comes, then at most one a name and round.
 */
export class ServerWatch {
  readonly server: string
  readonly #world: Pick<World, 'dns' | 'clock'>
  readonly #recursion: boolean
  readonly #rhythm: Rhythm
  readonly #health: ServerHealth
  readonly #subscribers = new Set<Subscriber>()
  readonly #questions = new Map<Name, Promise<void>>()
  readonly #limit = pLimit(watching.questionsAtOnce)
  /** Ends the loop; undefined while there is none. */
  #rounds: AbortController | undefined
  #pauseSeconds: number

  /** `recursion` false asks an authoritative server, true a resolver. */
  constructor(world: Pick<World, 'dns' | 'clock'>, server: string, recursion: boolean, rhythm: Rhythm) {
    this.server = server
    this.#world = world
    this.#recursion = recursion
    this.#rhythm = rhythm
    this.#health = new ServerHealth(world.clock)
    this.#pauseSeconds = rhythm.firstPauseSeconds
  }

  /**
   * Asks at once, unless the server is known to be of no use. `onChange` may be called for questions about other names, too,
   * and never before this function has returned.
   */
  subscribe({ name, value }: { readonly name: Name; readonly value: string }, onChange: () => void): Subscription {
    const subscriber: Subscriber = { name, value, since: this.#now(), onChange, shown: false, asked: false }
    this.#subscribers.add(subscriber)
    void this.#askUnlessUnusable(name)
    this.#beginRounds()
    // getters and not values: the subscription always tells what is so now
    const health = this.#health
    return {
      name,
      value,
      close: () => this.#unsubscribe(subscriber),
      get shown() {
        return subscriber.shown
      },
      get asked() {
        return subscriber.asked
      },
      get unusable() {
        return health.unusable
      },
      get lastAnswer() {
        return health.lastAnswer
      },
    }
  }

  /** The last one ends the rounds; a question that is under way ends by itself, and tells nobody. */
  #unsubscribe(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    if (this.#subscribers.size > 0) return
    this.#rounds?.abort()
    this.#rounds = undefined
  }

  /**
   * Begins the rounds, or begins them anew where the next would come too late for a new subscriber. Never two loops: the one
   * before is aborted, and what it has asked is joined.
   */
  #beginRounds(): void {
    if (this.#rounds && this.#pauseSeconds <= watching.youngPauseSeconds) return
    this.#rounds?.abort()
    this.#rounds = new AbortController()
    this.#pauseSeconds = this.#rhythm.firstPauseSeconds
    void this.#run(this.#rounds.signal)
  }

  /** The loop. It never throws: whatever a question brings is kept in the health, and who subscribed decides. */
  async #run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      // pause first: subscribe() has asked already
      try {
        await this.#world.clock.sleep(this.#pauseSeconds, signal)
      } catch {
        return // aborted: nobody waits any more, or another loop has begun
      }
      if (this.#missing().length > 0) await this.#round(turn)
      if (this.#subscribers.size > 0)
        this.#pauseSeconds = nextPauseSeconds(this.#pauseSeconds, this.#youngestAgeSeconds(), this.#rhythm)
    }
  }

  /** Asks for some names; when one of them has shown up, or the server answers again, for all others too. */
  async #round(turn: number): Promise<void> {
    const names = this.#missing()
    const wasInTrouble = this.#health.isInTrouble
    const size = this.#namesInRound(names.length)
    const chosen = rotated(names, turn * size).slice(0, size) // others each time, so that each name has its turn
    await Promise.all(chosen.map(name => this.#ask(name)))
    const missing = this.#missing()
    const oneShowedUp = chosen.some(name => !missing.includes(name))
    // The values of one change become visible together. So one that shows up says that it is worth asking for the others
    // now, and until then a few questions a round are enough to know.
    if (this.#health.isInTrouble || !(wasInTrouble || oneShowedUp)) return
    const others = missing.filter(name => !chosen.includes(name))
    await Promise.all(others.map(name => this.#askUnlessUnusable(name)))
  }

  /** One of a server in trouble: whether it is back, one answer tells. All names once the wait is old and pauses are long. */
  #namesInRound(missing: number): number {
    if (this.#health.isInTrouble) return 1
    return this.#youngestAgeSeconds() < watching.youngSeconds ? watching.youngNamesPerRound : missing
  }

  /** Names of which a value is missing. */
  #missing(): Name[] {
    return [...new Set([...this.#subscribers].filter(one => !one.shown).map(one => one.name))]
  }

  /** The newest decides: while anybody's wait is young, pauses stay short for all. */
  #youngestAgeSeconds(): number {
    const since = Math.max(...[...this.#subscribers].map(one => one.since.getTime()))
    return (this.#now().getTime() - since) / 1000
  }

  /**
   * To ask each new name of a server that is known to be unusable would cost a time-out each: the rounds ask it for one. Looked
   * at when the question's turn comes, as it may have become unusable meanwhile.
   */
  #askUnlessUnusable(name: Name): Promise<void> {
    return this.#joinQuestion(name, async () => {
      if (this.#health.unusable === undefined) await this.#question(name)
    })
  }

  #ask(name: Name): Promise<void> {
    return this.#joinQuestion(name, () => this.#question(name))
  }

  /** The question under way for this name, or a new one at its turn. */
  #joinQuestion(name: Name, ask: () => Promise<void>): Promise<void> {
    const underWay = this.#questions.get(name)
    if (underWay) return underWay
    const question = this.#limit(ask).finally(() => this.#questions.delete(name))
    this.#questions.set(name, question)
    return question
  }

  /** One question. What it brings goes to every subscriber: of another name they learn whether the server is of use. */
  async #question(name: Name): Promise<void> {
    const askedAt = this.#now()
    const values = await this.#valuesAt(name, askedAt)
    const subscribers = [...this.#subscribers] // a copy: whoever hears of it may close its subscription
    for (const one of subscribers) if (one.name === name && values.has(one.value)) one.shown = true
    for (const one of subscribers) {
      if (one.name === name || one.since <= askedAt) one.asked = true
      one.onChange()
    }
  }

  /** The values that the server shows at a name; none where its answer proves nothing, which its health takes down. */
  async #valuesAt(name: Name, askedAt: Date): Promise<ReadonlySet<string>> {
    const { dns, clock } = this.#world
    const { timeoutSeconds } = watching
    // Not a subscriber's signal: others share the question. Twice the time-out, should the transport not keep its own.
    const signal = clock.deadline(timeoutSeconds * 2)
    const where = { server: this.server, recursion: this.#recursion, signal, timeoutSeconds }
    try {
      const { answers, authoritative, rcode } = await dns.query({ name, type: 'TXT' }, where)
      const problem = objection(rcode, authoritative || this.#recursion)
      if (problem === undefined) {
        this.#health.succeeded(answers.length)
        return new Set(answers.filter(({ type }) => type === 'TXT').map(({ data }) => data))
      }
      this.#health.failed(problem, askedAt, false)
    } catch (error) {
      this.#health.failed(reasonIn(error), askedAt, NO_ROUTE.has(systemCodeOf(error) ?? ''))
    }
    return new Set()
  }

  #now(): Date {
    return this.#world.clock.now()
  }
}

/**
 * Why an answer proves nothing; undefined when it counts. NXDOMAIN counts: the server knows the zone, and says that the
 * record is not there yet. A server that does not have the zone (a lame delegation) answers REFUSED or SERVFAIL, or from a
 * cache without AA (RFC 1035 §4.1.1), and a CA would not take that for an answer either.
 */
function objection(rcode: string, entitled: boolean): string | undefined {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return `it answers ${rcode}`
  return entitled ? undefined : 'its answer is not authoritative'
}

/** The same items, beginning so many later. */
const rotated = <T>(items: readonly T[], by: number): T[] => {
  const at = items.length === 0 ? 0 : by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}
