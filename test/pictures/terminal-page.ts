// What a terminal shows, as a page that a browser can take a picture of.
import { html } from '../../src/report/html.js'
import { type Cell, cellsOf } from '../real/servers/terminal.js'

/** The sixteen colours as many terminals have them on dark. */
const COLOURS: Readonly<Record<string, string>> = {
  '1': 'font-weight:bold',
  '2': 'opacity:.6',
  '31': 'color:#ff7b72',
  '32': 'color:#56d364',
  '33': 'color:#e3b341',
  '34': 'color:#79c0ff',
  '35': 'color:#d2a8ff',
  '36': 'color:#56d4dd',
  '90': 'color:#8b949e',
}

/** These bytes, on a screen. */
export function terminalPage(bytes: string): string {
  const rows = cellsOf(bytes, 1000)
  while (rows.at(-1)?.length === 0) rows.pop()
  return html`<!doctype html><meta charset=utf-8><style>body{margin:0;padding:14px 16px;background:#0d1117;color:#e6edf3}
pre{margin:0;font:13px/1.5 "DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}</style><pre>${rows.map(
    cells => html`${runsOf(cells)}\n`,
  )}</pre>`.text
}

/** Neighbours that are painted alike are one piece. */
function runsOf(cells: readonly Cell[]) {
  const runs: { text: string; sgr: string }[] = []
  for (const { character, sgr } of cells) {
    const last = runs.at(-1)
    if (last?.sgr === sgr) last.text += character
    else runs.push({ text: character, sgr })
  }
  return runs.map(({ text, sgr }) => html`<span style="${styleOf(sgr)}">${text}</span>`)
}

const styleOf = (sgr: string): string =>
  sgr
    .split(';')
    .flatMap(code => COLOURS[code] ?? [])
    .join(';')

/** As much of these bytes as shows the middle of a run: its list is whole, and some of it is done. */
export function midwayScreen(bytes: string): string {
  let best = { bytes, score: Number.NEGATIVE_INFINITY }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the cursor goes up where a list is about to be drawn again
  for (const { index } of bytes.matchAll(/\u001b\[\d*A/g)) {
    const part = bytes.slice(0, index)
    const rows = cellsOf(part, 1000).map(cells => cells[0]?.character ?? '')
    const done = rows.filter(first => first === '✓').length
    const listed = rows.filter(first => first !== '').length
    const score = listed * 10 - Math.abs(listed / 4 - done)
    if (score >= best.score) best = { bytes: part, score }
  }
  return best.bytes
}
