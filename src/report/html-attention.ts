/**
 * What needs a person, worst first: what programs have no valid certificate for, what goes wrong, and what will. Pure; the page
 * (html-page.ts) puts it into HTML. What fails for one and the same reason is one thing, or a CA that is down would be
 * three thousand.
 */

import { minute } from '../core/dates.js'
import { hintsOf } from '../core/errors.js'
import { groupBy } from '../core/txt-record.js'
import { forceHint } from '../limits/admission.js'
import { failedText } from '../limits/backoff.js'
import type { TargetStatus } from '../renew/status.js'
import { dayOf, timeLeft, troubleTexts } from '../renew/status-text.js'
import { byUrgency, stateOf, type Urgency } from '../renew/urgency.js'
import { lastSuccess } from '../state/history.js'
import type { ReportFacts } from './html-facts.js'

export interface Attention {
  readonly urgency: Exclude<Urgency, 'ok' | 'due'>
  readonly title: string
  /** The state in a word or two. */
  readonly word: string
  /** Names that it is about, if more than the title says. */
  readonly names: readonly string[]
  /** What is so, what went wrong, how long the certificate in use is good, what to do: a sentence each. */
  readonly texts: readonly string[]
  /** What looks into it. */
  readonly command?: string | undefined
}

/** No schedule that quickstart installs leaves so long a pause; acmetool's own runs once a day. */
const silentHours = 49

export function attention(facts: ReportFacts): Attention[] {
  const { document, now } = facts
  const ill = byUrgency(document.targets.filter(({ urgency }) => urgency === 'broken' || urgency === 'troubled'))
  const groups = [...groupBy(ill, reasonOf).values()]
  const ofTargets = groups.map(group => ofGroup(group, now))
  const others = [...ofRuns(facts), ...ofDirectory(facts)]
  return [...ofTargets, ...others].sort((a, b) => Number(b.urgency === 'broken') - Number(a.urgency === 'broken'))
}

const reasonOf = ({ file, ca, failure, urgency }: TargetStatus): string =>
  failure === undefined ? file : [urgency, ca, failure.code, failure.message].join('\n')

function ofGroup(group: readonly TargetStatus[], now: Date): Attention {
  const [target] = group as [TargetStatus, ...TargetStatus[]]
  const names = group.flatMap(one => one.names)
  const first = target.names[0] ?? target.file
  const isOne = group.length === 1
  return {
    urgency: target.urgency === 'broken' ? 'broken' : 'troubled',
    title: isOne ? first : `${group.length} certificates`,
    word: stateOf(target, now).word,
    names: names.length === 1 ? [] : names,
    texts: [...(isOne ? [sentence(stateOf(target, now).text)] : []), ...whatIsWrong(target), inUse(group, now)],
    command: `dns01 status ${shellWord(first)}`,
  }
}

/** What failed, what to do about it, and what is wrong besides. */
function whatIsWrong(target: TargetStatus): string[] {
  const { failure, waits, names } = target
  const failed = failure && [
    sentence(failedText({ ...failure, hint: undefined })),
    ...(hintsOf(failure.hint) ?? []).map(sentence),
    sentence(waits?.until ? forceHint(names) : 'the next run tries again'),
  ]
  return [
    ...(failed ?? []),
    ...troubleTexts({ ...target, failure: undefined, ...(failure && { waits: undefined }) }, true).map(sentence),
  ]
}

/** How long what is in use is good, which is what decides about a night's sleep. */
function inUse(targets: readonly TargetStatus[], now: Date): string {
  const ends = targets.flatMap(({ notAfter }) => notAfter ?? []).sort((a, b) => a.getTime() - b.getTime())
  const [first] = ends
  const what = targets.length === 1 ? 'the certificate in use' : 'the first of those in use'
  if (!first) return targets.length === 1 ? 'There is no certificate.' : 'There are no certificates.'
  if (first <= now) return sentence(`${what} ended on ${minute(first)}`)
  return sentence(`${what} is good for ${timeLeft(first, now)}, until ${dayOf(first, now)}`)
}

/** With nobody watching, no news is bad news. */
function ofRuns({ runs, lastQuiet, now }: ReportFacts): Attention[] {
  const success = lastSuccess({ runs, lastQuiet })
  const last = runs.at(-1)
  const isSilent = success !== undefined && now.getTime() - success.getTime() > silentHours * 3_600_000
  const silent: Attention = {
    urgency: 'troubled',
    title: 'Runs',
    word: 'silent',
    names: [],
    texts: [
      `No run has ended well since ${success && minute(success)}.`,
      last?.exit ? `The last one ended with status ${last.exit}.` : 'Does anything start dns01?',
    ],
    command: 'dns01 reconcile -v',
  }
  return isSilent ? [silent] : []
}

function ofDirectory({ document }: ReportFacts): Attention[] {
  const about = (title: string, texts: readonly string[], command?: string): Attention => ({
    ...{ urgency: 'troubled', title, word: 'look', names: [], texts, command },
  })
  return [
    ...document.problems.map(({ message, hint }) => about('Settings', [message, ...(hint ? [sentence(hint)] : [])])),
    ...(document.recordsLeft > 0
      ? [about('DNS', ['An earlier run left TXT records; the next one removes them.'], 'dns01 plan')]
      : []),
    ...(document.unusedKeys > 0
      ? [about('Keys', [`${document.unusedKeys} keys have had no certificate for a week.`], 'dns01 cull')]
      : []),
  ]
}

/** Names and commands begin with a small letter wherever they stand. */
const sentence = (text: string): string =>
  (/^(dns01|[^ ]*[.:*])/.test(text) ? text : text.slice(0, 1).toUpperCase() + text.slice(1)) +
  (/[.!?]$/.test(text) ? '' : '.')

/** A wildcard is for the shell to leave alone. */
const shellWord = (name: string): string => (name.includes('*') ? `'${name}'` : name)
