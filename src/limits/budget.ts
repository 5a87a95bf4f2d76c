// How much of what a CA lets one account do is used: for people and for monitoring, who see a limit come before it holds anything up.
import { isSameUrl } from '../core/urls.js'
import type { Failure, Memory } from '../state/ledger.js'
import { caKey, identifierKey } from '../state/ledger-keys.js'
import { type CaLimits, ordersLeft } from './rate-limits.js'

/** What one CA has been asked for. */
export interface Budget {
  /** As the first target that names it writes it. */
  readonly ca: string
  /** Orders made in the last three hours; only where a limit is known, since only there they are counted. */
  readonly orders?: { readonly made: number; readonly most: number; readonly nextAt: Date } | undefined
  /** Of the name whose validation failed most often in the last hour. */
  readonly failedValidations?: { readonly name: string; readonly times: number; readonly most: number } | undefined
  /** The CA itself fails, or limits us. */
  readonly failure?: Failure | undefined
}

/** A budget for each CA, in order of first appearance. */
export function budgets(
  cas: readonly string[],
  memory: Memory,
  limitsOf: (ca: string) => CaLimits,
  now: Date,
): Budget[] {
  const each = cas.filter((ca, i) => cas.findIndex(other => isSameUrl(other, ca)) === i)
  return each.map(ca => {
    const { ordersPer3Hours: most, failedValidationsPerHour } = limitsOf(ca)
    const left = ordersLeft(memory, { ordersPer3Hours: most }, ca, now)
    return {
      ca,
      orders: most === undefined ? undefined : { made: most - left.count, most, nextAt: left.nextAt },
      failedValidations: mostFailed(memory, ca, failedValidationsPerHour, now),
      failure: memory.failures.get(caKey(ca)),
    }
  })
}

const hourMs = 3_600_000

function mostFailed(
  { validations }: Memory,
  ca: string,
  most: number | undefined,
  now: Date,
): Budget['failedValidations'] {
  if (most === undefined) return undefined
  const beginning = identifierKey(ca, '' as never)
  let worst: Budget['failedValidations']
  for (const [key, at] of validations) {
    if (!key.startsWith(beginning)) continue
    const times = at.filter(each => each <= now && now.getTime() - each.getTime() < hourMs).length
    if (times > (worst?.times ?? 0)) worst = { name: key.slice(beginning.length), times, most }
  }
  return worst
}
