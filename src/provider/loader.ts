// Opens the provider that serves a name, with its settings from conf/dns.yml, the environment or files. The values
// are read here and not by each provider, so that all name them alike and secrets are masked in the log before a
// provider is opened.
import { type DnsConfig, type ZoneConfig, zoneConfigFor } from '../config/dns-config.js'
import { readSecretFile, variable } from '../config/secret-file.js'
import { didYouMean, distance } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { openShared, type Provider, type ProviderDefinition, type Setting, type Shared } from './api.js'
import { anyHost, type Looking, loadProvider, providerNames, secretVariables } from './catalog.js'

/** A provider ready to be called, and how its file describes it: traits are read there, what depends on settings here. */
export interface OpenProvider {
  readonly definition: ProviderDefinition
  readonly provider: Provider
  /** What names it in the journal: enough to open it again in a later run. */
  readonly config: { readonly provider: string; readonly settings: Readonly<Record<string, string>> }
}

/**
 * Opens each provider once for each set of settings: two zones in two accounts of Route 53 are two openings, a hundred names
 * in one are one. Opened when the first name needs it, so that a provider nobody needs today may be set up wrong.
 */
export interface Providers {
  /** The one for a challenge name: the target's own, else the longest zone of conf/dns.yml, else the default.
   *  Throws CONFIG: unknown provider, missing or unknown setting, no provider chosen. */
  for(name: Name, chosen?: Target['dns']): Promise<OpenProvider>
  /** As the journal names it, to take back what an earlier run placed. */
  open(config: OpenProvider['config']): Promise<OpenProvider>
  /** Closes all that were opened; one that could not be opened has nothing to close. */
  close(): Promise<void>
}

/** The environment without these variables. A copy: the World's own stays as it is. */
export const without = (env: World['env'], variables: ReadonlySet<string>): World['env'] =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !variables.has(name)))

/**
 * Opens nothing yet. `defaultProvider` is asked for a name that neither its target nor conf/dns.yml gives a
 * provider.
 */
export function openProviders(world: World, config: DnsConfig, defaultProvider: () => string | undefined): Providers {
  const opened = new Map<string, Promise<OpenProvider>>()
  const shared = openShared()
  const sharedBy = (provider: string): Shared => shared.once(provider, openShared)
  // the providers in use, whose secrets are hidden from programs that another provider runs
  const named = (): string[] => {
    const all = [config.fallback, ...config.zones.values()].map(({ provider }) => provider ?? defaultProvider())
    return [...new Set(all.flatMap(name => name ?? []))]
  }
  const open = (wanted: OpenProvider['config']): Promise<OpenProvider> => {
    // Sorted: the order in which somebody wrote the settings makes no other provider. A promise, so that forty names of a first
    // look open it once; a rejected one stays, since what is set up wrong is so for the whole run.
    const key = JSON.stringify([wanted.provider, Object.entries(wanted.settings).sort()])
    const found = opened.get(key) ?? openOne(world, wanted, named, sharedBy(wanted.provider))
    opened.set(key, found)
    return found
  }
  return {
    open,
    for: async (name, chosen) => {
      const said = choose(zoneConfigFor(config, name), chosen)
      const provider = said.provider ?? defaultProvider()
      if (provider === undefined) throw noProvider(world, name)
      return open({ provider, settings: said.settings })
    },
    close: async () => {
      for (const one of await Promise.allSettled(opened.values())) {
        if (one.status === 'fulfilled') await one.value.provider.close?.()
      }
    },
  }
}

/**
 * The target's own choice replaces the zone's; its settings are added when it names no other provider. Settings of the zone
 * are never handed to another provider: they may be the key to somebody else's API.
 */
export const choose = (zone: ZoneConfig, chosen: Target['dns'] | undefined): ZoneConfig =>
  chosen?.provider !== undefined && chosen.provider !== zone.provider
    ? chosen
    : { provider: zone.provider, settings: { ...zone.settings, ...chosen?.settings } }

/** With the list, since this is what a beginner meets first. */
const noProvider = (world: Looking, name: Name): Dns01Error =>
  new Dns01Error('CONFIG', `no DNS provider is chosen for ${name}`, {
    hint: `set DNS01_PROVIDER, or write conf/dns.yml; there are: ${providerNames(world).join(', ')}; ${anyHost}`,
  })

/** A misspelt variable is told here, where it is known which ones would have been read. */
async function openOne(
  world: World,
  config: OpenProvider['config'],
  named: () => string[],
  shared: Shared,
): Promise<OpenProvider> {
  const definition = await loadProvider(world, config.provider)
  for (const [name, meant] of misspelt(world.env, definition.settings))
    world.log.warn(`${name} is set, but nothing reads it: did you mean ${meant}?`)
  const values = settingValues(world, definition, config.settings)
  const inside = definition.othersSecretsHidden ? await withoutOthersSecrets(world, definition.name, named()) : world
  return { definition, config, provider: await definition.open(values as never, inside, shared) }
}

/**
 * A program has no business with the secrets of the providers that write other zones. Those of providers that nobody chose
 * it keeps: what is in AWS_SECRET_ACCESS_KEY or CF_Token then, is most likely there for it.
 */
async function withoutOthersSecrets(world: World, own: string, named: readonly string[]): Promise<World> {
  const others = named.filter(name => name !== own)
  return {
    ...world,
    env: without(world.env, secretVariables(await Promise.all(others.map(other => loadProvider(world, other))))),
  }
}

/**
 * Variables one or two letters away from one that the provider would read and that is not set; with the right name. Nothing
 * else in an environment says that a variable was meant for us.
 */
export function misspelt(env: World['env'], settings: ProviderDefinition['settings']): (readonly [string, string])[] {
  const known = Object.values(settings).flatMap(({ env }) => env.flatMap(name => [name, `${name}_FILE`]))
  const unset = known.filter(name => env[name] === undefined)
  const strange = Object.keys(env).filter(name => !known.includes(name))
  return strange.flatMap(name => {
    // as for lengths: two letters away means at most two longer or shorter, and to compare costs more
    const meant = unset.find(other => Math.abs(other.length - name.length) <= 2 && distance(name, other) <= 2)
    return meant === undefined ? [] : [[name, meant] as const]
  })
}

/**
 * The values of a provider's settings: conf (KEY, or KEY-file: a path), else the environment (NAME, or NAME_FILE), else the default.
 * Secrets are masked in the log from here on.
 * @throws Dns01Error CONFIG: unknown key (with a suggestion), a secret in conf/, a required one missing, a file that cannot be read
 */
export function settingValues(
  world: Pick<World, 'env' | 'files' | 'log'>,
  { name, settings }: Pick<ProviderDefinition, 'name' | 'settings'>,
  conf: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const fault = settingFault({ name, settings }, conf)
  if (fault) throw new Dns01Error('CONFIG', fault.message, { hint: fault.hint })
  return Object.fromEntries(
    Object.entries(settings).map(([key, setting]) => {
      const value = fromConf(world, key, conf) ?? fromEnv(world, setting) ?? setting.default
      if (value === undefined && setting.required) throw missing(name, key, setting)
      // here and not when it is used: what a provider logs while it opens must not show it either
      if (setting.secret && value) world.log.mask(value)
      return [key, value]
    }),
  )
}

/**
 * What is wrong with a provider's settings in conf/, before any value is looked at: an unknown key, a secret for all to read.
 * A value, and not an error: who checks the whole file adds line and column.
 */
export function settingFault(
  { name, settings }: Pick<ProviderDefinition, 'name' | 'settings'>,
  conf: Readonly<Record<string, string>>,
): { readonly key: string; readonly message: string; readonly hint: string } | undefined {
  const keys = Object.keys(settings)
  for (const key of Object.keys(conf)) {
    if (!keys.includes(key) && !keys.includes(key.replace(/-file$/, ''))) {
      const hint = didYouMean(key.replace(/-file$/, ''), keys)
      return { key, message: `provider ${name} has no setting "${key}"`, hint }
    }
    if (settings[key]?.secret) {
      const elsewhere = `set ${settings[key].env[0] ?? key} in the environment`
      const hint = `write "${key}-file: PATH" there, or ${elsewhere}, and change the secret`
      return { key, message: `${name}: the secret "${key}" is in a file that everybody can read`, hint }
    }
  }
  return undefined
}

/**
 * The file of KEY-file may be readable by its owner alone, where conf/dns.yml is for all to read. Both forms come before the
 * environment: what is written for one zone is more particular than what is set for the whole machine.
 */
function fromConf(
  world: Pick<World, 'files'>,
  key: string,
  conf: Readonly<Record<string, string>>,
): string | undefined {
  const path = conf[`${key}-file`]
  return path === undefined ? conf[key] : readSecretFile(world.files, path, 'the setting in').trim()
}

/** The first of its names that is set: our own name before those that other tools use. */
function fromEnv(world: Pick<World, 'env' | 'files'>, setting: Setting): string | undefined {
  for (const name of setting.env) {
    const value = variable(world, name)
    if (value !== undefined) return value
  }
  return undefined
}

/** Some settings have no variable: they make sense for one zone only. */
const missing = (provider: string, key: string, setting: Setting): Dns01Error =>
  new Dns01Error('CONFIG', `provider ${provider} needs the setting "${key}": ${setting.help}`, {
    hint: setting.env[0]
      ? `set ${setting.env.join(' or ')}, or ${setting.env[0]}_FILE`
      : `write "${key}" into conf/dns.yml`,
  })
