import { shown, shownJson } from './gate.js'
import type { Out } from './session.js'

export interface OutOptions {
  readonly json: boolean
  /** As in Out. */
  readonly columns: number | undefined
  /** As in Log. */
  masked(text: string): string
}

/**
 * Where results go. What they hold came from disks, CAs and providers: a line stays one line, and no secret gets out. In
 * JSON every text keeps its value, as programs want it (file names); what a terminal would obey is written as \u001b there.
 */
export function openOut({ json, columns, masked }: OutOptions, write: (text: string) => void): Out {
  const hidden = (_key: string, value: unknown): unknown => (typeof value === 'string' ? masked(value) : value)
  const writeLines = (lines: readonly string[], end: string): void => {
    if (lines.length > 0) write(lines.map(line => shown(masked(line))).join('\n') + end)
  }
  return {
    json,
    columns,
    show: (document, lines, end = '\n') => {
      if (json) write(`${shownJson(JSON.stringify(document, hidden, 2))}\n`)
      else writeLines(lines(), end)
    },
    tell: lines => {
      if (columns !== undefined) writeLines(lines, '\n')
    },
  }
}
