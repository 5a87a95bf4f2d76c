// Which provider places records where conf/dns.yml names none: by the environment, and by what acmetool's hook folders
// hold.
import type { World } from '../core/world.js'
import { findHooks, type Hook } from './hook-scripts.js'

/** Stands in the first 4096 bytes of the hooks that quickstart installs; they only hear `live-updated`. */
export const managedMarker = '#!acmetool-managed!#'

/**
 * Who places records when conf/dns.yml does not say: DNS01_PROVIDER; else `hooks` if a hook folder has executables
 * that may answer for DNS; else `route53` if ACME_HOSTED_ZONE is set. The hooks `reload` and `haproxy` that quickstart
 * installs do not count: with them the tutorial's own settings would never reach Route 53.
 */
export function defaultProvider(
  world: Pick<World, 'env' | 'files' | 'log' | 'self'>,
  folders: readonly string[],
): string | undefined {
  // acmetool's hooks come before Route 53's variables: who has both used hooks that read these variables
  if (world.env.DNS01_PROVIDER) return world.env.DNS01_PROVIDER
  const isManaged = ({ path }: Hook): boolean =>
    Buffer.from(world.files.read(path)).subarray(0, 4096).includes(managedMarker)
  if (findHooks(world, folders).some(hook => !isManaged(hook))) return 'hooks'
  return world.env.ACME_HOSTED_ZONE || world.env.AWS_HOSTED_ZONE_ID ? 'route53' : undefined
}
