// What the parts of this provider hand to each other, and names and values as the API writes them.
import type { Name, ProviderCall } from '../../src/provider/api.js'

/** A TXT set as the API has it: values quoted, in any order. */
export interface TxtSet {
  readonly values: readonly string[]
  readonly ttlSeconds: number
}

/** A hosted zone in this run. Kept for all its changes: what it remembers of them spares reading. */
export interface Zone {
  /** Bare, as people copy it: `Z1`. */
  readonly id: string
  readonly name: Name
  readonly isPrivate: boolean
  /** Sets as this run wrote them last: a good guess of what is there now. */
  readonly written: Map<Name, TxtSet>
  /** One change a zone at a time: Route 53 would say PriorRequestNotComplete. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

/** What each call to the API needs of the one that dns01 made: when to stop, and where to tell. */
export type How = Pick<ProviderCall, 'signal' | 'log'>

/** A name as the API writes it: `\052.Example.TEST.` is *.example.test. */
export const fromApi = (name = ''): Name => name.toLowerCase().replaceAll('\\052', '*').replace(/\.$/, '') as Name

/** A value as the API wants it, in quotes (RFC 1035 §5.1). One string: what is placed is never longer than its 255 bytes. */
export const quoted = (value: string): string => `"${value.replace(/["\\]/g, '\\$&')}"`

/** `Z1` of `/hostedzone/Z1`, `hostedzone/Z1` or `Z1`. */
export const withoutPrefix = (id: string): string => id.replace(/^\/?hostedzone\//, '')

/** For messages: several zones may have one name, so with the id. */
export const describe = ({ name, id }: Zone): string => `${name} (${id})`
