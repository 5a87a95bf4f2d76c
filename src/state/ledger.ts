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
}

/** What earlier runs learnt of what CAs allow and of what fails, by the keys of ledger-keys.ts. */
export interface Memory {
  readonly failures: ReadonlyMap<string, Failure>
  /** When the CA found a name's challenge wrong. */
  readonly validations: ReadonlyMap<string, readonly Date[]>
  /** When orders were made. */
  readonly orders: ReadonlyMap<string, readonly Date[]>
}

/** Every change is on disk when its promise resolves; what changes meanwhile shares the next write. One that changes nothing writes nothing. */
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
  /** A damaged file goes to .dns01/set-aside, so that it is complained about once. */
  mend(): Promise<void>
}

/** Nothing is kept longer, so that it cannot grow for ever: what still fails is tried at least once a day. */
const keep = { failureDays: 30, validationHours: 1, orderHours: 3 } as const
const hourMs = 3_600_000

const date = v.pipe(
  v.string(),
  v.transform(text => new Date(text)),
  v.date(), // no Invalid Date
)
/** A CA nearby needs no memory: it is done when it is looked at first. And what hardly changed is not written again. */
const worthWriting = { seconds: 1, change: 0.2 } as const

const dates = v.record(v.string(), v.array(date))
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
    }),
  ),
  validations: dates,
  orders: dates,
  paces: v.fallback(v.optional(v.record(v.string(), v.pipe(v.number(), v.minValue(0), v.maxValue(600))), {}), {}),
})

/**
 * Reads .dns01/ledger.json. One that is damaged counts as empty, with a warning: then the CA's own limits are all that
 * holds. Times to come are not believed: somebody had set the clock wrong.
 */
export function openLedger(disk: Disk, { clock, log }: Pick<World, 'clock' | 'log'>): Ledger {
  const { data, damaged } = read(disk, log)
  let toSetAside = damaged
  const failures = new Map(Object.entries(data.failures))
  const validations = new Map(Object.entries(data.validations))
  const orders = new Map(Object.entries(data.orders))
  const paces = new Map(Object.entries(data.paces))
  let written = new Map(paces)
  let writing = Promise.resolve()
  let next: Promise<void> | undefined

  function prune(): void {
    const now = clock.now().getTime()
    const since = (at: Date): number => (now < at.getTime() ? Number.POSITIVE_INFINITY : now - at.getTime())
    for (const [key, { last }] of failures) if (since(last) > keep.failureDays * 24 * hourMs) failures.delete(key)
    for (const [map, hours] of [[validations, keep.validationHours] as const, [orders, keep.orderHours] as const])
      for (const [key, times] of map) {
        const young = times.filter(at => since(at) < hours * hourMs)
        if (young.length === 0) map.delete(key)
        else if (young.length < times.length) map.set(key, young)
      }
  }

  function save(): Promise<void> {
    next ??= writing
      .catch(() => undefined) // its own callers were told
      .then(async () => {
        await mend()
        next = undefined
        prune()
        writing = write()
        return writing
      })
    return next
  }

  function write(): Promise<void> {
    for (const [key, seconds] of paces) if (seconds < worthWriting.seconds) paces.delete(key)
    written = new Map(paces)
    if (failures.size + validations.size + orders.size + paces.size === 0) return disk.remove(LEDGER)
    return disk.writeFile(LEDGER, `${JSON.stringify(document({ failures, validations, orders, paces }), null, 1)}\n`)
  }

  const isNews = ([key, seconds]: readonly [string, number]): boolean => {
    const before = written.get(key) ?? 0
    const most = Math.max(before, seconds)
    return most >= worthWriting.seconds && Math.abs(seconds - before) > most * worthWriting.change
  }

  async function mend(): Promise<void> {
    if (toSetAside) await disk.moveFolder(LEDGER, freePlace(disk, `${SET_ASIDE}/ledger.json`))
    toSetAside = false
  }

  prune()
  const add = (map: Map<string, readonly Date[]>, keys: readonly string[]): Promise<void> => {
    for (const key of keys) map.set(key, [...(map.get(key) ?? []), clock.now()])
    return keys.length === 0 ? Promise.resolve() : save()
  }
  return {
    failures,
    validations,
    orders,
    paces,
    took: (key, seconds) => void paces.set(key, seconds),
    failed(key, failure) {
      // Masked here: who reads it later (status, plan) knows no secret.
      const kept = (text: string): string => brief(log.masked(text))
      failures.set(key, { ...failure, message: kept(failure.message), hint: failure.hint && kept(failure.hint) })
      return save()
    },
    succeeded: async (...keys) => {
      const forgotten = keys.filter(key => failures.delete(key))
      if (forgotten.length > 0 || [...paces].some(isNews)) await save()
    },
    validationFailed: (...keys) => add(validations, keys),
    ordered: key => add(orders, [key]),
    mend,
  }
}

const empty = { failures: {}, validations: {}, orders: {}, paces: {} }

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

const document = ({ failures, validations, orders, paces }: Memory & Pick<Ledger, 'paces'>) => ({
  failures: Object.fromEntries(failures),
  validations: Object.fromEntries(validations),
  orders: Object.fromEntries(orders),
  ...(paces.size > 0 && { paces: Object.fromEntries(paces) }),
})
