import { Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { Memory } from '../state/ledger.js'
import type { StateDir } from '../state/state-dir.js'
import { caKey, validationKey } from './backoff.js'
import { type CaLimits, limitsOf } from './ca-limits.js'

/** What the ledger leaves of what a CA allows. */

const hourMs = 3_600_000

const youngerThan = (times: readonly Date[] | undefined, now: Date, hours: number): Date[] =>
  (times ?? []).filter(at => at <= now && now.getTime() - at.getTime() < hours * hourMs)

export const countSince = (times: readonly Date[] | undefined, now: Date, hours: number): number =>
  youngerThan(times, now, hours).length

/** A name and its wildcard are one identifier with two challenges. */
export const challengesFor = (names: readonly Name[], name: Name): number =>
  names.filter(other => withoutWildcard(other) === withoutWildcard(name)).length

/** When the last of these names may fail again without going beyond what the CA allows; undefined: now. Nothing overrides this. */
export function validationsUntil(
  memory: Memory,
  { failedValidationsPerHour: most }: CaLimits,
  target: Target,
  names: readonly Name[],
  now: Date,
): Date | undefined {
  if (most === undefined) return undefined
  const untils = names.flatMap(name => {
    const failed = youngerThan(memory.validations.get(validationKey(target.ca, name)), now, 1)
    return roomAt(failed, most - challengesFor(names, name), 1) ?? []
  })
  return untils.sort((a, b) => b.getTime() - a.getTime())[0]
}

/** When the CA takes one order more, `taken` ones being on their way; undefined: now. */
export function ordersUntil(
  memory: Memory,
  { ordersPer3Hours: most }: CaLimits,
  ca: string,
  now: Date,
  taken = 0,
): Date | undefined {
  if (most === undefined) return undefined
  const made = youngerThan(memory.orders.get(caKey(ca)), now, 3)
  // Those on their way are the youngest: as if `now` were appended so often. It is asked for each of thousands.
  return most - 1 < taken ? new Date(now.getTime() + 3 * hourMs) : roomAt(made, most - 1 - taken, 3)
}

/** When no more than `most` of these times, oldest first, are younger than so many hours; undefined: they are now. */
function roomAt(times: readonly Date[], most: number, hours: number): Date | undefined {
  const excess = times[times.length - Math.max(most, 0) - 1]
  return excess && new Date(excess.getTime() + hours * hourMs)
}

/**
 * Counts an order where the CA's limit is known, before it is made.
 * @throws Dns01Error UNAVAILABLE when the CA allows no more now
 */
export async function countOrder(
  { world, state }: { readonly world: Pick<World, 'clock' | 'env'>; readonly state: Pick<StateDir, 'ledger'> },
  ca: string,
): Promise<void> {
  const limits = limitsOf(ca, world.env)
  if (limits.ordersPer3Hours === undefined) return
  const now = world.clock.now()
  const until = ordersUntil(state.ledger(), limits, ca, now)
  if (until)
    throw new Dns01Error('UNAVAILABLE', `${limits.ordersPer3Hours} orders in three hours are all that ${ca} allows`, {
      retryAfterSeconds: (until.getTime() - now.getTime()) / 1000,
    })
  await state.ledger().ordered(caKey(ca))
}
