// Finds where a record belongs: CNAMEs followed as the CA will follow them (RFC 8555 §8.4), then the apex of the zone and the
// addresses of all its servers. All by asking: a list of public suffixes would not know zones cut below them, and a
// provider's list of zones may have two of one name, of which only one is delegated to.
// Resolvers are asked, not the roots: inside a company their view is the only one there is (split horizon), and which view
// counts is the user's to say (`resolvers` of conf/dns.yml).
import { Dns01Error, shortList } from '../core/errors.js'
import { ancestors, isWithin, type Name } from '../core/names.js'
import type { DnsAnswer, RecordType } from '../core/world.js'
import type { Resolver } from './resolver.js'

/** A zone and who serves it. */
export interface Zone {
  /** The name of its SOA record, and what a provider calls the zone. */
  readonly apex: Name
  /** Sorted by name. One whose addresses cannot be found is in it without any. */
  readonly servers: readonly { readonly name: Name; readonly addresses: readonly string[] }[]
  /** Of an excessive delegation: how much of it is not in `servers`, in words. */
  readonly leftOut?: string
}

/**
 * Of a zone that names more, these are asked. Thirteen is what the root has and what fitted into an answer of old (RFC 8109
 * §3.3); more than that is a mistake or a stranger who wants our packets sent to addresses of others.
 */
export const mostServers = 13
/** Of a server that has more addresses, these are asked. Our own choice: large operators have one or two of each family. */
export const mostAddressesEach = 8

/** Longer chains are a mistake or an attack; resolvers give up at 8 to 16. */
export const longestCnameChain = 8

/**
 * Where the value belongs: `name`, or what its CNAMEs lead to (RFC 8555 §8.4 lets the CA follow them). `chain` has
 * every name on the way, `name` first. It ends early at a name that `isEnd` knows, and asks nothing about it. Price: one
 * question a name, none when asked before.
 * @throws Dns01Error REFUSED for a loop or an endless chain; UNAVAILABLE when no resolver answers
 */
export async function followCnames(
  resolver: Resolver,
  name: Name,
  signal: AbortSignal,
  isEnd: (name: Name) => Promise<boolean> = async () => false,
): Promise<{ name: Name; chain: Name[] }> {
  // By asking for CNAME and not for TXT: a resolver would follow the chain by itself then, and we want each step of it. The
  // negative answer at its end brings the SOA, which findApex() reads from what the resolver remembers.
  const chain = [name]
  for (let at = name; ; ) {
    const next = aliasOf(await resolver.ask({ name: at, type: 'CNAME' }, signal), at)
    if (next === undefined) return { name: at, chain }
    // told apart from a chain that is too long: with the circle before their eyes people see which record is wrong
    if (chain.includes(next)) throw badChain([...chain, next], 'they lead in a circle')
    if (chain.length > longestCnameChain) throw badChain(chain, `they are more than ${longestCnameChain}`)
    // RFC 1035 §2.3.4, in text form. A DNAME can make one: it may put a long suffix in place of a short one (RFC 6672 §2.2).
    if (next.length > 253) throw badChain(chain, 'they lead to a name longer than 253 bytes')
    chain.push(next)
    if (await isEnd(next)) return { name: next, chain }
    at = next
  }
}

/** REFUSED: the records stay as they are until somebody corrects them. */
const badChain = (chain: readonly Name[], why: string): Dns01Error =>
  new Dns01Error('REFUSED', `cannot follow the CNAMEs ${chain.join(' → ')}: ${why}`, {
    hint: 'correct the CNAME records; the CA would not get through them either',
  })

/** The CNAME at this name, or what a DNAME above it makes of it (RFC 6672 §2.2). */
function aliasOf(answer: DnsAnswer, at: Name): Name | undefined {
  const cname = answer.answers.find(r => r.type === 'CNAME' && r.name === at)
  if (cname) return cname.data as Name
  const dname = answer.answers.find(r => r.type === 'DNAME' && r.name !== at && isWithin(at, r.name))
  return dname && (`${at.slice(0, at.length - dname.name.length)}${dname.data}` as Name)
}

/**
 * The zone that holds `name` and its servers' addresses, A and AAAA, found by asking: all of them up to mostServers of
 * mostAddressesEach. Price: nothing for the apex after followCnames (a negative answer names it: RFC 2308 §2), one question
 * for NS and two for each server, all kept.
 * @throws Dns01Error REFUSED when there is no such zone; UNAVAILABLE when resolvers or its delegation fail
 */
export async function findZone(resolver: Resolver, name: Name, signal: AbortSignal): Promise<Zone> {
  const apex = await findApex(resolver, name, signal)
  // The NS set of the zone itself, as a resolver gives it (RFC 2181 §5.4.1), not the copy in the parent's delegation.
  const ns = await resolver.ask({ name: apex, type: 'NS' }, signal)
  const names = [...new Set(dataOf(ns, 'NS'))].sort() as Name[]
  const found = await Promise.all(
    names.slice(0, mostServers).map(async name => ({ name, addresses: await addressesOf(resolver, name, signal) })),
  )
  if (found.every(server => server.addresses.length === 0)) throw noServers(resolver, apex, names)
  const servers = found.map(({ name, addresses }) => ({ name, addresses: addresses.slice(0, mostAddressesEach) }))
  const unasked = names.length - found.length
  const more = found.reduce((sum, { addresses }) => sum + Math.max(0, addresses.length - mostAddressesEach), 0)
  // what is left out is said, so that nobody takes "all servers show it" for more than it is
  return { apex, servers, ...(unasked + more > 0 && { leftOut: excess(unasked, more) }) }
}

/** `2 more name servers and 3 more addresses` */
const excess = (servers: number, addresses: number): string =>
  [servers > 0 && `${servers} more name servers`, addresses > 0 && `${addresses} more addresses`]
    .filter(Boolean)
    .join(' and ')

/** The nearest name at or above with an SOA. Some resolvers leave out the authority section: then each ancestor is asked. */
async function findApex(resolver: Resolver, name: Name, signal: AbortSignal): Promise<Name> {
  // asked for by followCnames() already, so it costs nothing: for a name without a CNAME the SOA stands in that answer
  const nearest = apexIn(await resolver.ask({ name, type: 'CNAME' }, signal), name)
  if (nearest) return nearest
  for (const ancestor of ancestors(name)) {
    const apex = apexIn(await resolver.ask({ name: ancestor, type: 'SOA' }, signal), name)
    if (apex) return apex
    if (apex === '') break // the root answers: no top-level domain of that name exists
  }
  throw new Dns01Error('REFUSED', `no zone holds ${name}, says ${resolver.servers.join(', ')}`, {
    hint: 'is the domain registered and delegated? For an inner zone name a resolver that knows it: conf/dns.yml (resolvers) or DNS01_RESOLVERS',
    doubtsName: true,
  })
}

/** The owner of the SOA record in an answer about `name` or one of its ancestors; '' is the root. */
function apexIn(answer: DnsAnswer, name: Name): Name | undefined {
  const soa = [...answer.answers, ...answer.authorities].find(r => r.type === 'SOA' && isWithin(name, r.name))
  return soa?.name
}

/** Of the records of one type; a resolver may put the CNAMEs beside them that it followed. */
const dataOf = (answer: DnsAnswer, type: RecordType): string[] =>
  answer.answers.filter(r => r.type === type).map(r => r.data)

/** None when it has none or they cannot be found: the other servers may be enough. */
async function addressesOf(resolver: Resolver, server: Name, signal: AbortSignal): Promise<string[]> {
  const found = await Promise.all(
    (['A', 'AAAA'] as const).map(async type => {
      try {
        return dataOf(await resolver.ask({ name: server, type }, signal), type)
      } catch (error) {
        // some broken servers answer SERVFAIL to AAAA while A is fine; what is left may be enough
        if (error instanceof Dns01Error && error.code === 'UNAVAILABLE') return []
        throw error
      }
    }),
  )
  return [...new Set(inTurns(found))]
}

/** By turns of each list: what is cut off at some length has of both families. */
const inTurns = (lists: readonly (readonly string[])[]): string[] =>
  Array.from({ length: Math.max(...lists.map(list => list.length)) }, (_, i) =>
    lists.flatMap(list => list.slice(i, i + 1)),
  ).flat()

function noServers(resolver: Resolver, apex: Name, names: readonly Name[]): Dns01Error {
  const who = names.length === 0 ? 'has no NS records' : `is served by ${shortList(names)}, which have no addresses`
  return new Dns01Error('UNAVAILABLE', `the zone ${apex} ${who}, says ${resolver.servers.join(', ')}`, {
    hint: 'correct the delegation, or name a resolver that sees the zone right: DNS01_RESOLVERS',
  })
}
