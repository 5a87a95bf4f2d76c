// What `dns01 status` says to people: a table, or all that is known of a few names. Programs read --json instead
// (status.ts), so these lines may change, and be cut to the width of a terminal.
import { minute } from '../core/dates.js'
import { type Name, shortNames } from '../core/names.js'
import { hostOf } from '../core/urls.js'
import { deferralText, forceHint } from '../limits/admission.js'
import { failedText } from '../limits/backoff.js'
import { endText } from './persistent.js'
import type { StatusDocument, TargetStatus } from './status.js'

/** Who reads it: the width of the terminal, if it is one, and whether long errors are to be told whole. */
export interface Reader {
  readonly columns: number | undefined
  readonly whole: boolean
}

const hourMs = 3_600_000

/** Below two days in hours: certificates of inner CAs live for one day only. */
const isShort = (ms: number): boolean => Math.abs(ms) < 48 * hourMs

/** `89 d`, `31 h`; negative once it is over. Rounded down: what is said to be left is there, and 23 hours are not a day. */
export function timeLeft(until: Date, now: Date): string {
  const ms = until.getTime() - now.getTime()
  return isShort(ms) ? `${Math.floor(ms / hourMs)} h` : `${Math.floor(ms / (24 * hourMs))} d`
}

/** The day; within two days of now the minute, too. */
export const dayOf = (at: Date, now: Date): string =>
  isShort(at.getTime() - now.getTime()) ? minute(at) : at.toISOString().slice(0, 10)

/**
 * The table people read: a line a target, its first name first. What goes wrong stands below it and not in a column, since
 * an error of a CA is longer than any terminal is wide; each such line begins with `!`, to be found by eye and by grep.
 */
export function statusLines(document: StatusDocument, now: Date, reader: Reader): string[] {
  const header = ['NAME', 'CA', 'LEFT', 'RENEWS', 'STATE']
  const rows = document.targets.map(target => row(target, now))
  return [
    ...(rows.length === 0 ? [nothingWanted(document)] : columns([header, ...rows])),
    ...document.targets.flatMap(target => troubles(target, reader)),
    ...document.problems.map(({ message, hint }) => `! ${message}${hint ? ` (${hint})` : ''}`),
    ...(document.unusedKeys > 0
      ? [`! keys that have had no certificate for a week: ${document.unusedKeys}; dns01 cull removes them`]
      : []),
    ...(document.recordsLeft > 0 ? [`! an earlier run left TXT records; the next reconcile removes them`] : []),
  ]
}

/** What to do first. The three beginnings differ in what the reader must do, so an empty table would tell too little. */
export function nothingWanted({ setUp, stateDirectory }: Pick<StatusDocument, 'setUp' | 'stateDirectory'>): string {
  if (setUp === 'none') return `there is no state directory ${stateDirectory}: dns01 quickstart sets one up`
  return setUp === 'empty' ? 'nothing is set up: dns01 quickstart' : 'nothing is wanted yet: dns01 want NAME'
}

/** The CA by its host alone: directory URLs are long, and all begin and end alike. */
function row(target: TargetStatus, now: Date): string[] {
  const { notAfter, renewAt } = target
  return [
    shortNames(target.names, target.file),
    caOf(target, url => hostOf(url) || url),
    notAfter ? timeLeft(notAfter, now) : '-',
    renewAt ? dayOf(renewAt, now) : '-',
    stateOf(target, now),
  ]
}

/** Where the certificate came from, and which CA is asked first, if that is another one. */
const caOf = (
  { ca, certificateCa }: Pick<TargetStatus, 'ca' | 'certificateCa'>,
  shown: (url: string) => string = url => url,
): string => (certificateCa === undefined ? shown(ca) : `${shown(certificateCa)} instead of ${shown(ca)}`)

/** The worst first: what breaks programs now, then what the clock may have wrong, then what the next run will do. */
function stateOf({ damage, due, waits, unlinked, notBefore }: TargetStatus, now: Date): string {
  if (damage !== undefined) return `what is live is damaged: ${damage}`
  if (notBefore && now < notBefore) return `not valid before ${minute(notBefore)}; is the clock right?`
  if (due !== undefined) return waits?.until ? `${due}; next try ${minute(waits.until)}` : due
  return unlinked.length > 0 ? `not linked: ${unlinked.join(', ')}` : 'ok'
}

/** What keeps a target from being well, a line each: cut to the width of a terminal, unless somebody wants it whole. */
function troubles(target: TargetStatus, { columns = Number.POSITIVE_INFINITY, whole }: Reader): string[] {
  const name = shortNames(target.names, target.file)
  const lines = troubleTexts(target, whole).map(text => `! ${name}: ${text}`)
  const more = `… (dns01 status ${target.names[0]})`
  return lines.map(line => (whole || line.length <= columns ? line : line.slice(0, columns - more.length) + more))
}

/** What went wrong, why it waits, and what a partial certificate lacks. The hint only where there is room for it. */
function troubleTexts({ names, failure, waits, missing, recordsEnd }: TargetStatus, whole: boolean): string[] {
  const next = waits?.until ? forceHint(names) : 'the next run tries again'
  const told = failure && (whole ? `${failedText(failure)}; ${next}` : failedText({ ...failure, hint: undefined }))
  const held = waits && !failure ? [deferralText(waits)] : []
  const since = missing.map(({ name, since }) => (since ? `${name} since ${minute(since)}` : name))
  const ends = recordsEnd.map(({ name, until }) => {
    const { text, hint } = endText(name, until, names)
    return whole ? `${text} (${hint}; then dns01 probe tells of it)` : text
  })
  return [
    ...(told ? [told] : []),
    ...held,
    ...(since.length > 0 ? [`missing ${since.join(', ')}`] : []),
    ...new Set(ends),
  ]
}

/** All that is known of some targets, a paragraph each. */
export function detailLines(document: StatusDocument, now: Date): string[] {
  return document.targets.flatMap((target, i) => [...(i > 0 ? [''] : []), ...details(document, target, now)])
}

/** Whole paths, to be copied into a web server's configuration. What is not known has no line. */
function details({ stateDirectory }: StatusDocument, target: TargetStatus, now: Date): string[] {
  const { notBefore, notAfter, renewAt, renewBecause, renewalInfo, live, certificate, csr } = target
  const valid =
    notBefore && notAfter && `${minute(notBefore)} until ${minute(notAfter)} (${timeLeft(notAfter, now)} left)`
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['state', stateOf(target, now)],
    ['valid', valid],
    ['renewed', renewAt && `from ${minute(renewAt)}: ${renewBecause}`],
    ['the CA says', renewalInfo?.explanationUrl],
    ['issuer', target.issuer],
    ['key type', target.keyType],
    ['certificate', live && `${stateDirectory}/${live}/fullchain`],
    ['key', live && (csr === undefined ? `${stateDirectory}/${live}/privkey` : 'with whoever made the request')],
    ['request', csr],
    ['stored in', certificate && `${stateDirectory}/certs/${certificate}`],
    ['target', `${stateDirectory}/desired/${target.file}`],
    ['CA', caOf(target)],
    ['profile', target.profile && `${target.profile.name} (${target.profile.required ? 'required' : 'preferred'})`],
    ...troubleTexts(target, true).map(text => ['trouble', text] as const),
  ]
  const told = facts.flatMap(([what, text]) => (text ? [`  ${what.padEnd(11)}  ${text}`] : []))
  return [target.names.join(', '), ...told]
}

/** The targets that ask for one of these names. */
export const aboutNames = (document: StatusDocument, names: readonly Name[]): StatusDocument => ({
  ...document,
  targets: document.targets.filter(target => target.names.some(name => names.includes(name))),
})

/** What was looked at, and for each target what is to be done and why: for the log at DEBUG. */
export function decisionLines(document: StatusDocument, now: Date): string[] {
  const { stateDirectory, targets, accounts } = document
  return [
    `state directory ${stateDirectory}: ${targets.length} targets, ${accounts.length} accounts`,
    ...targets.map(target => `${target.file}: ${decisionOn(target, now)}`),
  ]
}

/** In one line what a run would do with it, and above all why it would do nothing: a run that acts tells of that itself. */
function decisionOn({ due, waits, certificate, renewAt }: TargetStatus, now: Date): string {
  if (due === undefined) return `certificate ${certificate} will do until ${renewAt ? dayOf(renewAt, now) : 'it ends'}`
  return waits ? `${due}; ${deferralText(waits)}` : due
}

/** Left-aligned columns, two spaces apart. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map(cells => cells[i]?.length ?? 0))) ?? []
  return rows.map(cells =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
