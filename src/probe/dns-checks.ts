/**
 * What probe finds out by asking the DNS: signatures, wildcards, every address of every server, and whether the CA may see
 * another view of the zone than we do. These are the reasons for which a validation fails that have nothing to do with dns01
 * or with the provider, and of which the CA's error says little.
 */

import { Dns01Error, messageOf, reasonIn, systemCodeOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import { answersUnchecked } from '../dns/checking-disabled.js'
import { openResolver, type Resolver } from '../dns/resolver.js'
import { findZone, followCnames, type Zone } from '../dns/zone.js'
import { type Finding, failed, ok, skipped, warning } from './finding.js'

/** Who is asked, and when to stop. */
export interface Look {
  readonly world: World
  /** The configured resolvers, else the machine's. */
  readonly resolver: Resolver
  readonly signal: AbortSignal
}

/**
 * Whether DNSSEC holds for the challenge name: a CA gets nothing from a zone with broken signatures. Signatures are not checked
 * here: a resolver that validates does it, and the CD bit (RFC 4035 §3.2.2) tells its refusal from any other failure.
 */
export async function lookAtDnssec(
  { world, resolver, signal }: Look,
  name: Name,
  apex: Name | undefined,
): Promise<Finding[]> {
  const question = { name, type: 'CNAME' } as const
  try {
    // AD in the answer is the resolver's word that it checked (RFC 6840 §5.7): it is asked for with each question.
    const { authentic } = await resolver.ask(question, signal)
    if (authentic) return [ok('dnssec', 'signed, and the resolver says that the signatures are good')]
    const signed = apex !== undefined && (await resolver.ask({ name: apex, type: 'DS' }, signal)).answers.length > 0
    if (!signed) return [ok('dnssec', 'not signed')] // no DS above: to a validating resolver the zone is unsigned (RFC 4035 §5.2)
    const mend = 'ask a resolver that validates (resolvers in conf/dns.yml), to know what the CA will find'
    return [warning('dnssec', `${apex} is signed, but ${resolver.servers.join(', ')} did not check it`, mend)]
  } catch (error) {
    signal.throwIfAborted()
    // Only after a failure: asking each resolver twice for a zone that is well would be for nothing.
    for (const server of resolver.servers)
      if (await answersUnchecked(world, question, server, signal)) return [brokenDnssec(name, server)]
    throw error
  }
}

/** REFUSED: it stays so until somebody corrects the zone. */
const brokenDnssec = (name: Name, server: string): Finding =>
  failed(
    'dnssec',
    `${server} fails for ${name}, but answers when it need not check signatures: the DNSSEC of the zone is broken`,
    'correct the signatures, or the DS record in the zone above: after a move or a change of keys it is often still the old one. If the zone is not to be signed, remove the DS record',
  )

/**
 * A CNAME that a wildcard makes (RFC 4592 §3.3.1): a sibling that nobody can have made has the same. `*.example.com CNAME
 * host.elsewhere` answers for `_acme-challenge.www.example.com` too, so the value would have to stand in a zone of somebody
 * else; nobody who wrote the wildcard thought of that.
 */
export async function lookForWildcard({ world, resolver, signal }: Look, chain: readonly Name[]): Promise<Finding[]> {
  const [name, target] = chain
  if (name === undefined || target === undefined) return []
  // random, so that no record of that name exists and no resolver remembers an answer
  const above = name.slice(name.indexOf('.') + 1)
  const sibling = `_dns01-${Buffer.from(world.random(8)).toString('hex')}.${above}` as Name
  const { answers } = await resolver.ask({ name: sibling, type: 'CNAME' }, signal)
  if (!answers.some(({ type, data }) => type === 'CNAME' && data === target)) return []
  return [
    warning(
      'wildcard',
      `the CNAME of ${name} is not a record of its own: a wildcard makes it, and the value would be placed at ${chain.at(-1)}`,
      `write a record for ${name} itself: a CNAME to where the value is to be placed, or a permanent TXT record`,
    ),
  ]
}

/** Nothing gets there from this machine: not the server's fault. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])
const timeoutSeconds = 3 // as the watch of a run (dns/server-watch.ts): what is slower there is of no use there either

/** What the servers say, for the report and for the decision whether a trial is harmless. */
export interface ServersFound {
  readonly findings: readonly Finding[]
  /** TXT values that stand at the name now. */
  readonly values: readonly string[]
}

/**
 * What every address of every server says about the zone and the challenge name. Price: two questions for each address. Asked
 * directly, as the watch of a run does: what a resolver remembers is not what a CA will see.
 */
export async function lookAtServers(look: Look, zone: Zone, name: Name): Promise<ServersFound> {
  const looks = zone.servers.flatMap(server =>
    server.addresses.map(address => lookAtAddress(look, zone.apex, name, { server: server.name, address })),
  )
  const seen = await Promise.all(looks)
  // a run is content with the servers that have an address, and so would never say it
  const homeless = zone.servers
    .filter(({ addresses }) => addresses.length === 0)
    .map(server =>
      warning(
        'servers',
        `${server.name} has no address`,
        `give it one, or take it out of the NS records of ${zone.apex}`,
      ),
    )
  const told = seen.filter(({ values }) => values !== undefined)
  // as text, to compare: servers give the values of a name in any order (RFC 2181 §5)
  const different = new Set(told.map(({ values }) => [...(values ?? [])].sort().join()))
  const nobody = warning(
    'servers',
    `no server of ${zone.apex} can be asked from here: the word of the provider, or of the resolvers, will have to do`,
    'let port 53, UDP and TCP, out to them',
  )
  const apart = warning(
    'servers',
    'they do not show the same values',
    'a secondary lags: look at its transfers (NOTIFY, allow-transfer)',
  )
  return {
    findings: [
      ...seen.map(({ finding }) => finding),
      ...homeless,
      ...(told.length === 0 ? [nobody] : []),
      ...(different.size > 1 ? [apart] : []),
    ],
    values: [...new Set(told.flatMap(({ values }) => values ?? []))],
  }
}

/** One address. */
interface Seen {
  readonly finding: Finding
  /** undefined: it gave no useful answer. */
  readonly values?: readonly string[]
}

/** SOA as well as TXT: an empty answer to TXT is usual, and says nothing of whether the server has the zone. */
async function lookAtAddress(
  { world, signal }: Look,
  apex: Name,
  name: Name,
  { server, address }: { readonly server: Name; readonly address: string },
): Promise<Seen> {
  const who = server === apex ? address : `${server} (${address})`
  const where = { server: address, recursion: false, signal, timeoutSeconds }
  try {
    const soa = await world.dns.query({ name: apex, type: 'SOA' }, where)
    const txt = await world.dns.query({ name, type: 'TXT' }, where)
    const odd = [soa, txt].find(({ rcode }) => rcode !== 'NOERROR' && rcode !== 'NXDOMAIN')
    if (odd) return { finding: lame(who, apex, `answers ${odd.rcode} for ${apex}`) }
    if (!soa.authoritative || !soa.answers.some(({ type }) => type === 'SOA'))
      return { finding: lame(who, apex, `does not serve ${apex}: its answer is not authoritative`) }
    const values = txt.answers.filter(({ type }) => type === 'TXT').map(({ data }) => data)
    return { values, finding: ok('servers', `${who} answers; ${values.length || 'no'} value(s) at ${name}`) }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Dns01Error)) throw error
    const code = systemCodeOf(error) ?? ''
    const why = reasonIn(error)
    if (NO_WAY.has(code)) return { finding: skipped('servers', `${who}: ${why}`) } // no IPv6 here, most of the time
    const mend = 'open port 53, UDP and TCP, to it; or if it is gone take it out of the NS records'
    return { finding: warning('servers', `${who}: ${why}`, mend) }
  }
}

/** A lame delegation (RFC 9499 §7): a server that is named and does not serve the zone. A warning, since others may do. */
const lame = (who: string, apex: Name, what: string): Finding =>
  warning(
    'servers',
    `${who} ${what}`,
    `make it serve ${apex}, or take it out of the NS records, here and in the zone above`,
  )

/**
 * Split horizon: what the machine's resolvers say against what the configured ones say. Two views are no fault, as long as the
 * one that counts here is the CA's: so it is a warning, and names both.
 */
export async function lookAtViews(look: Look, name: Name, zone: Zone | undefined, caHost: string): Promise<Finding[]> {
  const { world, resolver, signal } = look
  const own = openResolver(world, []) // the machine's; `resolver` has the configured ones, if there are any
  if (same(own.servers, resolver.servers)) return lookOutside(look, zone, caHost)
  const [inner, outer] = await Promise.all([viewOf(own, name, signal), viewOf(resolver, name, signal)])
  if (inner === outer) return [ok('view', `the machine's own resolvers (${own.servers.join(', ')}) see the same`)]
  return [
    warning(
      'view',
      `two views: ${resolver.servers.join(', ')} see ${outer}; the machine's own, ${own.servers.join(', ')}, see ${inner}`,
      'the first counts here, and must be what the CA sees: the provider has to write into that zone',
    ),
  ]
}

/** As sets. */
const same = (one: readonly string[], other: readonly string[]): boolean =>
  [...one].sort().join() === [...other].sort().join()

/** What a resolver sees, as text: equal texts are one view. Names of servers, not addresses, which differ within one view. */
async function viewOf(resolver: Resolver, name: Name, signal: AbortSignal): Promise<string> {
  try {
    const { name: end, chain } = await followCnames(resolver, name, signal)
    const zone = await findZone(resolver, end, signal)
    const way = chain.length > 1 ? `${chain.join(' → ')} in ` : ''
    return `${way}the zone ${zone.apex} at ${zone.servers.map(server => server.name).join(', ')}`
  } catch (error) {
    signal.throwIfAborted()
    return `nothing (${messageOf(error)})`
  }
}

/** Servers with inner addresses only, and a CA outside: it cannot ask them, and sees another view or none. */
async function lookOutside({ resolver, signal }: Look, zone: Zone | undefined, caHost: string): Promise<Finding[]> {
  // one outer address is enough: a CA outside can ask that one
  const addresses = zone?.servers.flatMap(server => server.addresses) ?? []
  const here = `only the machine's own resolvers are asked (${resolver.servers.join(', ')})`
  if (addresses.length === 0 || !addresses.every(isInner)) return [ok('view', here)]
  if (isInner(caHost) || caHost === 'localhost') return [ok('view', `${here}; CA and name servers are inside`)]
  const { answers } = await resolver.ask({ name: caHost as Name, type: 'A' }, signal)
  if (answers.some(({ type, data }) => type === 'A' && isInner(data)))
    return [ok('view', `${here}; CA and name servers are inside`)]
  return [
    warning(
      'view',
      `${zone?.apex} has inner addresses only (${addresses.join(', ')}), and the CA ${caHost} is outside: it sees another view, or none`,
      'name a resolver that has the outer view: resolvers in conf/dns.yml, or DNS01_RESOLVERS',
    ),
  ]
}

/** Loopback, private (RFC 1918), shared (RFC 6598), link-local, unique local (RFC 4193); a port may follow. */
const isInner = (address: string): boolean =>
  /^(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(address) ||
  /^\[?(::1(?![0-9a-f:])|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(address)
