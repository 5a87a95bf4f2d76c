// CAA records (RFC 8659, RFC 8657): whether a CA may issue for a name, by the rules that it must follow itself. A run looks
// only before it asks a CA in the place of another one, which the zone's owner may not have thought of; else the CA decides,
// its error is as clear, and what we would find may be another view of the zone.
import { ancestors, type Name, withoutWildcard } from '../core/names.js'
import type { ChallengeMethod } from '../core/target.js'
import type { Resolver } from './resolver.js'

/** One property of a CAA record (RFC 8659 §4.1). */
export interface Property {
  /** Bit 0 of the flags, which is the one of value 128: a CA that does not know the tag must not issue. */
  readonly critical: boolean
  readonly tag: string
  readonly value: string
}

/**
 * `FLAGS TAG VALUE`, as World.dns has it. Tags are compared without regard to case (RFC 8659 §4.1). The value may have blanks in
 * it, so only the first two are borders. Never throws: what is malformed becomes a property of an unknown tag.
 */
export function parseProperty(data: string): Property {
  const [flags = '0', tag = '', ...value] = data.split(' ')
  return { critical: (Number(flags) & 128) !== 0, tag: tag.toLowerCase(), value: value.join(' ') }
}

export interface CaaVerdict {
  /** undefined: it cannot be told from here. */
  readonly allowed: boolean | undefined
  readonly why: string
  /** The tag that decides: `issue` or `issuewild`. */
  readonly tag: 'issue' | 'issuewild'
}

/**
 * Tags that CAs know: RFC 8659 §4, RFC 9495 (issuemail), and those that the CA/Browser Forum and IANA's registry of CAA
 * properties name besides. Any other matters only where it is critical.
 */
const KNOWN = new Set(['issue', 'issuewild', 'issuemail', 'issuevmc', 'iodef', 'contactemail', 'contactphone'])

/** Who wants to issue, and what for. */
export interface CaaQuestion {
  readonly wildcard: boolean
  /** The directory's caaIdentities. */
  readonly identities: readonly string[]
  /** How the name is proved (RFC 8657 §4); `auto` by either of two. dns-01 when absent. */
  readonly method?: ChallengeMethod
}

/**
 * Whether a CA of these CAA names may issue, by the relevant set of properties (RFC 8659 §4.2 to §4.5, RFC 8657 §3, §4). The
 * account of `accounturi` is told and not compared: who asks need not have one at that CA yet. An empty set allows all.
 */
export function caaVerdict(
  set: readonly Property[],
  { wildcard, identities, method = 'dns-01' }: CaaQuestion,
): CaaVerdict {
  // issuewild counts for wildcards alone, and where there is one, issue does not count for them (RFC 8659 §4.3)
  const tag = wildcard && set.some(property => property.tag === 'issuewild') ? 'issuewild' : 'issue'
  // before all else: a CA must not issue by a set that it does not wholly understand (RFC 8659 §4.1, critical)
  const unknown = set.find(property => property.critical && !KNOWN.has(property.tag))
  if (unknown) return { tag, allowed: false, why: `the critical property "${unknown.tag}" is known to no CA` }
  const issuers = set.filter(property => property.tag === tag).map(({ value }) => parseIssuer(value))
  if (issuers.length === 0) return { tag, allowed: true, why: `it restricts no ${tag}` }
  // `0 issue ";"` names nobody, which is how a zone forbids all issuing (RFC 8659 §4.2)
  const named = issuers.map(({ domain }) => domain).filter(domain => domain !== '')
  if (named.length === 0) return { tag, allowed: false, why: `its ${tag} allows nobody` }
  if (identities.length === 0)
    return { tag, allowed: undefined, why: `its ${tag} allows ${named.join(', ')}; the CA does not say which it is` }
  const ours = issuers.filter(({ domain }) => identities.some(identity => identity.toLowerCase() === domain))
  if (ours.length === 0) return { tag, allowed: false, why: `its ${tag} allows only ${named.join(', ')}` }
  // which of the two `auto` comes to is not known yet, so one that may be used is enough
  const usable = method === 'auto' ? ['dns-persist-01', 'dns-01'] : [method]
  const byDns = ours.filter(({ methods }) => methods === undefined || usable.some(one => methods.includes(one)))
  if (byDns.length === 0)
    return { tag, allowed: false, why: `its validationmethods lack ${usable.join(' and ')} (RFC 8657 §4)` }
  // one record without accounturi is enough to let every account in (RFC 8657 §3)
  const account = byDns.every(issuer => issuer.account !== undefined) ? byDns[0]?.account : undefined
  return {
    tag,
    allowed: true,
    why: `its ${tag} allows ${byDns[0]?.domain}${account === undefined ? '' : `, for the account ${account} only`}`,
  }
}

/**
 * `ca.example; accounturi=URL; validationmethods=dns-01` (RFC 8659 §4.2). Parameters that nobody here knows are passed over: what
 * they mean is between the CA and its customers. Looser than persist-record.ts, which reads the same grammar: a CA is the
 * judge of CAA, and here it is only foreseen; there a wrong record is ours to mend.
 */
function parseIssuer(value: string): { domain: string; account?: string; methods?: string[] } {
  const [domain = '', ...rest] = value.split(';').map(part => part.trim())
  const parameters = new Map(rest.map(part => [part.split('=')[0]?.trim(), part.slice(part.indexOf('=') + 1).trim()]))
  const account = parameters.get('accounturi')
  const methods = parameters.get('validationmethods')
  return {
    domain: domain.toLowerCase().replace(/\.$/, ''),
    ...(account === undefined ? {} : { account }),
    ...(methods === undefined ? {} : { methods: methods.split(',').map(method => method.trim()) }),
  }
}

/** The CAA records that count for a name, and where they stand. */
export interface RelevantCaa {
  readonly at: Name
  readonly set: readonly Property[]
}

/**
 * Climbs the tree to the first name that has CAA records (RFC 8659 §3): those alone are relevant, and what stands above them
 * is not looked at; undefined when there are none. Price: a question a label at most. The resolver follows CNAMEs on the
 * way, as RFC 8659 §3 wants. `looking` is told of each name before it is asked for.
 * @throws Dns01Error UNAVAILABLE
 */
export async function findCaa(
  resolver: Resolver,
  name: Name,
  signal: AbortSignal,
  looking: (at: Name) => void = () => {},
): Promise<RelevantCaa | undefined> {
  // at the name below for a wildcard (§3), and up to the top-level domain
  for (const at of ancestors(withoutWildcard(name))) {
    looking(at)
    const { answers } = await resolver.ask({ name: at, type: 'CAA' }, signal)
    const set = answers.filter(({ type }) => type === 'CAA').map(({ data }) => parseProperty(data))
    if (set.length > 0) return { at, set }
  }
  return undefined
}
