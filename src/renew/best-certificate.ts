// Which certificate serves a target: by the names in it, its key, and its dates. What is due (due.ts) and what is linked
// (link-changes.ts) both rest on this, so that what is linked is never renewed for nothing, and what is renewed gets linked.
// The rules are acmetool's where it has one, since either tool may run on the same directory.
import type { Name } from '../core/names.js'
import { isStaging, stagingDirectories } from '../core/staging.js'
import { linkName, type Target } from '../core/target.js'
import type { Certificate } from '../state/certificates.js'
import { serverPart } from '../state/layout.js'
import { endOf, renewalOf } from './renewal-date.js'

/** What is on disk, as a plan needs it. */
export interface Held {
  readonly targets: readonly Target[]
  readonly certificates: readonly Certificate[]
  /** live/: link name → certificate id. */
  readonly links: ReadonlyMap<string, string>
}

/**
 * Whether this certificate may serve the target, its dates apart: it has all names, or of a `partial` target one, its key is
 * here, or is that of request.csr, and it is not of a test system unless that is asked for (docs/state-directory.md, "Which
 * certificate is live").
 */
export function satisfies(certificate: Certificate, target: Target): boolean {
  const { facts } = certificate
  if (!certificate.complete || !facts || certificate.revoked || certificate.revokeWanted) return false
  // of a request that somebody else made the key is not here, but it must be that one
  if (target.csr ? facts.keyId !== target.csr.keyId : !certificate.hasKey) return false
  if (isOfStaging(certificate.accountId) && ![target.ca, ...(target.fallback ?? [])].some(isStaging)) return false
  if (facts.selfSigned || (target.requiredKeyType && facts.keyType !== target.requiredKeyType)) return false
  const isIn = (name: Name): boolean => facts.names.includes(name)
  return target.partial ? target.names.some(isIn) : target.names.every(isIn)
}

const stagingServers = stagingDirectories.map(url => `${serverPart(url)}/`)

/** By the account that got it: one of a CA's test system, which nobody trusts. */
export const isOfStaging = (accountId: string | undefined): boolean =>
  accountId !== undefined && stagingServers.some(server => accountId.startsWith(server))

/** Certificates by the names in them, so that a target is not held against ten thousand. */
export type ByName = ReadonlyMap<Name, readonly Certificate[]>

/** Each certificate once for every name in it; one that cannot be read is in none of the lists. Made once a run, and handed on. */
export function byName(certificates: readonly Certificate[]): ByName {
  const index = new Map<Name, Certificate[]>()
  for (const certificate of certificates) {
    for (const name of certificate.facts?.names ?? []) {
      const there = index.get(name)
      if (there) there.push(certificate)
      else index.set(name, [certificate])
    }
  }
  return index
}

/**
 * The satisfying certificate that ends last, of those that are not yet due if there are any; of equals the one that is live
 * already, else the smaller id, so that links never flap. For a `partial` target: of those not due the one with most of
 * its names.
 *
 * For acmetool the end alone counts. But the renewal of 90 days, of which 30 are left, may be one of six: another profile,
 * another CA. By its end it would lose, the old one would stay due, and every run would order another of six days.
 */
export function best(
  target: Target,
  index: ByName,
  links: ReadonlyMap<string, string>,
  now: Date,
): Certificate | undefined {
  const names = target.partial ? target.names : target.names.slice(0, 1)
  const candidates = new Set(names.flatMap(name => index.get(name) ?? []))
  const live = links.get(linkName(target.names[0] as Name, target.label))
  /** 0 of one that is due. */
  const covers = (one: Certificate): number => {
    const { facts } = one
    if (!facts || now >= (renewalOf(one, target)?.at ?? now)) return 0
    return target.partial ? target.names.filter(name => facts.names.includes(name)).length : 1
  }
  const rank = (a: Certificate, b: Certificate): number =>
    covers(b) - covers(a) ||
    endTime(b) - endTime(a) ||
    Number(b.id === live) - Number(a.id === live) ||
    (a.id < b.id ? -1 : 1)
  const fit = [...candidates].filter(certificate => satisfies(certificate, target))
  return fit.filter(one => !isSucceeded(one, fit)).sort(rank)[0]
}

/**
 * What the CA wanted to be replaced, and was, serves no longer, even where it ends later than its successor, as when a CA
 * takes certificates back while their lifetimes get shorter: it would be replaced again in every run.
 */
const isSucceeded = ({ renewal }: Certificate, all: readonly Certificate[]): boolean =>
  renewal?.successor !== undefined && all.some(({ id }) => id === renewal.successor)

const endTime = ({ facts }: Certificate): number => (facts ? endOf(facts).getTime() : 0)

/** What may serve one name of a `partial` target: its best certificate, or while that lacks the name, any other that has it. */
export function bestForName(target: Target, name: Name, index: ByName, links: ReadonlyMap<string, string>, now: Date) {
  const held = best(target, index, links, now)
  return held && has(held, name) ? held : best({ ...target, names: [name] }, index, links, now)
}

/** By the name itself: a wildcard does not stand for the names it matches, as each target says which names it wants. */
export const has = ({ facts }: Certificate, name: Name): boolean => facts?.names.includes(name) ?? false
