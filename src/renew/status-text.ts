// What is said of wanted names, in words that `status`, the log, summaries and errors share.
import { minute } from '../core/dates.js'
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { deferralText, forceHint } from '../limits/admission.js'
import { failedText } from '../limits/backoff.js'
import { endText } from './persistent.js'
import type { ServedStatus, StatusDocument, TargetStatus } from './status.js'

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

/** What to do first. The three beginnings differ in what the reader must do, so an empty table would tell too little. */
export function nothingWanted({ setUp, stateDirectory }: Pick<StatusDocument, 'setUp' | 'stateDirectory'>): string {
  if (setUp === 'none') return `there is no state directory ${stateDirectory}: dns01 quickstart sets one up`
  return setUp === 'empty' ? 'nothing is set up: dns01 quickstart' : 'nothing is wanted yet: dns01 want NAME'
}

/** Where the certificate came from, and which CA is asked first, if that is another one. */
export function caOf(
  { ca, certificateCa, byHand }: Pick<TargetStatus, 'ca' | 'certificateCa' | 'byHand'>,
  shown: (url: string) => string = url => url,
): string {
  if (byHand) return 'by hand'
  return certificateCa === undefined ? shown(ca) : `${shown(certificateCa)} instead of ${shown(ca)}`
}

/** What went wrong, why it waits, and what a partial certificate lacks. The hint only where there is room for it. */
export function troubleTexts(target: TargetStatus, whole: boolean): string[] {
  const { names, failure, waits, missing, recordsEnd, served = [] } = target
  const next = waits?.until ? forceHint(names) : 'the next run tries again'
  const told = failure && (whole ? `${failedText(failure)}; ${next}` : failedText({ ...failure, hint: undefined }))
  const held = waits && !failure ? [deferralText(waits)] : []
  const since = missing.map(({ name, since }) => (since ? `${name} since ${minute(since)}` : name))
  const ends = recordsEnd.map(({ name, until }) => {
    const { text, hint } = endText(name, until, names)
    return whole ? `${text} (${hint}; then dns01 probe tells of it)` : text
  })
  const unseen = served.flatMap(one => (one.state === 'failed' ? [servedText(one, whole)] : []))
  return [
    ...(told ? [told] : []),
    ...unseen,
    ...held,
    ...(since.length > 0 ? [`missing ${since.join(', ')}`] : []),
    ...new Set(ends),
  ]
}

/** What was seen at one place, and when; how to mend it only where there is room. */
export function servedText({ place, text, hint, at, since, state }: ServedStatus, whole: boolean): string {
  const sinceWhen = state === 'failed' && since ? ` since ${minute(since)}` : ''
  const seen = state === 'ok' && at ? `, seen ${minute(at)}` : ''
  return `at ${place}${sinceWhen}: ${text}${seen}${whole && hint ? ` (${hint})` : ''}`
}

/** For the exit status of `status`: what is served, and is not what is live. */
export const servedFaults = ({ targets }: StatusDocument): Dns01Error[] =>
  targets.flatMap(({ served = [] }) =>
    served.flatMap(one => (one.state === 'failed' ? [new Dns01Error('HOOK', servedText(one, true))] : [])),
  )

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
