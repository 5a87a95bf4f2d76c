import type { Change } from '@aws-sdk/client-route-53'
import { Dns01Error, doubtful, groupBy, type Name, type TxtRecord, unavailable } from '../../src/provider/shipped.js'
import type { Account } from './account.js'
import { describe, type How, quoted, type TxtSet, type Zone } from './api.js'
import { readSets } from './read.js'
import { conflictsOf } from './words.js'

/** Limits of one ChangeResourceRecordSets. */
const limits = { elements: 1000, characters: 32_000 } as const
/** Each refused change means that somebody else's went through; more than this is not a race any more. */
const longestRace = 30
/** A change that changes nothing and only proves is not worth more patience. */
const confirmGiveUpSeconds = 20
/** AWS: "Changes generally propagate to all Route 53 name servers within 60 seconds". */
export const usualSyncSeconds = 60

/** One set before and after a change. */
interface Edit {
  readonly name: Name
  readonly before: TxtSet | undefined
  readonly after: TxtSet | undefined
}

export type Aim = (now: TxtSet | undefined, values: readonly string[], ttlSeconds: number) => TxtSet | undefined

export const withValues: Aim = (now, values, ttlSeconds) => ({
  values: [...new Set([...(now?.values ?? []), ...values])],
  ttlSeconds: now?.ttlSeconds ?? ttlSeconds,
})

export const withoutValues: Aim = (now, values) => {
  const left = now?.values.filter(value => !values.includes(value)) ?? []
  return now && left.length > 0 ? { ...now, values: left } : undefined
}

/**
 * Brings all these sets to the goal; returns the ids of the changes it took (undefined: made, but its id is lost).
 * A change deletes exactly the set that we take to be there and creates the wanted one. The first guess is our own last
 * word (nothing there, for a new name): most often right, and checked by Route 53 itself, which refuses the whole batch
 * when anything differs. Then the sets are read. So 1 or 400 names cost one call, and nobody's value is ever lost.
 *
 * What presents itself as there already may be a change of ours whose answer was lost, or another's that is not in sync
 * yet. So present() writes every set, be it as it is: that gives a change to wait for.
 */
export async function settleSets(
  account: Account,
  zone: Zone,
  aim: Aim,
  records: readonly TxtRecord[],
  ttl: number | undefined,
  how: How,
): Promise<(string | undefined)[]> {
  const wishes = groupBy(records, record => record.name)
  const valuesOf = (name: Name): string[] => [...new Set((wishes.get(name) ?? []).map(record => quoted(record.value)))]
  const ttlOf = (name: Name): number => ttl ?? wishes.get(name)?.[0]?.ttlSeconds ?? 60
  const guess = (name: Name): TxtSet | undefined =>
    zone.written.get(name) ?? (aim === withoutValues ? { values: valuesOf(name), ttlSeconds: ttlOf(name) } : undefined)
  const known = new Map([...wishes.keys()].map(name => [name, guess(name)]))
  const edit = (name: Name): Edit => {
    const before = known.get(name)
    return { name, before, after: aim(before, valuesOf(name), ttlOf(name)) }
  }
  const isToDo = ({ before, after }: Edit): boolean =>
    aim === withValues || before?.values.length !== after?.values.length
  const changes: (string | undefined)[] = []
  let refusals = 0
  let first = true
  /** Of a set that is not as expected nobody knows whether a change of ours did it whose answer was lost. */
  const proof = async <T>(step: Promise<T>): Promise<T> => {
    const isFirst = first
    first = false
    try {
      return await step
    } catch (error) {
      throw isFirst ? error : doubtful(error)
    }
  }
  for (let todo = [...wishes.keys()].map(edit).filter(isToDo); todo.length > 0; ) {
    const batch = firstBatch(todo)
    const answer = await proof(submit(account, zone, batch, how))
    if ('conflicts' in answer) {
      if (++refusals > longestRace)
        throw unavailable(`${describe(zone)}: ${refusals} changes in a row met others' changes`)
      const doubtful = refusals === 1 ? batch.filter(({ name }) => answer.conflicts.includes(name)) : batch
      const names = (doubtful.length > 0 ? doubtful : batch).map(({ name }) => name)
      how.log.info(`${describe(zone)}: ${names.length} TXT sets are not as expected, reading them`)
      for (const [name, set] of await proof(readSets(account, zone, names, how))) known.set(name, set)
      todo = todo.map(({ name }) => edit(name)).filter(isToDo)
    } else {
      refusals = 0
      changes.push(answer.id)
      for (const { name, after } of batch) after ? zone.written.set(name, after) : zone.written.delete(name)
      todo = todo.slice(batch.length)
    }
  }
  return changes
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
async function submit(account: Account, zone: Zone, batch: readonly Edit[], how: How): Promise<Submitted> {
  const Changes = batch.flatMap(({ name, before, after }) => [
    ...toChange('DELETE', name, before),
    ...toChange('CREATE', name, after),
  ])
  const changesNothing = batch.every(
    ({ before, after }) => before && after && before.values.length === after.values.length,
  )
  const patience = changesNothing ? { giveUpAfterSeconds: confirmGiveUpSeconds } : {}
  try {
    const request = { HostedZoneId: zone.id, ChangeBatch: { Changes } }
    const accepted = await account.change(request, describe(zone), { ...how, ...patience })
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
