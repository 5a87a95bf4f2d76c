// The one place where a provider's present() and cleanup() are called, and called again while it says "later". Providers
// themselves try once (see Provider in provider/api.ts): whoever repeats must know how long it is worth, what else waits
// for the same zone and when the run is stopped, and two loops inside each other would wait for the product of their times.
import { retry } from '../core/retry.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import { type ProviderCall, repeated } from '../provider/api.js'
import type { OpenProvider } from '../provider/loader.js'

const giveUpSeconds = { present: repeated.presentSeconds, cleanup: repeated.cleanupSeconds } as const

/** An attempt at cleaning that begins at the last moment gets this long. */
const lastCleanupSeconds = 30

/** Cleaning has a deadline of its own: the signal that stopped the run must not stop it. */
export const cleanupDeadline = ({ clock }: Pick<World, 'clock'>): AbortSignal =>
  clock.deadline(giveUpSeconds.cleanup + lastCleanupSeconds)

export interface CallOptions extends Pick<ProviderCall, 'zone' | 'signal' | 'acceptedIsEnough'> {
  /** Instead of the usual time for such a call. */
  readonly giveUpAfterSeconds?: number
}

/**
 * Calls `act` for records of one zone until it resolves, its error is final, or its time is over.
 * @throws Dns01Error what the provider says; `nothingWritten` only if every attempt proved that it wrote nothing
 */
export function callProvider(
  world: Pick<World, 'clock' | 'random' | 'log'>,
  by: OpenProvider,
  act: 'present' | 'cleanup',
  records: readonly TxtRecord[],
  { giveUpAfterSeconds = giveUpSeconds[act], ...call }: CallOptions,
): Promise<void> {
  const { definition, provider } = by
  const what = `${definition.name}: ${act} in ${call.zone}`
  const limits = { what, giveUpAfterSeconds, signal: call.signal }
  world.log.debug(`${definition.name}: ${act} ${records.length} record(s) in ${call.zone}`)
  return retry(world, limits, () => provider[act](records, { ...call, log: world.log }))
}
