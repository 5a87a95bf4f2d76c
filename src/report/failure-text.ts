/**
 * What went wrong, for whoever reads it in cron's mail and knows nothing else: names, what failed, what to do, how long the
 * certificate in use is good, when it is tried next, where to look. What failed for one and the same reason is told once.
 */

import { minute } from '../core/dates.js'
import { Dns01Error, FAULTS, linesOf, shortList } from '../core/errors.js'
import { type Name, shortNames } from '../core/names.js'
import { groupBy } from '../core/txt-record.js'
import type { Outcome } from '../renew/outcome.js'
import type { TargetStatus } from '../renew/status.js'
import { dayOf, timeLeft } from '../renew/status-text.js'

/** What is known after the run. */
export interface Facts {
  readonly now: Date
  readonly targetOf: (outcome: Outcome) => TargetStatus | undefined
}

type Lines = [string, ...string[]]

/** A paragraph for each reason, in order of first appearance. */
export function failureParagraphs(failed: readonly Outcome[], facts: () => Facts, verbose: boolean): Lines[] {
  const groups = groupBy(failed, one => linesOf(one.error).join('\n'))
  return [...groups.values()].map(group => paragraph(group, facts, verbose))
}

/** What is left to a later run: its message says until when, and why. */
export function waitingParagraph(waiting: Outcome, verbose: boolean): Lines {
  const [first, ...more] = linesOf(waiting.error)
  return [withSubject(first, [waiting], verbose), ...more]
}

/** The first name and how many others; the file only for who wants to know more. */
export function subjectOf({ subject, names }: Outcome, verbose: boolean): string {
  if (names.length === 0) return subject
  return verbose && names[0] !== subject ? `${shortNames(names)} (${subject})` : shortNames(names)
}

function paragraph(group: readonly Outcome[], facts: () => Facts, verbose: boolean): Lines {
  const [outcome] = group as [Outcome, ...Outcome[]]
  const [first, ...hints] = linesOf(outcome.error)
  const more = hints.map(hint => withName(hint, nameOf(outcome)))
  const named = group.filter(({ names }) => names.length > 0)
  const further =
    named.length > 0 ? [allNames(named), prospect(named, facts()), whereToLook(outcome, more, facts())] : []
  return [withSubject(first, group, verbose), ...more, ...further.filter(line => line !== '')]
}

/** A message that begins with the name, or with the target's file, does so once. */
function withSubject(text: string, group: readonly Outcome[], verbose: boolean): string {
  const [{ subject, names }] = group as [Outcome, ...Outcome[]]
  const named = shortList(group.map(one => subjectOf(one, verbose)))
  if (text.startsWith(`${subject}: `)) return `${named}: ${text.slice(subject.length + 2)}`
  const isNamed = [':', ' '].some(after => text.startsWith(`${names[0] ?? subject}${after}`))
  return group.length === 1 && isNamed ? text : `${named}: ${text}`
}

/** Of several, since the failure says one at most. */
const allNames = ([one, ...others]: readonly Outcome[]): string =>
  one && others.length === 0 && one.names.length > 1 ? `the certificate is for ${shortList(one.names)}` : ''

/** How long what is in use is good, and when the next try is. */
function prospect(group: readonly Outcome[], { now, targetOf }: Facts): string {
  const targets = group.flatMap(one => targetOf(one) ?? [])
  const ends = earliest(targets.map(({ notAfter }) => notAfter).filter(end => end !== undefined && now < end))
  const next = earliest(targets.map(({ waits, failure }) => waits?.until ?? failure?.nextTry))
  const missing = [...new Set(targets.flatMap(target => target.missing.map(({ name }) => name)))]
  const lacks = missing.length > 0 ? `, without ${shortList(missing)},` : '' // request.partial
  const inUse = group.length === 1 ? `the one in use${lacks} is` : `those in use${lacks} are`
  const good = ends && `${inUse} good for ${timeLeft(ends, now)}, until ${dayOf(ends, now)}`
  return [good, next && `next try ${minute(next)}`].filter(part => part !== undefined).join('; ')
}

const earliest = (dates: readonly (Date | undefined)[]): Date | undefined =>
  dates.filter(date => date !== undefined).sort((a, b) => a.getTime() - b.getTime())[0]

/** Exit statuses of what probe looks into: settings, and what the CA or the DNS said. */
const PROBED: readonly number[] = [FAULTS.CONFIG.exit, FAULTS.REFUSED.exit, FAULTS.UNAVAILABLE.exit]

/** The name that is at fault, as a shell takes it; undefined of what is about no name. */
function nameOf(outcome: Outcome): string | undefined {
  const name = nameAtFault(outcome)
  return name && shellWord(name)
}

const nameAtFault = ({ names, error }: Outcome): Name | undefined =>
  (error instanceof Dns01Error ? names.find(name => error.byName.has(name)) : undefined) ?? names[0]

/** Hints are written where the name is not known. */
const withName = (hint: string, name: string | undefined): string =>
  name === undefined ? hint : hint.replace('dns01 probe NAME', `dns01 probe ${name}`)

/** Who has had a certificate for a name has not mistyped it. */
function whereToLook(outcome: Outcome, said: readonly string[], { targetOf }: Facts): string {
  const { error } = outcome
  if (!(error instanceof Dns01Error) || !PROBED.includes(FAULTS[error.code].exit)) return ''
  const name = nameOf(outcome)
  const probe = `dns01 probe ${name}`
  if (said.some(line => line.includes(probe))) return ''
  const target = targetOf(outcome)
  const isNew = target?.notAfter === undefined || target.missing.some(one => one.name === nameAtFault(outcome))
  return error.doubtsName && isNew
    ? `mistyped? dns01 unwant ${name}; else ${probe} looks into it`
    : `${probe} looks into it`
}

/** A wildcard is for the shell to leave alone. */
const shellWord = (name: string): string => (name.includes('*') ? `'${name}'` : name)
