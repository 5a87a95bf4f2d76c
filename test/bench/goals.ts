import { type Figure, figure, type Result } from './race.js'
import type { Goal } from './rows.js'

const of = (results: readonly Result[], name: string, what: Figure): number | undefined => {
  const found = results.find(result => result.name === name)
  return found && figure(found, what)
}

/** No more than this, whatever others need. */
export function atMost(results: readonly Result[], what: Figure, most: number, unit: string): Goal {
  const is = of(results, 'dns01', what)
  return { text: `≤ ${most} ${unit}`, met: is !== undefined && is <= most }
}

/**
 * Within the time, or, where the machine is slow, within this part of what the other client takes in the same run.
 * Not met when the other one was not measured and the time is exceeded.
 */
export function within(results: readonly Result[], seconds: number, other: string, part: number): Goal {
  const is = of(results, 'dns01', 'seconds') ?? Number.POSITIVE_INFINITY
  const theirs = of(results, other, 'seconds') ?? 0
  return { text: `≤ ${seconds} s, or 1/${Math.round(1 / part)} of ${other}`, met: is <= seconds || is <= theirs * part }
}
