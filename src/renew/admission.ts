import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { Failure, Memory } from '../state/ledger.js'
import {
  caKey,
  failedText,
  type Insistence,
  minute,
  nameFailure,
  targetKey,
  validationKey,
  waitsUntil,
  wholeCaBackOffMinutes,
} from './backoff.js'
import { type CaLimits, limitsOf, serverOf } from './ca-limits.js'
import type { Due } from './plan.js'
import { challengesFor, countSince, ordersUntil, validationsUntil } from './rate-limits.js'

/** Of renewals that have time, a run makes so many, or a tenth of all targets if that is more: the next runs make the rest. */
const renewalsPerRun = 100

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
  const until = waitsUntil(own, circumstances.now, insistenceOn(due, circumstances), due)
  if (until) return waitFor(until, 'it', own)
  return target.partial ? namesThatMay(due, memory, circumstances) : target.requestNames
}

/** Whether the CA as a whole must be left alone: also asked in the midst of a run. */
export function caWaits(due: Due, memory: Memory, circumstances: Circumstances): Wait | undefined {
  const failure = memory.failures.get(caKey(due.target.ca))
  const insistence = insistenceOn(due, circumstances)
  const until = waitsUntil(failure, circumstances.now, insistence, due, wholeCaBackOffMinutes)
  return until && waitFor(until, 'the CA', failure)
}

function namesThatMay(due: Due, memory: Memory, circumstances: Circumstances): readonly Name[] | Wait {
  const { target, lacking } = due
  const { now, limitsOf } = circumstances
  const untilOf = (name: Name): Date | undefined =>
    waitsUntil(nameFailure(target, name, memory), now, insistenceOn(due, circumstances), due) ??
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
export const hasTime = ({ forced, live, renewAt, notAfter }: Due, now: Date): boolean =>
  !forced &&
  live &&
  renewAt !== undefined &&
  notAfter !== undefined &&
  now >= renewAt &&
  now.getTime() < (renewAt.getTime() + notAfter.getTime()) / 2
