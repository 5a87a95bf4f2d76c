// What the contract asks of a provider's test: ways to see and change the zone behind the provider's back, without
// which the provider's own word would be all the evidence.
import { type Name, parseName } from '../core/names.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { Log } from '../core/world.js'
import type { Provider } from '../provider/api.js'

/**
 * What a provider's test hands to the contract. One subject serves all its tests, one after the other. For what is absent
 * the test is skipped.
 */
export interface Subject {
  readonly provider: Provider
  /** Two zones that the provider may write; the second for the calls in parallel. */
  readonly zones: readonly [string, string]
  /** TXT values that stand at a name now, asked behind the provider's back; [] when there are none. */
  values(name: Name): Promise<readonly string[]>
  /** Somebody else writes this value at the name. Absent where the provider can't keep others' (additive: false). */
  put?: ((name: Name, value: string) => Promise<void>) | undefined
  /** How many changes (API calls that write) there were so far; for batch: true. */
  changes?: (() => number) | undefined
  /** How many records a large call has; 100 when absent. Fewer for a provider to which each is a process. */
  readonly many?: number | undefined
  /** The same provider opened once more, as a later process does that finds the records in the journal. */
  reopened?: (() => Promise<Provider>) | undefined
  /** The same provider opened so that the service says no for good (wrong key). */
  refusing?: (() => Promise<Provider>) | undefined
  /** That refusal proves that nothing was written (see Provider.present); true when absent. A program's exit status does not. */
  readonly refusalProves?: boolean | undefined
  /** The same provider opened so that of so many records in one zone some are accepted and the rest is refused. */
  refusingTheRest?: (() => Promise<{ readonly provider: Provider; readonly records: number }>) | undefined
  /** The same provider opened so that the service cannot be reached or is busy. It may take a few seconds to say so. */
  failing?: (() => Promise<Provider>) | undefined
  /** Secrets that may appear in no message. */
  readonly secrets?: readonly string[] | undefined
  /** Ends what the test began: servers, folders. */
  stop?: (() => Promise<void>) | undefined
}

/** A record as dns01 hands it over; `zone` is its apex. */
export function record(name: Name, value: string, zone: string): TxtRecord {
  const host = parseName(name.replace(/^_acme-challenge\./, ''))
  const challenge = {
    host,
    wildcard: false,
    token: 'token',
    keyAuthorization: 'token.thumb',
    targetFile: 'target',
    env: {},
  }
  return { name, value, zone: parseName(zone), ttlSeconds: 60, challenge }
}

/** 43 characters like a real one (RFC 8555 §8.4). */
export const txtValue = (seed: string): string => Buffer.from(seed.padEnd(32, '.')).toString('base64url').slice(0, 43)

/** A log that keeps what was said. */
export function listeningLog(said: string[]): Log {
  const hear = (...lines: readonly string[]) => void said.push(lines.join('\n  '))
  return {
    error: hear,
    warn: hear,
    notice: hear,
    info: hear,
    debug: hear,
    trace: hear,
    step: ({ subject, stage, detail, kind }) =>
      kind === 'pause' ? undefined : hear(`${subject} ${stage} ${detail?.()}`),
    mask: () => {},
    masked: text => text,
  }
}
