/**
 * The list at the bottom of a terminal that says what is under way. It shares the screen with the log, results and questions: they
 * take it away first, and it comes back below them. In the end how everything went stays as plain lines.
 *
 * Only the width of characters is a library's (the one that the prompts bring along); log-update would be ten times the code of this
 * file, hides the cursor (and has to bring it back), and does not know that terminals wrap lines anew when they get narrower.
 */

import { type Line, plain } from '../core/styled.js'
import { textWidth } from '../core/text-width.js'
import type { Clock, Step } from '../core/world.js'
import { Board, finalLines, liveLines, type View } from '../report/progress.js'
import { painted } from './colour.js'
import type { LiveList } from './log.js'

export interface TerminalList extends LiveList {
  /** Takes it away, and keeps it away while this goes on. */
  without<T>(work: () => Promise<T>): Promise<T>
  /** How it went stays; nothing comes after. */
  end(): void
}

export interface ListOptions {
  readonly stream: NodeJS.WriteStream
  readonly colours: boolean
  readonly isUnicode: boolean
  readonly now: Clock['now']
}

/** Between two drawings; a run with a thousand names has a thousand pieces of news a second. */
const drawEveryMs = 100

/** Seconds are counted. */
const tickMs = 1000

/** Writes to this stream alone, which should be a terminal. Nothing is drawn in the first tenth of a second. */
export function openLiveList(options: ListOptions): TerminalList {
  return new List(options)
}

/** Up so many rows, to the first column, and away with all below (ECMA-48 §8.3.22, §8.3.39). */
const upAndErase = (rows: number): string => `\x1b[${rows}A\r\x1b[J`

class List implements TerminalList {
  readonly #options: ListOptions
  readonly #board = new Board()
  /** Widths of the lines that stand above the cursor. */
  #drawn: readonly number[] = []
  #holders = 0
  #timer: NodeJS.Timeout | undefined
  #isTick = false

  constructor(options: ListOptions) {
    this.#options = options
    options.stream.on('resize', this.#later)
    process.on('SIGCONT', this.#forget)
  }

  step(step: Step): void {
    this.#board.see(step, this.#options.now())
    if (this.#board.isBusy) this.#later()
    else this.#settle()
  }

  clear(): void {
    this.#erase()
    if (this.#board.isBusy) this.#later()
  }

  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#erase()
    this.#holders++
    try {
      return await work()
    } finally {
      this.#holders--
      this.clear()
    }
  }

  end(): void {
    this.#settle()
    this.#holders++
    clearTimeout(this.#timer)
    this.#options.stream.off('resize', this.#later)
    process.off('SIGCONT', this.#forget)
  }

  /** Nothing is under way: what is over becomes part of what scrolls away. */
  #settle(): void {
    const lines = finalLines(this.#board, this.#options.now(), this.#view)
    this.#board.forget()
    this.#replace(this.#holders === 0 ? lines : [])
  }

  readonly #later = (): void => {
    if (this.#timer && !this.#isTick) return
    this.#schedule(drawEveryMs)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    this.#isTick = ms === tickMs
    this.#timer = setTimeout(() => this.#draw(), ms).unref()
  }

  #draw(): void {
    this.#timer = undefined
    if (this.#holders > 0) return
    const lines = liveLines(this.#board, this.#options.now(), this.#view)
    this.#replace(lines)
    this.#drawn = lines.map(line => textWidth(plain(line)))
    if (lines.length > 0) this.#schedule(tickMs)
  }

  /** After a stop (Ctrl-Z) the shell has written below it. */
  readonly #forget = (): void => {
    this.#drawn = []
    this.#later()
  }

  #erase(): void {
    this.#replace([])
  }

  /** In one write, so that nobody sees the screen between. A terminal that got narrower has wrapped what was drawn before: it takes more rows now. */
  #replace(lines: readonly Line[]): void {
    const { stream, colours } = this.#options
    const { columns } = this.#view
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    this.#drawn = []
    const text = lines.map(line => `${painted(line, colours, masked => masked)}\n`).join('')
    if (rows > 0 || text !== '') stream.write(`${rows > 0 ? upAndErase(rows) : ''}${text}`)
  }

  /** A terminal that does not know its size (a serial console) says 0. */
  get #view(): View {
    const { stream, isUnicode } = this.#options
    return { columns: stream.columns || 80, rows: stream.rows || 24, isUnicode }
  }
}
