import { openResolver, type Resolver } from './dns/zone.js'
import type { DnsConfig, Propagation } from './dns-settings.js'
import { openProviders, type Providers } from './provider-loader.js'
import type { World } from './world.js'

/** What conf/dns.yml and the environment choose: who writes, who is asked, for how long. */
export interface DnsView {
  readonly providers: Providers
  readonly resolver: Resolver
  readonly propagation: Propagation
}

/** Opens no provider before it is needed. `providers` must be closed. */
export function openDnsView(world: World, config: DnsConfig, defaultProvider: () => string | undefined): DnsView {
  const resolvers = config.resolvers.length > 0 ? config.resolvers : world.dns.systemResolvers()
  const outerView = { ...world, dns: { ...world.dns, systemResolvers: () => resolvers } } // providers ask whom we ask
  return {
    providers: openProviders(outerView, config, defaultProvider),
    resolver: openResolver(world, resolvers),
    propagation: config.propagation,
  }
}
