export interface RecordSet {
  readonly name: string
  readonly type: string
  readonly ttl: number
  /** As the API has them: TXT values in quotes, names with a final dot. */
  readonly values: readonly string[]
  readonly setIdentifier?: string
  readonly alias?: string
}

export interface Zone {
  readonly id: string
  readonly name: string
  readonly isPrivate: boolean
  /** Names of the servers of its delegation set. */
  readonly servers: readonly string[]
  /** Keyed by `NAME TYPE IDENTIFIER`. */
  sets: Map<string, RecordSet>
  /** What it held from when on: servers that lag show an earlier one. */
  readonly history: { readonly at: number; readonly sets: ReadonlyMap<string, RecordSet> }[]
}

/** Route 53's order: labels reversed, with the final dot, character by character. */
export const rank = (name: string): string => (name === '' ? '' : `${name.split('.').reverse().join('.')}.`)

export const setsOf = (sets: ReadonlyMap<string, RecordSet>, name: string, type: string): RecordSet[] =>
  [...sets.values()].filter(set => set.name === name && set.type === type)
