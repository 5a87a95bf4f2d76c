/**
 * What `dns01 status` shows of everything that is wanted: a table, what needs somebody first. Programs read --json instead, so these
 * lines may change. Where no terminal is, each certificate has a line with all columns, for grep and awk.
 */

import { shown } from '../core/gate.js'
import { shortNames } from '../core/names.js'
import { type Line, plain, plainSpan, type Span, type Style, styled } from '../core/styled.js'
import { fitted, padded, textWidth } from '../core/text-width.js'
import { hostOf } from '../core/urls.js'
import type { StatusDocument, TargetStatus } from '../renew/status.js'
import { caOf, dayOf, nothingWanted, timeLeft, troubleTexts } from '../renew/status-text.js'
import { byUrgency, stateOf, type Urgency } from '../renew/urgency.js'
import { daysBar, styleOfLeft } from './days-bar.js'
import { type Column, caColumns, gap, natural, SHAPES, type Shape, widthsIn } from './status-layout.js'

/** Who reads it. */
export interface Reader {
  /** Width and height of the terminal, if it is one. */
  readonly columns: number | undefined
  readonly rows?: number | undefined
  /** Long errors are told whole. */
  readonly whole: boolean
  /** Every certificate and each of its names, also where they are more than a screen holds. */
  readonly all?: boolean
  /** The terminal shows more than ASCII; yes when absent. */
  readonly isUnicode?: boolean
}

export const STYLES: Readonly<Record<Urgency, Style | undefined>> = {
  broken: 'bad',
  troubled: 'warn',
  due: undefined,
  ok: 'good',
}

/** The table, and below it what goes wrong: an error of a CA is longer than any terminal is wide. Such lines begin with `!`. */
export function statusLines(document: StatusDocument, now: Date, reader: Reader): Line[] {
  const sorted = byUrgency(document.targets)
  const told = reader.columns === undefined || reader.all ? sorted : aScreenful(sorted, now, reader)
  const problems = document.problems.map(({ message, hint }) => `${message}${hint ? ` (${hint})` : ''}`)
  return [
    ...(sorted.length === 0 ? [nothingWanted(document)] : table(told, now, reader)),
    ...restLines(sorted.slice(told.length)),
    ...told.flatMap(target => troubles(target, now, reader)).map(marked),
    ...problems.map(marked),
    ...(document.unusedKeys > 0
      ? [marked(`keys that have had no certificate for a week: ${document.unusedKeys}; dns01 cull removes them`)]
      : []),
    ...(document.recordsLeft > 0 ? [marked('an earlier run left TXT records; the next reconcile removes them')] : []),
  ]
}

const marked = (text: string): Line => [styled('!', 'bad'), ` ${text}`]

/** Lines that a prompt, the heading and what comes below the table take. */
const otherRows = 5

/** However low the terminal is. */
const fewestRows = 10

/** As many as there is room for, their troubles counted. */
function aScreenful(sorted: readonly TargetStatus[], now: Date, reader: Reader): readonly TargetStatus[] {
  let room = Math.max(fewestRows, (reader.rows || 24) - otherRows)
  const end = sorted.findIndex(target => {
    room -= 1 + troubles(target, now, reader).length
    return room < 0
  })
  return end < 0 ? sorted : sorted.slice(0, Math.max(1, end))
}

function restLines(rest: readonly TargetStatus[]): Line[] {
  if (rest.length === 0) return []
  const number = (count: number): string => count.toLocaleString('en')
  const ill = rest.filter(({ urgency }) => urgency === 'broken' || urgency === 'troubled').length
  const due = rest.filter(({ urgency }) => urgency === 'due').length
  const how = [...(ill > 0 ? [`${number(ill)} with trouble`] : []), ...(due > 0 ? [`${number(due)} due`] : [])]
  const what = how.length === 0 ? 'are well' : `(${how.join(', ')})`
  return [
    `and ${number(rest.length)} more ${rest.length === 1 && how.length === 0 ? 'is well' : what}: dns01 status --all`,
  ]
}

function table(targets: readonly TargetStatus[], now: Date, reader: Reader): Line[] {
  if (reader.columns === undefined) return wholeTable(targets, now, reader)
  for (const shape of SHAPES) {
    const made = tableIn(shape, targets, now, reader)
    if (made) return made
  }
  return wholeTable(targets, now, reader).map(line => fitted(line, reader.columns ?? 0))
}

/** CAs are few, and certificates may be ten thousand: a URL for each of them would be some megabytes. */
const hosts = new Map<string, string>()

function wholeCa(url: string): string {
  const host = hosts.get(url) ?? (hostOf(url) || url)
  hosts.set(url, host)
  return host
}

/** Without a terminal: the CA's host as it is, no bar, and nothing is cut. */
const WHOLE: readonly (readonly [string, (target: TargetStatus, now: Date) => string])[] = [
  ['NAME', target => firstName(target)],
  ['CA', target => caOf(target, wholeCa)],
  ['PROFILE', ({ profile }) => profile?.name ?? '-'],
  ['KEY', ({ keyType }) => keyType ?? '-'],
  ['LEFT', (target, now) => leftOf(target, now)],
  ['RENEWS', ({ renewAt }, now) => (renewAt ? dayOf(renewAt, now) : '-')],
]

/** Cells are made twice instead of kept: of ten thousand certificates they are some megabytes. */
function wholeTable(targets: readonly TargetStatus[], now: Date, { all = false }: Reader): string[] {
  const widths = WHOLE.map(([head, textOf]) =>
    targets.reduce((most, target) => Math.max(most, textWidth(textOf(target, now))), head.length),
  )
  const space = ' '.repeat(gap)
  const lineOf = (textOf: (i: number) => string, state: string): string =>
    widths.map((width, i) => padded(textOf(i), width) + space).join('') + state
  return [
    lineOf(i => WHOLE[i]?.[0] ?? '', 'STATE'),
    ...targets.flatMap(target => [
      lineOf(i => WHOLE[i]?.[1](target, now) ?? '', stateOf(target, now).text),
      ...(all ? furtherNames(target) : []),
    ]),
  ]
}

const firstName = ({ names, file }: TargetStatus): string => shown(shortNames(names, file))
const furtherNames = (target: TargetStatus | undefined): string[] =>
  (target?.names ?? []).slice(1).map(name => `  ${name}`)
const leftOf = ({ notAfter }: TargetStatus, now: Date): string => (notAfter ? timeLeft(notAfter, now) : '-')

/** What is the same in the addresses of all CAs tells none of them apart: `acme-v02.api.letsencrypt.org` is letsencrypt.org. */
export function shortCa(url: string): string {
  const labels = wholeCa(url).split('.')
  const first = labels
    .slice(0, -2)
    .filter(label => !/^(acme(-v\d+)?|api|dv|www)$/.test(label))
    .map(label => label.replace(/^acme-(\w+?)(-v\d+)?$/, '$1'))
  return [...first, ...labels.slice(-2)].join('.')
}

interface Cells extends Column {
  /** How a cell looks in so many columns; its text when absent. */
  readonly draw?: (target: TargetStatus, columns: number) => readonly Span[]
  /** It is told once where it is the same for all; `left out`: it has a column in no case. */
  readonly common?: 'once' | 'left out'
}

/** undefined: there is not enough room for it. */
function tableIn(shape: Shape, targets: readonly TargetStatus[], now: Date, reader: Reader): Line[] | undefined {
  const all = cellsIn(shape, targets, now, reader)
  const columns = all
    .filter(({ cells, common }) => common === undefined || !(common === 'left out' || same(cells)))
    .map(column => ({ ...column, cells: [column.key, ...column.cells] }))
  const room = (reader.columns ?? 0) - 1 // where the last column is written to, some terminals go to the next line
  const widths = widthsIn(columns, room)
  if (!widths) return undefined
  const cellOf = (row: number, column: Cells, width: number): readonly Span[] => {
    const target = targets[row - 1]
    const text = column.cells[row] ?? ''
    if (!target) return [styled(text, 'faint')]
    return fittedSpans(column.draw ? column.draw(target, width) : [text], width)
  }
  const lineOf = (row: number): Line =>
    columns.flatMap((column, i) => {
      const cell = cellOf(row, column, widths[i] ?? 0)
      return i < columns.length - 1 ? [...cell, spaceBehind(cell, (widths[i] ?? 0) + gap)] : cell
    })
  return [
    lineOf(0),
    ...targets.flatMap((target, i) => [lineOf(i + 1), ...(reader.all ? furtherNames(target) : [])]),
    ...commonLine(all, room),
  ]
}

const spaceBehind = (cell: readonly Span[], columns: number): string =>
  ' '.repeat(Math.max(0, columns - textWidth(plain(cell))))

const same = (cells: readonly string[]): boolean => new Set(cells).size < 2

/** What all of them have in common. */
function commonLine(columns: readonly Cells[], room: number): Line[] {
  const told = columns.flatMap(({ key, cells: [first = '-', ...more], common }) =>
    common !== undefined && first !== '-' && same([first, ...more])
      ? [`${key === 'CA' ? key : key.toLowerCase()} ${first}`]
      : [],
  )
  return told.length === 0 ? [] : [[styled(fitted(told.join(', '), room), 'faint')]]
}

function cellsIn(shape: Shape, targets: readonly TargetStatus[], now: Date, reader: Reader): Cells[] {
  const { isUnicode = true } = reader
  const column = (key: string, textOf: (target: TargetStatus) => string, more: Partial<Cells> = {}): Cells => ({
    ...{ key, cells: targets.map(textOf) },
    ...more,
  })
  const host = (url: string): string => shown(shape.ca === 'host' ? wholeCa(url) : shortCa(url))
  const nameOf = (target: TargetStatus): string =>
    shape.names === 'all' && !reader.all && target.names.length > 0 ? target.names.join(', ') : firstName(target)
  const leftColumns = natural({ cells: targets.map(target => leftOf(target, now)) })
  const drawLeft = (target: TargetStatus): Span[] => {
    const [left, style] = [leftOf(target, now), target.notAfter && styleOfLeft(target, now)]
    const bar = shape.bar > 0 ? [' ', ...daysBar(target, now, shape.bar, isUnicode)] : []
    return [styled(left.padStart(leftColumns), style), ...bar]
  }
  const once = shape.once ? { common: 'once' as const } : {}
  const more = shape.more ? once : { common: 'left out' as const }
  return [
    column('NAME', nameOf, { least: shape.nameColumns }),
    column(
      'CA',
      target => caOf(target, host),
      shape.ca === 'none' ? { common: 'left out' } : { least: caColumns, ...once },
    ),
    column(
      'PROFILE',
      ({ profile }) => profile?.name ?? '-',
      targets.some(({ profile }) => profile) ? more : { common: 'once' },
    ),
    column('KEY', ({ keyType }) => keyType ?? '-', more),
    column('LEFT', target => plain(drawLeft(target)), { draw: drawLeft }),
    ...(shape.renews ? [column('RENEWS', target => nextTry(target, now))] : []),
    column('STATE', target => shown(stateOf(target, now).text), { least: shape.stateColumns, draw: drawState(now) }),
  ]
}

/** In fewer columns the beginning of a sentence says less than a word. */
const roomForText = 36

const drawState =
  (now: Date): Cells['draw'] =>
  (target, columns) => {
    const { word, text } = stateOf(target, now)
    const isWord = textWidth(shown(text)) > columns && columns < roomForText
    return [styled(isWord ? word : shown(text), STYLES[target.urgency])]
  }

const hourMs = 3_600_000

/** When a run gets it next, in few columns. */
function nextTry({ renewAt, due, waits }: TargetStatus, now: Date): string {
  const at = due === undefined ? renewAt : (waits?.until ?? (waits ? undefined : now))
  if (!at) return '-'
  const hours = (at.getTime() - now.getTime()) / hourMs
  if (hours <= 0) return 'next run'
  if (hours < 1) return `in ${Math.ceil(hours * 60)} min`
  return hours < 48 ? `in ${Math.ceil(hours)} h` : dayOf(at, now)
}

/** The parts up to this width, the last of them cut. */
function fittedSpans(spans: readonly Span[], columns: number): Span[] {
  let left = columns
  return spans.flatMap(span => {
    const text = fitted(plainSpan(span), left)
    left -= textWidth(text)
    if (text === '') return []
    return [typeof span === 'string' ? text : { ...span, text }]
  })
}

/** What keeps a target from being well, a line each: cut to the width of a terminal, unless somebody wants it whole. */
function troubles(target: TargetStatus, now: Date, { columns, whole }: Reader): string[] {
  const { text, isUnclear } = stateOf(target, now)
  const untold = columns !== undefined && isUnclear ? [text] : [] // the column of the state may be too narrow for it
  const lines = [...untold, ...troubleTexts(target, whole)].map(each =>
    shown(`${shortNames(target.names, target.file)}: ${each}`),
  )
  if (whole || columns === undefined) return lines
  const room = columns - '! '.length
  const more = ` (dns01 status ${target.names[0]})`
  return lines.map(line => {
    if (textWidth(line) <= room) return line
    return textWidth(more) < room / 2 ? fitted(line, room - textWidth(more)) + more : fitted(line, room)
  })
}
