// When a certificate is to be renewed: by its own dates and the target's margin, or, where the CA says when (renewal
// information, RFC 9773), by that. Pure: `status` and `plan` tell what a run decides by.
import { minute } from '../core/dates.js'
import type { Target } from '../core/target.js'
import type { Certificate } from '../state/certificates.js'
import type { KeptWindow } from '../state/renewal-memory.js'
import type { CertificateFacts } from '../x509/certificate.js'

const hourSeconds = 3600
const dayMs = 86_400_000

/** Lifetimes below this are renewed at their half (Let's Encrypt's integration guide): a third of them leaves too few runs. */
export const shortLivedDays = 10

/** Between two runs of what quickstart installs, for certificates that live this long at least (undefined: none are held). */
export const neededEverySeconds = (shortestLifeSeconds: number | undefined): number =>
  shortestLifeSeconds !== undefined && shortestLifeSeconds < (shortLivedDays * dayMs) / 1000
    ? hourSeconds
    : 6 * hourSeconds

/** The longest that a certificate counts as good: what Apple's systems accept, of private CAs too (support.apple.com/HT210176). */
const longestLifeDays = 825

export type Dates = Pick<CertificateFacts, 'notBefore' | 'notAfter'>

/**
 * Until when a certificate is of use. One without a well-defined end (year 9999, RFC 5280 §4.1.2.5) would never be
 * renewed, and be the best for ever.
 */
export const endOf = ({ notBefore, notAfter }: Dates): Date =>
  new Date(Math.min(notAfter.getTime(), notBefore.getTime() + longestLifeDays * dayMs))

/** Of a lifetime, at most so much is left when it is renewed: a third, or below ten days a half. */
const shareOf = (lifetimeMs: number): 2 | 3 => (lifetimeMs < shortLivedDays * dayMs ? 2 : 3)

/**
 * acmetool's rule (docs/state-directory.md, "Which certificate is live"): margin days before the end, but never before the last
 * third of the lifetime. Ours besides: of less than ten days, the last half.
 */
export function renewAt(dates: Dates, marginDays: number): Date {
  const end = endOf(dates).getTime()
  const lifetimeMs = end - dates.notBefore.getTime()
  return new Date(end - Math.min(marginDays * dayMs, lifetimeMs / shareOf(lifetimeMs)))
}

/** A renewal waits for the CA's window until so much of its margin is left, and no longer. Our own choice. */
const leastOfMargin = 1 / 3

/**
 * For `next run` at most such a part of the lifetime counts: a certificate of an hour would be renewed in each run, were it
 * not to wait for the next one.
 */
const shareForNextRun = 1 / 12

export interface RenewalDate {
  /** From this instant on a run renews it. */
  readonly at: Date
  /** In words, after "because": a run looks at thousands of dates, and says why of a few. */
  because(): string
  /** What the CA suggests, if it does. */
  readonly window?: KeptWindow | undefined
  /** By our own dates. */
  readonly own: Date
}

type Margin = Pick<Target, 'marginDays' | 'marginGiven'>

/**
 * The CA's word beats our own dates in both directions (RFC 9773 §4.2): to the instant that was chosen in its window, and as runs
 * come hours apart, in the last run before it. A margin that somebody wrote down may be earlier. But for a window so late
 * that less than a third of the margin would be left nobody waits: that is a mistake of the CA, and the service would pay.
 */
export function renewalDate(facts: Dates, margin: Margin, window?: KeptWindow): RenewalDate {
  const own = renewAt(facts, margin.marginDays)
  if (!window) return { at: own, own, because: () => ownReason(facts, margin) }
  const end = endOf(facts).getTime()
  const lifetimeMs = end - facts.notBefore.getTime()
  const nextRunMs = Math.min(neededEverySeconds(lifetimeMs / 1000) * 1000, lifetimeMs * shareForNextRun)
  const latest = end - (end - own.getTime()) * leastOfMargin
  const suggested = Math.min(window.chosen.getTime(), latest) - nextRunMs
  const at = new Date(Math.max(suggested, facts.notBefore.getTime()))
  if (margin.marginGiven && own < at)
    return { at: own, own, window, because: () => `${ownReason(facts, margin)}, while ${asks(window)}` }
  const tooLate = window.chosen.getTime() > latest ? ', which is too near to its end' : ''
  return { at, own, window, because: () => asks(window) + tooLate }
}

/** When a certificate of ours is to be renewed, by what is known of it; undefined: it cannot be read, and so is of no use. */
export const renewalOf = ({ facts, renewal }: Pick<Certificate, 'facts' | 'renewal'>, margin: Margin) =>
  facts && renewalDate(facts, margin, renewal?.window)

const asks = ({ start, end, asked }: KeptWindow): string =>
  `the CA asks for renewal between ${minute(start)} and ${minute(end)} (asked ${minute(asked)})`

function ownReason(dates: Dates, { marginDays }: Margin): string {
  const lifetimeMs = endOf(dates).getTime() - dates.notBefore.getTime()
  const share = shareOf(lifetimeMs)
  if (marginDays * dayMs < lifetimeMs / share) return `it ends ${marginDays} days later`
  return share === 2 ? 'half of its lifetime is left' : 'a third of its lifetime is left'
}
