/** Standard output: results as lines for people or as one JSON document for programs, with secrets hidden in both. */

import { shownJson } from '../core/gate.js'
import type { Line } from '../core/styled.js'
import type { Out } from '../renew/run.js'
import { painted } from './colour.js'

export interface OutOptions extends Pick<Out, 'json' | 'columns' | 'rows'> {
  readonly colours?: boolean
  /** As in Log. */
  masked(text: string): string
}

/**
 * Where results go. What they hold came from disks, CAs and providers: a line stays one line, and no secret gets out. In
 * JSON every text keeps its value, as programs want it (file names); what a terminal would obey is written as \u001b there.
 */
export function openOut(
  { json, columns, rows, colours = false, masked }: OutOptions,
  write: (text: string) => void,
): Out {
  const hidden = (_key: string, value: unknown): unknown => (typeof value === 'string' ? masked(value) : value)
  const writeLines = (lines: readonly Line[], end: string): void => {
    if (lines.length > 0) write(lines.map(line => painted(line, colours, masked)).join('\n') + end)
  }
  let isShown = false
  return {
    json,
    columns,
    rows,
    show: (document, lines, end = '\n') => {
      if (!json) writeLines(lines(), end)
      else if (!isShown) write(`${shownJson(JSON.stringify(document, hidden, 2))}\n`) // one: what fails afterwards is in the log
      isShown = true
    },
    tell: lines => {
      if (columns !== undefined) writeLines(lines, '\n')
    },
  }
}
