import type { SuggestedWindow } from '../../src/acme/renewal-info.js'
import type { Target } from '../../src/core/target.js'
import { admit, caDeferral, circumstances, isAskedFor } from '../../src/limits/admission.js'
import { afterFailure } from '../../src/limits/backoff.js'
import { limitsOf } from '../../src/limits/rate-limits.js'
import { dueTargets } from '../../src/renew/due.js'
import { renewalOf } from '../../src/renew/renewal-date.js'
import { afterAnswer, type InUse, isToLookUp, whomToAsk } from '../../src/renew/whom-to-ask.js'
import type { Certificate } from '../../src/state/certificates.js'
import type { Failure } from '../../src/state/ledger.js'
import { caKey } from '../../src/state/ledger-keys.js'
import type { KeptRenewal, KeptService } from '../../src/state/renewal-memory.js'
import { certificate, target } from '../fakes/held.js'

/**
 * Years of cron against a CA that says when to renew (RFC 9773), with the decisions of the program as they are: whom to ask,
 * what is due, who is admitted. Made up are the CA, which behaves and is limited as Let's Encrypt, and the clocks.
 */

const LE = 'https://acme-v02.api.letsencrypt.org/directory'
/** Computed once: years of it are millions. */
const CA = caKey(LE)
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const start = Date.parse('2026-01-01T00:00:00Z')

/** Of a run, whatever it does, and of one certificate (acme/client.ts): directory, nonce, account; order to certificate. */
const requests = { run: 3, order: 7 } as const

/** How long after it says that it must take all certificates back the CA does so: the longest by its rules, CA/Browser Forum BR §4.9.1.1. */
const revokedAfterDays = 5

export interface Years {
  readonly lifetimeDays: number
  readonly runsADay: number
  readonly certificates: number
  readonly days: number
  /** The CA is away: so many hours, every so many days. */
  readonly outages?: readonly { readonly hours: number; readonly everyDays: number }[]
  /** Every so many days the CA asks for all that it has issued to be replaced, and revokes it five days later. */
  readonly replacementEveryDays?: number
  /** Every so many days the machine's clock is a day ahead for two days; a month later a day behind. */
  readonly clockJumpsEveryDays?: number
}

export interface Lived {
  /** Certificates that were served when they had ended, and for how long at most. */
  readonly expired: number
  readonly longestExpiredHours: number
  /** Served when the CA had revoked them. */
  readonly revoked: number
  /** What was left of the lifetime, at least, when a certificate was renewed. */
  readonly leastLeftHours: number
  /** Orders that the CA refused: beyond 300 in three hours, those apart that it asked for itself. */
  readonly refused: number
  readonly orders: number
  readonly mostOrdersADay: number
  readonly requests: number
  readonly mostRequestsADay: number
}

interface Held {
  readonly certificate: Certificate
  readonly inUse: InUse
  /** When it was made: its dates begin an hour earlier. */
  readonly made: number
  /** When it is to be renewed. */
  readonly at: Date
  /** What the CA says of it, unless it must be replaced. */
  readonly window: SuggestedWindow
}

/** Plays it, and counts. */
export const live = (scenario: Years): Lived => new Play(scenario).play()

class Play {
  readonly #scenario: Years
  readonly #targets
  readonly #held = new Map<string, Held>()
  /** Of a certificate's id. */
  readonly #fileOf = new Map<string, string>()
  readonly #failures = new Map<string, Failure>()
  readonly #orders = new Map<string, Date[]>()
  readonly #known = new Map<string, KeptRenewal>()
  #service: KeptService | undefined
  /** Orders that count at the CA: when they were made. */
  #counted: number[] = []
  readonly #perDay = { orders: new Map<number, number>(), requests: new Map<number, number>() }
  readonly #sums = {
    expired: 0,
    longestExpiredHours: 0,
    revoked: 0,
    leastLeftHours: Number.POSITIVE_INFINITY,
    refused: 0,
  }
  #made = 0
  #dice = 1

  constructor(scenario: Years) {
    this.#scenario = scenario
    this.#targets = Array.from({ length: scenario.certificates }, (_, i) => target(`t${i}`, [`t${i}.test`], { ca: LE }))
  }

  play(): Lived {
    const { days, runsADay } = this.#scenario
    const end = start + days * dayMs
    // a run begins some seconds before or after its minute, as cron does
    for (let at = start + 17 * 60_000; at < end; at += dayMs / runsADay) this.#run(at + this.#chance() * 5000)
    const { orders, requests: asked } = this.#perDay
    const sum = (counts: ReadonlyMap<number, number>): number => [...counts.values()].reduce((a, b) => a + b, 0)
    const most = (counts: ReadonlyMap<number, number>): number => Math.max(0, ...counts.values())
    const perDay = {
      orders: sum(orders),
      mostOrdersADay: most(orders),
      requests: sum(asked),
      mostRequestsADay: most(asked),
    }
    return { ...this.#sums, ...perDay }
  }

  #run(real: number): void {
    const now = new Date(real + this.#clockIsWrongBy(real))
    this.#ask(real, now)
    const due = this.#targets.filter(({ file }) => now >= (this.#held.get(file)?.at ?? now))
    if (due.length === 0) return
    const around = circumstances({ clock: { now: () => now }, env: {} } as never, this.#targets.length)
    const memory = { failures: this.#failures, validations: new Map(), orders: this.#orders }
    const certificates = due.flatMap(({ file }) => this.#held.get(file)?.certificate ?? [])
    const { admitted } = admit(dueTargets({ targets: due, certificates, links: new Map() }, { now }), memory, around)
    let talked = false
    for (const one of admitted) {
      if (caDeferral(one, memory, around)) continue
      if (!talked) this.#count('requests', real, requests.run)
      talked = true
      if (this.#isAway(real)) this.#fail(now)
      else this.#issue(one.target.file, real, now, isAskedFor(one))
    }
  }

  /** As renew/renewal-info.ts does it. */
  #ask(real: number, now: Date): void {
    if (this.#held.size === 0) return
    if (isToLookUp(this.#service, now)) {
      this.#count('requests', real, 1)
      const url = this.#isAway(real) ? undefined : 'https://ari.test'
      this.#service = { url, askAgain: new Date(now.getTime() + (url ? 24 : 6) * hourMs) }
    }
    if (this.#service?.url === undefined) return
    const inUse = [...this.#held.values()].map(held => held.inUse)
    const asking = whomToAsk(inUse, this.#known, now)
    for (const [id, askAgain] of asking.later) this.#known.set(id, { ...this.#known.get(id), askAgain })
    for (const { id } of asking.now) {
      this.#count('requests', real, 1)
      if (this.#isAway(real)) {
        this.#service = { askAgain: new Date(now.getTime() + 6 * hourMs) }
        return
      }
      const file = this.#fileOf.get(id) as string
      const held = this.#held.get(file) as Held
      const answer = { window: this.#windowOf(held, real), askAgainSeconds: 6 * 3600 }
      const renewal = afterAnswer(this.#known.get(id), answer, now, this.#chance())
      this.#known.set(id, renewal)
      this.#hold(file, { ...held, certificate: { ...held.certificate, renewal } })
    }
  }

  #hold(file: string, held: Omit<Held, 'at' | 'inUse'>): void {
    const { certificate: one } = held
    const at = renewalOf(one, this.#targets[0] as Target)?.at as Date
    this.#fileOf.set(one.id, file)
    this.#held.set(file, { ...held, at, inUse: { id: one.id, notAfter: one.facts?.notAfter as Date } })
  }

  #windowOf({ made, window }: Held, real: number): SuggestedWindow {
    const replaced = this.#lastReplacement(real)
    const isTakenBack = replaced !== undefined && made < replaced
    return isTakenBack ? { start: new Date(replaced - hourMs), end: new Date(replaced - hourMs / 2) } : window
  }

  #fail(now: Date, retryAfterSeconds?: number): void {
    const what = { code: 'UNAVAILABLE', message: 'away', retryAfterSeconds }
    this.#failures.set(CA, afterFailure(this.#failures.get(CA), new Date(now.getTime() + 20_000), what))
  }

  #issue(file: string, real: number, now: Date, askedFor: boolean): void {
    const before = this.#held.get(file)
    if ((!before || real < this.#windowOf(before, real).start.getTime()) && this.#isRefused(real)) {
      this.#count('requests', real, 1)
      this.#fail(now, 3 * 3600)
      return
    }
    this.#failures.delete(CA)
    this.#count('orders', real, 1)
    this.#count('requests', real, requests.order)
    if (!askedFor) this.#noteOrder(now)
    if (before) this.#look(before, real)
    this.#made++
    if (before) this.#known.delete(before.certificate.id)
    if (before) this.#fileOf.delete(before.certificate.id)
    const { lifetimeDays } = this.#scenario
    const dates = { notBefore: new Date(real - hourMs), notAfter: new Date(real - hourMs + lifetimeDays * dayMs) }
    const ids = { serial: this.#made.toString(16).padStart(8, '0'), authorityKeyId: 'a5' }
    const id = [...this.#made.toString(32).padStart(52, '0')]
      .map(digit => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(digit, 32)])
      .reverse()
    const accountId = `${CA}/account`
    const made = certificate(id.join(''), [`${file}.test`], { facts: { ...dates, ...ids }, accountId })
    this.#hold(file, { certificate: made, made: real, window: usualWindow(dates, lifetimeDays) })
  }

  /** As the ledger does it: what is older than three hours does not count. */
  #noteOrder(now: Date): void {
    const before = this.#orders.get(CA) ?? []
    before.push(now)
    this.#orders.set(CA, before.length > 2000 ? before.slice(-400) : before)
  }

  /** What the world saw of a certificate until now, when its successor is there. */
  #look({ certificate: { facts }, made }: Held, real: number): void {
    if (!facts) return
    const leftHours = (facts.notAfter.getTime() - real) / hourMs
    this.#sums.leastLeftHours = Math.min(this.#sums.leastLeftHours, leftHours)
    if (leftHours < 0) this.#sums.expired++
    this.#sums.longestExpiredHours = Math.max(this.#sums.longestExpiredHours, -leftHours)
    const replaced = this.#lastReplacement(real)
    if (replaced !== undefined && made < replaced && real > replaced + revokedAfterDays * dayMs) this.#sums.revoked++
  }

  /** 300 in three hours: letsencrypt.org/docs/rate-limits. */
  #isRefused(real: number): boolean {
    this.#counted = this.#counted.filter(at => real - at < 3 * hourMs)
    const isTooMany = this.#counted.length >= (limitsOf(LE, {}).ordersPer3Hours ?? 0)
    if (isTooMany) this.#sums.refused++
    else this.#counted.push(real)
    return isTooMany
  }

  #count(what: 'orders' | 'requests', real: number, more: number): void {
    const day = Math.floor((real - start) / dayMs)
    this.#perDay[what].set(day, (this.#perDay[what].get(day) ?? 0) + more)
  }

  /** Trouble begins when something is held, and no two kinds of it at once: each has its own offset. */
  #isAway(real: number): boolean {
    return (this.#scenario.outages ?? []).some(({ hours, everyDays }, i) => {
      const since = real - start - (50 + 13 * i) * dayMs
      return since >= 0 && since % (everyDays * dayMs) < hours * hourMs
    })
  }

  #lastReplacement(real: number): number | undefined {
    const { replacementEveryDays: every } = this.#scenario
    const since = real - start - 100 * dayMs
    if (every === undefined || since < 0) return undefined
    return real - (since % (every * dayMs))
  }

  #clockIsWrongBy(real: number): number {
    const { clockJumpsEveryDays: every } = this.#scenario
    const since = real - start - 80 * dayMs
    if (every === undefined || since < 0) return 0
    const day = (since / dayMs) % every
    if (day < 2) return dayMs
    return day >= 30 && day < 32 ? -dayMs : 0
  }

  /** At least 0, less than 1; the same in each play. */
  #chance(): number {
    this.#dice = (this.#dice * 48_271) % 2_147_483_647
    return this.#dice / 2_147_483_647
  }
}

/** Let's Encrypt's: 2 % of the lifetime wide, about two thirds of it, or below ten days about its half. */
function usualWindow(dates: { notBefore: Date; notAfter: Date }, lifetimeDays: number): SuggestedWindow {
  const lifeMs = dates.notAfter.getTime() - dates.notBefore.getTime()
  const middle = dates.notBefore.getTime() + lifeMs * (lifetimeDays < 10 ? 1 / 2 : 2 / 3)
  return { start: new Date(middle - lifeMs / 100), end: new Date(middle + lifeMs / 100) }
}
