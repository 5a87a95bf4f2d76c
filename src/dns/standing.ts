// What stands at a name at every authoritative server, asked once. Of a value that dns01 places it is known that it will come,
// and propagation.ts waits for it; what somebody else publishes, and means to stay, is there or is not.
import pLimit from 'p-limit'
import { Dns01Error, reasonIn, shortList } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import type { Resolver } from './resolver.js'
import { watching } from './server-watch.js'
import { findZone, followCnames, type Zone } from './zone.js'

/**
 * The TXT values at a name, as each server has them that can be asked. By server and not as one list: during a transfer a
 * secondary has the old record beside the primary's new one, and a CA may ask either.
 */
export interface Standing {
  /** Where CNAMEs led: a CA follows them as it does for any TXT record. */
  readonly name: Name
  /** undefined: the resolvers' word was taken. */
  readonly zone: Zone | undefined
  /** Never empty. */
  readonly seen: readonly { readonly server: string; readonly values: readonly string[] }[]
  /** `ADDRESS: why`, of those that gave no answer that counts. */
  readonly unusable: readonly string[]
}

/** Twice: a packet is lost now and then (DNS is UDP first), and here nobody asks again later. Servers answer from memory. */
const tries = 2
/** For one try. Less than a watch gives a server (server-watch.ts), as two of them hold up the answer. Our own choice. */
const timeoutSeconds = 2

/** Looks for one run: who looks at many names shares it, so that no server gets all questions at once. */
export class StandingRecords {
  readonly #parts: { readonly world: Pick<World, 'dns' | 'clock'>; readonly resolver: Resolver }
  readonly #limit = pLimit(watching.questionsAtOnce)

  /** `resolver` finds CNAMEs and servers, and has the word where these cannot be asked. */
  constructor(parts: { readonly world: Pick<World, 'dns' | 'clock'>; readonly resolver: Resolver }) {
    this.#parts = parts
  }

  /**
   * What every address of every server of the zone shows. Where none of them can be asked from here (port 53 blocked), or
   * nobody wants them asked (`direct` false), what the resolvers say: they may remember what was there before.
   * @throws Dns01Error REFUSED (no such zone), UNAVAILABLE when nobody at all can be asked
   */
  async at(asked: Name, direct: boolean, signal: AbortSignal): Promise<Standing> {
    const { resolver } = this.#parts
    // first, as authoritative servers do not follow a CNAME out of their zones: they would show an alias and no TXT
    const { name } = await followCnames(resolver, asked, signal)
    // the zone of the end of the chain: that is whose servers a resolver of the CA will ask at last
    const zone = direct ? await findZone(resolver, name, signal) : undefined
    // as a set: several names of servers may lead to one machine
    const addresses = [...new Set(zone?.servers.flatMap(server => server.addresses) ?? [])]
    const all = await Promise.all(addresses.map(server => this.#limit(() => this.#ask(name, server, signal))))
    const seen = all.flatMap(one => (one.values === undefined ? [] : [{ server: one.server, values: one.values }]))
    const unusable = all.flatMap(({ server, problem }) => (problem === undefined ? [] : [`${server}: ${problem}`]))
    // As in propagation.ts: what cannot be asked from here does not count against those that answer.
    if (seen.length > 0) return { name, zone, seen, unusable }
    // one witness, by the names of the resolvers: which of them answered is not known, nor where it had its answer from
    const { answers } = await resolver.ask({ name, type: 'TXT' }, signal)
    return {
      name,
      zone: undefined,
      seen: [{ server: shortList(resolver.servers), values: textsOf(answers) }],
      unusable,
    }
  }

  /** What counts as an answer is as in server-watch.ts: NXDOMAIN does, an answer without AA does not. */
  async #ask(name: Name, server: string, signal: AbortSignal): Promise<Asked> {
    const { dns } = this.#parts.world
    let problem = ''
    // without a pause in between: what was lost is lost, and the time-out of the first try was pause enough
    for (let i = 0; i < tries; i++) {
      try {
        const where = { server, recursion: false, signal, timeoutSeconds }
        const { answers, authoritative, rcode } = await dns.query({ name, type: 'TXT' }, where)
        if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') problem = `it answers ${rcode}`
        // a cache in front of the zone may have what was there before somebody changed it
        else if (!authoritative) problem = 'its answer is not authoritative'
        else return { server, values: textsOf(answers) }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof Dns01Error)) throw error
        problem = reasonIn(error)
      }
    }
    return { server, problem }
  }
}

/** One address, after both tries. Never both of these two: the last thing that went wrong counts only where no try went well. */
interface Asked {
  readonly server: string
  /** undefined: it gave no answer that counts, and `problem` says why. */
  readonly values?: readonly string[]
  readonly problem?: string
}

/** TXT alone: a server puts a CNAME beside them where it has followed one itself (RFC 1034 §4.3.2, step 3a). */
const textsOf = (answers: readonly { readonly type: string; readonly data: string }[]): string[] =>
  answers.filter(({ type }) => type === 'TXT').map(({ data }) => data)
