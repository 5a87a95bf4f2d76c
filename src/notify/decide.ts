// What is worth a notice: a pure function of what a channel has told so far and of how things stand after a run. A run every
// few hours would else say the same for weeks, and what is said again and again is not read.
import { type Code, codeOf, Dns01Error, FAULTS, hintsOf, messageOf } from '../core/errors.js'
import type { Outcome } from '../renew/outcome.js'
import type { TargetStatus } from '../renew/status.js'
import type { Told } from '../state/ledger.js'

export type { Told }

/** By what it is about: `target FILE`, or `other SUBJECT`. */
export type ToldAbout = Readonly<Record<string, Told>>

/** How things stand. */
export interface Situation {
  readonly now: Date
  readonly outcomes: readonly Outcome[]
  readonly targets: readonly TargetStatus[]
  /** The run came to its end: what it does not complain of is well. */
  readonly complete: boolean
}

export type Notice =
  /** For the first time, or no longer something that may pass. */
  | { readonly kind: 'failed'; readonly outcome: Outcome; readonly target?: TargetStatus | undefined }
  | { readonly kind: 'few-days'; readonly target: TargetStatus }
  | { readonly kind: 'well'; readonly about: string; readonly since: Date; readonly target?: TargetStatus | undefined }

export interface Decision {
  readonly notices: readonly Notice[]
  /** What the channel has told when these are sent. */
  readonly told: ToldAbout
}

/**
 * Each failure once, until it is well again: the next tries fail in other words, with other numbers, and mostly for the same
 * reason. It is told again when it was something that may pass (the network, a limit) and is now something that fails
 * again and again until somebody acts. `daysLeft`: see thresholds().
 */
export function decide(before: ToldAbout, situation: Situation, daysLeft: readonly number[] = []): Decision {
  const told: Record<string, Told> = {}
  const failing = failuresOf(situation)
  const notices: Notice[] = []
  for (const [key, { outcome, target }] of failing) {
    const code = codeOf(outcome.error)
    const last = before[key]
    if (!last?.code || (mayPass(last.code) && !mayPass(code))) notices.push({ kind: 'failed', outcome, target })
    told[key] = {
      ...last,
      since: last?.since ?? situation.now,
      code: last?.code && !mayPass(last.code) ? last.code : code,
    }
  }
  for (const target of situation.targets) {
    const key = targetKey(target.file)
    const crossed = thresholdCrossed(target, situation.now, daysLeft)
    if (crossed === undefined) continue
    const last = before[key]?.hoursLeft
    const isNew = last === undefined || crossed < last
    // the notice of a failure that is new says how much is left, but not that nothing is
    const isSaid = notices.some(one => one.kind === 'failed' && one.target === target) && crossed > 0
    if (isNew && !isSaid) notices.push({ kind: 'few-days', target })
    told[key] = { since: situation.now, ...before[key], ...told[key], hoursLeft: isNew ? crossed : last }
  }
  for (const [key, last] of Object.entries(before)) {
    if (key in told) continue
    const over = whetherOver(key, last, situation)
    if (over === 'no') told[key] = last
    else if (over !== 'gone') notices.push(over)
  }
  return { notices, told }
}

const targetKey = (file: string): string => `target ${file}`
const otherKey = (subject: string): string => `other ${subject}`

/** A code that an older or newer version wrote is none that we know. */
const mayPass = (code: string): boolean => FAULTS[code as Code]?.again ?? false

interface Failing {
  readonly outcome: Outcome
  readonly target?: TargetStatus | undefined
}

/** What has failed in this run, and what failed earlier and waits for its next try. */
function failuresOf({ outcomes, targets }: Situation): Map<string, Failing> {
  const byFile = new Map(targets.map(target => [target.file, target]))
  const all = new Map<string, Failing>()
  for (const outcome of outcomes.filter(({ result }) => result === 'failed')) {
    const target = byFile.get(outcome.subject)
    // which of the target files is wrong, its message begins with
    const about = outcome.subject === 'desired' ? (messageOf(outcome.error).split(': ')[0] ?? '') : outcome.subject
    const key = target ? targetKey(target.file) : otherKey(about)
    if (!all.has(key)) all.set(key, { outcome, target })
  }
  for (const target of targets) {
    const { file, names, failure } = target
    if (!failure || all.has(targetKey(file))) continue
    const code = failure.code in FAULTS ? (failure.code as Code) : 'UNAVAILABLE'
    const error = new Dns01Error(code, failure.message, { hint: hintsOf(failure.hint) })
    all.set(targetKey(file), { outcome: { subject: file, names, result: 'failed', error }, target })
  }
  return all
}

const hourMs = 3_600_000

/** Of the margin (from the renewal to the end) so much is left when it is told: nine or ten days of 90, one of six. Our own choice. */
const shareOfMargin = 1 / 3

/** What somebody set in days does not hold before half of the margin is over: with certificates of six days it always would. */
const largestShare = 1 / 2

/** The smallest threshold, in hours, that a due certificate has come below; undefined: none. The last is its end. */
function thresholdCrossed(target: TargetStatus, now: Date, daysLeft: readonly number[]): number | undefined {
  const { notAfter, renewAt, due } = target
  if (!due || !notAfter || !renewAt) return undefined
  const leftHours = (notAfter.getTime() - now.getTime()) / hourMs
  const marginHours = Math.max(0, (notAfter.getTime() - renewAt.getTime()) / hourMs)
  const set = daysLeft.map(days => Math.min(days * 24, marginHours * largestShare))
  const all = [...(set.length > 0 ? set : [marginHours * shareOfMargin]), 0]
  const crossed = all.filter(hours => leftHours <= hours)
  return crossed.length === 0 ? undefined : Math.round(Math.min(...crossed) * 100) / 100
}

/** Of what was told and is no trouble now: that it is well, or that nobody asks for it any more, or that one cannot say. */
function whetherOver(key: string, { since }: Told, { complete, targets, now }: Situation): Notice | 'no' | 'gone' {
  if (!complete) return 'no'
  if (!key.startsWith('target ')) return { kind: 'well', about: key.replace('other ', ''), since }
  const target = targets.find(({ file }) => targetKey(file) === key)
  if (!target) return 'gone'
  return isWell(target, now) ? { kind: 'well', about: target.file, since, target } : 'no'
}

/** Where servers are not looked at in this run, as a hook has failed, they still show what they showed. */
const isWell = ({ due, notAfter, served = [] }: TargetStatus, now: Date): boolean =>
  due === undefined && notAfter !== undefined && notAfter > now && !served.some(({ state }) => state === 'failed')
