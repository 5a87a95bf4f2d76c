import { codeOf, Dns01Error, FAULTS, messageOf } from './errors.js'

/** Of many different errors these are told in full. */
const toldAtMost = 5

/**
 * Waits for all, then throws what went wrong: the one error as it is; several as one that tells the first of them, with the code
 * that sorts first (see FAULTS). Nothing is left running behind the caller's back.
 */
export async function settleAll(tasks: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(tasks)
  const errors = settled.filter(one => one.status === 'rejected').map(one => one.reason as unknown)
  const worst = [...errors].sort((a, b) => FAULTS[codeOf(a)].exit - FAULTS[codeOf(b)].exit)[0]
  if (errors.length === 0) return
  if (errors.length === 1 || !(worst instanceof Dns01Error)) throw worst
  const messages = [...new Set(errors.map(messageOf))]
  const untold = messages.length - toldAtMost
  const text = messages.slice(0, toldAtMost).join('; ') + (untold > 0 ? `; and ${untold} more` : '')
  throw new Dns01Error(worst.code, text, { hint: worst.hint, cause: worst })
}
