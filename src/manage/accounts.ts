/** What other programs ask about our ACME accounts: the URL of one, and the thumbprints of their keys. */

import { openClient } from '../acme/client.js'
import type { Account, Directory } from '../acme/objects.js'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { accountFor, reachable } from '../renew/authorities.js'
import type { StateDir } from '../state/state-dir.js'

/**
 * The URL of the account that new certificates of conf/target's CA are asked with. Registers nothing. Price: 3 requests.
 * @throws Dns01Error CONFIG when there is none, or the CA does not know it; what the CA says
 */
export const accountUrl = async (world: World, state: StateDir, signal: AbortSignal): Promise<string> =>
  (await ourAccount(world, state, state.defaults().ca, signal)).url

/** What a CA knows us by. */
export interface OurAccount extends Account {
  /** Of its key (RFC 7638). */
  readonly thumbprint: string
  readonly directory: Directory
}

/** The account that new certificates of this CA are asked with, as accountUrl() finds it. */
export async function ourAccount(world: World, state: StateDir, ca: string, signal: AbortSignal): Promise<OurAccount> {
  const id = accountFor(state, ca)
  const hint = 'dns01 quickstart registers one, and so does the first certificate'
  if (id === undefined) throw new Dns01Error('CONFIG', `there is no account for ${ca}`, { hint })
  const key = state.accountKey(id)
  const client = openClient(world, reachable(ca), key)
  const account = await client.findAccount(signal)
  if (!account) throw new Dns01Error('CONFIG', `${ca} knows no account for the key accounts/${id}`, { hint })
  return { ...account, thumbprint: key.thumbprint, directory: await client.directory(signal) }
}

/** Of every account, the thumbprint of its key (RFC 7638): what stateless challenge responders are configured with. */
export const thumbprints = (state: StateDir): { id: string; thumbprint: string }[] =>
  state.accounts().map(({ id }) => ({ id, thumbprint: state.accountKey(id).thumbprint }))
