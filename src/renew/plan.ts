import { minute } from '../core/dates.js'
import type { Name } from '../core/names.js'
import { claims, inOrderOfPriority, linkName, type Target } from '../core/target.js'
import { groupBy } from '../core/txt-record.js'
import type { Candidate } from '../limits/admission.js'
import type { Certificate } from '../state/certificates.js'
import type { CertificateFacts } from '../x509/certificate.js'

/** A target that needs a certificate, and why in a few words. */
export interface Due extends Candidate {
  readonly why: string
}

export interface LinkChange {
  /** NAME or NAME:LABEL. */
  readonly link: string
  readonly certificateId: string
}

/** What a run would do. Made by plan(), carried out by reconcile(), printed by `dns01 plan`. */
export interface Plan {
  /** Certificates somebody asked to revoke; of an expired one no CA wants to hear. */
  readonly revoke: readonly Certificate[]
  /** Orders that were interrupted: `url` is there, `fullchain` is not. */
  readonly resume: readonly Certificate[]
  readonly issue: readonly Due[]
  readonly link: readonly LinkChange[]
}

/** What is on disk, as a plan needs it. */
export interface Held {
  readonly targets: readonly Target[]
  readonly certificates: readonly Certificate[]
  /** live/: link name → certificate id. */
  readonly links: ReadonlyMap<string, string>
}

const dayMs = 86_400_000

/** Lifetimes below this are renewed at their half (Let's Encrypt's integration guide): a third of them leaves too few runs. */
export const shortLivedDays = 10

/** The longest that a certificate counts as good: what Apple's systems accept, of private CAs too (support.apple.com/HT210176). */
const longestLifeDays = 825

type Dates = Pick<CertificateFacts, 'notBefore' | 'notAfter'>

/**
 * Until when a certificate is of use. One without a well-defined end (year 9999, RFC 5280 §4.1.2.5) would never be
 * renewed, and be the best for ever.
 */
const endOf = ({ notBefore, notAfter }: Dates): Date =>
  new Date(Math.min(notAfter.getTime(), notBefore.getTime() + longestLifeDays * dayMs))

/**
 * acmetool's rule (docs/state-directory.md, "Which certificate is live"): margin days before the end, but never before the last
 * third of the lifetime. Ours besides: of less than ten days, the last half.
 */
export function renewAt(dates: Dates, marginDays: number): Date {
  const end = endOf(dates).getTime()
  const lifetimeMs = end - dates.notBefore.getTime()
  const share = lifetimeMs < shortLivedDays * dayMs ? 2 : 3
  return new Date(end - Math.min(marginDays * dayMs, lifetimeMs / share))
}

/**
 * Whether this certificate may serve the target, its dates apart: it has all names, or of a `partial` target one
 * (docs/state-directory.md, "Which certificate is live").
 */
export function satisfies(certificate: Certificate, target: Target): boolean {
  const { facts } = certificate
  if (!certificate.complete || !facts || certificate.revoked || certificate.revokeWanted || !certificate.hasKey)
    return false
  if (facts.selfSigned || (target.requiredKeyType && facts.keyType !== target.requiredKeyType)) return false
  const isIn = (name: Name): boolean => facts.names.includes(name)
  return target.partial ? target.names.some(isIn) : target.names.every(isIn)
}

/** Certificates by the names in them, so that a target is not held against ten thousand. */
export type ByName = ReadonlyMap<Name, readonly Certificate[]>

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
 * The satisfying certificate that ends last; of equals the one that is live already, else the smaller id, so that links
 * never flap. For a `partial` target: first of all one that is not yet due, of these the one with most of its names.
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
  const covers = ({ facts }: Certificate): number => {
    if (!target.partial || !facts || now >= renewAt(facts, target.marginDays)) return 0
    return target.names.filter(name => facts.names.includes(name)).length
  }
  const rank = (a: Certificate, b: Certificate): number =>
    covers(b) - covers(a) ||
    endTime(b) - endTime(a) ||
    Number(b.id === live) - Number(a.id === live) ||
    (a.id < b.id ? -1 : 1)
  return [...candidates].filter(certificate => satisfies(certificate, target)).sort(rank)[0]
}

const endTime = ({ facts }: Certificate): number => (facts ? endOf(facts).getTime() : 0)

/** What may serve one name of a `partial` target: its best certificate, or while that lacks the name, any other that has it. */
function bestForName(target: Target, name: Name, index: ByName, links: ReadonlyMap<string, string>, now: Date) {
  const held = best(target, index, links, now)
  return held && has(held, name) ? held : best({ ...target, names: [name] }, index, links, now)
}

export interface PlanOptions {
  readonly now: Date
  /** Names to renew now, whatever their dates. */
  readonly force?: readonly Name[] | undefined
  /** Only these target files are issued for; links are renewed for all. */
  readonly onlyFiles?: readonly string[] | undefined
}

export function plan(held: Held, options: PlanOptions): Plan {
  const index = byName(held.certificates)
  const chosen = inOrderOfPriority(held.targets).filter(t => !options.onlyFiles || options.onlyFiles.includes(t.file))
  return {
    revoke: held.certificates.filter(
      c => c.revokeWanted && !c.revoked && c.complete && c.facts && options.now < c.facts.notAfter,
    ),
    resume: held.certificates.filter(c => !c.complete),
    issue: chosen.flatMap(target => dueOf(target, index, held.links, options) ?? []),
    link: linkChanges(held, index, options.now),
  }
}

/** Whether and why a target needs a new certificate. */
export function dueOf(
  target: Target,
  index: ByName,
  links: ReadonlyMap<string, string>,
  options: PlanOptions,
): Due | undefined {
  const held = best(target, index, links, options.now)
  const why = whyDue(target, held, options, damageOf(target, index, links))
  if (why === undefined) return undefined
  const facts = held?.facts
  const renew = facts && renewAt(facts, target.marginDays)
  const isValid = (one: Certificate | undefined): boolean => !!one?.facts && options.now < one.facts.notAfter
  const isServed = (name: Name): boolean => isValid(bestForName(target, name, index, links, options.now))
  const fills = target.partial && renew !== undefined && options.now < renew && !isForced(target, options)
  return {
    target,
    why,
    forced: isForced(target, options),
    live: target.partial ? target.names.every(isServed) : isValid(held),
    lacking: fills ? missingNames(target, held) : target.names,
    renewAt: renew,
    notAfter: facts?.notAfter,
  }
}

/** What is wrong with the certificate that is live for it. */
function damageOf(target: Target, index: ByName, links: ReadonlyMap<string, string>): string | undefined {
  const [name] = target.names
  const live = name && links.get(linkName(name, target.label))
  return name && index.get(name)?.find(({ id }) => id === live)?.damage
}

const isForced = ({ names }: Target, { force }: PlanOptions): boolean =>
  force?.some(name => names.includes(name)) ?? false

/** The names of a target that are not in the certificate it has. */
export const missingNames = ({ names }: Target, held: Certificate | undefined): Name[] =>
  names.filter(name => !held || !has(held, name))

export const has = ({ facts }: Certificate, name: Name): boolean => facts?.names.includes(name) ?? false

/** Why this target needs a new certificate; undefined when it does not. */
export function whyDue(
  target: Target,
  held: Certificate | undefined,
  options: PlanOptions,
  damage?: string,
): string | undefined {
  const { now } = options
  if (!held?.facts) return damage === undefined ? 'no certificate yet' : `its certificate is damaged: ${damage}`
  if (isForced(target, options)) return 'renewal forced'
  if (now >= held.facts.notAfter) return `expired ${held.facts.notAfter.toISOString().slice(0, 10)}`
  const at = renewAt(held.facts, target.marginDays)
  if (now >= at) return `renewal due since ${minute(at)}`
  const missing = missingNames(target, held)
  return missing.length === 0 ? undefined : `not in the certificate yet: ${missing.join(', ')}`
}

/** Every live link that should point elsewhere than it does. */
function linkChanges({ targets, links }: Held, index: ByName, now: Date): LinkChange[] {
  const whole = new Map<Target, Certificate | undefined>()
  const bestOf = (target: Target): Certificate | undefined => {
    if (!whole.has(target)) whole.set(target, best(target, index, links, now))
    return whole.get(target)
  }
  return [...claims(targets)].flatMap(([link, target]) => {
    const certificateId = (target.partial ? bestForName(target, nameOf(link), index, links, now) : bestOf(target))?.id
    return certificateId === undefined || links.get(link) === certificateId ? [] : [{ link, certificateId }]
  })
}

/** NAME of NAME:LABEL. */
export const nameOf = (link: string): Name => link.split(':')[0] as Name

/**
 * The due targets that can start now, and those that one of them may make unnecessary: all its names are asked for
 * there too, for the same CA and kind of key. Those are looked at again afterwards (docs/state-directory.md, "Target files").
 */
export function firstWave(due: readonly Due[]): { readonly now: Due[]; readonly later: Due[] } {
  const now = new Set<Due>()
  const later: Due[] = []
  const asking = groupBy(
    due.flatMap(d => d.target.requestNames.map(name => ({ name, due: d }))),
    ({ name }) => name,
  )
  for (const one of due) {
    const rivals = (asking.get(one.target.names[0] as Name) ?? []).map(r => r.due)
    const covered = rivals.some(other => now.has(other) && covers(other.target, one.target))
    if (covered) later.push(one)
    else now.add(one)
  }
  return { now: [...now], later }
}

const covers = (a: Target, b: Target): boolean =>
  a.ca === b.ca &&
  (!b.requiredKeyType || b.requiredKeyType === a.key.type) &&
  b.names.every(name => a.requestNames.includes(name))
