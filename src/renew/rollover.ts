// Changes the key of an account (RFC 8555 §7.3.5) so that a stop at any moment loses neither: the new key is on disk before
// the CA is asked, the old one until the CA has said that it knows the new one. Whoever comes next asks the CA which of
// the two it knows, and finishes.
import { openClient } from '../acme/client.js'
import type { Directory } from '../acme/objects.js'
import { problemOf } from '../acme/problem.js'
import { codeOf, Dns01Error, shortList } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { methodOf } from '../core/target.js'
import type { World } from '../core/world.js'
import { directoryUrl } from '../state/layout.js'
import { caKey } from '../state/ledger-keys.js'
import type { Rollover } from '../state/rollover.js'
import type { StateDir } from '../state/state-dir.js'
import { generateKey } from '../x509/keys.js'
import { reachable } from './authorities.js'
import { failed, type Outcome } from './outcome.js'

export interface RolloverParts {
  readonly world: Pick<World, 'fetch' | 'clock' | 'random' | 'log'>
  readonly state: StateDir
  readonly signal: AbortSignal
}

/**
 * Gives an account a new key, of the kind that conf/target asks for; a change that an earlier run began is finished instead.
 * Price: about 6 requests. @returns SERVER/KEYID, as the account is called now
 * @throws Dns01Error REFUSED: nothing has changed then; UNAVAILABLE: the next run finds out, and finishes
 */
export async function rollOver(parts: RolloverParts, accountId: string): Promise<string> {
  const { state, world } = parts
  const begun = state.rollovers().find(one => one.accountId === accountId)
  if (begun) return finish(parts, begun)
  const { accountHashPrefix } = await look(parts, accountId)
  // draft 02 of dns-persist-01 hashes the key's thumbprint: what somebody has published does not name the new one
  const named = accountHashPrefix === undefined ? [] : provedByRecords(state, accountId)
  if (named.length > 0)
    world.log.notice(
      `the records of dns-persist-01 of ${shortList(named)} name the account by its key: publish them anew`,
      'dns01 persist NAME prints them, with the new key; dns01 probe NAME looks at them',
    )
  // A key that the CA has never seen: RFC 8555 §7.3.5 has it refuse (409) one that another account uses.
  const rollover = { accountId, key: await generateKey(state.defaults().key) }
  await state.noteRollover(rollover) // from here on a stop is finished by the next run
  return finish(parts, rollover)
}

/** Names that are, or may be, proved by records that somebody has published for this account's CA. */
const provedByRecords = (state: StateDir, accountId: string): Name[] =>
  state.targets().targets.flatMap(target => {
    const isByRecord = ['dns-persist-01', 'auto'].includes(methodOf(target))
    return isByRecord && caKey(target.ca) === accountId.split('/')[0] ? target.requestNames : []
  })

/** Before anything is noted: that the CA answers, knows the account, and lets its key be changed. */
async function look({ world, state, signal }: RolloverParts, accountId: string): Promise<Directory> {
  const client = openClient(world, caOf(accountId), state.accountKey(accountId))
  const directory = await client.directory(signal)
  if (directory.keyChange === undefined)
    throw new Dns01Error('REFUSED', 'the CA lets nobody change the key of an account (its directory lacks keyChange)')
  if (await client.findAccount(signal)) return directory
  throw new Dns01Error('CONFIG', `the CA knows no account for the key accounts/${accountId}`, {
    hint: 'dns01 account register makes one',
  })
}

/** Changes of key that an earlier run began, at the beginning of one that may use the account. Never throws but when it is stopped. */
export async function finishRollovers(parts: RolloverParts): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const rollover of parts.state.rollovers()) {
    try {
      const id = await finish(parts, rollover)
      parts.world.log.notice(
        `the key of the account ${rollover.accountId} is changed, as an earlier run began to; it is ${id} now`,
      )
    } catch (error) {
      parts.signal.throwIfAborted()
      outcomes.push(failed(`accounts/${rollover.accountId}`, error))
    }
  }
  return outcomes
}

/** Settles by the CA's word which key the account has. A new key that the CA has refused is set aside, not deleted. */
async function finish(parts: RolloverParts, rollover: Rollover): Promise<string> {
  const { world, state } = parts
  const refusal = await change(parts, rollover)
  if (refusal === undefined) return state.settleRollover(rollover)
  const place = await state.setRolloverAside(rollover)
  world.log.warn(`the account ${rollover.accountId} keeps its key; the one meant to replace it is in ${place}`)
  throw refusal
}

/**
 * Returns when the CA knows the account by its new key, or with the CA's word that it will not. What is not the CA's word
 * (an outage, a proxy's page) leaves all as it is. @throws what kept us from finding out
 */
async function change(parts: RolloverParts, { accountId, key }: Rollover): Promise<unknown> {
  const { world, state, signal } = parts
  const byNew = openClient(world, caOf(accountId), key)
  if (await byNew.findAccount(signal)) return undefined
  const byOld = openClient(world, caOf(accountId), state.accountKey(accountId))
  try {
    // asked although change would find out: its refusal of a signature does not say that there is no such account
    if (!(await byOld.findAccount(signal))) return unknownByBoth(accountId)
    await byOld.changeKey(key, signal)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    // The CA may have heard us, and its answer was lost: what we repeated then was signed by a key that it knows no more.
    if (error instanceof Dns01Error && (await byNew.findAccount(signal))) return undefined
    if (codeOf(error) === 'REFUSED' && problemOf(error)) return error
    throw error
  }
}

/** By the folder that the account is in. */
const caOf = (accountId: string): string => reachable(directoryUrl(accountId.split('/')[0] as string))

const unknownByBoth = (accountId: string): Dns01Error =>
  new Dns01Error('REFUSED', `the CA knows the account ${accountId} by neither of its keys`, {
    hint: 'dns01 account register makes a new one',
  })
