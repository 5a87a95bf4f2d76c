// The ledger: what runs learn of the CAs and leave to the next ones, in .dns01/ledger.json. When what failed, how often
// validation of a name failed and when orders were made (src/limits/ decides by these), and how long the CAs take.
import * as v from 'valibot'
import { messageOf } from '../core/errors.js'
import { brief } from '../core/gate.js'
import type { World } from '../core/world.js'
import { type Disk, freePlace } from './disk.js'
import { LEDGER, SET_ASIDE } from './layout.js'

/** What went wrong with one thing, since when and how often. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
  /** The first of the failures since the last success. */
  readonly since: Date
  readonly last: Date
  readonly times: number
  /** Before this time the CA does not want to hear of it (Retry-After). */
  readonly notBefore?: Date | undefined
  /** It was the CA that failed, so that another might do it. */
  readonly caFailed?: boolean | undefined
}

/** What earlier runs learnt of what CAs allow and of what fails, by the keys of ledger-keys.ts. */
export interface Memory {
  readonly failures: ReadonlyMap<string, Failure>
  /** When the CA found a name's challenge wrong. */
  readonly validations: ReadonlyMap<string, readonly Date[]>
  /** When orders were made. */
  readonly orders: ReadonlyMap<string, readonly Date[]>
}

/** What somebody was told of a trouble that is not over. */
export interface Told {
  readonly since: Date
  /** Of the failure that was told; absent: of none. */
  readonly code?: string | undefined
  /** At which threshold of hours left it was told. */
  readonly hoursLeft?: number | undefined
}

/**
 * Every change is on disk when its promise resolves; what changes meanwhile shares the next write. One that changes nothing
 * writes nothing.
 */
export interface Ledger extends Memory {
  failed(key: string, failure: Failure): Promise<void>
  /** Forgets failures. */
  succeeded(...keys: readonly string[]): Promise<void>
  validationFailed(...keys: readonly string[]): Promise<void>
  ordered(key: string): Promise<void>
  /** How many seconds something took, by a key of acme/pace.ts, after the name of the CA. */
  readonly paces: ReadonlyMap<string, number>
  /** Is written with the next change, and by succeeded() at the latest where it is worth a write. */
  took(key: string, seconds: number): void
  /**
   * Notes that this is so, and says whether it is news. What holds at every renewal is told when it begins, not each time:
   * cron sends a mail for every line.
   */
  isNews(key: string): Promise<boolean>
  /** It is so no longer: the next time it is news. */
  isOver(key: string): Promise<void>
  /** When records of dns-persist-01 end, as they were seen last. Somebody may have published a later end meanwhile. */
  readonly recordEnds: ReadonlyMap<string, Date>
  /** Records were seen; undefined: without an end. */
  recordsSeen(ends: Iterable<readonly [key: string, until: Date | undefined]>): Promise<void>
  /** What each channel of notices has told, and of what. */
  readonly notices: ReadonlyMap<string, Readonly<Record<string, Told>>>
  /** All that this channel has told by now. */
  noticesTold(channel: string, told: Readonly<Record<string, Told>>): Promise<void>
  /** Moves a damaged file to .dns01/set-aside, so that it is complained about once. */
  setDamagedAside(): Promise<void>
}

/**
 * Nothing is kept longer, so that it cannot grow for ever. What still fails is tried at least once a day, so after 30 days nobody
 * wants it any more; the CAs' limits count an hour and three (src/limits/rate-limits.ts). What was told is seen again at
 * the next renewal, at the latest when the longest-lived certificate ends.
 */
const keep = { failureDays: 30, validationHours: 1, orderHours: 3, toldDays: 825 } as const
const hourMs = 3_600_000

/**
 * Our own choice: a CA nearby needs no memory, it is done when it is looked at first; and what hardly changed is not
 * written again.
 */
const worthWriting = { seconds: 1, change: 0.2 } as const

const date = v.pipe(
  v.string(),
  v.transform(text => new Date(text)),
  v.date(), // no Invalid Date
)
const dates = v.record(v.string(), v.array(date))
const told = v.object({ since: date, code: v.optional(v.string()), hoursLeft: v.optional(v.number()) })
const schema = v.object({
  failures: v.record(
    v.string(),
    v.object({
      code: v.string(),
      message: v.string(),
      hint: v.optional(v.string()),
      since: date,
      last: date,
      times: v.pipe(v.number(), v.integer(), v.minValue(1)),
      notBefore: v.optional(date),
      caFailed: v.optional(v.boolean()),
    }),
  ),
  validations: dates,
  orders: dates,
  paces: v.fallback(v.optional(v.record(v.string(), v.pipe(v.number(), v.minValue(0), v.maxValue(600))), {}), {}),
  told: v.fallback(v.optional(v.record(v.string(), date), {}), {}),
  recordEnds: v.fallback(v.optional(v.record(v.string(), date), {}), {}),
  notices: v.fallback(v.optional(v.record(v.string(), v.record(v.string(), told)), {}), {}),
})

/**
 * Reads .dns01/ledger.json. One that is damaged counts as empty, with a warning: then the CA's own limits are all that
 * holds. Times to come are not believed: somebody had set the clock wrong.
 */
export const openLedger = (disk: Disk, world: LedgerWorld): Ledger => new LedgerFile(disk, world)

type LedgerWorld = Pick<World, 'clock' | 'log'>

class LedgerFile implements Ledger {
  readonly failures: Map<string, Failure>
  readonly validations: Map<string, readonly Date[]>
  readonly orders: Map<string, readonly Date[]>
  readonly paces: Map<string, number>
  /** What somebody was told, and when it was last so. */
  readonly told: Map<string, Date>
  readonly recordEnds: Map<string, Date>
  readonly notices: Map<string, Readonly<Record<string, Told>>>
  readonly #disk: Disk
  readonly #world: LedgerWorld
  /** The file is damaged, and still in its place. */
  #damaged: boolean
  /** The paces as they are on disk. */
  #pacesWritten: ReadonlyMap<string, number>
  /** The write under way, or the last one. */
  #writing = Promise.resolve()
  /** The write after it, which takes every change until it begins; undefined: nobody has asked for one. */
  #next: Promise<void> | undefined

  constructor(disk: Disk, world: LedgerWorld) {
    const { data, damaged } = read(disk, world.log)
    this.#disk = disk
    this.#world = world
    this.#damaged = damaged
    this.failures = new Map(Object.entries(data.failures))
    this.validations = new Map(Object.entries(data.validations))
    this.orders = new Map(Object.entries(data.orders))
    this.paces = new Map(Object.entries(data.paces))
    this.told = new Map(Object.entries(data.told))
    this.recordEnds = new Map(Object.entries(data.recordEnds))
    this.notices = new Map(Object.entries(data.notices))
    this.#pacesWritten = new Map(this.paces)
    this.#forgetOld()
  }

  /** What it says is masked here: who reads it later (status, plan) knows no secret. */
  failed(key: string, failure: Failure): Promise<void> {
    const kept = (text: string): string => brief(this.#world.log.masked(text))
    this.failures.set(key, { ...failure, message: kept(failure.message), hint: failure.hint && kept(failure.hint) })
    return this.#save()
  }

  async succeeded(...keys: readonly string[]): Promise<void> {
    const before = this.failures.size
    for (const key of keys) this.failures.delete(key)
    if (this.failures.size < before || this.#pacesChanged()) await this.#save()
  }

  validationFailed(...keys: readonly string[]): Promise<void> {
    return this.#addTime(this.validations, keys)
  }

  ordered(key: string): Promise<void> {
    return this.#addTime(this.orders, [key])
  }

  took(key: string, seconds: number): void {
    this.paces.set(key, seconds)
  }

  async isNews(key: string): Promise<boolean> {
    const isNew = !this.told.has(key)
    this.told.set(key, this.#world.clock.now()) // a new time is written with the next change
    if (isNew) await this.#save()
    return isNew
  }

  async isOver(key: string): Promise<void> {
    if (this.told.delete(key)) await this.#save()
  }

  async recordsSeen(ends: Iterable<readonly [string, Date | undefined]>): Promise<void> {
    let changed = false
    for (const [key, until] of ends) {
      if (this.recordEnds.get(key)?.getTime() === until?.getTime()) continue
      if (until) this.recordEnds.set(key, until)
      else this.recordEnds.delete(key)
      changed = true
    }
    if (changed) await this.#save()
  }

  async noticesTold(channel: string, told: Readonly<Record<string, Told>>): Promise<void> {
    if (JSON.stringify(told) === JSON.stringify(this.notices.get(channel) ?? {})) return
    if (Object.keys(told).length > 0) this.notices.set(channel, told)
    else this.notices.delete(channel)
    await this.#save()
  }

  async setDamagedAside(): Promise<void> {
    if (this.#damaged) await this.#disk.moveFolder(LEDGER, freePlace(this.#disk, `${SET_ASIDE}/ledger.json`))
    this.#damaged = false
  }

  #addTime(times: Map<string, readonly Date[]>, keys: readonly string[]): Promise<void> {
    for (const key of keys) times.set(key, [...(times.get(key) ?? []), this.#world.clock.now()])
    return keys.length === 0 ? Promise.resolve() : this.#save()
  }

  #save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined) // its own callers were told
      .then(async () => {
        await this.setDamagedAside()
        this.#next = undefined
        this.#forgetOld()
        this.#writing = this.#write()
        return this.#writing
      })
    return this.#next
  }

  #write(): Promise<void> {
    const { failures, validations, orders, paces, told, recordEnds, notices } = this
    for (const [key, seconds] of paces) if (seconds < worthWriting.seconds) paces.delete(key)
    this.#pacesWritten = new Map(paces)
    const all = [failures, validations, orders, paces, told, recordEnds, notices]
    if (all.every(({ size }) => size === 0)) return this.#disk.remove(LEDGER)
    return this.#disk.writeFile(LEDGER, `${JSON.stringify(document(this), null, 1)}\n`)
  }

  #pacesChanged(): boolean {
    return [...this.paces].some(([key, seconds]) => {
      const before = this.#pacesWritten.get(key) ?? 0
      const most = Math.max(before, seconds)
      return most >= worthWriting.seconds && Math.abs(seconds - before) > most * worthWriting.change
    })
  }

  #forgetOld(): void {
    const now = this.#world.clock.now()
    for (const [key, { last }] of this.failures)
      if (ageHours(last, now) > keep.failureDays * 24) this.failures.delete(key)
    for (const [key, at] of this.told) if (ageHours(at, now) > keep.toldDays * 24) this.told.delete(key)
    // that of a record lies mostly ahead; when it is long over, nobody wants the name any more
    for (const [key, at] of this.recordEnds)
      if (now.getTime() - at.getTime() > keep.failureDays * 24 * hourMs) this.recordEnds.delete(key)
    forgetOldTimes(this.validations, now, keep.validationHours)
    forgetOldTimes(this.orders, now, keep.orderHours)
  }
}

function forgetOldTimes(all: Map<string, readonly Date[]>, now: Date, hours: number): void {
  for (const [key, times] of all) {
    const young = times.filter(at => ageHours(at, now) < hours)
    if (young.length === 0) all.delete(key)
    else if (young.length < times.length) all.set(key, young)
  }
}

/** Of a time to come there is no end: it is forgotten. */
const ageHours = (at: Date, now: Date): number =>
  at > now ? Number.POSITIVE_INFINITY : (now.getTime() - at.getTime()) / hourMs

const empty = { failures: {}, validations: {}, orders: {}, paces: {}, told: {}, recordEnds: {}, notices: {} }

function read(
  disk: Disk,
  log: World['log'],
): { readonly data: v.InferOutput<typeof schema>; readonly damaged: boolean } {
  const text = disk.readIfThere(LEDGER)
  if (text === undefined) return { data: empty, damaged: false }
  try {
    return { data: v.parse(schema, JSON.parse(text)), damaged: false }
  } catch (error) {
    log.warn(`${disk.root}/${LEDGER} is damaged (${messageOf(error)}); what earlier runs learnt of the CA is lost`)
    return { data: empty, damaged: true }
  }
}

const document = ({ failures, validations, orders, paces, told, recordEnds, notices }: LedgerFile) => ({
  failures: Object.fromEntries(failures),
  validations: Object.fromEntries(validations),
  orders: Object.fromEntries(orders),
  ...(paces.size > 0 && { paces: Object.fromEntries(paces) }),
  ...(told.size > 0 && { told: Object.fromEntries(told) }),
  ...(recordEnds.size > 0 && { recordEnds: Object.fromEntries(recordEnds) }),
  ...(notices.size > 0 && { notices: Object.fromEntries(notices) }),
})
