import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { serverPart } from '../state/layout.js'

/** How much a CA lets one account do. Absent: no limit is known. */
export interface CaLimits {
  /** New orders in any three hours. */
  readonly ordersPer3Hours?: number | undefined
  /** Challenges found wrong, for one name in any hour. */
  readonly failedValidationsPerHour?: number | undefined
}

/**
 * CAs that publish what they allow, by host. Let's Encrypt: letsencrypt.org/docs/rate-limits and …/staging-environment. Its
 * limits on certificates (50 for a registered domain, 5 for the same names, in 7 days) are not counted here: other
 * machines share them, so only the CA knows; its answer says until when, and that is remembered.
 */
const CA_LIMITS: Readonly<Record<string, CaLimits>> = {
  'acme-v02.api.letsencrypt.org': { ordersPer3Hours: 300, failedValidationsPerHour: 5 },
  'acme-staging-v02.api.letsencrypt.org': { ordersPer3Hours: 1500, failedValidationsPerHour: 200 },
}

/**
 * DNS01_ORDERS_PER_3H takes the place of the table's number for every CA: a smaller share, where several machines use
 * one account, or what a CA has granted.
 * @throws Dns01Error CONFIG when it is no whole number of at least 1
 */
export function limitsOf(ca: string, env: World['env']): CaLimits {
  const own = env.DNS01_ORDERS_PER_3H
  const known = CA_LIMITS[hostOf(ca)] ?? {}
  if (own === undefined || own === '') return known
  if (!/^[1-9]\d*$/.test(own))
    throw new Dns01Error('CONFIG', `DNS01_ORDERS_PER_3H must be a whole number of at least 1, not "${own}"`, {
      hint: 'how many new orders a CA may get in three hours',
    })
  return { ...known, ordersPer3Hours: Number(own) }
}

const hostOf = (ca: string): string => (URL.canParse(ca) ? new URL(ca).hostname : '')

/** How the ledger names a CA: as accounts/ does, and a URL that is none by itself. */
export function serverOf(ca: string): string {
  try {
    return serverPart(ca)
  } catch {
    return ca
  }
}
