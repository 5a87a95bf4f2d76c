import { type Figure, figure, type Result } from './race.js'
import type { Measurements, Row } from './rows.js'

const columns: readonly { readonly of: Figure; readonly head: string; readonly digits: number }[] = [
  { of: 'seconds', head: 'wall s', digits: 2 },
  { of: 'cpuSeconds', head: 'CPU s', digits: 2 },
  { of: 'peakMb', head: 'peak MB', digits: 0 },
  { of: 'requests', head: 'requests', digits: 0 },
  { of: 'updates', head: 'updates', digits: 0 },
  { of: 'calls', head: 'calls', digits: 0 },
  { of: 'changes', head: 'changes', digits: 0 },
]

const width = 10

/** One row of the table: a line for each client, dns01 first, then the goals. */
export function block(row: Row, { results, goals, notes }: Measurements): string {
  const used = columns.filter(({ of }) => results.some(result => figure(result, of) !== undefined))
  const cell = (text: string) => text.padStart(width)
  const head = `${row.title}\n${'  '.padEnd(20)}${[...used.map(({ head }) => head), '× dns01', 'runs'].map(cell).join('')}`
  const base = results[0] && figure(results[0], 'seconds')
  const lines = results.map(result => {
    const values = used.map(({ of, digits }) => figure(result, of)?.toFixed(digits) ?? '')
    return `  ${result.name.padEnd(18)}${[...values, ratio(result, base), `${result.samples.length}`].map(cell).join('')}`
  })
  const verdicts = goals.map(({ text, met }) => `  ${met ? 'reached' : 'MISSED '}  ${text}`)
  const failures = results.flatMap(({ name, failure }) => (failure ? [`  FAILED   ${name}: ${failure}`] : []))
  return [head, ...lines, ...verdicts, ...failures, ...notes.map(note => `  note     ${note}`), ''].join('\n')
}

function ratio(result: Result, base: number | undefined): string {
  const seconds = figure(result, 'seconds')
  return seconds === undefined || base === undefined ? '' : (seconds / base).toFixed(1)
}
