/**
 * Every certificate with its bar on the time line, its details folded below it. Few are one list; many are grouped by when they are
 * renewed, since nobody reads three thousand lines, but somebody looks for one.
 */

import { minute } from '../core/dates.js'
import { hostOf } from '../core/urls.js'
import type { TargetStatus } from '../renew/status.js'
import { caOf, dayOf, servedText, timeLeft, troubleTexts } from '../renew/status-text.js'
import { byUrgency, stateOf, type Urgency } from '../renew/urgency.js'
import { type Html, html, type Part } from './html.js'
import type { ReportFacts } from './html-facts.js'
import { type Axis, axisLine, bar } from './html-timeline.js'

/** Of more than this many the list is grouped; a group of more is folded at first. Our own choice: two screens. */
const most = { ungrouped: 40, unfolded: 40, names: 20 } as const

interface Row {
  readonly target: TargetStatus
  readonly urgency: Urgency
  readonly word: string
  readonly text: string
}

interface Group {
  readonly title: string
  readonly rows: readonly Row[]
}

export function certificateList({ document, now }: ReportFacts, axis: Axis): Html {
  const rows = byUrgency(document.targets).map((target): Row => ({ target, ...stateOf(target, now) }))
  const list = (some: readonly Row[]): Html =>
    html`<div class="h" aria-hidden=true><span>Name</span>${axisLine(axis, now)}<span>Left</span><span>State</span></div>
<ul>${some.map(row => item(document.stateDirectory, row, axis, now))}</ul>`
  if (rows.length <= most.ungrouped) return html`<div id=list>${list(rows)}</div>`
  const groups = groupsOf(rows, now).map(
    ({ title, rows: some }) => html`<details class=g${some.length <= most.unfolded ? html` open` : undefined}>
<summary><h3>${title}</h3> <span>${number(some.length)}</span></summary>${list(some)}</details>
`,
  )
  return html`<div id=list>${groups}</div>`
}

const number = (count: number): string => count.toLocaleString('en')

/** By what is to be done, and for what is well by the days until it is renewed. */
function groupsOf(rows: readonly Row[], now: Date): Group[] {
  const days = ({ target }: Row): number =>
    Math.floor(((target.renewAt?.getTime() ?? now.getTime()) - now.getTime()) / 86_400_000)
  const well = (from: number, to: number) => (row: Row) => row.urgency === 'ok' && days(row) >= from && days(row) < to
  const groups: readonly (readonly [title: string, has: (row: Row) => boolean])[] = [
    ['Need attention', ({ urgency }) => urgency === 'broken' || urgency === 'troubled'],
    ['Renewed by the next runs', ({ urgency }) => urgency === 'due'],
    ['Renewed within a week', well(Number.NEGATIVE_INFINITY, 7)],
    ['Renewed in 8 to 30 days', well(7, 30)],
    ['Renewed in 31 to 60 days', well(30, 60)],
    ['Renewed later', well(60, Number.POSITIVE_INFINITY)],
  ]
  return groups.map(([title, has]) => ({ title, rows: rows.filter(has) })).filter(({ rows: some }) => some.length > 0)
}

/** `data-e`, for sorting: the minute in which it ends. */
function item(stateDirectory: string, { target, urgency, word, text }: Row, axis: Axis, now: Date): Html {
  const [first = target.file, ...more] = target.names
  const left = target.notAfter ? timeLeft(target.notAfter, now) : '–'
  const ends = Math.floor((target.notAfter?.getTime() ?? 0) / 60_000)
  const name = html`<b>${first}${more.length > 0 ? html` <i>+${more.length}</i>` : undefined}</b>`
  return html`<li><details class="c ${urgency}" data-e=${ends}><summary>${name}${bar(target, axis)}<span>${left}</span><em>${word}</em></summary>
<dl>${details(stateDirectory, target, text, now)}</dl></details>
`
}

/** What is not known has no line. Paths are whole, to be copied. */
function details(stateDirectory: string, target: TargetStatus, text: string, now: Date): Part[] {
  const { names, notBefore, notAfter, renewAt, renewBecause, renewalInfo, live, certificate, csr, profile } = target
  const more = names.length - most.names
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['State', text === 'ok' ? undefined : text],
    ...troubleTexts(target, true).map(trouble => ['Trouble', trouble] as const),
    ...(target.served ?? [])
      .filter(({ state }) => state !== 'failed')
      .map(one => ['Served', servedText(one, true)] as const),
    [
      'Names',
      names.length > 1 ? names.slice(0, most.names).join(', ') + (more > 0 ? ` and ${more} more` : '') : undefined,
    ],
    ['Valid', notBefore && notAfter && `${minute(notBefore)} to ${minute(notAfter)}`],
    ['Renewed', renewAt && `from ${dayOf(renewAt, now)}: ${renewBecause}`],
    ['The CA says', renewalInfo?.explanationUrl],
    ['CA', caOf(target, url => hostOf(url) || url)],
    ['Profile', profile && `${profile.name} (${profile.required ? 'required' : 'preferred'})`],
    ['Issuer', target.issuer],
    ['Key', csr === undefined ? target.keyType : `of the request ${csr}`],
    ['Files', live && `${stateDirectory}/${live}/`],
    ['Stored in', certificate && `certs/${certificate}`],
    ['Target', `desired/${target.file}`],
  ]
  return facts.map(([what, told]) => (told ? html`<dt>${what}<dd>${told}` : undefined))
}
