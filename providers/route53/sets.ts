// Changes TXT sets in Route 53, which knows whole sets only: a value of ours comes into a set that may hold others' values.
// So each change names the set as we take it to be, and Route 53 compares before it writes.
import type { Change } from '@aws-sdk/client-route-53'
import {
  Dns01Error,
  doubtful,
  groupBy,
  type Name,
  retry,
  type TxtRecord,
  unavailable,
  type World,
} from '../../src/provider/shipped.js'
import type { AwsAccount } from './account.js'
import { describe, type How, quoted, type TxtSet, type Zone } from './api.js'
import { readSets } from './read.js'
import { conflictsOf } from './words.js'

/** Limits of one ChangeResourceRecordSets (AWS: "Quotas", Route 53 API). */
const limits = { elements: 1000, characters: 32_000 } as const
/** Each refused change means that somebody else's went through; more than this is not a race any more. */
const longestRace = 30
/**
 * For how long a change that changes nothing and only proves is tried, here and not by a new call: there is another way to
 * be sure, which is to wait, so it is not worth more.
 */
const confirmGiveUpSeconds = 20
/** AWS: "Changes generally propagate to all Route 53 name servers within 60 seconds". */
export const usualSyncSeconds = 60

/** Where sets are changed, and how. */
export interface Place {
  readonly world: Pick<World, 'clock' | 'random'>
  readonly account: AwsAccount
  readonly zone: Zone
  readonly how: How
}

/** present: the set has all these values. absent: it has none of them. Other values stay in both. */
export type Goal = 'present' | 'absent'

interface Task {
  readonly goal: Goal
  readonly records: readonly TxtRecord[]
  /** Of sets that are made; as the records say when absent. */
  readonly ttlSeconds: number | undefined
}

/** One set before and after a change. */
interface Edit {
  readonly name: Name
  readonly before: TxtSet | undefined
  readonly after: TxtSet | undefined
}

/** The sets of one task: what we take each of them to be now, and so the edit that brings it to the goal. */
class TaskSets {
  readonly #goal: Goal
  /** Ours, as the API has them. */
  readonly #wanted = new Map<Name, TxtSet>()
  readonly #known = new Map<Name, TxtSet | undefined>()

  /** `written`: our own last word on sets, the best first guess. */
  constructor({ goal, records, ttlSeconds }: Task, written: ReadonlyMap<Name, TxtSet>) {
    this.#goal = goal
    for (const [name, same] of groupBy(records, record => record.name)) {
      const values = [...new Set(same.map(record => quoted(record.value)))]
      const wanted = { values, ttlSeconds: ttlSeconds ?? same[0]?.ttlSeconds ?? 60 }
      this.#wanted.set(name, wanted)
      this.#known.set(name, written.get(name) ?? (goal === 'absent' ? wanted : undefined))
    }
  }

  get names(): readonly Name[] {
    return [...this.#wanted.keys()]
  }

  /** Sets as they were read; undefined: there is none. */
  learn(sets: ReadonlyMap<Name, TxtSet | undefined>): void {
    for (const [name, set] of sets) this.#known.set(name, set)
  }

  /** What is still to do at these names. present() writes every set, be it as it is: see settleSets(). */
  edits(names: readonly Name[]): Edit[] {
    const all = names.map(name => ({ name, before: this.#known.get(name), after: this.#after(name) }))
    return this.#goal === 'present'
      ? all
      : all.filter(({ before, after }) => before?.values.length !== after?.values.length)
  }

  /** The TTL of a set that is there stays: others may rely on it. Without a value left there is no set any more. */
  #after(name: Name): TxtSet | undefined {
    const now = this.#known.get(name)
    const wanted = this.#wanted.get(name) as TxtSet
    if (this.#goal === 'present') {
      const values = [...new Set([...(now?.values ?? []), ...wanted.values])]
      return { values, ttlSeconds: now?.ttlSeconds ?? wanted.ttlSeconds }
    }
    const left = now?.values.filter(value => !wanted.values.includes(value)) ?? []
    return now && left.length > 0 ? { ...now, values: left } : undefined
  }
}

/**
 * Brings all these sets to the goal; returns the ids of the changes it took (undefined: made, but its id is lost).
 * A change deletes exactly the set that we take to be there and creates the wanted one. The first guess is our own last
 * word (nothing there, for a new name): most often right, and checked by Route 53 itself, which refuses the whole batch
 * when anything differs. Then the sets are read. So 1 or 400 names cost one call, and nobody's value is ever lost. It is
 * repeated here, and not by a new call, since what was read and what others change is known here.
 *
 * What turns out to be there already may be a change of ours whose answer was lost, or another's that is not in sync
 * yet. So present() writes every set, be it as it is: that gives a change to wait for.
 */
export async function settleSets(place: Place, task: Task): Promise<(string | undefined)[]> {
  const { zone } = place
  const sets = new TaskSets(task, zone.written)
  const changes: (string | undefined)[] = []
  let refusals = 0
  let isFirstCall = true
  try {
    let todo = sets.edits(sets.names)
    while (todo.length > 0) {
      const batch = firstBatch(todo)
      const answer = await submit(place, batch)
      isFirstCall = false
      if ('conflicts' in answer) {
        refusals++
        if (refusals > longestRace)
          throw unavailable(`${describe(zone)}: ${refusals} changes in a row met others' changes`)
        sets.learn(await readConflicting(place, batch, refusals === 1 ? answer.conflicts : []))
        todo = sets.edits(todo.map(({ name }) => name))
      } else {
        refusals = 0
        changes.push(answer.id)
        noteWritten(zone, batch)
        todo = todo.slice(batch.length)
      }
    }
  } catch (error) {
    // Of a set that is not as expected nobody knows whether a change of ours did it whose answer was lost.
    throw isFirstCall ? error : doubtful(error)
  }
  return changes
}

/** The sets of a refused batch as they are: those that Route 53 named, or all. */
function readConflicting(
  { account, zone, how }: Place,
  batch: readonly Edit[],
  named: readonly Name[],
): Promise<Map<Name, TxtSet | undefined>> {
  const all = batch.map(({ name }) => name)
  const some = all.filter(name => named.includes(name))
  const names = some.length > 0 ? some : all
  how.log.info(`${describe(zone)}: ${names.length} TXT sets are not as expected, reading them`)
  return readSets(account, zone, names, how)
}

/** Our last word on each set: the first guess of the next change, which spares reading them. */
function noteWritten({ written }: Zone, batch: readonly Edit[]): void {
  for (const { name, after } of batch) {
    if (after) written.set(name, after)
    else written.delete(name)
  }
}

/** As many edits as one change may hold; at least one. */
function firstBatch(edits: readonly Edit[]): Edit[] {
  let elements = 0
  let characters = 0
  const end = edits.findIndex(({ before, after }) => {
    const values = [...(before?.values ?? []), ...(after?.values ?? [])]
    elements += values.length
    characters += values.join('').length
    return elements > limits.elements || characters > limits.characters
  })
  return edits.slice(0, end === -1 ? undefined : Math.max(end, 1))
}

type Submitted = { readonly id: string | undefined } | { readonly conflicts: readonly Name[] }

/** One change batch: its id, or the names that Route 53 says are not as we took them to be. */
async function submit({ world, account, zone, how }: Place, batch: readonly Edit[]): Promise<Submitted> {
  // Applied in order and all or nothing. A DELETE must repeat the whole set as it is, values and TTL, or the batch is
  // refused: that is the comparison.
  const Changes = batch.flatMap(({ name, before, after }) => [
    ...toChange('DELETE', name, before),
    ...toChange('CREATE', name, after),
  ])
  const changesNothing = batch.every(
    ({ before, after }) => before && after && before.values.length === after.values.length,
  )
  const request = { HostedZoneId: zone.id, ChangeBatch: { Changes } }
  const change = () => account.change(request, describe(zone), how)
  const limits = { what: `${describe(zone)}: change`, giveUpAfterSeconds: confirmGiveUpSeconds, signal: how.signal }
  try {
    const accepted = await (changesNothing ? retry({ ...world, log: how.log }, limits, change) : change())
    return { id: accepted?.Id ?? '' }
  } catch (error) {
    const conflicts = conflictsOf(error)
    if (conflicts) return { conflicts }
    if (!changesNothing || !(error instanceof Dns01Error) || error.code !== 'UNAVAILABLE') throw error
    how.log.warn(
      `${describe(zone)}: the values are there, but Route 53 cannot tell since when; waiting ${usualSyncSeconds} s`,
    )
    return { id: undefined }
  }
}

const toChange = (action: 'CREATE' | 'DELETE', name: Name, set: TxtSet | undefined): Change[] =>
  set
    ? [
        {
          Action: action,
          ResourceRecordSet: {
            Name: name,
            Type: 'TXT',
            TTL: set.ttlSeconds,
            ResourceRecords: set.values.map(Value => ({ Value })),
          },
        },
      ]
    : []
