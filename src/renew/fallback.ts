// What is looked at before a CA is asked in the place of another one (request.fallback): that somebody has agreed to its terms,
// and that CAA lets it issue. Both are for people to put right, and neither is worth an order.
import { codeOf, Dns01Error, linesOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import { caaVerdict, findCaa } from '../dns/caa.js'
import type { Resolver } from '../dns/resolver.js'
import type { IssueParts } from './issue.js'

/**
 * Why this CA is not to be asked in the place of the first; undefined: it may be. Price: its account once a run, and a few
 * questions a name. @throws what keeps it from being asked at all: it may be down, too
 */
export async function whyNotInstead(
  { authorities, publisher, signal }: IssueParts,
  target: Target,
  names: readonly Name[],
): Promise<Dns01Error | undefined> {
  let caaIdentities: readonly string[]
  try {
    // nobody is asked for his consent in the midst of an outage: that is agreed to beforehand, or not at all
    const { client } = await authorities.for(target.ca, { mayAsk: false })
    caaIdentities = (await client.directory(signal)).caaIdentities
  } catch (error) {
    // CONFIG alone is for a person to put right: no consent, no binding. All else counts as if this CA had been asked.
    if (!(error instanceof Dns01Error) || codeOf(error) !== 'CONFIG') throw error
    const [why, ...hints] = linesOf(error)
    return notAsked(target, why, [`dns01 account register ${target.ca} agrees and registers`, ...hints])
  }
  // All names, though one is enough: the resolver asks them together, and keeps the answers for the run.
  const forbidden = await Promise.all(
    names.map(name => whyForbidden(publisher.locator.resolver, name, target, caaIdentities, signal)),
  )
  // One name that CAA forbids keeps the whole order from being made: this CA would refuse that order, after the others are proved.
  const [first] = forbidden.filter(why => why !== undefined)
  return first === undefined
    ? undefined
    : notAsked(target, first, ['add it to the CAA records, or take it out of request.fallback'])
}

/** UNAVAILABLE, whatever keeps it: the first CA is to be asked again, and that is what the run waits for. */
const notAsked = ({ ca, insteadOf }: Target, why: string, hint: readonly string[]): Dns01Error =>
  new Dns01Error('UNAVAILABLE', `${ca} is not asked in the place of ${insteadOf}: ${why}`, { hint })

/** Where CAA cannot be looked up, or the CA does not say by which names it is known there, the CA itself decides. */
async function whyForbidden(
  resolver: Resolver,
  name: Name,
  target: Target,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (identities.length === 0) return undefined // inner CAs, mostly, which look at no CAA at all
  try {
    const found = await findCaa(resolver, name, signal)
    if (!found) return undefined
    const question = { wildcard: name.startsWith('*.'), identities, method: methodOf(target) }
    const { allowed, why } = caaVerdict(found.set, question)
    return allowed === false ? `CAA of ${found.at} forbids it for ${name}: ${why}` : undefined
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Dns01Error) return undefined // no resolver answers from here; the CA has others
    throw error
  }
}
