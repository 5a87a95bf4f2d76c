// What a run writes into the ledger for the next ones: what failed and for whom, and what succeeded.
import { concernsAll } from '../acme/problem.js'
import { combine } from '../core/combine-errors.js'
import { codeOf, Dns01Error, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { caKey, identifierKey, namesKey, targetKey } from '../state/ledger-keys.js'
import type { StateDir } from '../state/state-dir.js'
import { afterFailure, isCounted } from './backoff.js'
import { limitsOf } from './rate-limits.js'

export interface RecordParts {
  readonly world: Pick<World, 'clock' | 'env'>
  readonly state: StateDir
  /** Resolves when the CA can be talked to. */
  readonly authorities: { for(ca: string): Promise<unknown> }
  readonly signal: AbortSignal
  /** When this run began. */
  readonly began: Date
}

/**
 * Notes what a failure teaches the next runs; one of ours, or of a run that is stopped, teaches nothing. The CA's own
 * failure is noted once a run. `insisted`: a person has started this run, perhaps out of turn; then the targets of
 * a CA that is down must not wait the longer for it.
 * @throws Dns01Error STATE
 */
export async function recordFailure(
  parts: RecordParts,
  target: Target,
  error: unknown,
  insisted = false,
): Promise<void> {
  const { state, signal, world, began } = parts
  const ledger = state.ledger()
  if (signal.aborted || !(error instanceof Dns01Error) || !isCounted(error)) return
  if (limitsOf(target.ca, world.env).failedValidationsPerHour !== undefined)
    await ledger.validationFailed(...error.failedValidations.map(name => identifierKey(target.ca, name as never)))
  if (await isOfTheCa(parts, target, error)) {
    const before = ledger.failures.get(caKey(target.ca))
    if (!before) await note(parts, caKey(target.ca), error)
    else if (before.last < began) await note(parts, caKey(target.ca), error, insisted)
    return
  }
  const names = target.partial ? target.requestNames.filter(name => error.byName.has(name)) : []
  if (names.length === 0) await note(parts, targetKey(target), error)
  for (const name of names) await note(parts, namesKey(target.ca, [name]), error.byName.get(name))
}

/**
 * About all that we might ask the CA, or it could not even be talked to. Asked by the account, which is kept for the run: one
 * that could not be opened for this target could not be opened for any other.
 */
const isOfTheCa = ({ authorities }: RecordParts, { ca }: Target, error: unknown): Promise<boolean> =>
  authorities.for(ca).then(
    () => concernsAll(error),
    () => true,
  )

/** `again`: what was known already failed once more, which does not count. @throws Dns01Error STATE */
export async function note(
  { state, world }: Pick<RecordParts, 'state' | 'world'>,
  key: string,
  error: unknown,
  again = false,
): Promise<void> {
  const ledger = state.ledger()
  const { hint, retryAfterSeconds, caFailed } = error instanceof Dns01Error ? error : {}
  const what = {
    code: codeOf(error),
    message: messageOf(error),
    hint,
    retryAfterSeconds,
    ...(caFailed && { caFailed }),
  }
  const before = ledger.failures.get(key)
  const after = afterFailure(before, world.clock.now(), what)
  await ledger.failed(key, again && before ? { ...after, times: before.times, last: before.last } : after)
}

/** Of a certificate that was issued. */
interface Recorded {
  readonly names: readonly Name[]
  /** Names that are not in it, and why not. */
  readonly missing: ReadonlyMap<Name, unknown>
}

/** Forgets the failures of the CA, of the target and of each name in the certificate; notes those of the missing ones. */
export async function recordSuccess(parts: RecordParts, target: Target, { names, missing }: Recorded): Promise<void> {
  const keys = [caKey(target.ca), targetKey(target), ...names.map(name => namesKey(target.ca, [name]))]
  await parts.state.ledger().succeeded(...keys)
  if (missing.size > 0) await recordFailure(parts, target, whyMissing(missing))
}

/** What is wrong with the names that are not in a certificate that was issued. */
export function whyMissing(missing: Recorded['missing']): unknown {
  return combine([...missing.values()], { byName: missing })
}
