// What will go wrong although every single target looks well: a slow clock (for the log), too many certificates for the
// CA's limit (for `status`).
import { minute } from '../core/dates.js'
import type { Target } from '../core/target.js'
import { groupBy } from '../core/txt-record.js'
import type { CaLimits } from '../limits/rate-limits.js'
import type { Certificate } from '../state/certificates.js'
import { caKey } from '../state/ledger-keys.js'
import { renewAt, shortLivedDays } from './renewal-date.js'

/** What to tell a person. Neither makes a run fail: nothing has gone wrong yet. */
export interface Trouble {
  readonly message: string
  readonly hint: string
}

const dayMs = 86_400_000

/** No CA signs for later. A clock that is slow by less does no harm: so much of the margin is lost. */
const slowClockMs = dayMs

/** A clock that is years slow finds nothing due, for ever: what the newest certificate says betrays it. */
export function slowClock(certificates: readonly Certificate[], now: Date): Trouble[] {
  // One pass without a sorted copy: this is done in every run, and there may be ten thousand certificates.
  let newest: Certificate['facts']
  for (const { complete, facts } of certificates)
    if (complete && facts && (!newest || facts.notBefore > newest.notBefore)) newest = facts
  if (!newest || now.getTime() + slowClockMs >= newest.notBefore.getTime()) return []
  const names = newest.names.slice(0, 1).join('')
  return [
    {
      message: `${names}: its certificate is not valid before ${minute(newest.notBefore)}`,
      hint: `is the clock right? It says ${minute(now)}, and by it nothing is renewed`,
    },
  ]
}

/**
 * Runs that quickstart installs, hourly where a certificate lives less than ten days. Where a CA counts orders in three
 * hours, no more than eight a day make a difference.
 */
const runsADay = { usual: 4, hourly: 8 } as const

/** The rest of what can be ordered is for what fails. */
const shareForRenewals = 3 / 4

interface Life {
  readonly target: Target
  /** From one renewal to the next. */
  readonly days: number
  readonly lifetimeDays: number
}

/**
 * CAs that allow fewer orders than the wanted certificates need by their lifetimes: these expire one after the other, most
 * urgent first, with no single failure to be seen.
 */
export function tooMany(lives: readonly Life[], limitsOf: (ca: string) => CaLimits): Trouble[] {
  return [...groupBy(lives, ({ target }) => caKey(target.ca)).values()].flatMap(group => {
    const [first] = group
    const limit = first && limitsOf(first.target.ca).ordersPer3Hours
    if (!limit) return []
    const needed = group.reduce((sum, { days }) => sum + 1 / days, 0)
    const hourly = group.some(({ lifetimeDays }) => lifetimeDays < shortLivedDays)
    const most = limit * (hourly ? runsADay.hourly : runsADay.usual)
    if (needed <= most * shareForRenewals) return []
    const fits = needed <= limit * runsADay.hourly * shareForRenewals
    const runs = hourly ? 'hourly runs' : `${runsADay.usual} runs a day`
    return {
      message: `${first.target.ca}: ${group.length} certificates need ${Math.round(needed)} orders a day; it allows ${limit} in three hours, and ${runs} make ${most}`,
      hint: fits
        ? 'let cron run dns01 hourly'
        : 'put more names into one certificate, or ask the CA for more (DNS01_ORDERS_PER_3H)',
    }
  })
}

/** How often a target with this certificate is renewed. */
export function lifeOf(target: Target, { facts }: Pick<Certificate, 'facts'>): Life[] {
  if (!facts) return []
  const { notBefore, notAfter } = facts
  const days = (renewAt(facts, target.marginDays).getTime() - notBefore.getTime()) / dayMs || 1
  return [{ target, days, lifetimeDays: (notAfter.getTime() - notBefore.getTime()) / dayMs }]
}
