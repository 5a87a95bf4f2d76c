import type { DnsConfig, Propagation } from '../config/dns-settings.js'
import type { World } from '../core/world.js'
import { openResolver, type Resolver } from '../dns/zone.js'
import { openProviders, type Providers } from './loader.js'

/** What conf/dns.yml and the environment choose: who writes, who is asked, for how long. */
export interface DnsView {
  readonly providers: Providers
  readonly resolver: Resolver
  readonly propagation: Propagation
}

/** Opens no provider before it is needed. `providers` must be closed. */
export function openDnsView(world: World, config: DnsConfig, defaultProvider: () => string | undefined): DnsView {
  const outer = outerView(world, config)
  return {
    providers: openProviders(outer, config, defaultProvider),
    resolver: openResolver(world, outer.dns.systemResolvers()),
    propagation: config.propagation,
  }
}

/** The World of providers: they ask whom we ask. */
export function outerView(world: World, { resolvers }: Pick<DnsConfig, 'resolvers'>): World {
  const asked = resolvers.length > 0 ? resolvers : world.dns.systemResolvers()
  return { ...world, dns: { ...world.dns, systemResolvers: () => asked } }
}
