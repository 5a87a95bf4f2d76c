// Which targets need a new certificate, and why. Pure: the same decision is printed by `plan` and `status`, and carried out
// by reconcile. What failed before, and what a CA allows, is not looked at here but in limits/admission.ts: a target that
// must wait is due all the same.
import { minute } from '../core/dates.js'
import type { Name } from '../core/names.js'
import { inOrderOfPriority, linkName, type Target } from '../core/target.js'
import { groupBy } from '../core/txt-record.js'
import type { Candidate } from '../limits/admission.js'
import type { Certificate } from '../state/certificates.js'
import { isPlaceholder } from '../state/layout.js'
import type { KeptWindow } from '../state/renewal-memory.js'
import { type ByName, best, bestForName, byName, type Held, has, isOfStaging } from './best-certificate.js'
import { predecessorOf } from './predecessor.js'
import { type RenewalDate, renewalOf } from './renewal-date.js'

/** A target that needs a certificate, and why in a few words. */
export interface Due extends Candidate {
  readonly why: string
  /** What its CA said of when to renew it, for who reads the plan as JSON. */
  readonly renewalInfo?: KeptWindow | undefined
}

/** What somebody asks of this run. */
export interface ReconcileOptions {
  /** Names to renew now, whatever their dates. */
  readonly force?: readonly Name[] | undefined
  /** Only these target files are issued for; links are renewed for all. */
  readonly onlyFiles?: readonly string[] | undefined
  /** Names somebody has just wanted: dns01's own back-off does not hold them up. */
  readonly wanted?: readonly Name[] | undefined
}

export interface DueOptions extends Omit<ReconcileOptions, 'wanted'> {
  readonly now: Date
}

/**
 * All targets that are due and that a CA can be asked for, in order of priority. `index`: byName() of the certificates, if
 * it is at hand.
 */
export function dueTargets(
  { targets, certificates, links }: Held,
  options: DueOptions,
  index: ByName = byName(certificates),
): Due[] {
  const chosen = inOrderOfPriority(targets).filter(({ file }) => options.onlyFiles?.includes(file) ?? true)
  return chosen.filter(({ byHand }) => !byHand).flatMap(target => dueOf(target, index, links, options) ?? [])
}

/** Whether and why a target needs a new certificate. */
export function dueOf(
  target: Target,
  index: ByName,
  links: ReadonlyMap<string, string>,
  options: DueOptions,
): Due | undefined {
  const held = best(target, index, links, options.now)
  const live = liveOf(target, index, links)
  const reason = whyDue(target, held, options, live?.damage)
  if (reason === undefined) return undefined
  const why = reason + (held?.facts || !live ? '' : standIn(live)) + (target.byHand ? byHandText(target) : '')
  const facts = held?.facts
  const renew = held && renewalOf(held, target)?.at
  const isValid = (one: Certificate | undefined): boolean => !!one?.facts && options.now < one.facts.notAfter
  const isServed = (name: Name): boolean => isValid(bestForName(target, name, index, links, options.now))
  // A partial target whose certificate has time is due only for the names it lacks: where none of these can be had now,
  // another certificate would be no better than the one that is there.
  const fills = target.partial && renew !== undefined && options.now < renew && !isForced(target, options)
  return {
    target,
    why,
    forced: isForced(target, options),
    live: target.partial ? target.names.every(isServed) : isValid(held),
    lacking: fills ? missingNames(target, held) : target.names,
    renewAt: renew,
    notAfter: facts?.notAfter,
    replaces: held && predecessorOf(held, target, options.now),
    renewalInfo: held?.renewal?.window,
  }
}

/** The certificate that is live for its first name. */
function liveOf(target: Target, index: ByName, links: ReadonlyMap<string, string>): Certificate | undefined {
  const [name] = target.names
  const live = name && links.get(linkName(name, target.label))
  return name && index.get(name)?.find(({ id }) => id === live)
}

/** What somebody is to do whose CA has a web form. */
const byHandText = ({ names: [name = '' as Name] }: Target): string =>
  `; by hand: dns01 csr ${name.startsWith('*') ? `'${name}'` : name}, then dns01 import-cert`

/** What is served as long as there is none that counts. */
function standIn({ url, facts, accountId }: Certificate): string {
  if (isPlaceholder(url)) return `, a placeholder until ${facts ? minute(facts.notAfter) : 'then'}`
  return isOfStaging(accountId) ? ', what is live is of a staging CA' : ''
}

const isForced = ({ names }: Target, { force }: DueOptions): boolean =>
  force?.some(name => names.includes(name)) ?? false

/** The names of a target that are not in the certificate it has. */
export const missingNames = ({ names }: Target, held: Certificate | undefined): Name[] =>
  names.filter(name => !held || !has(held, name))

/** Why this target needs a new certificate; undefined when it does not. */
export function whyDue(
  target: Target,
  held: Certificate | undefined,
  options: DueOptions,
  damage?: string,
): string | undefined {
  const { now } = options
  // Of several reasons, the first that a person would want to know.
  if (!held?.facts) return damage === undefined ? 'no certificate yet' : `its certificate is damaged: ${damage}`
  if (isForced(target, options)) return 'renewal forced'
  if (now >= held.facts.notAfter) return `expired ${held.facts.notAfter.toISOString().slice(0, 10)}`
  const renewal = renewalOf(held, target)
  if (renewal && now >= renewal.at) return `renewal due since ${minute(renewal.at)}${earlier(renewal, now)}`
  const missing = missingNames(target, held)
  return missing.length === 0 ? undefined : `not in the certificate yet: ${missing.join(', ')}`
}

/** Of a CA's wish: what it is, whether it comes before our own time, and where the CA says why. */
function earlier({ own, window, because }: RenewalDate, now: Date): string {
  if (!window) return ''
  const early = now < own ? `, earlier than ${minute(own)}` : ''
  return `: ${because()}${early}${window.explanationUrl ? `; why: ${window.explanationUrl}` : ''}`
}

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
    // by its first name, so that thousands of targets are not compared each with each
    const rivals = (asking.get(one.target.names[0] as Name) ?? []).map(r => r.due)
    const covered = rivals.some(other => now.has(other) && covers(other.target, one.target))
    if (covered) later.push(one)
    else now.add(one)
  }
  return { now: [...now], later }
}

/** Whether the certificate ordered for `a` would serve `b`. */
const covers = (a: Target, b: Target): boolean =>
  a.ca === b.ca &&
  !a.csr && // its certificate is for a key that nobody else has
  !b.csr &&
  (!b.requiredKeyType || b.requiredKeyType === a.key.type) &&
  b.names.every(name => a.requestNames.includes(name))
