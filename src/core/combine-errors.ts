// Many errors as one. Work for many names ends in many errors, and a cron mail has room for one that says which code
// counts and tells the first few of them.
import { codeOf, Dns01Error, doubtful, type ErrorDetails, FAULTS, isUnwritten, messageOf, unwritten } from './errors.js'

/** Of many different errors these are told in full. */
const toldAtMost = 5

/**
 * Waits for all, then throws what went wrong, as combine() tells it. Nothing is left running behind the caller's back. The
 * error proves that nothing was written only if all of them failed and each error proves it.
 */
export async function settleAll(tasks: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(tasks)
  const errors = settled.filter(one => one.status === 'rejected').map(one => one.reason as unknown)
  if (errors.length === 0) return
  const nothingWritten = errors.length === tasks.length && errors.every(isUnwritten)
  throw nothingWritten ? unwritten(combine(errors)) : doubtful(combine(errors))
}

/**
 * What to throw for all of these: the one error as it is; several as one that tells the first of them, with the code
 * that sorts first (see FAULTS). A bug comes out as it is.
 */
export function combine(errors: readonly unknown[], more: Pick<ErrorDetails, 'byName'> = {}): unknown {
  const worst = [...errors].sort((a, b) => FAULTS[codeOf(a)].exit - FAULTS[codeOf(b)].exit)[0]
  if (!(worst instanceof Dns01Error) || (errors.length === 1 && !more.byName)) return worst
  const messages = [...new Set(errors.map(messageOf))]
  const untold = messages.length - toldAtMost
  const text = messages.slice(0, toldAtMost).join('; ') + (untold > 0 ? `; and ${untold} more` : '')
  const failedValidations = errors.flatMap(error => (error instanceof Dns01Error ? error.failedValidations : []))
  const doubtsName = errors.some(error => error instanceof Dns01Error && error.doubtsName)
  const caFailed = errors.every(error => error instanceof Dns01Error && error.caFailed)
  const { hint, retryAfterSeconds } = worst
  const cause = errors.length === 1 ? worst.cause : worst
  const about = { hint, retryAfterSeconds, doubtsName, failedValidations, caFailed, cause }
  return new Dns01Error(worst.code, text, { ...more, ...about })
}
