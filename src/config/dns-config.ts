// What conf/dns.yml and the environment can say of the DNS: who places records for which names, who is asked, for how
// long.
import { longestMatch, type Name } from '../core/names.js'
import type { World } from '../core/world.js'

/** How long and how often the authoritative servers are asked. */
export interface Propagation {
  /** false: the CA is told at once, nothing is asked. */
  readonly wait: boolean
  readonly giveUpAfterSeconds: number
  readonly firstPauseSeconds: number
  readonly maxPauseSeconds: number
}

/**
 * Our own choice. 900 s: providers and secondaries that no NOTIFY reaches (RFC 1996) may take minutes; who has a slower one sets more.
 * 0.015 s and 2 s: pauses grow by half, so that a secondary which has the value 50 ms after NOTIFY is seen a third of that
 * later; one that takes minutes gets no more than a question every two seconds.
 */
export const defaultPropagation: Propagation = {
  wait: true,
  giveUpAfterSeconds: 900,
  firstPauseSeconds: 0.015,
  maxPauseSeconds: 2,
}

export interface ZoneConfig {
  readonly provider?: string | undefined
  /** The provider's settings by their conf/dns.yml names. */
  readonly settings: Readonly<Record<string, string>>
}

/** What conf/dns.yml says; every part may be absent. */
export interface DnsConfig {
  /** For names in no listed zone. */
  readonly fallback: ZoneConfig
  readonly zones: ReadonlyMap<Name, ZoneConfig>
  /** Addresses or https: URLs; empty means the machine's own. */
  readonly resolvers: readonly string[]
  readonly propagation: Propagation
}

/** What holds without conf/dns.yml. */
export const noDnsConfig: DnsConfig = {
  fallback: { settings: {} },
  zones: new Map(),
  resolvers: [],
  propagation: defaultPropagation,
}

/** DNS01_PROPAGATION=off and DNS01_RESOLVERS (comma-separated) win over conf/dns.yml. */
export function withEnv(config: DnsConfig, env: World['env']): DnsConfig {
  const resolvers = env.DNS01_RESOLVERS?.split(',')
    .map(text => text.trim())
    .filter(text => text !== '' && text !== 'system')
  const off = ['off', 'no', 'false', '0'].includes((env.DNS01_PROPAGATION ?? '').toLowerCase())
  return {
    ...config,
    resolvers: resolvers ?? config.resolvers,
    propagation: off ? { ...config.propagation, wait: false } : config.propagation,
  }
}

/** The provider and settings for a challenge name (after CNAMEs): the longest listed zone, else the fallback. */
export function zoneConfigFor(config: DnsConfig, name: Name): ZoneConfig {
  const match = longestMatch(name, config.zones.keys())
  const zoneConfig = match === undefined ? undefined : config.zones.get(match)
  if (!zoneConfig) return config.fallback
  return zoneConfig.provider === undefined
    ? { provider: config.fallback.provider, settings: { ...config.fallback.settings, ...zoneConfig.settings } }
    : zoneConfig
}
