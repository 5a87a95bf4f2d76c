import { codeOf, FAULTS, isUnwritten, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { retry } from '../core/retry.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { OpenProvider } from '../provider/loader.js'
import type { Journal } from '../state/journal.js'

/** All changes of one zone at one provider. Never two calls at once: what comes while one runs is the next one. */
export interface ZoneQueue {
  /** Resolves when the provider has accepted the value. */
  present(record: TxtRecord): Promise<void>
  /** Resolves when the value is gone, or could not be removed and stays in the journal. */
  cleanup(record: TxtRecord): Promise<void>
  /** Look again whether to go: who was expected came or won't come. */
  nudge(): void
  /** Removes at once all that is up and not yet waiting for removal; resolves when nothing runs any more. */
  close(): Promise<void>
}

export interface ZoneQueueParts {
  readonly world: Pick<World, 'clock' | 'random' | 'log'>
  readonly journal: Journal
  /** Stops presenting, never cleaning. */
  readonly signal: AbortSignal
  /** Whether somebody may still ask for a record in this run: then a dear change waits for batchDelaySeconds. */
  readonly othersMayCome: () => boolean
  /** Told of values that may be up and could not be removed. */
  readonly leftBehind: (text: string) => void
}

/** A provider that answers "later" is asked again for this long; then the record's target waits for the next run. */
const presentGiveUpSeconds = 120
/** cleanup has a deadline of its own: the signal that stopped the run must not stop the cleaning. */
const cleanupGiveUpSeconds = 60
/** A lone value waits for others to be removed with it at most this many gather times. */
const cleanupPatience = 10

interface Waiting {
  readonly record: TxtRecord
  readonly since: Date
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const keyOf = (record: TxtRecord): string => `${record.name} ${record.value}`

export function openZoneQueue(parts: ZoneQueueParts, by: OpenProvider, zone: Name): ZoneQueue {
  const { world, journal, signal } = parts
  const batchDelaySeconds = by.definition.batchDelaySeconds ?? 0
  const oneAName = by.provider.oneValuePerName ?? by.definition.oneValuePerName ?? false
  let toPresent: Waiting[] = []
  let toCleanup: Waiting[] = []
  /** Values that are up, or may be: told to the provider and not yet taken back. */
  const up = new Map<string, TxtRecord>()
  /** Journal entry → keys of its records that may still be up. */
  const noted = new Map<string, Set<string>>()
  let nudged = new AbortController()
  let running: Promise<void> | undefined
  let closing = false

  const ageSeconds = (waiting: Waiting | undefined): number =>
    waiting ? (world.clock.now().getTime() - waiting.since.getTime()) / 1000 : 0
  const nameIsFree = ({ record }: Waiting): boolean =>
    !oneAName || ![...up.values()].some(other => other.name === record.name)

  /** Seconds until a call is worth making: 0 now; undefined: not before somebody nudges. */
  function secondsLeft(): number | undefined {
    if (toPresent.length + toCleanup.length === 0) return undefined
    const free = toPresent.find(nameIsFree)
    if (signal.aborted || (closing && (free || toCleanup.length > 0))) return 0
    if (free) return parts.othersMayCome() ? Math.max(0, batchDelaySeconds - ageSeconds(free)) : 0
    if (toCleanup.length === 0) return undefined
    return oneAName || toCleanup.length >= up.size
      ? 0
      : Math.max(0, cleanupPatience * batchDelaySeconds - ageSeconds(toCleanup[0]))
  }

  async function serve(): Promise<void> {
    await world.clock.sleep(0, new AbortController().signal) // what is asked for in the same moment goes together
    for (let left = secondsLeft(); left !== undefined; left = secondsLeft()) {
      if (left > 0) await sleepUntilNudged(left)
      else await change()
    }
  }

  async function sleepUntilNudged(seconds: number): Promise<void> {
    nudged = new AbortController()
    await world.clock.sleep(seconds, nudged.signal).catch(() => {})
  }

  async function change(): Promise<void> {
    const adding = takePresent()
    const removing = toCleanup
    toCleanup = []
    if (adding.length > 0) await add(adding)
    if (removing.length > 0) await remove(removing)
  }

  /** All that wait, or (one value a name) the first of each free name. */
  function takePresent(): Waiting[] {
    if (signal.aborted) {
      for (const { reject } of toPresent.splice(0)) reject(signal.reason)
      return []
    }
    const names = new Set<Name>()
    const taken = toPresent.filter(
      w => nameIsFree(w) && (!oneAName || (!names.has(w.record.name) && names.add(w.record.name))),
    )
    toPresent = toPresent.filter(w => !taken.includes(w))
    return taken
  }

  async function add(adding: readonly Waiting[]): Promise<void> {
    const records = adding.map(w => w.record)
    let news: readonly TxtRecord[] = []
    try {
      news = await note(records)
      await call('present', records, presentGiveUpSeconds, signal)
      for (const { resolve } of adding) resolve()
    } catch (error) {
      if (isUnwritten(error)) await unnote(news)
      const files = new Set(adding.map(w => w.record.challenge.targetFile))
      if (files.size > 1 && !signal.aborted && !FAULTS[codeOf(error)].again) await addApart(adding, files)
      else for (const { reject } of adding) reject(error)
    }
  }

  /** A change that was refused as a whole is tried again target by target: one wrong name must not hold up the others. */
  async function addApart(adding: readonly Waiting[], files: ReadonlySet<string>): Promise<void> {
    for (const file of files) await add(adding.filter(w => w.record.challenge.targetFile === file))
  }

  /** What is new of these: that which this call alone may bring up. */
  async function note(records: readonly TxtRecord[]): Promise<TxtRecord[]> {
    const news = records.filter(record => !up.has(keyOf(record)))
    if (news.length > 0) {
      const id = Buffer.from(world.random(12)).toString('hex')
      await journal.note({ id, zone, records: news, ...by.config })
      noted.set(id, new Set(news.map(keyOf)))
    }
    for (const record of records) up.set(keyOf(record), record)
    return news
  }

  /** Nothing of it was written, for sure: nobody need take it back, in this run or a later one. */
  async function unnote(news: readonly TxtRecord[]): Promise<void> {
    for (const record of news) up.delete(keyOf(record))
    try {
      await forget(news)
    } catch (error) {
      world.log.debug(`${zone}: the journal keeps records that were never written: ${messageOf(error)}`)
    }
  }

  async function remove(removing: readonly Waiting[]): Promise<void> {
    const records = removing.map(w => w.record).filter(record => up.has(keyOf(record)))
    try {
      if (records.length > 0)
        await call('cleanup', records, cleanupGiveUpSeconds, world.clock.deadline(cleanupGiveUpSeconds + 30))
      await forget(records)
    } catch (error) {
      parts.leftBehind(
        `${zone}: ${records.length} TXT record(s) could not be removed: ${messageOf(error)}; the next run tries again`,
      )
    }
    for (const record of records) up.delete(keyOf(record))
    for (const { resolve } of removing) resolve()
  }

  async function forget(records: readonly TxtRecord[]): Promise<void> {
    for (const [id, keys] of noted) {
      for (const record of records) keys.delete(keyOf(record))
      if (keys.size > 0) continue
      noted.delete(id)
      await journal.gone(id)
    }
  }

  const call = (
    what: 'present' | 'cleanup',
    records: readonly TxtRecord[],
    giveUpAfterSeconds: number,
    stop: AbortSignal,
  ): Promise<void> => {
    world.log.debug(`${by.definition.name}: ${what} ${records.length} record(s) in ${zone}`)
    return retry(world, { what: `${by.definition.name}: ${what} in ${zone}`, giveUpAfterSeconds, signal: stop }, () =>
      by.provider[what](records, { zone, signal: stop, log: world.log }),
    )
  }

  function nudge(): void {
    nudged.abort()
    running ??= serve().finally(() => {
      running = undefined
      if (secondsLeft() !== undefined) nudge()
    })
  }

  const enqueue = (queue: () => Waiting[], record: TxtRecord): Promise<void> =>
    new Promise((resolve, reject) => {
      queue().push({ record, since: world.clock.now(), resolve, reject })
      nudge()
    })

  signal.addEventListener('abort', nudge)
  const cleanup = (record: TxtRecord): Promise<void> => enqueue(() => toCleanup, record)
  return {
    present: record => enqueue(() => toPresent, record),
    cleanup,
    nudge,
    close: async () => {
      closing = true
      signal.removeEventListener('abort', nudge)
      do {
        await Promise.all([...up.values()].map(cleanup))
        nudge()
        while (running) await running
      } while (up.size > 0) // what was under way or waiting has come up meanwhile
    },
  }
}
