import type { Name } from './names.js'
import { groupBy } from './records.js'
import type { Certificate } from './state/certificates.js'
import { claims, inOrderOfPriority, linkName, type Target } from './target.js'

/** A target that needs a certificate, and why in a few words. */
export interface Due {
  readonly target: Target
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

/** acmetool's rule: margin days before the end, but never before the last third of the lifetime (acmetool-compat §8). */
export function renewAt(
  { notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date },
  marginDays: number,
): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime()
  return new Date(notAfter.getTime() - Math.min(marginDays * dayMs, lifetimeMs / 3))
}

/** Whether this certificate may serve the target, its dates apart (acmetool-compat §8). */
export function satisfies(certificate: Certificate, target: Target): boolean {
  const { facts } = certificate
  if (!certificate.complete || !facts || certificate.revoked || certificate.revokeWanted || !certificate.hasKey)
    return false
  if (facts.selfSigned || (target.requiredKeyType && facts.keyType !== target.requiredKeyType)) return false
  return target.names.every(name => facts.names.includes(name))
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

/** The satisfying certificate that ends last; of equals the one that is live already, else the smaller id, so that links never flap. */
export function best(target: Target, index: ByName, links: ReadonlyMap<string, string>): Certificate | undefined {
  const [first] = target.names
  if (first === undefined) return undefined
  const live = links.get(linkName(first, target.label))
  const rank = (a: Certificate, b: Certificate): number =>
    (b.facts?.notAfter.getTime() ?? 0) - (a.facts?.notAfter.getTime() ?? 0) ||
    Number(b.id === live) - Number(a.id === live) ||
    (a.id < b.id ? -1 : 1)
  return (index.get(first) ?? []).filter(certificate => satisfies(certificate, target)).sort(rank)[0]
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
    issue: chosen.flatMap(target => {
      const why = whyDue(target, best(target, index, held.links), options)
      return why === undefined ? [] : [{ target, why }]
    }),
    link: linkChanges(held, index),
  }
}

/** Why this target needs a new certificate; undefined when it does not. */
export function whyDue(target: Target, held: Certificate | undefined, { now, force }: PlanOptions): string | undefined {
  if (!held?.facts) return 'no certificate yet'
  if (force?.some(name => target.names.includes(name))) return 'renewal forced'
  if (now >= held.facts.notAfter) return `expired ${held.facts.notAfter.toISOString().slice(0, 10)}`
  const at = renewAt(held.facts, target.marginDays)
  if (now >= at) return `renewal due since ${at.toISOString().slice(0, 16)}Z`
  if (target.partial && !target.requestNames.every(name => held.facts?.names.includes(name)))
    return 'some names are still missing'
  return undefined
}

/** Every live link that should point elsewhere than it does. */
function linkChanges({ targets, links }: Held, index: ByName): LinkChange[] {
  const certificates = new Map<Target, Certificate | undefined>()
  const bestOf = (target: Target): Certificate | undefined => {
    if (!certificates.has(target)) certificates.set(target, best(target, index, links))
    return certificates.get(target)
  }
  return [...claims(targets)].flatMap(([link, target]) => {
    const certificateId = bestOf(target)?.id
    return certificateId === undefined || links.get(link) === certificateId ? [] : [{ link, certificateId }]
  })
}

/**
 * The due targets that can start now, and those that one of them may make unnecessary: all its names are asked for
 * there too, for the same CA and kind of key. Those are looked at again afterwards (acmetool-compat §6).
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
