/** The progress line of a terminal, which shares the screen with the log, results and questions. */

import { clearLine, cursorTo } from 'node:readline'
import type { Prompt } from '../core/world.js'
import type { StatusLine } from './log.js'

/** The line at the bottom of the terminal that says what is under way: whoever else writes there takes it away first. */
export interface TerminalLine extends StatusLine {
  /** Takes the line away, and keeps it away while this goes on. */
  without<T>(work: () => Promise<T>): Promise<T>
  /** For good. */
  end(): void
}

/** Writes to this stream alone, which should be a terminal. `clear` and `without` are for all others who write there. */
export function openTerminalLine(stream: NodeJS.WriteStream): TerminalLine {
  let isThere = false
  let holders = 0
  const clear = (): void => {
    if (!isThere) return
    isThere = false
    cursorTo(stream, 0)
    clearLine(stream, 0)
  }
  const hold = (): void => {
    clear()
    holders++
  }
  return {
    clear,
    show: text => {
      if (holders > 0) return
      clear()
      isThere = true
      // one column is left free: a terminal goes to the next line when the last one is written to, and clear() would miss it
      stream.write(fitted(text, widthOf(stream) - 1))
    },
    eachSecond: act => {
      const timer = setInterval(act, 1000).unref()
      return () => clearInterval(timer)
    },
    without: async work => {
      hold()
      try {
        return await work()
      } finally {
        holders--
      }
    },
    end: hold,
  }
}

/** Questions that are not glued to a line about what is under way. */
export const askingWithout = (line: TerminalLine, { confirm, text, secret, select, note }: Prompt): Prompt => ({
  confirm: question => line.without(() => confirm(question)),
  text: (question, initial) => line.without(() => text(question, initial)),
  secret: question => line.without(() => secret(question)),
  select: (question, choices, initial) => line.without(() => select(question, choices, initial)),
  note: said => {
    line.clear()
    note(said)
  },
})

/** Columns of a terminal. One that does not know its size (a serial console, a program at the other end) says 0. */
export const widthOf = ({ columns }: { readonly columns?: number | undefined }): number => columns || 80

/** As long as ` · 14 s of at most 900 (and 12 more)`. */
const endColumns = 36

/** What is too long loses its middle: the numbers that change stand at its end. */
export function fitted(text: string, columns: number): string {
  if (text.length <= columns) return text
  const end = Math.min(endColumns, Math.floor(columns / 2))
  return `${text.slice(0, columns - end - 1)}…${text.slice(-end)}`
}
