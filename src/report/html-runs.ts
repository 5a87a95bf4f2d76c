/** Past runs, newest first, and what each CA was asked for: tables of the report. */

import { minute } from '../core/dates.js'
import { hostOf } from '../core/urls.js'
import { failedText } from '../limits/backoff.js'
import type { RunRecord } from '../state/history.js'
import { type Html, html, type Part } from './html.js'
import type { CaFacts, ReportFacts } from './html-facts.js'

/** Older ones are folded. */
const runsInFull = 10

export function runsSection({ runs, lastQuiet }: ReportFacts): Html {
  const newest = runs.toReversed()
  const older = newest.slice(runsInFull)
  const quiet = lastQuiet && html`<p>A run last found nothing to do at ${time(lastQuiet)}.`
  if (runs.length === 0) return html`${quiet ?? html`<p>No run has left a record yet.`}`
  const caption = older.length > 0 ? `The last ${runsInFull} runs that did something` : 'Runs that did something'
  return html`${quiet}${runsTable(newest.slice(0, runsInFull), caption)}${
    older.length > 0
      ? html`<details class=m><summary>${older.length} earlier runs</summary>${runsTable(older, 'Earlier runs')}</details>`
      : undefined
  }`
}

const runsTable = (runs: readonly RunRecord[], caption: string): Html =>
  wide(
    caption,
    html`<table class=runs><caption>${caption}</caption><thead><tr><th scope=col>When<th scope=col>Command<th scope=col>What became of it</thead>
<tbody>${runs.map(runRow)}</tbody></table>`,
  )

/** What is wider than a telephone can be moved by finger and by key, and the page stays where it is. */
const wide = (label: string, table: Html): Html =>
  html`<div class=x tabindex=0 role=region aria-label="${label}">${table}</div>`

function runRow(run: RunRecord): Html {
  const { started, ended, times, seconds, command } = run
  const took = seconds === undefined ? undefined : html` <small>${duration(seconds)}</small>`
  const when =
    times === 1 || !ended
      ? html`${time(started)}${took}`
      : html`${time(ended)}${took}<br><small>${times} times since ${time(started)}</small>`
  return html`<tr><th scope=row>${when}<td><code>${command}</code><td>${became(run)}
`
}

/** Shorter than elsewhere: the page says once that all times are UTC. */
const time = (at: Date): Html => html`<time>${minute(at).replace('T', ' ').replace('Z', '')}</time>`

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

function became(run: RunRecord): Part {
  const { exit, issued, counts, orders, failures } = run
  const isWell = exit === 0
  const made = Object.values(orders).reduce((sum, one) => sum + one, 0)
  const did = [
    ...counted(counts.issued, 'certificate', 'certificates'),
    ...counted(counts.revoked, 'revocation', 'revocations'),
    ...counted(counts.linked, 'name went live', 'names went live'),
    ...counted(counts.failed, 'failure', 'failures'),
    ...counted(counts.waiting, 'waiting', 'waiting'),
    ...counted(made, 'order', 'orders'),
    ...counted(counts.dnsChanges, 'change of DNS', 'changes of DNS'),
  ]
  const rest = counts.issued - issued.length
  const names = issued.length > 0 ? `: ${issued.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}` : ''
  const word = exit === undefined ? 'stopped' : isWell ? 'well' : `status ${exit}`
  return html`<em class="${isWell ? 'ok' : 'troubled'}">${word}</em> ${did.join(', ')}${names}${
    failures.length > 0
      ? html`<ul>${failures.map(({ subject, message }) => html`<li>${subject === 'run' ? '' : `${subject}: `}${message}`)}</ul>`
      : undefined
  }`
}

const counted = (count: number, one: string, many: string): string[] =>
  count === 0 ? [] : [`${count.toLocaleString('en')} ${count === 1 ? one : many}`]

export function casSection({ cas }: ReportFacts): Html {
  if (cas.length === 0) return html`<p>No CA is asked for anything.`
  return wide(
    'What each CA was asked for',
    html`<table class=cas><caption>What each CA was asked for, and what it allows</caption>
<thead><tr><th scope=col>CA<th scope=col>Certificates<th scope=col>Orders in 3 hours<th scope=col>Orders in 7 days<th scope=col>State</thead>
<tbody>${cas.map(caRow)}</tbody></table>`,
  )
}

function caRow({ ca, targets, accounts, orders, ordersOfTheWeek, failedValidations, failure }: CaFacts): Html {
  const used = orders && Math.min(100, Math.round((orders.made / orders.most) * 100))
  const budget = orders
    ? html`${orders.made} of ${orders.most} <svg class=u aria-hidden=true><rect width=${used}% height=100% /></svg>`
    : html`no limit known`
  const { name, times, most } = failedValidations ?? {}
  const told = [
    ...(failure ? [failedText(failure)] : []),
    ...(failedValidations ? [`validation of ${name} failed ${times} of ${most} times in an hour`] : []),
    ...(accounts === 0 ? ['no account yet'] : []),
  ]
  const state = failure ? html`<em class=troubled>fails</em>` : html`<em class=ok>ok</em>`
  return html`<tr><th scope=row>${hostOf(ca) || ca}<td>${targets.toLocaleString('en')}<td>${budget}<td>${ordersOfTheWeek}<td>${state} ${told.join('; ')}
`
}
