// Admission: which of the due targets are worked on in this run, by what failed before (backoff.ts), by what their CAs
// allow (rate-limits.ts), and by how much one run should take on. A pure function, so that `dns01 plan` and `status` tell
// exactly what `reconcile` does.
import { minute } from '../core/dates.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import { isSameUrl } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { Failure, Memory } from '../state/ledger.js'
import { caKey, identifierKey, targetKey } from '../state/ledger-keys.js'
import {
  type AtStake,
  caWaitsUntil,
  failedText,
  nameFailure,
  nextTry,
  nextTryOfCa,
  type Override,
  waitsUntil,
} from './backoff.js'
import { isTimeForAnother } from './fallback.js'
import {
  type CaLimits,
  challengesFor,
  failedValidations,
  limitsOf,
  type OrdersLeft,
  ordersLeft,
  validationsUntil,
} from './rate-limits.js'

/**
 * Of renewals that have time, a run makes so many, or a tenth of all targets if that is more: the next runs make the rest.
 * Our own choice: with the four runs a day that quickstart installs, all are renewed within ten runs, which is days
 * before anything ends, and what was made on one day is not all due on one day for ever.
 */
const renewalsPerRun = 100

/**
 * Orders for one target of `request.partial`: names may turn out bad when ordering, when validated, and when signing (CAA,
 * RFC 8659), and the others are ordered again each time.
 */
const mostOrdersOfPartial = 3

/** The certificate whose place a new one takes, as an order names it (RFC 9773 §5). */
export interface Predecessor {
  /** Its folder in certs/. */
  readonly certificate: string
  readonly certId: string
  /** SERVER/KEYID: no other account may name it. */
  readonly accountId: string
  readonly names: readonly Name[]
  /** The CA wants it to be replaced by now. */
  readonly windowBegun: boolean
  /** By our own dates it would have time. */
  readonly early?: boolean
}

/** A target that needs a certificate, as far as admission must know it. */
export interface Candidate extends AtStake {
  readonly target: Target
  /** Somebody asked for it by name. */
  readonly forced: boolean
  /** Every name of it has a certificate that is valid still. */
  readonly live: boolean
  /** The names for whose sake it is due: all of them, but of a `partial` target those that its certificate lacks. */
  readonly lacking: readonly Name[]
  readonly replaces?: Predecessor | undefined
  /** CAs that have failed it in this run. */
  readonly tried?: readonly string[] | undefined
  /** Why a CA of request.fallback is asked, where one is. */
  readonly insteadBecause?: string | undefined
}

/**
 * Whether the CA has asked for this order: it goes to that CA, with `replaces`, and the window has begun. Let's Encrypt exempts such
 * orders from all its limits (letsencrypt.org/docs/rate-limits, "ARI renewals"), and their instants are spread over the window
 * already; so neither its orders in three hours nor our renewals of a run hold them up, or a CA that must replace all
 * it has issued would not be followed in time. Back-off and a Retry-After hold for them as for all others. An order that in
 * the end goes without `replaces` (renew/new-order.ts) is counted like any other.
 */
export const isAskedFor = ({ replaces, target }: Pick<Candidate, 'replaces' | 'target'>): boolean =>
  (replaces?.windowBegun && replaces.accountId.startsWith(`${caKey(target.ca)}/`)) ?? false

export type Admitted<Due> = Due & {
  /** The names to ask for: of a `partial` target those that may be tried now. */
  readonly names: readonly Name[]
  /** At most so many orders may be made for it. */
  readonly mostOrders: number
}

/** Why a target is left to a later run. */
export interface Deferral {
  /** undefined: one of the next runs. */
  readonly until?: Date | undefined
  readonly because: string
  readonly failure?: Failure | undefined
}

export type Deferred<Due> = Due & Deferral

export interface Admission<Due> {
  /** Most urgent first. */
  readonly admitted: readonly Admitted<Due>[]
  readonly deferred: readonly Deferred<Due>[]
  /** To be looked at again when the others are done: they have names in common whose failures the CA counts. */
  readonly afterwards: readonly Due[]
}

/** What counts besides the ledger: the same for a run, for `plan` and for `status`, so that these tell what a run will do. */
export interface Circumstances {
  readonly now: Date
  readonly limitsOf: (ca: string) => CaLimits
  /** Names that somebody has just wanted: our own back-off does not hold them up. */
  readonly wanted?: readonly Name[] | undefined
  /** How many targets there are, due or not. */
  readonly targets: number
}

export const circumstances = (
  { clock, env }: Pick<World, 'clock' | 'env'>,
  targets: number,
  { wanted }: Pick<Circumstances, 'wanted'> = {},
): Circumstances => ({ now: clock.now(), limitsOf: ca => limitsOf(ca, env), wanted, targets })

/** Which of all that is due are worked on now. Pure. */
export function admit<Due extends Candidate>(
  due: readonly Due[],
  memory: Memory,
  circumstances: Circumstances,
): Admission<Due> {
  const run = new RunSoFar(memory, circumstances)
  const going: { readonly due: Due; readonly names: readonly Name[] }[] = []
  const deferred: Deferred<Due>[] = []
  const afterwards: Due[] = []
  for (const wanted of [...due].sort(byUrgency)) {
    const one = atWhichCa(wanted, memory, circumstances)
    const names = namesToAsk(one, memory, circumstances)
    if ('because' in names) {
      deferred.push({ ...one, ...names })
      continue
    }
    const room = run.roomFor(one, names)
    if (room === 'afterwards') afterwards.push(one)
    else if (room !== 'now') deferred.push({ ...one, ...room })
    else {
      run.takeOn(one, names)
      going.push({ due: one, names })
    }
  }
  const spare = run.spareOrders(going.map(({ due: { target } }) => target))
  const admitted = going.map(({ due, names }) => ({ ...due, names, mostOrders: 1 + (spare.get(due.target) ?? 0) }))
  return { admitted, deferred, afterwards }
}

/** Who was asked for by name; who has no valid certificate; then who loses it first. */
const byUrgency = (a: Candidate, b: Candidate): number =>
  Number(b.forced) - Number(a.forced) ||
  Number(a.live) - Number(b.live) ||
  (a.notAfter?.getTime() ?? 0) - (b.notAfter?.getTime() ?? 0)

/** The names that back-off lets through: that of the CA, of the target, and for a `partial` one of each name. */
function namesToAsk(due: Candidate, memory: Memory, circumstances: Circumstances): readonly Name[] | Deferral {
  const { target } = due
  const ofCa = caDeferral(due, memory, circumstances)
  if (ofCa) return ofCa
  const failure = memory.failures.get(targetKey(target))
  const until = waitsUntil(failure, circumstances.now, overrideFor(due, circumstances), due)
  if (until) return deferral(until, 'it', failure)
  return target.partial ? namesThatMay(due, memory, circumstances) : target.requestNames
}

/**
 * The same, at another CA of request.fallback if the first has failed and it is time for that (fallback.ts); the first that
 * may be asked. What the first CA has asked for by renewal information, another one knows nothing of.
 */
export function atWhichCa<Due extends Candidate>(due: Due, memory: Memory, circumstances: Circumstances): Due {
  const { target, replaces, tried = [] } = due
  if (target.fallback === undefined || target.insteadOf !== undefined) return due
  const failing = failingOf(due, memory, circumstances)
  if (!failing || !isTimeForAnother(due, failing.failure, failing.nextTry, circumstances.now)) return due
  for (const ca of target.fallback) {
    if (tried.some(other => isSameUrl(other, ca))) continue
    const there = {
      ...due,
      target: { ...target, ca, insteadOf: target.ca },
      replaces: replaces && { ...replaces, windowBegun: false },
      insteadBecause: failing.failure.message,
    }
    if (!('because' in namesToAsk(there, memory, circumstances))) return there
  }
  return due
}

/** As somebody wants it, whichever CA a run has taken. */
export const asWanted = <Due extends Candidate>({ insteadBecause: _, ...due }: Due): Omit<Due, 'insteadBecause'> => {
  const { insteadOf, ...target } = due.target
  return { ...due, target: insteadOf === undefined ? due.target : { ...target, ca: insteadOf } }
}

/** What its CA, as a CA, has against asking it now: in this run or, as back-off has it, in an earlier one. */
function failingOf(
  due: Candidate,
  memory: Memory,
  circumstances: Circumstances,
): { readonly failure: Failure; readonly nextTry: Date } | undefined {
  const { target, tried = [] } = due
  const { now } = circumstances
  const override = overrideFor(due, circumstances)
  const isTried = tried.some(ca => isSameUrl(ca, target.ca))
  const ofCa = memory.failures.get(caKey(target.ca))
  if (ofCa?.caFailed && (isTried || caWaitsUntil(ofCa, now, override, due)))
    return { failure: ofCa, nextTry: nextTryOfCa(ofCa, due) }
  const own = memory.failures.get(targetKey(target))
  if (own?.caFailed && (isTried || waitsUntil(own, now, override, due)))
    return { failure: own, nextTry: nextTry(own, due) }
  return undefined
}

/** Whether the CA as a whole must be left alone: also asked in the midst of a run. */
export function caDeferral(due: Candidate, memory: Memory, circumstances: Circumstances): Deferral | undefined {
  const failure = memory.failures.get(caKey(due.target.ca))
  const until = caWaitsUntil(failure, circumstances.now, overrideFor(due, circumstances), due)
  return until && deferral(until, 'the CA', failure)
}

function namesThatMay(due: Candidate, memory: Memory, circumstances: Circumstances): readonly Name[] | Deferral {
  const { target, lacking } = due
  const { now, limitsOf } = circumstances
  const untilOf = (name: Name): Date | undefined =>
    waitsUntil(nameFailure(target, name, memory), now, overrideFor(due, circumstances), due) ??
    validationsUntil(memory, limitsOf(target.ca), target, [name], now)
  const names = target.requestNames.filter(name => untilOf(name) === undefined)
  if (lacking.some(name => names.includes(name))) return names
  const [first] = lacking.flatMap(name => untilOf(name) ?? []).sort((a, b) => a.getTime() - b.getTime())
  const failure = lacking.map(name => nameFailure(target, name, memory)).find(each => each !== undefined)
  return deferral(first ?? now, lacking.join(', '), failure)
}

const overrideFor = ({ forced, target }: Candidate, { wanted }: Circumstances): Override => {
  if (forced) return 'force'
  return wanted?.some(name => target.names.includes(name)) ? 'want' : 'none'
}

const deferral = (until: Date, what: string, failure: Failure | undefined): Deferral => ({
  until,
  failure,
  because: failure
    ? `${what} ${failedText({ ...failure, hint: undefined })}`
    : `${what} failed as often as the CA allows`,
})

/** For people: until when, and why. */
export const deferralText = ({ until, because }: Deferral): string =>
  until ? `waits until ${minute(until)}: ${because}` : `waits for a later run: ${because}`

export const forceHint = (names: readonly Name[]): string => `dns01 reconcile --force ${names[0]} tries now`

/** What the run has taken on so far, and whether there is room for more: of each CA's orders, of failures of a name, of renewals. */
class RunSoFar {
  readonly #memory: Memory
  readonly #circumstances: Circumstances
  readonly #mostRenewals: number
  /** What each CA still takes, and how many orders of it are given out; by the CA's key. */
  readonly #orders = new Map<string, { readonly left: OrdersLeft; given: number }>()
  /** In how many targets taken on an identifier is; by its key. */
  readonly #underWay = new Map<string, number>()
  #renewals = 0

  constructor(memory: Memory, circumstances: Circumstances) {
    this.#memory = memory
    this.#circumstances = circumstances
    this.#mostRenewals = Math.max(renewalsPerRun, Math.ceil(circumstances.targets / 10))
  }

  roomFor(due: Candidate, names: readonly Name[]): 'now' | 'afterwards' | Deferral {
    const { target } = due
    const { now } = this.#circumstances
    const limits = this.#circumstances.limitsOf(target.ca)
    const until = validationsUntil(this.#memory, limits, target, names, now)
    if (until) return { until, because: 'a name failed as often as the CA allows' }
    if (this.#couldFailTooOften(target, names, limits)) return 'afterwards'
    if (isAskedFor(due)) return 'now'
    const { left, given } = this.#ordersOf(target)
    if (given >= left.count)
      return { until: left.nextAt, because: `${limits.ordersPer3Hours} orders in three hours are all the CA allows` }
    if (hasTime(due, now) && this.#renewals >= this.#mostRenewals)
      return { because: `it has time: ${this.#mostRenewals} other renewals go first in this run` }
    return 'now'
  }

  takeOn(due: Candidate, names: readonly Name[]): void {
    if (!isAskedFor(due)) {
      if (hasTime(due, this.#circumstances.now)) this.#renewals++
      this.#ordersOf(due.target).given++
    }
    for (const name of names) {
      const key = identifierKey(due.target.ca, name)
      this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1)
    }
  }

  /**
   * Orders beyond the first, for `partial` targets whose bad names may have to be left out: one for each, most urgent first,
   * then the next, while there are any. The alternative, to check again before each order, decides in the midst of an
   * issuance, and turns what should wait into a failure.
   */
  spareOrders(going: readonly Target[]): ReadonlyMap<Target, number> {
    const spare = new Map<Target, number>()
    for (let more = 1; more < mostOrdersOfPartial; more++)
      for (const target of going.filter(({ partial }) => partial)) {
        const orders = this.#ordersOf(target)
        if (orders.given >= orders.left.count) continue
        orders.given++
        spare.set(target, more)
      }
    return spare
  }

  #ordersOf({ ca }: Target): { readonly left: OrdersLeft; given: number } {
    const known = this.#orders.get(caKey(ca))
    if (known) return known
    const { now, limitsOf } = this.#circumstances
    const orders = { left: ordersLeft(this.#memory, limitsOf(ca), ca, now), given: 0 }
    this.#orders.set(caKey(ca), orders)
    return orders
  }

  /** Others that are under way may fail, too, for the same name. */
  #couldFailTooOften({ ca }: Target, names: readonly Name[], limits: CaLimits): boolean {
    const most = limits.failedValidationsPerHour ?? Number.POSITIVE_INFINITY
    return names.some(name => {
      const others = this.#underWay.get(identifierKey(ca, name)) ?? 0
      if (others === 0) return false
      const failed = failedValidations(this.#memory, ca, name, this.#circumstances.now)
      return failed + others + challengesFor(names, name) > most
    })
  }
}

/** A renewal that is not past half of its margin. */
export const hasTime = ({ forced, live, renewAt, notAfter }: Candidate, now: Date): boolean =>
  !forced &&
  live &&
  renewAt !== undefined &&
  notAfter !== undefined &&
  now >= renewAt &&
  now.getTime() < (renewAt.getTime() + notAfter.getTime()) / 2
