import { type Dns01Options, type RunningDns01, startProgram } from './dns01.js'

/** A terminal of 200 columns to run a program on, by script(1), and what a person sees there in the end. */

const columns = 200

/** Runs a line of sh with a terminal as its input, output and error output; all that it writes is `stdout`, as it comes. */
export function startOnTerminal(line: string, options: Dns01Options = {}): RunningDns01 {
  const sized = `stty cols ${columns} rows 50; ${line}`
  return startProgram(['script', '--quiet', '--return', '--command', sized, '/dev/null'], options)
}

/** What stands on the screen after these bytes: control sequences carried out, as far as dns01 and its prompts use them (ECMA-48). */
export function screenOf(bytes: string): string {
  const rows: string[][] = [[]]
  let row = 0
  let column = 0
  const current = (): string[] => {
    while (rows.length <= row) rows.push([])
    return rows[row] as string[]
  }
  const put = (character: string): void => {
    if (column === columns) {
      row++
      column = 0
    }
    const cells = current()
    while (cells.length < column) cells.push(' ')
    cells[column++] = character
  }
  const control = (count: string, what: string): void => {
    const number = Number(count || 1)
    if (what === 'A') row = Math.max(0, row - number)
    else if (what === 'B') row += number
    else if (what === 'C') column = Math.min(columns - 1, column + number)
    else if (what === 'D') column = Math.max(0, column - number)
    else if (what === 'G') column = number - 1
    else if (what === 'K') current().length = Math.min(current().length, count === '2' ? 0 : column)
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
  return rows.map(cells => cells.join('').trimEnd()).join('\n')
}
