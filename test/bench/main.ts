import { existsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { buildIfOlder } from '../real/servers/dns01.js'
import { need } from '../real/servers/need.js'
import { CLIENTS } from './clients.js'
import { fromEmpty, manyCertificates, manyNames, oneName } from './issuing.js'
import { lag } from './lag.js'
import { fewHeld, tenThousandHeld, thousandHeld } from './nothing-due.js'
import type { Pace } from './race.js'
import { fiftyNames, hookStart } from './route53.js'
import type { Row, Setting, Size } from './rows.js'
import { block } from './table.js'

/** In the order of the table. */
export const ROWS: readonly Row[] = [
  oneName,
  manyNames,
  manyCertificates,
  fromEmpty,
  fewHeld,
  thousandHeld,
  tenThousandHeld,
  lag,
  fiftyNames,
  hookStart,
]

const paces: Readonly<Record<Size, Pace>> = {
  full: { rounds: 7, secondsEach: 60 },
  quick: { rounds: 3, secondsEach: 2 },
  tiny: { rounds: 1, secondsEach: 0 },
}

/** What is not here of these programs and files, in words. */
function missing(needs: readonly string[]): string[] {
  return needs.flatMap(what => {
    if (what.startsWith('/')) return existsSync(what) ? [] : [`${what} is not there`]
    try {
      need(what)
      return []
    } catch (error) {
      return [(error as Error).message]
    }
  })
}

/**
 * Measures these rows, or all, and says the table as it grows. A client that is missing is named and left out; a row that
 * cannot be measured or fails is told, and the others go on.
 * @returns how many rows failed or missed a goal
 */
export async function bench(size: Size, ids: readonly string[], say: (text: string) => void): Promise<number> {
  const unknown = ids.filter(id => !ROWS.some(row => row.id === id))
  if (unknown.length > 0)
    throw new Error(`no row ${unknown.join(', ')}; there are ${ROWS.map(row => row.id).join(' ')}`)
  buildIfOlder()
  const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB`
  say(`${machine}, node ${process.version}; load ${loadavg()[0]?.toFixed(1)} before the first run\n`)
  const wanted = size === 'tiny' ? CLIENTS.filter(({ name }) => name === 'dns01' || name === 'uacme') : CLIENTS
  const absent = wanted.map(client => ({ client, why: missing(client.needs) })).filter(({ why }) => why.length > 0)
  for (const { client, why } of absent) say(`NOT MEASURED: ${client.name}: ${why.join('; ')}\n`)
  const clients = wanted.filter(client => absent.every(one => one.client !== client))
  let bad = 0
  for (const row of ROWS.filter(({ id }) => ids.length === 0 || ids.includes(id)))
    if (!(await measureRow(row, { size, clients, pace: paces[size] }, say))) bad++
  return bad
}

async function measureRow(row: Row, setting: Setting, say: (text: string) => void): Promise<boolean> {
  const lacking = missing(row.needs)
  if (lacking.length > 0) {
    say(`${row.title}\n  NOT MEASURED: ${lacking.join('; ')}\n`)
    return false
  }
  try {
    const measurements = await row.measure(setting)
    say(block(row, measurements))
    return measurements.goals.every(({ met }) => met)
  } catch (error) {
    say(`${row.title}\n  FAILED: ${(error as Error).message}\n`)
    return false
  }
}
