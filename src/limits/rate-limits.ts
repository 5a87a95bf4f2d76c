// What a CA lets one account do, and how much of it the ledger's record of earlier runs leaves. A CA that is asked for
// more refuses for hours or days, and holds every other certificate of the account up: so what it allows is counted here
// first.
import { Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import type { Target } from '../core/target.js'
import { hostnameOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { Memory } from '../state/ledger.js'
import { caKey, identifierKey } from '../state/ledger-keys.js'
import type { StateDir } from '../state/state-dir.js'

/** How much a CA lets one account do. Absent: no limit is known. */
export interface CaLimits {
  /** New orders in any three hours. */
  readonly ordersPer3Hours?: number | undefined
  /** Failed validations of one identifier in any hour. */
  readonly failedValidationsPerHour?: number | undefined
}

/**
 * CAs that publish what they allow, by host. Let's Encrypt: letsencrypt.org/docs/rate-limits and …/staging-environment. Its
 * limits on certificates (50 for a registered domain, 5 for the same names, in 7 days) are not counted here: other
 * machines share them, so only the CA knows; its answer says until when, and that is remembered.
 */
const KNOWN_LIMITS: Readonly<Record<string, CaLimits>> = {
  'acme-v02.api.letsencrypt.org': { ordersPer3Hours: 300, failedValidationsPerHour: 5 },
  'acme-staging-v02.api.letsencrypt.org': { ordersPer3Hours: 1500, failedValidationsPerHour: 200 },
}

/**
 * DNS01_ORDERS_PER_3H takes the place of the table's number for every CA: a smaller share, where several machines use
 * one account, or what a CA has granted.
 * @throws Dns01Error CONFIG when it is not a number of at least 1
 */
export function limitsOf(ca: string, env: World['env']): CaLimits {
  const own = env.DNS01_ORDERS_PER_3H
  const known = KNOWN_LIMITS[hostnameOf(ca)] ?? {}
  if (own === undefined || own === '') return known
  if (!/^[1-9]\d*$/.test(own))
    throw new Dns01Error('CONFIG', `DNS01_ORDERS_PER_3H must be a number of at least 1, not "${own}"`, {
      hint: 'how many new orders a CA may get in three hours',
    })
  return { ...known, ordersPer3Hours: Number(own) }
}

/** Of the orders that a CA takes. */
export interface OrdersLeft {
  /** So many more may be made now. */
  readonly count: number
  /** When these are made: one more may be made then. */
  readonly nextAt: Date
}

const orderHours = 3

/**
 * How many orders more a CA takes now. The one place where its limit on orders is checked: admission gives out no more than
 * these, and what is given out is only counted afterwards.
 */
export function ordersLeft(
  memory: Memory,
  { ordersPer3Hours: most = Number.POSITIVE_INFINITY }: CaLimits,
  ca: string,
  now: Date,
): OrdersLeft {
  const made = youngerThan(memory.orders.get(caKey(ca)), now, orderHours)
  const oldest = made[Math.max(made.length - most, 0)] ?? now
  return { count: Math.max(most - made.length, 0), nextAt: afterHours(oldest, orderHours) }
}

/**
 * Counts an order where the CA's limit is known, before it is made. That there is room for it is admission's word.
 * @throws Dns01Error STATE when it cannot be written
 */
export async function countOrder(
  { world, state }: { readonly world: Pick<World, 'env'>; readonly state: Pick<StateDir, 'ledger'> },
  ca: string,
): Promise<void> {
  if (limitsOf(ca, world.env).ordersPer3Hours !== undefined) await state.ledger().ordered(caKey(ca))
}

/** A name and its wildcard are one identifier with two challenges. */
export const challengesFor = (names: readonly Name[], name: Name): number =>
  names.filter(other => withoutWildcard(other) === withoutWildcard(name)).length

/** How often validation of this name failed within the hour. */
export const failedValidations = (memory: Memory, ca: string, name: Name, now: Date): number =>
  failedTimes(memory, ca, name, now).length

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
    const failed = failedTimes(memory, target.ca, name, now)
    const mayHaveFailed = Math.max(most - challengesFor(names, name), 0)
    const tooMany = failed[failed.length - mayHaveFailed - 1]
    return tooMany ? [afterHours(tooMany, 1)] : []
  })
  return untils.sort((a, b) => b.getTime() - a.getTime())[0]
}

const failedTimes = (memory: Memory, ca: string, name: Name, now: Date): Date[] =>
  youngerThan(memory.validations.get(identifierKey(ca, name)), now, 1)

const hourMs = 3_600_000

const afterHours = (at: Date, hours: number): Date => new Date(at.getTime() + hours * hourMs)

/** Oldest first. */
const youngerThan = (times: readonly Date[] | undefined, now: Date, hours: number): Date[] =>
  (times ?? []).filter(at => at <= now && now.getTime() - at.getTime() < hours * hourMs)
