import { type CaLimits, limitsOf, serverOf } from './ca-limits.js'
import { codeOf } from './errors.js'
import { type Name, withoutWildcard } from './names.js'
import type { Due } from './plan.js'
import type { Failure, Memory } from './state/ledger.js'
import type { Target } from './target.js'
import type { World } from './world.js'

/** What goes wrong again and again is tried again after a minute, ten, a hundred, then once a day (Let's Encrypt's integration guide). */
export const backOffMinutes = [1, 10, 100, 1440] as const

/** A CA that fails as a whole is tried again after a hundred minutes at the latest: one request is enough to know. */
export const wholeCaBackOffMinutes = [1, 10, 100] as const

/** A Retry-After beyond this is a mistake. The slowest limit of Let's Encrypt lets go after 34 hours. */
export const longestNotBeforeDays = 7

/** Of renewals that have time, a run makes so many, or a tenth of all targets if that is more: the next runs make the rest. */
export const renewalsPerRun = 100

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const later = (at: Date, ms: number): Date => new Date(at.getTime() + ms)

/** The keys of the ledger: a CA as a whole, names at a CA, an order, one identifier at a CA. */
export const caKey = (ca: string): string => serverOf(ca)
export const namesKey = (ca: string, names: readonly Name[]): string => `${serverOf(ca)} ${[...names].sort().join(',')}`
export const targetKey = (target: Target): string => namesKey(target.ca, target.requestNames)
export const orderKey = (url: string): string => `order ${url}`
export const validationKey = (ca: string, name: Name): string => `${serverOf(ca)} ${withoutWildcard(name)}`

/** Whether a failure makes the next runs wait: the CA or the DNS said no or later. What is wrong here is not waited for. */
export const isCounted = (error: unknown): boolean => ['REFUSED', 'UNAVAILABLE', 'NOT_VISIBLE'].includes(codeOf(error))

/** One failure more. `retryAfterSeconds` is what the CA said, if it did. */
export function afterFailure(
  before: Failure | undefined,
  now: Date,
  {
    retryAfterSeconds,
    ...what
  }: Pick<Failure, 'code' | 'message' | 'hint'> & { retryAfterSeconds?: number | undefined },
): Failure {
  const capSeconds = longestNotBeforeDays * 86_400
  return {
    ...what,
    since: before?.since ?? now,
    last: now,
    times: (before?.times ?? 0) + 1,
    ...(retryAfterSeconds !== undefined && {
      notBefore: later(now, Math.min(retryAfterSeconds, capSeconds) * 1000),
    }),
  }
}

/** When it may be tried again. */
export function nextTry(failure: Failure, steps: readonly number[] = backOffMinutes): Date {
  const ours = later(failure.last, (steps[Math.min(failure.times, steps.length) - 1] ?? 0) * minuteMs)
  const theirs = failure.notBefore ?? ours
  return ours > theirs ? ours : theirs
}

/** What the user's insisting sets aside: nothing; our own back-off (want); also what the CA asked (--force). */
export type Insistence = 'none' | 'want' | 'force'

/** Until when this failure makes us wait; undefined when not, or no longer. */
export function waitsUntil(
  failure: Failure | undefined,
  now: Date,
  insistence: Insistence,
  steps?: readonly number[],
): Date | undefined {
  if (!failure || insistence === 'force') return undefined
  const until = insistence === 'want' ? failure.notBefore : nextTry(failure, steps)
  return until && now < until ? until : undefined
}

/** A due target that can start, and the names to ask for: those of a `partial` one that may be tried. */
export interface Ready extends Due {
  readonly names: readonly Name[]
}

/** A due target that must wait. */
export interface Waiting extends Due {
  /** undefined: for one of the next runs. */
  readonly until?: Date | undefined
  readonly because: string
  readonly failure?: Failure | undefined
}

export interface Decision {
  /** Most urgent first. */
  readonly go: readonly Ready[]
  readonly wait: readonly Waiting[]
  /** To be looked at again when the others are done: they have names in common whose failures the CA counts. */
  readonly afterwards: readonly Due[]
}

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

/** What of all that is due is done now, by what earlier runs learnt and what the CA allows. Pure. */
export function decide(due: readonly Due[], memory: Memory, circumstances: Circumstances): Decision {
  const go: Ready[] = []
  const wait: Waiting[] = []
  const afterwards: Due[] = []
  const tally = openTally(memory, circumstances)
  for (const one of [...due].sort(byUrgency)) {
    const names = namesToAsk(one, memory, circumstances)
    if ('because' in names) {
      wait.push({ ...one, ...names })
      continue
    }
    const verdict = tally.take(one, names)
    if (verdict === 'go') go.push({ ...one, names })
    else if (verdict === 'afterwards') afterwards.push(one)
    else wait.push({ ...one, ...verdict })
  }
  return { go, wait, afterwards }
}

/** Who was asked for by name; who has no valid certificate; then who loses it first. */
const byUrgency = (a: Due, b: Due): number =>
  Number(b.forced) - Number(a.forced) ||
  Number(a.live) - Number(b.live) ||
  (a.notAfter?.getTime() ?? 0) - (b.notAfter?.getTime() ?? 0)

type Wait = Pick<Waiting, 'until' | 'because' | 'failure'>

/** Back-off: of the CA, of the target, and for a `partial` one of each name. */
function namesToAsk(due: Due, memory: Memory, circumstances: Circumstances): readonly Name[] | Wait {
  const { target } = due
  const wait = caWaits(due, memory, circumstances)
  if (wait) return wait
  const own = memory.failures.get(targetKey(target))
  const until = waitsUntil(own, circumstances.now, insistenceOn(due, circumstances))
  if (until) return waitFor(until, 'it', own)
  return target.partial ? namesThatMay(due, memory, circumstances) : target.requestNames
}

/** Whether the CA as a whole must be left alone: also asked in the midst of a run. */
export function caWaits(due: Due, memory: Memory, circumstances: Circumstances): Wait | undefined {
  const failure = memory.failures.get(caKey(due.target.ca))
  const until = waitsUntil(failure, circumstances.now, insistenceOn(due, circumstances), wholeCaBackOffMinutes)
  return until && waitFor(until, 'the CA', failure)
}

function namesThatMay(due: Due, memory: Memory, circumstances: Circumstances): readonly Name[] | Wait {
  const { target, lacking } = due
  const { now, limitsOf } = circumstances
  const untilOf = (name: Name): Date | undefined =>
    waitsUntil(nameFailure(target, name, memory), now, insistenceOn(due, circumstances)) ??
    validationsUntil(memory, limitsOf(target.ca), target, [name], now)
  const names = target.requestNames.filter(name => untilOf(name) === undefined)
  if (lacking.some(name => names.includes(name))) return names
  const [first] = lacking.flatMap(name => untilOf(name) ?? []).sort((a, b) => a.getTime() - b.getTime())
  const failure = lacking.map(name => nameFailure(target, name, memory)).find(found => found !== undefined)
  return waitFor(first ?? now, lacking.join(', '), failure)
}

const insistenceOn = ({ forced, target }: Due, { wanted }: Circumstances): Insistence => {
  if (forced) return 'force'
  return wanted?.some(name => target.names.includes(name)) ? 'want' : 'none'
}

const waitFor = (until: Date, what: string, failure: Failure | undefined): Wait => ({
  until,
  failure,
  because: failure
    ? `${what} ${failedText({ ...failure, hint: undefined })}`
    : `${what} failed as often as the CA allows`,
})

/** For people: until when, and why. */
export const waitingText = ({ until, because }: Pick<Waiting, 'until' | 'because'>): string =>
  until ? `waits until ${minute(until)}: ${because}` : `waits for a later run: ${because}`

export const forceHint = (names: readonly Name[]): string => `dns01 reconcile --force ${names[0]} tries now`

export interface Failed extends Failure {
  readonly nextTry: Date
}

/** What went wrong with a due target when it was last tried: with its CA, with itself, or with a name that a `partial` one lacks. */
export function failureOf({ target, lacking }: Due, memory: Memory): Failed | undefined {
  const ofCa = memory.failures.get(caKey(target.ca))
  if (ofCa) return { ...ofCa, nextTry: nextTry(ofCa, wholeCaBackOffMinutes) }
  const own = memory.failures.get(targetKey(target))
  const named = target.partial ? lacking.flatMap(name => nameFailure(target, name, memory) ?? []) : []
  const failure = own ?? named[0]
  return failure && { ...failure, nextTry: nextTry(failure) }
}

export const nameFailure = ({ ca }: Target, name: Name, memory: Memory): Failure | undefined =>
  memory.failures.get(namesKey(ca, [name]))

/** For people: how often, since when, what was said, what to do. */
export const failedText = ({ times, since, message, hint }: Failure): string =>
  `failed ${times === 1 ? '' : `${times} times `}since ${minute(since)}: ${message}${hint ? ` (${hint})` : ''}`

/** 2026-01-31T12:00Z */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16)}Z`

interface Tally {
  take(due: Due, names: readonly Name[]): 'go' | 'afterwards' | Wait
}

/** What the CA allows, and how much of it this run has taken already. */
function openTally(memory: Memory, { now, limitsOf, targets }: Circumstances): Tally {
  const orders = new Map<string, number>()
  const atStake = new Map<string, number>()
  const mostRenewals = Math.max(renewalsPerRun, Math.ceil(targets / 10))
  let renewals = 0

  return {
    take(due, names) {
      const { target } = due
      const limits = limitsOf(target.ca)
      const spent = validationsUntil(memory, limits, target, names, now)
      if (spent) return { until: spent, because: 'a name failed as often as the CA allows' }
      if (sharesTooMuch(target, names, limits)) return 'afterwards'
      const server = serverOf(target.ca)
      const taken = orders.get(server) ?? 0
      const noMore = ordersUntil(memory, limits, target.ca, now, taken)
      if (noMore)
        return { until: noMore, because: `${limits.ordersPer3Hours} orders in three hours are all the CA allows` }
      if (hasTime(due, now) && renewals >= mostRenewals)
        return { because: `it has time: ${mostRenewals} other renewals go first in this run` }
      if (hasTime(due, now)) renewals++
      orders.set(server, taken + 1)
      for (const name of names) add(atStake, validationKey(target.ca, name))
      return 'go'
    },
  }

  /** Others that are under way may fail, too, for the same name. */
  function sharesTooMuch(target: Target, names: readonly Name[], limits: CaLimits): boolean {
    const most = limits.failedValidationsPerHour ?? Number.POSITIVE_INFINITY
    return names.some(name => {
      const key = validationKey(target.ca, name)
      const others = atStake.get(key) ?? 0
      return others > 0 && countSince(memory.validations.get(key), now, 1) + others + challengesFor(names, name) > most
    })
  }
}

const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** A renewal that is not past half of its margin. */
const hasTime = ({ forced, live, renewAt, notAfter }: Due, now: Date): boolean =>
  !forced &&
  live &&
  renewAt !== undefined &&
  notAfter !== undefined &&
  now >= renewAt &&
  now.getTime() < (renewAt.getTime() + notAfter.getTime()) / 2

const youngerThan = (times: readonly Date[] | undefined, now: Date, hours: number): Date[] =>
  (times ?? []).filter(at => at <= now && now.getTime() - at.getTime() < hours * hourMs)

const countSince = (times: readonly Date[] | undefined, now: Date, hours: number): number =>
  youngerThan(times, now, hours).length

/** A name and its wildcard are one identifier with two challenges. */
const challengesFor = (names: readonly Name[], name: Name): number =>
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
  return roomAt([...made, ...Array.from({ length: taken }, () => now)], most - 1, 3)
}

/** When no more than `most` of these times, oldest first, are younger than so many hours; undefined: they are now. */
function roomAt(times: readonly Date[], most: number, hours: number): Date | undefined {
  const excess = times[times.length - Math.max(most, 0) - 1]
  return excess && later(excess, hours * hourMs)
}
