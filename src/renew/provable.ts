// Whether names can be proved at all, before an order is made: by the target's method somebody must be there to place their
// values, or a record must stand.
import { accountLabel } from '../acme/challenge.js'
import { combine } from '../core/combine-errors.js'
import { accountChallengeName, type Name } from '../core/names.js'
import { certificateStep } from '../core/progress.js'
import { methodOf, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { Locator } from '../publish/locate.js'
import type { Publisher } from '../publish/publisher.js'
import type { CertificateAuthorities, CertificateAuthority } from './authorities.js'
import { withoutRecord } from './persistent.js'

/** What of a run's parts is needed for that. */
export interface ProvableParts {
  readonly world: Pick<World, 'clock' | 'log'>
  readonly authorities: Pick<CertificateAuthorities, 'for'>
  readonly publisher: Pick<Publisher, 'locator'>
  readonly signal: AbortSignal
}

/**
 * The CA, when it is known that somebody can place values for these names: a missing credential must not cost an order each
 * time that cron runs, nor an account. But where dns-account-01 wants a value only the account's URL tells, so there the account
 * comes first.
 */
export async function authorityFor(
  { world, authorities, publisher, signal }: ProvableParts,
  target: Target,
  names: readonly Name[],
): Promise<CertificateAuthority> {
  const { locator } = publisher
  const isByAccount = methodOf(target) === 'dns-account-01'
  world.log.step(certificateStep(target, { stage: 'looking for its zone' }))
  if (!isByAccount) await mustBeProvable(locator, target, names, { now: world.clock.now(), signal })
  world.log.step(certificateStep(target, { stage: 'asking the CA' }))
  const authority = await authorities.for(target.ca)
  if (!isByAccount) return authority
  const label = accountLabel(await authority.client.accountUrl(signal))
  // still before the order: a missing credential costs the account here, which is made once, but no order at each run
  await locator.checkProviders(names, target.dns, name => accountChallengeName(name, label))
  return authority
}

/** A provider for each name, but for those whose record stands (dns-persist-01), which need none. */
async function mustBeProvable(
  locator: Locator,
  target: Target,
  names: readonly Name[],
  { now, signal }: { readonly now: Date; readonly signal: AbortSignal },
): Promise<void> {
  const method = methodOf(target)
  if (method !== 'dns-persist-01' && method !== 'auto') return locator.checkProviders(names, target.dns)
  const lacking = await withoutRecord(locator, names, now)
  signal.throwIfAborted()
  if (lacking.size === 0) return // their records stand; whether they are good the order's challenges will tell
  // A record that turns out to be no good needs a provider, too; but to demand one for all would defeat the purpose.
  if (method === 'auto') return locator.checkProviders([...lacking.keys()], target.dns)
  throw combine([...lacking.values()], { byName: lacking })
}
