/** What a person wants to know when certificates have come: until when they are good, who renews them, and where they are. */

import { messageOf } from '../core/errors.js'
import { type Line, type Span, styled } from '../core/styled.js'
import { hostOf } from '../core/urls.js'
import { nameOf } from '../renew/link-changes.js'
import type { Outcome } from '../renew/outcome.js'
import type { Context } from '../renew/run.js'
import { type StatusDocument, statusDocument, type TargetStatus } from '../renew/status.js'
import { dayOf, nothingWanted, timeLeft } from '../renew/status-text.js'
import type { StateDir } from '../state/state-dir.js'

export interface SummaryParts {
  readonly now: Date
  /** Width of the terminal. */
  readonly columns: number
  /** What starts renewals; undefined when nothing does. */
  readonly renewedBy: string | undefined
}

/** Of more certificates than these only the number is told. */
const toldInFull = 3

/** Of more names than these in one certificate only the number is told. */
const namesInFull = 5

const directives = {
  certificate: ['nginx: ssl_certificate', 'Apache: SSLCertificateFile'],
  key: ['nginx: ssl_certificate_key', 'Apache: SSLCertificateKeyFile'],
} as const

/** A paragraph a certificate of these target files; what has none is left to the errors. */
export function summaryLines(document: StatusDocument, files: readonly string[], parts: SummaryParts): Line[] {
  const told = document.targets.filter(({ file, live, due }) => files.includes(file) && live !== undefined && !due)
  const rest = told.length - toldInFull
  return [
    ...told.slice(0, toldInFull).flatMap(target => paragraph(document, target, parts)),
    ...(rest > 0 ? [`and ${rest} more: dns01 status`] : []),
  ]
}

function paragraph({ stateDirectory }: StatusDocument, target: TargetStatus, parts: SummaryParts): Line[] {
  const { names, live } = target
  const more = names.length - namesInFull
  const list = names.slice(0, namesInFull).join(', ') + (more > 0 ? ` and ${more} more` : '')
  const path = (file: string): string => `${stateDirectory}/${live}/${file}`
  return [
    ...wrapped(`${list}: ${validity(target, parts)}`, parts.columns).map(line => accented(line, list)),
    ...place('certificate', path('fullchain'), parts.columns),
    ...(target.csr === undefined ? place('key', path('privkey'), parts.columns) : []),
  ]
}

function validity(target: TargetStatus, { now, renewedBy }: SummaryParts): string {
  const { notAfter, renewAt, certificateCa } = target
  if (!notAfter || !renewAt) return 'in use'
  const from = certificateCa === undefined ? '' : `, from ${hostOf(certificateCa)} instead of ${hostOf(target.ca)}`
  const valid = `valid until ${dayOf(notAfter, now)} (${timeLeft(notAfter, now)})${from}`
  if (target.byHand) return `${valid}, to be renewed by hand from ${dayOf(renewAt, now)}: dns01 csr ${target.names[0]}`
  const by = renewedBy === undefined ? `${nobody}: dns01 quickstart` : `by ${renewedBy}`
  return renewedBy === undefined ? `${valid}, ${by}` : `${valid}, renewed from ${dayOf(renewAt, now)} ${by}`
}

/** The names stand out, and that nothing will renew them. */
function accented(line: string, list: string): Line {
  if (line.startsWith(`${list}:`)) return [styled(list, 'strong'), ...accentedWarning(line.slice(list.length))]
  return accentedWarning(line)
}

const nobody = 'but nothing renews it'

function accentedWarning(text: string): Span[] {
  const at = text.indexOf(nobody)
  return at < 0 ? [text] : [text.slice(0, at), styled(nobody, 'warn'), text.slice(at + nobody.length)]
}

/** Where it is and how servers call it: in one line, in two or in three, as there is room. */
function place(what: keyof typeof directives, path: string, columns: number): string[] {
  const [nginx, apache] = directives[what]
  const where = `  ${what.padEnd(11)}  ${path}`
  const indent = ' '.repeat(15)
  const inOne = `${where}${what === 'key' ? gapOfKey : ''}      ${nginx.padEnd(26)}  ${apache}`
  if (inOne.length <= columns) return [inOne]
  const below = `${indent}${nginx.padEnd(26)}  ${apache}`
  return below.length <= columns ? [where, below] : [where, indent + nginx, indent + apache]
}

/** What stands behind the paths begins in one column. */
const gapOfKey = ' '.repeat('fullchain'.length - 'privkey'.length)

/** At spaces; what goes on is indented. A word that is longer than a line stays whole. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(last === undefined ? word : `    ${word}`)
  }
  return lines
}

/** Of all that is wanted and well, what is renewed first: `NAME on DATE`. */
function nextRenewal({ targets }: StatusDocument, now: Date): string | undefined {
  const [first] = targets
    .flatMap(({ names, renewAt }) => (renewAt ? [{ name: names[0], renewAt }] : []))
    .sort((a, b) => a.renewAt.getTime() - b.renewAt.getTime())
  return first && `${first.name} on ${dayOf(first.renewAt, now)}`
}

/** For a run that had nothing to do, and a person who waits for a word. */
export function nothingToDo(document: StatusDocument, now: Date): string {
  if (document.targets.length === 0) return nothingWanted(document)
  const next = nextRenewal(document, now)
  return next === undefined ? 'nothing to do' : `nothing to do; next: ${next}`
}

/** Tells it to who sits at the terminal; asks no CA, and crontab(1) at most. */
export async function tellSummary(context: Context, state: StateDir, files: readonly string[]): Promise<void> {
  const { world, out } = context
  if (out.columns === undefined || files.length === 0) return
  const parts = { now: world.clock.now(), columns: out.columns, renewedBy: await whoRenews(context, state) }
  out.tell(summaryLines(statusDocument(world, state), files, parts))
}

/** From the renewal to the end; with more, even a run a day has four tries. */
const amplySeconds = 4 * 86_400

/** Tells of a schedule that is too slow for certificates as short as these; looks for it only when some are short. */
export async function warnOfSlowRenewal(
  { world }: Pick<Context, 'world'>,
  state: StateDir,
  { targets }: StatusDocument,
): Promise<void> {
  const short = targets.flatMap(({ renewAt, notAfter }) =>
    renewAt && notAfter && notAfter.getTime() - renewAt.getTime() < amplySeconds * 1000 ? [{ renewAt, notAfter }] : [],
  )
  if (short.length === 0) return
  const { findSchedule } = await import('../quickstart/found.js')
  const { tooSlow } = await import('../quickstart/cadence.js')
  const found = await findSchedule(world, state.root)
  const fault = found?.everySeconds === undefined ? undefined : tooSlow(found.everySeconds, short)
  if (fault) world.log.warn(`${found?.by} ${fault}; dns01 quickstart corrects its own`)
}

/** A crontab that cannot be read is not a failure of a run that has done its work. */
async function whoRenews({ world }: Pick<Context, 'world'>, state: StateDir): Promise<string | undefined> {
  const { findSchedule } = await import('../quickstart/found.js')
  try {
    return (await findSchedule(world, state.root))?.by
  } catch (error) {
    world.log.info(messageOf(error))
    return 'what could not be found out'
  }
}

/** After a run that nobody asked for a name: the certificates that went live, or that there was nothing to do. */
export async function tellRun(context: Context, state: StateDir, outcomes: readonly Outcome[]): Promise<void> {
  const { world, out } = context
  if (out.columns === undefined) return
  const document = statusDocument(world, state)
  const linked = outcomes.flatMap(({ subject, result }) => (result === 'linked' ? [nameOf(subject)] : []))
  const changed = document.targets.filter(({ names }) => names.some(name => linked.includes(name)))
  if (outcomes.length === 0) out.tell([nothingToDo(document, world.clock.now())])
  await tellSummary(
    context,
    state,
    changed.map(({ file }) => file),
  )
}
