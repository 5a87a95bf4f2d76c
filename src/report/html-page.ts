/**
 * The report as one page that needs nothing else: no network, no script to be read, no font or picture of anybody. Its policy (CSP)
 * says so to the browser, too, so that a text which came through the escaping all the same could still do nothing.
 */

import { createHash } from 'node:crypto'
import { minute } from '../core/dates.js'
import { nothingWanted } from '../renew/status-text.js'
import { lastSuccess } from '../state/history.js'
import { type Html, html, type Part } from './html.js'
import { type Attention, attention } from './html-attention.js'
import type { ReportFacts } from './html-facts.js'
import { certificateList } from './html-list.js'
import { casSection, runsSection } from './html-runs.js'
import { SCRIPT, styleFor } from './html-style.js'
import { axisFor } from './html-timeline.js'

/** How each report begins, so that another one may take its place, and nothing else is overwritten. */
export const BEGINNING = '<!doctype html>\n<!-- dns01 report -->\n'

export function page(facts: ReportFacts): string {
  const { now, host, document } = facts
  const axis = axisFor(document.targets, now)
  const style = styleFor(axis, now)
  const ill = attention(facts)
  const title = `Certificates of ${host}: ${ill.length === 0 ? 'all is well' : `${ill.length} to look at`}`
  const policy = `default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(SCRIPT)}'; img-src data:; base-uri 'none'; form-action 'none'`
  const body = html`<html lang=en>
<head>
<meta charset=utf-8>
<meta http-equiv=Content-Security-Policy content="${policy}">
<meta name=viewport content="width=device-width, initial-scale=1">
<meta name=color-scheme content="light dark">
<title>${title}</title>
<link rel=icon href="${icon(ill)}">
<style>${ours(style)}</style>
</head>
<body>
${header(facts, ill)}
<main>
<section aria-labelledby=s1><h2 id=s1>Needs attention</h2>
${needs(facts, ill)}</section>
<section aria-labelledby=s2><h2 id=s2>Certificates</h2>
${document.targets.length === 0 ? html`<p>${nothingWanted(document)}` : html`${legend}${search}${certificateList(facts, axis)}`}</section>
<section aria-labelledby=s3><h2 id=s3>Runs</h2>
${runsSection(facts)}</section>
<section aria-labelledby=s4><h2 id=s4>CAs</h2>
${casSection(facts)}</section>
</main>
<footer class=soft><p>Made by dns01 at ${minute(now)} from ${document.stateDirectory}. All times are UTC. It is how things were then: <code>dns01 status</code> tells how they are.</footer>
<script>${ours(SCRIPT)}</script>
</body>
</html>
`
  return BEGINNING + body.text
}

/** Of the text between the tags (CSP level 3, §8.4.3). */
const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`

/** The style sheet and the script are ours: in them nothing is escaped, and no stranger has a say. */
const ours = (text: string): Html => html([text] as unknown as TemplateStringsArray)

/** A dot in the tab: green, or red. */
const icon = (ill: readonly Attention[]): string =>
  `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23${ill.length === 0 ? '1a7f37' : 'b42318'}'/%3E%3C/svg%3E`

function header({ now, host, document, runs, lastQuiet }: ReportFacts, ill: readonly Attention[]): Html {
  const { targets, stateDirectory } = document
  const needing = targets.filter(({ urgency }) => urgency === 'broken' || urgency === 'troubled').length
  const week = targets.filter(({ renewAt }) => renewAt && renewAt.getTime() - now.getTime() < 7 * 86_400_000).length
  const success = lastSuccess({ runs, lastQuiet })
  const tile = (value: string, what: string, kind = ''): Html =>
    html`<div class="${kind}"><dt>${what}<dd>${value}</div>`
  return html`<header><h1>Certificates of ${host}</h1>
<p class=soft>${stateDirectory}, ${minute(now)}
<dl class=n>${tile(targets.length.toLocaleString('en'), 'wanted')}${tile(
    needing.toLocaleString('en'),
    'need attention',
    needing > 0 ? 'bad' : ill.length === 0 ? 'good' : '',
  )}${tile(week.toLocaleString('en'), 'due within a week')}${tile(
    success ? ago(success, now) : '–',
    'last run that went well',
  )}</dl></header>`
}

function ago(at: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - at.getTime()) / 60_000)
  if (minutes < 1) return 'now'
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 60 / 24)} d ago`
}

/** Of more things than these the list of certificates tells. */
const toldInFull = 40

function needs({ document }: ReportFacts, ill: readonly Attention[]): Part {
  const rest = ill.length - toldInFull
  if (ill.length > 0)
    return html`${ill.slice(0, toldInFull).map(item)}${rest > 0 ? html`<p>And ${rest.toLocaleString('en')} more: they come first in the list below.` : undefined}`
  if (document.targets.length === 0) return html`<p>There is nothing to look after yet.`
  return html`<p class=fine>Nothing: everything that is wanted is there, and is renewed in time.`
}

/** A date is not broken at its hyphens. */
const dated = (text: string): Html[] =>
  text
    .split(/(\d{4}-\d\d-\d\d(?:T\d\d:\d\dZ)?)/)
    .map((part, i) => (i % 2 === 1 ? html`<time>${part}</time>` : html`${part}`))

/** Of more names than these the rest is folded. */
const namesInFull = 5

function item({ urgency, title, word, names, texts, command }: Attention): Html {
  const [first, rest] = [names.slice(0, namesInFull), names.slice(namesInFull)]
  return html`<div class="a ${urgency}"><h3>${title}</h3> <em class=${urgency}>${word}</em>
${first.length > 0 ? html`<p>${first.join(', ')}` : undefined}${
  rest.length > 0
    ? html`<details class=m><summary>and ${rest.length.toLocaleString('en')} more names</summary><p>${rest.join(', ')}</details>`
    : undefined
}
${texts.map(text => html`<p>${dated(text)}`)}${command ? html`<p><code>${command}</code>` : undefined}</div>
`
}

const legend = html`<p class="key soft"><span><svg aria-hidden=true><rect class=v width=100% height=100% /></svg>valid</span> <span><svg aria-hidden=true><rect class=w width=100% height=100% /></svg>valid, to be renewed</span> <span><svg aria-hidden=true><rect class=t x=45% width=10% height=100% /></svg>today</span></p>
`

/** The script shows it; without one there is the browser's own search. */
const search = html`<form id=find class=f role=search hidden><label>Search <input name=q type=search autocomplete=off></label><label>Order <select name=o><option value="">by urgency<option value=name>by name<option value=left>by days left</select></label><output aria-live=polite></output></form>
`
