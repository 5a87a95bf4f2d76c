// The history: what became of the last runs, in .dns01/history.json, for `report` and for whoever watches over runs that nobody
// sees. A run that finds nothing to do is not in it, and costs no write: what tells of it is its own lock, which it leaves as
// .dns01/last-run instead of removing it (lock.ts).
import * as v from 'valibot'
import { messageOf } from '../core/errors.js'
import { brief } from '../core/gate.js'
import type { World } from '../core/world.js'
import { type Disk, freePlace } from './disk.js'
import { HISTORY, LAST_RUN, SET_ASIDE } from './layout.js'

/** What became of a run, or of several in a row that said the same. */
export interface RunRecord {
  /** The first of them. */
  readonly started: Date
  /** The last of them. undefined: it was killed, or the power failed, and nobody knows when. */
  readonly ended?: Date | undefined
  /** What the last of them took. */
  readonly seconds?: number | undefined
  readonly times: number
  /** As it was typed: `dns01 --batch reconcile`. */
  readonly command: string
  /** undefined: it did not end by itself. */
  readonly exit?: number | undefined
  /** The certificates that came, by their first names (`www.example.com +2`); at most `longest.list`. */
  readonly issued: readonly string[]
  /** What went wrong, at most `longest.list`. */
  readonly failures: readonly RunFailure[]
  /** How many of each; `failed` counts what is wrong, and not names. */
  readonly counts: Readonly<Record<(typeof COUNTED)[number], number>>
  /** How many orders were made at each CA, by caKey() of ledger-keys.ts. */
  readonly orders: Readonly<Record<string, number>>
}

const COUNTED = ['issued', 'revoked', 'linked', 'failed', 'waiting', 'dnsChanges'] as const

export interface RunFailure {
  /** The names it is about (`www.example.com +2`), or a hook, or `desired`. */
  readonly subject: string
  readonly code: string
  readonly message: string
}

/** Oldest first. Runs that began in the time to come are left out: somebody had set the clock wrong. */
export interface History {
  readonly runs: readonly RunRecord[]
  /** When the last run began that found nothing to do, and nothing wrong. */
  readonly lastQuiet: Date | undefined
  /** On disk when it resolves. One that says the same as the last one is counted there. @throws Dns01Error STATE */
  add(run: RunRecord): Promise<void>
}

/** When a run last ended well, whether or not it found something to do. */
export function lastSuccess({ runs, lastQuiet }: Pick<History, 'runs' | 'lastQuiet'>): Date | undefined {
  const ended = runs.findLast(({ exit }) => exit === 0)?.ended
  return ended && lastQuiet ? (ended > lastQuiet ? ended : lastQuiet) : (ended ?? lastQuiet)
}

/** Our own choice: a year of runs that do something, and a file that is read in a moment. */
const keep = { runs: 200, days: 400, bytes: 256 * 1024 } as const

/** Of one run, and of one text. */
const longest = { list: 20, message: 300, subject: 100, command: 200 } as const

const dayMs = 86_400_000

const date = v.pipe(
  v.string(),
  v.transform(text => new Date(text)),
  v.date(), // no Invalid Date
)
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const schema = v.object({
  runs: v.array(
    v.object({
      started: date,
      ended: v.optional(date),
      seconds: v.optional(v.pipe(v.number(), v.minValue(0))),
      times: v.pipe(count, v.minValue(1)),
      command: v.string(),
      exit: v.optional(count),
      issued: v.array(v.string()),
      failures: v.array(v.object({ subject: v.string(), code: v.string(), message: v.string() })),
      counts: v.object({
        issued: count,
        revoked: count,
        linked: count,
        failed: count,
        waiting: count,
        dnsChanges: count,
      }),
      orders: v.record(v.string(), count),
    }),
  ),
})
const lastRunSchema = v.object({ since: date })

type HistoryWorld = Pick<World, 'clock' | 'log'>

/** Reads it. What is damaged counts as empty, with a warning, and is set aside with the next write, as the ledger is. */
export function openHistory(disk: Disk, world: HistoryWorld): History {
  const { clock, log } = world
  const { runs, damaged } = read(disk, log)
  const now = clock.now()
  return {
    runs: runs.filter(({ started }) => started <= now),
    lastQuiet: readLastRun(disk, now),
    add: async run => {
      if (damaged) await disk.moveFolder(HISTORY, freePlace(disk, `${SET_ASIDE}/history.json`))
      await disk.writeFile(HISTORY, textOf(withRun(runs, shortened(run, log), clock.now())))
    },
  }
}

function read(disk: Disk, log: World['log']): { readonly runs: readonly RunRecord[]; readonly damaged: boolean } {
  try {
    const text = disk.readIfThere(HISTORY)
    if (text === undefined) return { runs: [], damaged: false }
    return { runs: v.parse(schema, JSON.parse(text)).runs, damaged: false }
  } catch (error) {
    log.warn(`${disk.root}/${HISTORY} is damaged (${brief(messageOf(error))}); what earlier runs did is lost`)
    return { runs: [], damaged: true }
  }
}

/** It is worth no warning: the next quiet run leaves another. */
function readLastRun(disk: Disk, now: Date): Date | undefined {
  try {
    const { since } = v.parse(lastRunSchema, JSON.parse(disk.readIfThere(LAST_RUN) ?? 'null'))
    return since <= now ? since : undefined
  } catch {
    return undefined
  }
}

/** What it says is masked here: who reads it later knows no secret. */
function shortened(run: RunRecord, log: World['log']): RunRecord {
  const kept = (text: string, most: number): string => brief(log.masked(text), most)
  return {
    ...run,
    command: kept(run.command, longest.command),
    issued: run.issued.slice(0, longest.list).map(name => kept(name, longest.subject)),
    failures: run.failures.slice(0, longest.list).map(({ subject, code, message }) => ({
      subject: kept(subject, longest.subject),
      code,
      message: kept(message, longest.message),
    })),
  }
}

/**
 * With one more run. What is too old goes, then the oldest of what is too much. One of the time to come stays until its turn: where
 * the clock is slow for once (a machine that starts without one), everything else is of the time to come.
 */
export function withRun(runs: readonly RunRecord[], run: RunRecord, now: Date): RunRecord[] {
  const last = runs.at(-1)
  const all = last && saysTheSame(last, run) ? [...runs.slice(0, -1), both(last, run)] : [...runs, run]
  const young = all.filter(({ started, ended = started }) => now.getTime() - ended.getTime() <= keep.days * dayMs)
  const kept = young.slice(-keep.runs)
  for (let bytes = textOf(kept).length; bytes > keep.bytes && kept.length > 1; )
    bytes -= textOf(kept.splice(0, 1)).length
  return kept
}

/** Each hour the same complaint about a target file would leave no room for anything else. */
function saysTheSame(a: RunRecord, b: RunRecord): boolean {
  const didNothing = ({ counts }: RunRecord): boolean => counts.issued + counts.revoked + counts.linked === 0
  const what = ({ command, exit, failures, counts }: RunRecord): string =>
    JSON.stringify([command, exit, counts.failed, failures.map(({ subject, code }) => [subject, code])])
  return a.exit !== undefined && a.exit !== 0 && didNothing(a) && didNothing(b) && what(a) === what(b)
}

/** What was said last is what holds. */
function both(a: RunRecord, b: RunRecord): RunRecord {
  const orders = { ...a.orders }
  for (const [ca, made] of Object.entries(b.orders)) orders[ca] = (orders[ca] ?? 0) + made
  const dnsChanges = a.counts.dnsChanges + b.counts.dnsChanges
  return { ...b, started: a.started, times: a.times + b.times, orders, counts: { ...b.counts, dnsChanges } }
}

/** A line a run, to be read by eye. */
const textOf = (runs: readonly RunRecord[]): string =>
  `{"runs":[\n${runs.map(run => JSON.stringify(run)).join(',\n')}\n]}\n`
