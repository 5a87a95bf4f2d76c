/**
 * What a run is doing, as lines: each certificate (or name, with `probe`), its step, what it waits for and since when. Steps go in,
 * lines come out; nothing here knows a clock or a terminal. How they get there is platform/live-list.ts.
 */

import { type Line, plain, type Span, type Style, styled } from '../core/styled.js'
import { fitted, padded, textWidth } from '../core/text-width.js'
import type { Step } from '../core/world.js'

/** Something that is under way, or was. */
interface Row extends Step {
  /** When this stage began, and when it was heard of first. */
  readonly since: Date
  readonly began: Date
}

/** What is known of all that is under way. `see()` is the only way to change it. */
export class Board {
  /** In the order of their coming. */
  readonly #rows = new Map<string, Row>()
  readonly #pauses = new Map<string, Row>()
  /** Of the rows; counted on the way, since there may be thousands and a step of each every moment. */
  #open = 0

  /** Hears of a step. */
  see(step: Step, now: Date): void {
    const rows = step.kind === 'pause' ? this.#pauses : this.#rows
    const key = step.id ?? step.subject
    const before = rows.get(key)
    if (rows === this.#rows) this.#open += Number(isUnderWay(step)) - Number(before !== undefined && isUnderWay(before))
    if (step.stage === undefined && step.result === undefined) {
      rows.delete(key)
      return
    }
    const isSame = before?.stage === step.stage && before?.result === step.result
    const subject = before?.subject ?? step.subject
    const wasOver = before?.result !== undefined && step.result === undefined // tried again, of another CA
    const began = before && !wasOver ? before.began : now
    rows.set(key, { ...step, subject, since: isSame && before ? before.since : now, began })
  }

  /** Whether something is under way. */
  get isBusy(): boolean {
    return this.#pauses.size > 0 || this.#open > 0
  }

  /** What is over is told by finalLines(), and then forgotten. */
  forget(): void {
    for (const [key, row] of this.#rows) if (!isOpen(row)) this.#rows.delete(key)
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()]
  }

  get pauses(): readonly Row[] {
    return [...this.#pauses.values()]
  }
}

const isOpen = ({ result }: Row): boolean => result === undefined
const isUnderWay = ({ stage, result }: Step): boolean => stage !== undefined && result === undefined

export interface View {
  readonly columns: number
  readonly rows: number
  readonly isUnicode?: boolean
}

const MARKS = {
  unicode: { open: '·', issued: '✓', failed: '✗' },
  ascii: { open: '.', issued: '+', failed: 'x' },
} as const

/** No more lines than these, however high the terminal is: what changes must be seen at once. */
const mostLines = 20

/** Where there are too many for a line each: so many of those that wait longest, and of those that failed last. */
const longest = 5
const lastFailed = 3

/** At most so many. */
const pausesShown = 2

/** The list as it is now. Empty when nothing is under way. */
export function liveLines(board: Board, now: Date, view: View): Line[] {
  if (!board.isBusy) return []
  const { rows } = board
  const pauses = board.pauses.slice(-pausesShown).map(row => pauseLine(row, view))
  const room = Math.max(1, Math.min(mostLines, view.rows - 1) - pauses.length - 1)
  const lines = rows.length <= room ? rowLines(rows, now, view) : crowdLines(rows, now, view).slice(0, room)
  const certificates = rows.filter(({ kind }) => kind === 'certificate')
  return [...(certificates.length > 1 ? [countLine(certificates, now, view)] : []), ...lines, ...pauses]
}

/** How those ended that are over: what stays on the screen. */
export function finalLines(board: Board, now: Date, view: View): Line[] {
  const over = board.rows.filter(row => !isOpen(row))
  // why they failed is told below, whole
  const briefly = over.map(({ detail: _, ...row }): Row => row)
  const lines = (): Line[] => rowLines(briefly, now, { ...view, isNarrow: true })
  return over.length <= mostLines / 2 ? lines() : [countLine(over, now, view)]
}

/** `12 certificates: 3 issued, 1 failed, 8 under way · 14 s` */
function countLine(rows: readonly Row[], now: Date, { columns }: View): Line {
  const count = (result: Row['result']): number => rows.filter(row => row.result === result).length
  const [issued, failed, open] = [count('issued'), count('failed'), count(undefined)]
  const parts: Span[][] = [
    ...(issued > 0 ? [[styled(`${number(issued)} issued`, 'good')]] : []),
    ...(failed > 0 ? [[styled(`${number(failed)} failed`, 'bad')]] : []),
    ...(open > 0 ? [[`${number(open)} under way`]] : []),
  ]
  const began = rows.reduce((first, row) => (row.began < first ? row.began : first), now)
  const spans = [
    `${number(rows.length)} certificates: `,
    ...parts.flatMap((part, i) => (i > 0 ? [', ', ...part] : part)),
    ` · ${elapsed(began, now)}`,
  ]
  const line = plain(spans)
  return textWidth(line) < columns ? spans : fitted(line, columns - 1)
}

/** `1,204`; toLocaleString() takes a hundred times as long. */
const number = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

/** Stages with how many are at each, those that wait longest, and what failed last. */
function crowdLines(rows: readonly Row[], now: Date, view: View): Line[] {
  const open = rows.filter(isOpen)
  const counts = new Map<string, number>()
  for (const { stage = '' } of open) counts.set(stage, (counts.get(stage) ?? 0) + 1)
  const width = Math.max(...[...counts.values()].map(count => number(count).length))
  const stages = [...counts].map(([stage, count]) =>
    fitted(`  ${number(count).padStart(width)} ${stage}`, view.columns - 1),
  )
  const waiting = open
    .filter(({ stage }) => stage !== queued)
    .sort((a, b) => a.began.getTime() - b.began.getTime())
    .slice(0, longest)
  const failed = rows.filter(({ result }) => result === 'failed').slice(-lastFailed)
  return [...stages, ...rowLines([...waiting, ...failed], now, view)]
}

/** As renew/issue-due.ts says: those do not wait for anybody else. */
const queued = 'waiting for its turn'

const gap = '  '

/** A line is no longer, however wide the terminal is: the time must be seen beside the name. */
const widest = 110

/** A line each: mark, name, stage with what it waits for, since when. `isNarrow`: no wider than what is in it. */
function rowLines(rows: readonly Row[], now: Date, view: View & { readonly isNarrow?: boolean }): Line[] {
  const room = Math.min(view.columns - 1, widest)
  const times = rows.map(row => timeText(row, now))
  const timeColumns = Math.max(0, ...times.map(textWidth))
  const nameColumns = Math.min(
    Math.max(0, ...rows.map(({ subject }) => textWidth(subject))),
    Math.max(8, Math.floor((room - timeColumns) * nameShare)),
  )
  const roomForStage = room - 2 - nameColumns - 2 * gap.length - timeColumns
  const longestStage = Math.max(0, ...rows.map(row => textWidth(stageText(row, roomForStage))))
  const stageColumns = view.isNarrow ? Math.min(longestStage, roomForStage) : roomForStage
  return rows.map((row, i): Line => {
    const mark = styled(MARKS[view.isUnicode === false ? 'ascii' : 'unicode'][row.result ?? 'open'], styleOf(row))
    const name = padded(fitted(row.subject, nameColumns), nameColumns)
    if (roomForStage < leastStage) return [mark, ' ', fitted(name.trimEnd(), room - 2)]
    const stage = padded(fitted(stageText(row, stageColumns), stageColumns), stageColumns)
    return [
      mark,
      ` ${name}${gap}`,
      ...stageSpans(row, stage),
      gap,
      styled((times[i] ?? '').padStart(timeColumns), 'faint'),
    ]
  })
}

/** Of what the time leaves free. */
const nameShare = 0.4

/** In less room a stage says nothing. */
const leastStage = 8

const STYLES = { issued: 'good', failed: 'bad' } as const
const styleOf = ({ result }: Row): Style => (result ? STYLES[result] : 'faint')

const stageSpans = ({ result }: Row, text: string): Span[] => [
  result === undefined ? text : styled(text, STYLES[result]),
]

/** The stage, and what exactly it waits for; that alone, where there is not room for both. */
function stageText({ stage = '', detail, result }: Row, columns: number): string {
  const what: string = result ?? stage
  const more = detail?.() ?? ''
  if (more === '') return what
  const both = `${what}: ${more}`
  return textWidth(both) <= columns ? both : more
}

/** Of what is over: how long it took. */
function timeText({ since, began, result, atMostSeconds }: Row, now: Date): string {
  if (result) return elapsed(began, since)
  const most = atMostSeconds === undefined ? '' : ` of ${duration(atMostSeconds)}`
  return `${elapsed(since, now)}${most}`
}

function pauseLine({ stage = '', detail }: Row, { columns }: View): Line {
  const end = detail ? `; ${detail()}` : ''
  return [styled(fitted(stage, columns - 1 - textWidth(end)) + fitted(end, columns - 1), 'faint')]
}

const elapsed = (from: Date, until: Date): string =>
  duration(Math.max(0, Math.floor((until.getTime() - from.getTime()) / 1000)))

/** `48 s`, `15 min`, `2 min 14 s`. */
function duration(seconds: number): string {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60]
  if (minutes < 2) return `${seconds} s`
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`
}
