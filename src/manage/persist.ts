/** The records of dns-persist-01 that somebody is to publish: made here, published by hand. dns01 never writes them. */

import { type PersistDraft, persistTerms } from '../acme/persist.js'
import { parsePersistRecord, persistText, zoneFileStrings } from '../acme/persist-record.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, persistName, withoutWildcard } from '../core/names.js'
import { groupBy } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'
import { type OurAccount, ourAccount } from './accounts.js'
import { provedBy } from './challenge-names.js'

export interface PersistOptions {
  /** The record covers `*.NAME`, too; it does in any case where such a name is asked for. */
  readonly wildcard: boolean
  /** For ever if absent. */
  readonly until: Date | undefined
  /** Which form, where the CA's directory does not say. */
  readonly draft: PersistDraft | undefined
  /** Which of the CA's names, where its directory does not say or several will do. */
  readonly issuer: string | undefined
}

/** A record to publish. */
export interface PersistLine {
  readonly name: Name
  readonly value: string
  /** As a line of a zone file has the value. */
  readonly strings: string
  readonly ca: string
  readonly account: string
  readonly draft: PersistDraft
}

/**
 * A record for each name (a name and its wildcard share one), for the account and the CA that the name is asked for with. The
 * account is looked at first: what is published for one that the CA has closed would stand for years and prove nothing.
 * Price: 4 requests for each CA.
 * @throws Dns01Error CONFIG when there is no account; REFUSED when it is not valid, or the CA does not say what it needs
 */
export async function persistLines(
  world: World,
  state: StateDir,
  names: readonly Name[],
  options: PersistOptions,
  signal: AbortSignal,
): Promise<PersistLine[]> {
  const { targets } = state.targets()
  const wanted = names.map(name => ({ name, ca: provedBy(state, targets, name).ca }))
  const byCa = groupBy(wanted, ({ ca }) => ca)
  const lines: PersistLine[] = []
  for (const [ca, ofCa] of byCa) {
    const account = await ourAccount(world, state, ca, signal)
    await mustBeValid(account, signal)
    for (const [at, same] of groupBy(ofCa, ({ name }) => persistName(name))) {
      const base = withoutWildcard(same[0]?.name as Name)
      const wildcard = options.wildcard || same.some(({ name }) => name !== base)
      const { draft, value } = recordFor(base, named(account, options), { ...options, wildcard })
      lines.push({ name: at, value, strings: zoneFileStrings(value), ca, account: account.url, draft })
    }
  }
  return lines
}

function recordFor(base: Name, account: OurAccount, options: PersistOptions): { draft: PersistDraft; value: string } {
  const { draft, issuers, accountUris } = persistTerms(base, account, options)
  const value = persistText({ ...options, issuer: issuers[0] ?? '', accountUri: accountUris[0] })
  const { malformed } = parsePersistRecord(value)
  if (malformed === undefined) return { draft, value }
  throw new Dns01Error('USAGE', `${value}: no CA could read that: ${malformed}`, {
    hint: 'give --issuer as the CA is named in CAA records, like letsencrypt.org',
  })
}

/** Somebody who says by which name the CA goes knows better than its directory. */
function named(account: OurAccount, { issuer }: PersistOptions): OurAccount {
  if (issuer === undefined) return account
  return { ...account, directory: { ...account.directory, issuerDomainNames: undefined, caaIdentities: [issuer] } }
}

async function mustBeValid({ client }: OurAccount, signal: AbortSignal): Promise<void> {
  const { status, url } = await client.account(signal)
  if (status === 'valid') return
  throw new Dns01Error('REFUSED', `the account ${url} is ${status}: no record will make it prove anything`, {
    hint: 'dns01 quickstart registers another',
  })
}

/** What `dns01 persist` prints: lines of a zone file. */
export const zoneLines = (lines: readonly PersistLine[]): string[] =>
  lines.map(({ name, strings }) => `${name}. IN TXT ${strings}`)

/**
 * A moment that somebody names: a day, which counts to its end, or a timestamp.
 * @throws Dns01Error USAGE when it is neither, or over
 */
export function parseUntil(text: string, now: Date): Date {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text)
  const until = new Date(isDay ? `${text}T23:59:59Z` : text)
  const isDate = isDay || /^\d{4}-\d\d-\d\dT/.test(text)
  // of the 30th of February node makes the 2nd of March
  const isThere = !Number.isNaN(until.getTime()) && (!isDay || until.toISOString().startsWith(text))
  if (!isDate || !isThere)
    throw new Dns01Error('USAGE', `--until: ${JSON.stringify(text)} is not a day`, { hint: 'write it as 2027-12-31' })
  if (until > now) return until
  throw new Dns01Error('USAGE', `--until: ${text} is over`, { hint: 'name a day that is to come' })
}
