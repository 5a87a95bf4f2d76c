/**
 * What probe finds out about CAA records (dns/caa.ts). A run leaves them to the CA, whose error is as clear; here the look saves
 * a failed validation, and a person reads the result.
 */

import { Dns01Error, messageOf } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import { type CaaVerdict, caaVerdict, findCaa, type Property } from '../dns/caa.js'
import type { Resolver } from '../dns/resolver.js'
import { type Finding, failed, ok, warning } from './finding.js'

/**
 * Whether this CA may issue for this name, by the method of its target (RFC 8657 §4). One finding, `caa`. Price: a question a label
 * at most. Never throws what the DNS does wrong; the signal's reason ends it.
 */
export async function lookAtCaa(
  resolver: Resolver,
  { name, dns }: { readonly name: Name; readonly dns: Target['dns'] },
  identities: readonly string[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const host = withoutWildcard(name)
  // the name that is asked for just now: a look-up may fail far above the host, at servers that somebody else runs
  let looking = host
  try {
    const found = await findCaa(resolver, name, signal, at => {
      looking = at
    })
    if (!found) return [ok('caa', `no CAA record at ${host} or above: any CA may issue`)]
    const question = { wildcard: host !== name, identities, method: methodOf({ dns }) }
    return [caaFinding(found.at, found.set, caaVerdict(found.set, question), identities)]
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Dns01Error)) throw error
    return [unknown(looking, error, identities)]
  }
}

/**
 * A CA that says by which names CAA knows it looks there (RFC 8555 §9.7.6); an inner one mostly does not. RFC 8659 §3: a
 * look-up that fails is no permission.
 */
function unknown(at: Name, error: Dns01Error, identities: readonly string[]): Finding {
  const mend = `a CA that cannot look up CAA must not issue: the servers of ${at} have to answer it`
  return identities.length > 0
    ? failed('caa', messageOf(error), mend, error.code)
    : warning('caa', messageOf(error), `${mend}; perhaps this CA does not look at all`)
}

/**
 * With the records themselves, and, where they forbid it, the one that would allow it, as a line for the zone file. It is to stand
 * where the others do: a record of its own at the host would take all those above out of force (RFC 8659 §3).
 */
function caaFinding(at: Name, set: readonly Property[], verdict: CaaVerdict, identities: readonly string[]): Finding {
  const { allowed, why, tag } = verdict
  const shown = set.map(property => `${property.tag} "${property.value}"`).join(', ')
  if (allowed === undefined)
    return warning('caa', `CAA of ${at} (${shown}): ${why}`, 'compare it with what the CA documents')
  if (!allowed)
    return failed(
      'caa',
      `CAA of ${at} forbids it (${shown}): ${why}`,
      `add: ${at}. CAA 0 ${tag} "${identities[0] ?? 'the CA’s name'}"`,
    )
  // A warning, since probe does not ask the CA for our account here: a host without one should be able to use it, too.
  if (!why.includes('account')) return ok('caa', `CAA of ${at} allows it: ${why}`)
  return warning('caa', `CAA of ${at}: ${why}`, 'dns01 account-url prints ours; they must be the same')
}
