// How the records of this machine come into the DNS: conf/dns.yml read and checked, and from it the providers that write,
// the resolvers that are asked, and how long the servers are watched. The one door to the DNS configuration.
import { type DnsConfig, noDnsConfig, type Propagation, withEnv } from '../config/dns-config.js'
import type { PlaceOf } from '../config/dns-yml.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { mustBeOurs, startsPrograms } from '../core/trust.js'
import type { World } from '../core/world.js'
import { openResolver, type Resolver } from '../dns/resolver.js'
import { type Looking, loadProvider } from './catalog.js'
import { openProviders, type Providers, settingFault } from './loader.js'

/** How closely conf/dns.yml is checked. That each line can be read is checked always. */
export interface ReadOptions {
  /**
   * Whether every provider that the file names is loaded, to check that it is there and knows its settings. A hook of
   * another client, which places one record, leaves it: `dns01 reconcile`, `plan` and `probe` check the whole file.
   */
  readonly checkProviders: boolean
}

/**
 * The DNS configuration that a text says; '' is that of an absent file. The YAML reader is loaded only when there is a text: it takes
 * longer than all that a hook of another client does before its first DNS question.
 * @throws Dns01Error CONFIG with file, line and a suggestion; and when the file starts programs and others can change it
 */
export async function readDnsConfig(
  world: Pick<World, 'env' | 'files' | 'self'>,
  { text, path }: { readonly text: string; readonly path: string },
  options: ReadOptions,
): Promise<DnsConfig> {
  if (text === '') return withEnv(noDnsConfig, world.env)
  const { parseDnsConfig, placesIn } = await import('../config/dns-yml.js')
  const config = parseDnsConfig(text, path, world.env)
  refuseStrangersPrograms(world, config, path)
  if (options.checkProviders) await checkProviders(world, config, keys => placesIn(text, path)(keys)) // read again only if something is wrong
  return config
}

/** What conf/dns.yml and the environment choose. */
export interface DnsContext {
  readonly providers: Providers
  /** The configured resolvers, else the machine's. */
  readonly resolver: Resolver
  /** Whether and how long the servers are watched, and how often each is asked. */
  readonly propagation: Propagation
}

/** Opens no provider before it is needed. `providers` must be closed. */
export function openDnsContext(world: World, config: DnsConfig, defaultProvider: () => string | undefined): DnsContext {
  const providerWorld = withResolvers(world, config)
  return {
    providers: openProviders(providerWorld, config, defaultProvider),
    resolver: openResolver(world, providerWorld.dns.systemResolvers()),
    propagation: config.propagation,
  }
}

/**
 * The World that providers are given: they ask the resolvers of the configuration, as we do. Else a provider that looks up its
 * zone by itself (rfc2136, builtin) would see another view of a zone that is split.
 */
export function withResolvers(world: World, { resolvers }: Pick<DnsConfig, 'resolvers'>): World {
  const asked = resolvers.length > 0 ? resolvers : world.dns.systemResolvers()
  return { ...world, dns: { ...world.dns, systemResolvers: () => asked } }
}

/**
 * A zone that says which program runs, in a file that others may change, would let them run theirs as us. A file without such
 * a zone may belong to anybody: it chooses among providers that are there.
 * @throws Dns01Error CONFIG
 */
function refuseStrangersPrograms(
  world: Pick<World, 'files' | 'self'>,
  { fallback, zones }: DnsConfig,
  path: string,
): void {
  if ([fallback, ...zones.values()].some(dns => startsPrograms({ dns }))) mustBeOurs(world, path)
}

/**
 * Loads each provider that the file names, and opens none: so a mistake is told long before a record is needed, which may be
 * two months after the file was written. Values are not read: a secret may be missing here, where nobody needs it.
 */
async function checkProviders(world: Looking, config: DnsConfig, placeOf: PlaceOf): Promise<void> {
  const { provider, settings } = config.fallback
  if (provider !== undefined) await checkProvider(world, { provider, settings }, placeOf)
  for (const [name, zone] of config.zones) {
    const chosen = zone.provider ?? provider
    if (chosen !== undefined)
      await checkProvider(world, { provider: chosen, settings: zone.settings }, ([, key]) =>
        placeOf(['zones', name, key ?? 'provider']),
      )
  }
}

/** `placeOf` is given ['provider'], or ['settings', KEY]. */
async function checkProvider(
  world: Looking,
  { provider, settings }: { readonly provider: string; readonly settings: Readonly<Record<string, string>> },
  placeOf: PlaceOf,
): Promise<void> {
  const definition = await loadProvider(world, provider).catch((error: unknown) => {
    if (!(error instanceof Dns01Error)) throw error
    throw new Dns01Error(error.code, `${placeOf(['provider'])}: ${messageOf(error)}`, {
      hint: error.hint,
      cause: error,
    })
  })
  // the line and column of the key itself, which only the reader of the file knows
  const fault = settingFault(definition, settings)
  if (fault)
    throw new Dns01Error('CONFIG', `${placeOf(['settings', fault.key])}: ${fault.message}`, { hint: fault.hint })
}
