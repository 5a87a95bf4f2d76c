/** Where names are proved, for commands that print it: by the method of each, which may take the account's URL. */

import { accountLabel } from '../acme/challenge.js'
import { accountChallengeName, type Name } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'
import { ourAccount } from './accounts.js'

/** What says how a name is proved: its target, or conf/target for what nobody wants yet. */
export type ProvedBy = Pick<Target, 'ca' | 'dns'>

/** How this name is asked for: as its target has it; what nobody wants yet, as conf/target has it. */
export const provedBy = (state: StateDir, targets: readonly Target[], name: Name): ProvedBy =>
  targets.find(target => target.requestNames.includes(name)) ?? state.defaults()

/** Of a name what asChallengeName() makes its challenge name of: itself, or that name where the account's label belongs in front. */
export type ChallengeNames = (name: Name, by: ProvedBy) => Name

/**
 * What providers are told of these names: the name as it is, or its challenge name where the method is dns-account-01.
 * Price: 3 requests for each CA of those, none without.
 * @throws Dns01Error as ourAccount()
 */
export async function challengeNames(
  world: World,
  state: StateDir,
  wanted: readonly ProvedBy[],
  signal: AbortSignal,
): Promise<ChallengeNames> {
  const byAccount = wanted.filter(one => methodOf(one) === 'dns-account-01')
  const labels = new Map<string, string>()
  for (const { ca } of byAccount)
    if (!labels.has(ca)) labels.set(ca, accountLabel((await ourAccount(world, state, ca, signal)).url))
  return (name, by) => {
    const label = methodOf(by) === 'dns-account-01' ? labels.get(by.ca) : undefined
    return label === undefined ? name : accountChallengeName(name, label)
  }
}
