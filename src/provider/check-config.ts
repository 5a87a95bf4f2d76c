import type { PlaceOf } from '../config/dns-config.js'
import type { DnsConfig } from '../config/dns-settings.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { mustBeOurs, startsPrograms } from '../core/trust.js'
import type { World } from '../core/world.js'
import { loadProvider, settingFault } from './loader.js'

/**
 * Checks that every provider which conf/dns.yml names is there and knows the settings it is given, long before one is
 * needed. Loads the providers that are named, and opens none.
 * @throws Dns01Error CONFIG with file, line and a suggestion
 */
export async function checkProviders(config: DnsConfig, placeOf: PlaceOf): Promise<void> {
  const { provider, settings } = config.fallback
  if (provider !== undefined) await checkOne(provider, settings, placeOf)
  for (const [name, zone] of config.zones) {
    const chosen = zone.provider ?? provider
    if (chosen !== undefined)
      await checkOne(chosen, zone.settings, ([, key]) => placeOf(['zones', name, key ?? 'provider']))
  }
}

/** `placeOf` is given ['provider'], or ['settings', KEY]. */
async function checkOne(provider: string, settings: Readonly<Record<string, string>>, placeOf: PlaceOf): Promise<void> {
  const definition = await loadProvider(provider).catch((error: unknown) => {
    if (!(error instanceof Dns01Error)) throw error
    throw new Dns01Error(error.code, `${placeOf(['provider'])}: ${messageOf(error)}`, {
      hint: error.hint,
      cause: error,
    })
  })
  const fault = settingFault(definition, settings)
  if (fault)
    throw new Dns01Error('CONFIG', `${placeOf(['settings', fault.key])}: ${fault.message}`, { hint: fault.hint })
}

/** @throws Dns01Error CONFIG when a zone of conf/dns.yml says which program runs, and others may change the file */
export function refuseStrangersPrograms(
  world: Pick<World, 'files' | 'self'>,
  { fallback, zones }: DnsConfig,
  path: string,
): void {
  if ([fallback, ...zones.values()].some(dns => startsPrograms({ dns }))) mustBeOurs(world, path)
}
