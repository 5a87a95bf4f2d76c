// What `dns01 providers` shows: settings, traits, least rights, records to create. All of it comes from the
// provider's own definition, so that what is shown cannot differ from what is done. Each document is a value first
// (--json prints it), and lines for people are made of that value, so that both say the same.
import { type DnsConfig, type ZoneConfig, zoneConfigFor } from '../config/dns-config.js'
import { Dns01Error, linesOf } from '../core/errors.js'
import { asChallengeName, type Name } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import { groupBy } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { NeededRecord, ProviderDefinition } from './api.js'
import { findProvider, type Looking, loadProvider, providerNames } from './catalog.js'
import { defaultProvider } from './default.js'
import { settingValues } from './loader.js'

/** What `dns01 providers --json` prints for each. */
export interface ProviderLine {
  readonly name: string
  readonly summary: string
  /** Serves whatever no zone of conf/dns.yml lists. */
  readonly isDefault: boolean
  /** Zones of conf/dns.yml that it serves. */
  readonly zones: readonly Name[]
  /** `dns01`, or the path of somebody else's file or package. */
  readonly from: string
  /** Why it cannot be used: it may not be loaded, or is none. */
  readonly problem?: string
}

/**
 * All providers, and which of them conf/dns.yml and the environment choose for what. Loads each of them, also those of
 * others; nothing is opened, so no setting need be right.
 */
export async function providerList(
  world: Looking,
  config: DnsConfig,
  chosen: string | undefined,
): Promise<ProviderLine[]> {
  return Promise.all(
    providerNames(world).map(async name => ({
      name,
      ...(await look(world, name)),
      // what serves a name that no zone of conf/dns.yml holds: the file comes before what the environment says (`chosen`)
      isDefault: name === (config.fallback.provider ?? chosen),
      zones: [...config.zones.keys()].filter(zone => zoneConfigFor(config, zone).provider === name),
    })),
  )
}

/** One that cannot be used says why, and keeps the others from nothing: who looks for what is wrong needs the list most. */
async function look(world: Looking, name: string): Promise<Pick<ProviderLine, 'summary' | 'from' | 'problem'>> {
  try {
    return { from: findProvider(world, name).from, summary: (await loadProvider(world, name)).summary }
  } catch (error) {
    return { from: '', summary: '', problem: linesOf(error).join('; ') }
  }
}

/** The list for people; `*` marks what is in use. One that cannot be used is in it, with the reason: it would be missed else. */
export function listLines(list: readonly ProviderLine[]): string[] {
  const width = Math.max(...list.map(({ name }) => name.length))
  const chosenFor = ({ isDefault, zones }: ProviderLine): string =>
    [...(isDefault ? ['the default'] : []), ...zones].join(', ')
  const below = (text: string): string => `  ${''.padEnd(width)}  ${text}`
  return list.flatMap(line => [
    `${line.isDefault || line.zones.length > 0 ? '*' : ' '} ${line.name.padEnd(width)}  ${line.problem ? `cannot be used: ${line.problem}` : line.summary}`,
    ...(line.problem || line.from === 'dns01' ? [] : [below(`from ${line.from}`)]),
    ...(chosenFor(line) ? [below(`chosen: ${chosenFor(line)}`)] : []),
  ])
}

/**
 * What `dns01 providers NAME --json` prints. No value of a setting is in it: it may be shown to anybody. Traits that a
 * definition leaves out are false here, so that programs need not know what their absence means.
 */
export const providerDocument = (definition: ProviderDefinition, from: string) => {
  const { name, summary, settings, testedWith, ...rest } = definition
  return {
    name,
    summary,
    from,
    settings: Object.entries(settings).map(([key, { env, help, required, secret, default: otherwise }]) => ({
      key,
      env,
      required: required ?? false,
      secret: secret ?? false,
      default: otherwise,
      help,
    })),
    traits: {
      batch: rest.batch,
      additive: rest.additive,
      confirmsSync: rest.confirmsSync ?? false,
      ephemeral: rest.ephemeral ?? false,
      findsZone: rest.findsZone ?? false,
      oneValuePerName: rest.oneValuePerName ?? false,
      policy: rest.policy !== undefined,
      requiredRecords: rest.requiredRecords !== undefined,
    },
    testedWith,
  }
}

/** The same document for people: settings first, since that is what they come for. */
export function providerLines(document: ReturnType<typeof providerDocument>): string[] {
  const { name, summary, from, settings, testedWith } = document
  return [
    `${name}: ${summary}`,
    '',
    ...(settings.length === 0 ? ['It has no settings.'] : ['Settings, in conf/dns.yml and as environment variable:']),
    ...settings.flatMap(settingLines),
    '',
    ...traitLines(document).map(text => `- ${text}`),
    `- tested with: ${testedWith}`,
    ...(from === 'dns01' ? [] : [`- it comes from ${from}`]),
  ]
}

/**
 * Two lines each: where the setting is written, and what it is. A setting without a variable makes sense for one zone only.
 */
function settingLines(setting: ReturnType<typeof providerDocument>['settings'][number]): string[] {
  const marks = [
    ...(setting.required ? ['required'] : []),
    ...(setting.secret ? ['secret: never in conf/dns.yml, but KEY-file there'] : []),
    ...(setting.default === undefined ? [] : [`default ${setting.default}`]),
  ]
  const names = setting.env.length === 0 ? 'conf/dns.yml only' : setting.env.join(' or ')
  return [`  ${setting.key}: ${names}${marks.length > 0 ? ` (${marks.join('; ')})` : ''}`, `      ${setting.help}`]
}

/** What the traits of a definition mean for a user: the trait's own name would tell only who writes a provider. */
function traitLines({ name, traits }: ReturnType<typeof providerDocument>): string[] {
  return [
    traits.batch ? 'all records of a zone go in one change' : 'records go one by one',
    traits.additive ? "others' values at the same name survive" : "others' values at the same name may not survive",
    ...(traits.confirmsSync ? ['it can tell when all its servers have a change'] : []),
    ...(traits.ephemeral ? ['values are visible only while dns01 runs, or dns01 serve-dns'] : []),
    ...(traits.findsZone ? ['it finds the zone by itself'] : []),
    ...(traits.oneValuePerName
      ? ['one value at a name at a time: a name and its wildcard come one after the other']
      : []),
    ...(traits.policy ? [`dns01 providers ${name} --iam-policy NAME… prints the least rights it needs`] : []),
    ...(traits.requiredRecords ? [`dns01 providers ${name} NAME… prints the records to create, and checks them`] : []),
  ]
}

/**
 * The least rights that some of the hosts (or challenge names) need: one policy where all have the same settings. No names: any
 * host. `policy`: text as the provider's own tools take it, JSON for AWS.
 */
export interface Policy {
  readonly names: readonly Name[]
  readonly policy: string
}

/** What decides who serves a name, and how. Without a network: a policy is often made before there are any rights. */
export interface PolicyParts {
  readonly world: World
  readonly config: DnsConfig
  readonly hookFolders: readonly string[]
}

/**
 * The least rights for these names, one policy for each set of settings: two zones in two accounts need one in each.
 * @throws Dns01Error USAGE for a provider that has none; CONFIG for a mistake in its settings
 */
export function policies(parts: PolicyParts, definition: ProviderDefinition, names: readonly Name[]): Policy[] {
  if (!definition.policy)
    throw new Dns01Error('USAGE', `the provider ${definition.name} has no policy to print`, {
      hint: `its server decides which rights it needs; dns01 providers ${definition.name} shows its settings`,
    })
  // as text, since equal settings are not the same object
  const bySettings = groupBy(names.length > 0 ? names : [undefined], name =>
    JSON.stringify(settingsOf(parts, definition, name)),
  )
  return [...bySettings].map(([settings, group]) => {
    const hosts = group.filter(name => name !== undefined)
    // as a run reads them, so that a mistake shows now, and not when the policy is in force
    const values = settingValues(parts.world, definition, JSON.parse(settings))
    return { names: hosts, policy: definition.policy?.(hosts, values as never) ?? '' }
  })
}

/**
 * The provider's settings for this host (none: any host): as conf/dns.yml has them for its zone, else for any zone. The last,
 * since who asks for a policy often has not given the host to the provider yet.
 */
export function settingsOf(
  parts: PolicyParts,
  definition: ProviderDefinition,
  name: Name | undefined,
): Readonly<Record<string, string>> {
  const { config } = parts
  const said = name === undefined ? config.fallback : zoneConfigFor(config, asChallengeName(name))
  if (chosenOf(parts, said) === definition.name) return said.settings
  return [...config.zones.values()].find(({ provider }) => provider === definition.name)?.settings ?? {}
}

/** Which provider a zone's configuration leads to. */
const chosenOf = ({ world, hookFolders }: PolicyParts, { provider }: ZoneConfig): string | undefined =>
  provider ?? defaultProvider(world, hookFolders)

/**
 * The wanted names that this provider serves, as far as can be known without asking the DNS; as challengeNames() gives them. By
 * the same order of choice as a run's (loader.ts): the target's own provider, then the zone's, then the default. A CNAME to a
 * zone of another provider is not seen; who delegates that way names the other one's hosts himself.
 */
export function wantedOf(
  parts: PolicyParts,
  definition: ProviderDefinition,
  targets: readonly Target[],
  provedAt: (name: Name, target: Target) => Name,
): Name[] {
  const chosen = (target: Target, name: Name): string | undefined =>
    target.dns.provider ?? chosenOf(parts, zoneConfigFor(parts.config, asChallengeName(name)))
  const places = targets.filter(target => methodOf(target) !== 'dns-persist-01') // which asks no provider for anything
  const names = places.flatMap(target =>
    target.requestNames.map(name => provedAt(name, target)).filter(name => chosen(target, name) === definition.name),
  )
  return [...new Set(names)]
}

/** What `dns01 providers NAME HOST…` found: first the records as a zone file has them, to copy, then what is wrong with each. */
export function guideLines(records: readonly NeededRecord[]): string[] {
  const missing = records.filter(record => record.missing !== undefined).length
  // with the dot, as a zone file wants it: without one the file would put its own origin behind (RFC 1035 §5.1)
  const width = Math.max(...records.map(({ name }) => name.length + 1))
  return [
    ...records.map(({ name, type, data }) => `${`${name}.`.padEnd(width)}  ${type.padEnd(5)}  ${data}`),
    '',
    ...records.map(({ name, type, data, missing }) =>
      missing === undefined ? `ok       ${name} ${type} ${data}` : `MISSING  ${name} ${type} ${data}: ${missing}`,
    ),
    ...(missing === 0 ? ['All are there.'] : [`Create the ${missing} that are missing, then ask again.`]),
  ]
}
