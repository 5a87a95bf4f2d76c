import { type Dns01Options, type RunningDns01, startProgram } from './dns01.js'

/** A terminal of 200 columns to run a program on, by script(1), and what a person sees there in the end. */

const columns = 200

/** Runs a line of sh with a terminal as its input, output and error output; all that it writes is `stdout`, as it comes. */
export function startOnTerminal(line: string, options: Dns01Options & { readonly width?: number } = {}): RunningDns01 {
  const sized = `stty cols ${options.width ?? columns} rows 50; ${line}`
  return startProgram(['script', '--quiet', '--return', '--command', sized, '/dev/null'], options)
}

/** A character on the screen, and how it is painted: SGR (ECMA-48 §8.3.117), `1;31`. */
export interface Cell {
  readonly character: string
  readonly sgr: string
}

/** What stands on the screen after these bytes: control sequences carried out, as far as dns01 and its prompts use them (ECMA-48). */
export const screenOf = (bytes: string): string =>
  cellsOf(bytes)
    .map(cells => textOf(cells).trimEnd())
    .join('\n')

const textOf = (cells: readonly Cell[]): string => cells.map(({ character }) => character).join('')

/** The same with its colours. */
export function cellsOf(bytes: string, width = columns): Cell[][] {
  const rows: Cell[][] = [[]]
  let [row, column, sgr] = [0, 0, '']
  const current = (): Cell[] => {
    while (rows.length <= row) rows.push([])
    return rows[row] as Cell[]
  }
  const put = (character: string): void => {
    if (column === width) {
      row++
      column = 0
    }
    const cells = current()
    while (cells.length < column) cells.push({ character: ' ', sgr: '' })
    cells[column++] = { character, sgr }
  }
  const control = (count: string, what: string): void => {
    const number = Number(count || 1)
    if (what === 'A') row = Math.max(0, row - number)
    else if (what === 'B') row += number
    else if (what === 'C') column = Math.min(width - 1, column + number)
    else if (what === 'D') column = Math.max(0, column - number)
    else if (what === 'G') column = number - 1
    else if (what === 'K') current().length = Math.min(current().length, count === '2' ? 0 : column)
    else if (what === 'm') sgr = painting(sgr, count)
    else if (what === 'J') {
      current().length = Math.min(current().length, column)
      rows.length = row + 1
    }
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are exactly what is read here
  for (const [token, count, what] of bytes.matchAll(/\u001b\[\??([\d;]*)([a-zA-Z])|[\s\S]/gu)) {
    if (what !== undefined) control(count ?? '', what)
    else if (token === '\n') row++
    else if (token === '\r') column = 0
    else if (token >= ' ') put(token)
  }
  return rows
}

/** 0 ends all of it, 22 bold and faint, 39 the colour. */
function painting(before: string, codes: string): string {
  let on = before.split(';').filter(code => code !== '')
  for (const code of codes === '' ? ['0'] : codes.split(';')) {
    if (code === '0') on = []
    else if (code === '22') on = on.filter(one => one !== '1' && one !== '2')
    else if (code === '39') on = on.filter(one => !/^[39]\d$/.test(one))
    else on = [...on, code]
  }
  return on.join(';')
}
