import type { Target } from '../../src/core/target.js'
import { admit, caDeferral, circumstances } from '../../src/limits/admission.js'
import { afterFailure } from '../../src/limits/backoff.js'
import { limitsOf } from '../../src/limits/rate-limits.js'
import { dueTargets } from '../../src/renew/due.js'
import { renewAt } from '../../src/renew/renewal-date.js'
import type { Certificate } from '../../src/state/certificates.js'
import type { Failure } from '../../src/state/ledger.js'
import { caKey, targetKey } from '../../src/state/ledger-keys.js'
import { certificate, target } from '../fakes/held.js'

/**
 * Three years of cron, played with the decisions as they are: what is due, who waits, when it is tried again. Only the CA
 * and the clock are made up.
 */

const LE = 'https://acme-v02.api.letsencrypt.org/directory'
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const start = Date.parse('2026-01-01T00:00:00Z')

/** A run's failures come so long after it began: the next day's run is a little too early for a wait of a whole day. */
const runMs = 20_000

/** What goes wrong, `hours` long, every so many days. */
export interface Trouble {
  /** The CA as a whole is down, or each order of these names fails. */
  readonly with: 'ca' | 'names'
  readonly hours: number
  readonly everyDays: number
}

export interface Scenario {
  readonly lifetimeDays: number
  /** At minute 17 of hours evenly over the day. */
  readonly runsADay: number
  readonly targets: number
  readonly trouble?: Trouble | undefined
  readonly days: number
}

export interface Played {
  /** Targets of which a certificate ended before its successor was there, and for how long in all. */
  readonly expired: number
  readonly expiredHours: number
  readonly orders: number
  readonly failures: number
}

export function play(scenario: Scenario): Played {
  const all = Array.from({ length: scenario.targets }, (_, i) => target(`t${i}`, [`t${i}.test`], { ca: LE }))
  const held = new Map<string, Certificate>()
  const failures = new Map<string, Failure>()
  const memory = { failures, validations: new Map<string, Date[]>(), orders: new Map<string, Date[]>() }
  const seen = { expired: new Set<string>(), expiredMs: 0, orders: 0, failures: 0 }
  const end = start + scenario.days * dayMs

  for (let at = start + 17 * 60_000; at < end; at += dayMs / scenario.runsADay) if (at >= firstDue()) run(new Date(at))
  return { ...seen, expired: seen.expired.size, expiredHours: Math.round(seen.expiredMs / hourMs) }

  /** Before it a run has nothing to do: so three years take a second. */
  function firstDue(): number {
    if (held.size < all.length) return start
    return Math.min(...[...held.values()].map(one => (one.facts ? renewAt(one.facts, 30).getTime() : start)))
  }

  /** A few are wanted one after the other, so that each is due at another time; thousands at once, which is harder. */
  function wantedAt(i: number): number {
    return all.length > 100 ? start : start + (i / all.length) * Math.min(scenario.lifetimeDays, 30) * dayMs
  }

  function run(now: Date): void {
    const world = { clock: { now: () => now }, env: {} } as unknown as Parameters<typeof circumstances>[0]
    const targets = all.filter((_, i) => now.getTime() >= wantedAt(i))
    const around = circumstances(world, targets.length)
    const issue = dueTargets({ targets, certificates: [...held.values()], links: new Map() }, { now })
    for (const due of admit(issue, memory, around).admitted)
      if (!caDeferral(due, memory, around)) attempt(due.target, now)
  }

  function attempt(of: Target, now: Date): void {
    const done = new Date(now.getTime() + runMs)
    seen.orders++
    if (isTrouble(now)) {
      seen.failures++
      const key = scenario.trouble?.with === 'ca' ? caKey(LE) : targetKey(of)
      failures.set(key, afterFailure(failures.get(key), done, { code: 'UNAVAILABLE', message: 'trouble' }))
      return
    }
    const { ordersPer3Hours = 0 } = limitsOf(LE, {})
    memory.orders.set(caKey(LE), [...(memory.orders.get(caKey(LE)) ?? []), now].slice(-ordersPer3Hours))
    failures.delete(caKey(LE))
    failures.delete(targetKey(of))
    const before = held.get(of.file)?.facts?.notAfter
    if (before && before < done) {
      seen.expired.add(of.file)
      seen.expiredMs += done.getTime() - before.getTime()
    }
    const dates = { notBefore: done, notAfter: new Date(done.getTime() + scenario.lifetimeDays * dayMs) }
    held.set(of.file, certificate(`${of.file}-${done.getTime()}`, of.names, { facts: dates }))
  }

  /** Never in the first weeks: something must be held. */
  function isTrouble(now: Date): boolean {
    const { trouble } = scenario
    if (!trouble) return false
    const sinceMs = now.getTime() - start - 35 * dayMs
    return sinceMs >= 0 && sinceMs % (trouble.everyDays * dayMs) < trouble.hours * hourMs
  }
}
