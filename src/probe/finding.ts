/**
 * What a check of probe hands back. A failure is a finding like any other, and each check has its own bound in time; so one
 * that fails or hangs does not hide the rest.
 */

import { type Code, Dns01Error, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'

/** What is looked at, in the order of the report: from what concerns all names to what one provider may do. */
export type Check =
  | 'ca'
  | 'clock'
  | 'account'
  | 'record'
  | 'caa'
  | 'dnssec'
  | 'cname'
  | 'wildcard'
  | 'zone'
  | 'delegation'
  | 'servers'
  | 'view'
  | 'rights'

/** One thing that was looked at. A check may have several, or none where it does not apply. */
export interface Finding {
  readonly check: Check
  /** `warning`: certificates can be had nevertheless; `failed`: they cannot, and a run would say so; `skipped`: could not or
   *  need not be looked at. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly text: string
  /** What to do. */
  readonly mend?: string | undefined
  /** With `failed`: what the exit status goes by. */
  readonly code?: Code
}

/** What `dns01 probe --json` prints. Issue forms ask for it: members are added, not renamed or taken away. */
export interface ProbeDocument {
  readonly authorities: readonly { readonly ca: string; readonly findings: readonly Finding[] }[]
  readonly names: readonly { readonly name: Name; readonly findings: readonly Finding[] }[]
}

/** Short forms: a check reads as the list of what it may find. */
export const ok = (check: Check, text: string): Finding => ({ check, state: 'ok', text })
export const warning = (check: Check, text: string, mend?: string): Finding => ({ check, state: 'warning', text, mend })
export const skipped = (check: Check, text: string): Finding => ({ check, state: 'skipped', text })
export const failed = (check: Check, text: string, mend?: string, code: Code = 'REFUSED'): Finding => ({
  check,
  state: 'failed',
  text,
  mend,
  code,
})

/** An error of the engine as a finding, with its hint and code. @throws what is not a Dns01Error: that is a bug */
export function failure(check: Check, error: unknown): Finding {
  if (!(error instanceof Dns01Error)) throw error
  return failed(check, messageOf(error), error.hint, error.code)
}

/** Longest time for each part; together less than a minute, so that a person waits for it rather than pressing Ctrl-C. */
export const limits = {
  authoritySeconds: 10,
  locateSeconds: 8,
  lookSeconds: 6,
  /** Waiting for the lock included. */
  placeSeconds: 30,
  lockSeconds: 4,
  removeSeconds: 11,
} as const

/**
 * Looks, for at most so long; what goes wrong is a finding, too. Ends when `signal` does, with its reason.
 * @throws what is not a Dns01Error: a bug must not be shown as somebody's DNS being wrong
 */
export async function bounded(
  { clock }: Pick<World, 'clock'>,
  { check, seconds, signal }: { readonly check: Check; readonly seconds: number; readonly signal: AbortSignal },
  look: (signal: AbortSignal) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const deadline = clock.deadline(seconds)
  // Raced as well as signalled: a provider or a socket that does not heed the signal would hold up the report.
  const late = (): Finding[] => [failed(check, `no result within ${seconds} s`, undefined, 'UNAVAILABLE')]
  const tooLate = new Promise<Finding[]>(resolve => deadline.addEventListener('abort', () => resolve(late())))
  try {
    return await Promise.race([look(AbortSignal.any([signal, deadline])), tooLate])
  } catch (error) {
    signal.throwIfAborted()
    return deadline.aborted ? late() : [failure(check, error)]
  }
}
