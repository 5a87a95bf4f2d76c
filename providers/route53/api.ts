// What the parts of this provider hand to each other, and names and values as the API writes them.
import type { Name, ProviderCall } from '../../src/provider/api.js'

/** A TXT set as the API has it: values quoted, in any order. */
export interface TxtSet {
  readonly values: readonly string[]
  readonly ttlSeconds: number
}

export interface Zone {
  readonly id: string
  readonly name: Name
  readonly isPrivate: boolean
  /** Sets as this run wrote them last: a good guess of what is there now. */
  readonly written: Map<Name, TxtSet>
  /** One change a zone at a time: Route 53 would say PriorRequestNotComplete. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

export type How = Pick<ProviderCall, 'signal' | 'log'>

/** A name as the API writes it: `\052.Example.TEST.` is *.example.test. */
export const fromApi = (name = ''): Name => name.toLowerCase().replaceAll('\\052', '*').replace(/\.$/, '') as Name

export const quoted = (value: string): string => `"${value.replace(/["\\]/g, '\\$&')}"`

export const withoutPrefix = (id: string): string => id.replace(/^\/?hostedzone\//, '')

export const describe = ({ name, id }: Zone): string => `${name} (${id})`
