/** All that a report tells, read from the state directory: nobody is asked. Secrets are masked here, for all of the page. */

import { type Budget, budgets } from '../limits/budget.js'
import { limitsOf } from '../limits/rate-limits.js'
import type { Context } from '../renew/run.js'
import { type StatusDocument, statusDocument } from '../renew/status.js'
import type { History } from '../state/history.js'
import { caKey } from '../state/ledger-keys.js'
import type { StateDir } from '../state/state-dir.js'

export interface ReportFacts extends Pick<History, 'runs' | 'lastQuiet'> {
  readonly now: Date
  readonly host: string
  readonly document: StatusDocument
  readonly cas: readonly CaFacts[]
}

export interface CaFacts extends Budget {
  /** How many of the wanted certificates are asked of it. */
  readonly targets: number
  readonly accounts: number
  /** In runs of the last seven days, by the history. */
  readonly ordersOfTheWeek: number
}

const weekMs = 7 * 86_400_000

/** @throws Dns01Error CONFIG for a limit that is not a number; STATE */
export async function reportFacts({ world }: Pick<Context, 'world'>, state: StateDir): Promise<ReportFacts> {
  const now = world.clock.now()
  const document = statusDocument(world, state)
  const { runs, lastQuiet } = await state.history()
  const cas = document.targets.flatMap(({ ca, certificateCa }) => [ca, ...(certificateCa ? [certificateCa] : [])])
  const week = runs.filter(({ started, ended = started }) => now.getTime() - ended.getTime() < weekMs)
  const ofCa = (budget: Budget): CaFacts => {
    const key = caKey(budget.ca)
    return {
      ...budget,
      targets: document.targets.filter(({ ca }) => caKey(ca) === key).length,
      accounts: document.accounts.filter(id => id.startsWith(`${key}/`)).length,
      ordersOfTheWeek: week.reduce((sum, { orders }) => sum + (orders[key] ?? 0), 0),
    }
  }
  const used = budgets(cas, state.ledger(), ca => limitsOf(ca, world.env), now)
  const facts = { now, host: world.self.host, document, runs, lastQuiet, cas: used.map(ofCa) }
  return masked(facts, text => world.log.masked(text)) as ReportFacts
}

function masked(value: unknown, mask: (text: string) => string): unknown {
  if (typeof value === 'string') return mask(value)
  if (value instanceof Date || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(one => masked(one, mask))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one, mask)]))
}
