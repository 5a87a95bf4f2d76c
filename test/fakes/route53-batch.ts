import { type RecordSet, setsOf, type Zone } from './route53-zone.js'

export interface BatchChange {
  readonly action: string
  /** As sent: any case, final dot or not. */
  readonly name: string
  readonly type: string
  readonly ttl: number
  readonly values: readonly string[]
}

export type Batch = readonly BatchChange[]

const batchLimits = { elements: 1000, characters: 32_000 } as const

export class InvalidChangeBatch extends Error {
  constructor(readonly messages: readonly string[]) {
    super(messages.join(', '))
  }
}

/** All or nothing, in order: a set may be deleted and created anew in one batch. @throws InvalidChangeBatch */
export function applyBatch(zone: Zone, batch: Batch): void {
  const wrong = checkSize(batch)
  const sets = new Map(zone.sets)
  for (const change of batch) {
    const set = { ...change, name: normal(change.name) }
    const problem = checkSet(zone, set) ?? apply(sets, set)
    if (problem) wrong.push(problem)
  }
  if (wrong.length > 0) throw new InvalidChangeBatch(wrong)
  zone.sets = sets
}

const normal = (name: string): string => name.toLowerCase().replaceAll('\\052', '*').replace(/\.$/, '')

function checkSize(batch: Batch): string[] {
  if (batch.length === 0) return ['A change batch must hold at least one change.']
  const twice = (change: BatchChange): number => (change.action === 'UPSERT' ? 2 : 1)
  const elements = batch.reduce((sum, change) => sum + twice(change) * change.values.length, 0)
  const characters = batch.reduce((sum, change) => sum + twice(change) * change.values.join('').length, 0)
  return [
    ...(elements > batchLimits.elements ? [`Number of records limit of ${batchLimits.elements} exceeded.`] : []),
    ...(characters > batchLimits.characters
      ? [`Number of characters limit of ${batchLimits.characters} exceeded.`]
      : []),
  ]
}

/** What is wrong with a change whatever the zone holds. */
function checkSet(zone: Zone, { action, name, type, values, ttl }: BatchChange): string | undefined {
  if (!['CREATE', 'DELETE', 'UPSERT'].includes(action)) return `Invalid action ${action}`
  if (name !== zone.name && !name.endsWith(`.${zone.name}`))
    return `RRSet with DNS name ${name}. is not permitted in zone ${zone.name}.`
  if (values.length === 0 || !Number.isInteger(ttl))
    return `Invalid request: Missing field 'ResourceRecords' or 'TTL' in Change`
  if (new Set(values).size !== values.length) return `Duplicate Resource Record: '${values[0]}'`
  const bad = type === 'TXT' ? values.find(value => !/^"([^"\\]|\\.)*"( "([^"\\]|\\.)*")*$/.test(value)) : undefined
  if (bad !== undefined)
    return `Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '${bad}''`
  const long =
    type === 'TXT'
      ? values.find(value => value.split('" "').some(text => text.replace(/^"|"$/g, '').length > 255))
      : undefined
  if (long !== undefined)
    return `Invalid Resource Record: 'FATAL problem: CharacterStringTooLong (Value is too long) encountered with '${long}''`
  return undefined
}

/** Changes `sets`, or says why not. */
function apply(sets: Map<string, RecordSet>, change: BatchChange): string | undefined {
  const { action, name, type, ttl, values } = change
  const key = `${name} ${type} `
  const there = sets.get(key)
  const label = `resource record set [name='${name.replaceAll('*', '\\052')}.', type='${type}']`
  if (action === 'DELETE') {
    if (!there) return `Tried to delete ${label} but it was not found`
    if (there.ttl !== ttl || [...there.values].sort().join('\n') !== [...values].sort().join('\n'))
      return `Tried to delete ${label} but the values provided do not match the current values`
    sets.delete(key)
    return undefined
  }
  if (action === 'CREATE' && there) return `Tried to create ${label} but it already exists`
  if (setsOf(sets, name, type).some(set => set.setIdentifier))
    return `RRSet with DNS name ${name}., type ${type}, SetIdentifier null cannot be created as other RRSets exist with the same name and type.`
  const other =
    type === 'CNAME'
      ? [...sets.values()].find(set => set.name === name && set.type !== 'CNAME')
      : setsOf(sets, name, 'CNAME')[0]
  if (other)
    return `RRSet of type ${type} with DNS name ${name}. is not permitted as it conflicts with other records with the same DNS name in zone`
  sets.set(key, { name, type, ttl, values })
  return undefined
}
