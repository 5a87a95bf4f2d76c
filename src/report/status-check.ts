/**
 * `dns01 status --check DAYS`: one line and an exit status as monitors want them (Nagios Plugin Development Guidelines, which Icinga,
 * Naemon, Checkmk and others follow).
 */

import { Dns01Error, linesOf } from '../core/errors.js'
import { shortNames } from '../core/names.js'
import { shortLivedDays } from '../renew/renewal-date.js'
import type { StatusDocument, TargetStatus } from '../renew/status.js'
import { dayOf, nothingWanted, servedText, timeLeft } from '../renew/status-text.js'
import { byUrgency, stateOf } from '../renew/urgency.js'

/** By exit status (guidelines, "Plugin Return Codes"). */
const WORDS = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const
type Exit = 0 | 1 | 2 | 3

/** Fewer days are a warning, or critical. */
export interface Limits {
  readonly warnDays: number
  readonly criticalDays: number
}

export interface Found {
  readonly status: (typeof WORDS)[number]
  readonly exit: Exit
  readonly line: string
}

/** `14` or `14,7`; of one number the half is critical. @throws Dns01Error USAGE */
export function parseLimits(text: string): Limits {
  const [warnDays = Number.NaN, criticalDays = warnDays / 2, ...more] = text
    .split(',')
    .map(part => (/^\d+(\.\d+)?$/.test(part.trim()) ? Number(part) : Number.NaN))
  if (Number.isNaN(warnDays) || Number.isNaN(criticalDays) || more.length > 0)
    throw new Dns01Error('USAGE', `--check wants days, as 14 or 14,7, not "${text}"`)
  if (criticalDays > warnDays)
    throw new Dns01Error('USAGE', `--check ${text}: fewer days must be left for CRITICAL than for WARNING`, {
      hint: `--check ${criticalDays},${warnDays}`,
    })
  return { warnDays, criticalDays }
}

const dayMs = 86_400_000

/** Of a certificate that lives less than ten days these parts of its margin count, if they are less than the limits. */
const shortLived = { warn: 1 / 2, critical: 1 / 4 } as const

interface Judged {
  readonly exit: Exit
  readonly text: string
}

/** What is wrong with one certificate; undefined: nothing. That a renewal fails is no matter yet as long as days are left. */
function judged(target: TargetStatus, now: Date, limits: Limits): Judged | undefined {
  const name = shortNames(target.names, target.file)
  const { urgency, text } = stateOf(target, now)
  if (urgency === 'broken') return { exit: 2, text: `${name}: ${text}` }
  const { notAfter, renewAt, notBefore, missing, served, unlinked } = target
  if (notAfter && renewAt && notBefore) {
    const leftDays = (notAfter.getTime() - now.getTime()) / dayMs
    const marginDays = (notAfter.getTime() - renewAt.getTime()) / dayMs
    const isShort = notAfter.getTime() - notBefore.getTime() < shortLivedDays * dayMs
    const least = (days: number, share: number): number => (isShort ? Math.min(days, marginDays * share) : days)
    const failed = target.failure ? `, and renewing it fails: ${target.failure.message}` : ''
    const ends = `${name}: ends in ${timeLeft(notAfter, now)} (${dayOf(notAfter, now)})${failed}`
    if (leftDays < least(limits.criticalDays, shortLived.critical)) return { exit: 2, text: ends }
    if (leftDays < least(limits.warnDays, shortLived.warn)) return { exit: 1, text: ends }
  }
  const unseen = served?.find(({ state }) => state === 'failed')
  if (unseen) return { exit: 1, text: `${name}: ${servedText(unseen, false)}` }
  if (missing.length > 0) return { exit: 1, text: `${name}: ${missing.length} names are in no certificate` }
  return unlinked.length > 0 ? { exit: 1, text: `${name}: ${text}` } : undefined
}

/** Programs that read perfdata cut the line at `|`; and a line is all they take for the state. */
const harmless = (text: string): string => text.replaceAll('|', '/')

const found = (exit: Exit, text: string, perfdata = ''): Found => ({
  status: WORDS[exit],
  exit,
  line: `DNS01 ${WORDS[exit]} - ${harmless(text)}${perfdata === '' ? '' : ` | ${perfdata}`}`,
})

/** The worst, and how many more; with the fewest days that are left as perfdata (`14:` is: less than 14 is out of range). */
export function checkStatus(document: StatusDocument, now: Date, limits: Limits): Found {
  const targets = byUrgency(document.targets)
  const [problem] = document.problems
  if (targets.length === 0) return found(3, problem?.message ?? nothingWanted(document))
  const bad = targets.flatMap(target => judged(target, now, limits) ?? []).sort((a, b) => b.exit - a.exit)
  const all = [...bad, ...document.problems.map(({ message }): Judged => ({ exit: 1, text: message }))]
  const exit = all.reduce<Exit>((worst, one) => (one.exit > worst ? one.exit : worst), 0)
  const ends = targets.flatMap(({ notAfter }) => (notAfter ? [notAfter] : []))
  const first = ends.reduce<Date | undefined>((a, b) => (a && a < b ? a : b), undefined)
  const perfdata = [
    ...(first ? [`'days_left'=${daysOf(first, now)};${limits.warnDays}:;${limits.criticalDays}:`] : []),
    `'certificates'=${targets.length};;;0`,
    `'not_ok'=${all.length};;;0`,
  ].join(' ')
  return found(exit, all.length === 0 ? wellText(targets, now) : textOf(all), perfdata)
}

/** To a tenth, rounded down: what is said to be left is there. */
const daysOf = (end: Date, now: Date): number => Math.floor((end.getTime() - now.getTime()) / (dayMs / 10)) / 10

const textOf = ([worst, ...more]: readonly Judged[]): string =>
  `${worst?.text}${more.length > 0 ? `; and ${more.length} more: dns01 status` : ''}`

function wellText(targets: readonly TargetStatus[], now: Date): string {
  const next = targets.filter(({ notAfter }) => notAfter).sort((a, b) => Number(a.notAfter) - Number(b.notAfter))[0]
  const count = `${targets.length} certificate${targets.length === 1 ? '' : 's'}`
  if (!next?.notAfter) return count
  return `${count}, ${shortNames(next.names)} ends first, in ${timeLeft(next.notAfter, now)} (${dayOf(next.notAfter, now)})`
}

/** UNKNOWN: the state could not be looked at, or the command line is wrong. */
export const unknownLine = (error: unknown): Found => found(3, linesOf(error).join('; '))
