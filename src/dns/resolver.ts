// Asks recursive resolvers, one after the other until one has an answer, and remembers the answers for the run: a hundred
// names of one zone need its SOA once. Who has the values is asked of the servers themselves (server-watch.ts), never here.
// Node's own dns module is not used: it says neither which server answered nor what was in the authority section, which
// is where the apex of a zone is found.
import pLimit from 'p-limit'
import { Dns01Error, messageOf, shortList } from '../core/errors.js'
import type { DnsAnswer, Question, World } from '../core/world.js'

/** The resolvers we ask, with their answers of this run. */
export interface Resolver {
  /** As World.dns.query's `server`. */
  readonly servers: readonly string[]
  /**
   * The answer of the first resolver that has one (NOERROR or NXDOMAIN). Kept for the run; who asks the same meanwhile
   * shares the one question.
   * @throws Dns01Error UNAVAILABLE when none has, with the answer of each
   */
  ask(question: Question, signal: AbortSignal): Promise<DnsAnswer>
}

/** Seconds. A resolver may have to ask around the world first; glibc gives it as long (resolv.conf(5), timeout). */
const timeoutSeconds = 5
/** Of all questions of a run together. Small resolvers (dnsmasq: 150) drop what is more than they can have in flight. */
const questionsAtOnce = 40

/**
 * `servers`: addresses and https: URLs (RFC 8484); `system`, or none at all, means the machine's own resolvers. In the order
 * given, and not all at once: where an inner and an outer resolver see different zones, the first is the one that was meant.
 */
export function openResolver(world: Pick<World, 'dns' | 'clock'>, servers: readonly string[]): Resolver {
  const wanted = servers.length === 0 ? ['system'] : servers
  const all = [...new Set(wanted.flatMap(server => (server === 'system' ? world.dns.systemResolvers() : [server])))]
  const limit = pLimit(questionsAtOnce)
  // For the length of a run, whatever the TTL says: zones and delegations do not move meanwhile, and the values that do are
  // not asked for here.
  const asked = new Map<string, Promise<DnsAnswer>>()
  // those that did not answer at all; one that answers SERVFAIL is quick, and may be right about the next name
  const failed = new Set<string>()

  const askAll = async (question: Question): Promise<DnsAnswer> => {
    const problems: string[] = []
    let rcode: string | undefined
    for (const server of inOrder(all, failed)) {
      const signal = world.clock.deadline(timeoutSeconds * 2) // should the transport not keep its own time-out
      try {
        const answer = await world.dns.query(question, { server, recursion: true, signal, timeoutSeconds })
        if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') {
          failed.delete(server)
          return answer
        }
        // SERVFAIL or REFUSED is this resolver's word and not the zone's: the next one may know better.
        rcode = answer.rcode
        problems.push(`${server} answers ${answer.rcode} for ${question.type} ${question.name || '.'}`)
      } catch (error) {
        if (error instanceof Dns01Error && error.code !== 'UNAVAILABLE') throw error // not the fault of this resolver
        failed.add(server)
        problems.push(messageOf(error))
      }
    }
    throw noAnswer(question, problems, rcode)
  }

  const ask = (question: Question): Promise<DnsAnswer> => {
    const key = `${question.type} ${question.name}`
    const before = asked.get(key)
    if (before) return before
    const answer = limit(() => askAll(question))
    asked.set(key, answer)
    answer.catch(() => asked.delete(key)) // a failure is not remembered: a later target may have more luck
    return answer
  }
  return { servers: all, ask: (question, signal) => unlessAborted(ask(question), signal) }
}

/** Those that did not answer last time come last: their time-out is paid once a run. The sort is stable, so else as given. */
const inOrder = (servers: readonly string[], failed: ReadonlySet<string>): string[] =>
  [...servers].sort((a, b) => Number(failed.has(a)) - Number(failed.has(b)))

/** `rcode` is that of the last resolver which answered at all: what helps then differs from what helps when none does. */
function noAnswer(question: Question, problems: readonly string[], rcode: string | undefined): Dns01Error {
  const what = problems.length === 0 ? 'there is no resolver to ask' : shortList(problems, 5, '; ')
  const hint =
    rcode === undefined
      ? 'no resolver can be reached: see /etc/resolv.conf, or name others in conf/dns.yml (resolvers) or DNS01_RESOLVERS'
      : 'SERVFAIL mostly means that the servers of the zone do not answer or that its DNSSEC is broken; ask others with DNS01_RESOLVERS'
  return new Dns01Error('UNAVAILABLE', `cannot look up ${question.type} ${question.name || '.'}: ${what}`, { hint })
}

/**
 * The shared question goes on for the others when one of those who asked it is stopped. The listener is taken away at the
 * end: the signal is that of a whole run, with thousands of questions.
 */
async function unlessAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([shared, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
