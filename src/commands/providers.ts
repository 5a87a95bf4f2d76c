/** `dns01 providers`: shows the DNS providers, one provider's settings, or what a provider needs for certain names. */

import { Dns01Error } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import { challengeNames, provedBy } from '../manage/challenge-names.js'
import type { ProviderDefinition } from '../provider/api.js'
import { findProvider, loadProvider } from '../provider/catalog.js'
import { defaultProvider } from '../provider/default.js'
import { withResolvers } from '../provider/dns-context.js'
import { hookFolders } from '../provider/hook-scripts.js'
import {
  guideLines,
  listLines,
  type PolicyParts,
  policies,
  providerDocument,
  providerLines,
  providerList,
  settingsOf,
  wantedOf,
} from '../provider/info.js'
import { settingValues } from '../provider/loader.js'
import { type Context, dnsConfig, looking } from '../renew/run.js'
import { type Command, texts } from './command.js'

export const providers: Command = {
  command: 'providers [name] [names..]',
  describe: 'Show the DNS providers, or one with its settings; with names: which records they need in the DNS.',
  example: 'providers rfc2136',
  options: {
    'iam-policy': {
      type: 'boolean',
      describe: 'print the least rights for these names, or for all that are wanted (provider route53)',
    },
  },
  run: async ({ name, names, 'iam-policy': iamPolicy }, context) => {
    if (name === undefined && !iamPolicy) return showList(context)
    const definition = await loadProvider(context.world, name === undefined ? 'route53' : String(name))
    const hosts = texts(names).map(parseName)
    if (iamPolicy) return showPolicy(context, definition, hosts)
    return hosts.length > 0 ? showGuide(context, definition, hosts) : show(context, definition)
  },
}

async function partsOf(context: Context): Promise<PolicyParts> {
  const { world } = context
  return { world, config: await dnsConfig(context, await looking(context)), hookFolders: hookFolders(world.env) }
}

async function showList(context: Context): Promise<[]> {
  const { world, config, hookFolders: folders } = await partsOf(context)
  const list = await providerList(world, config, defaultProvider(world, folders))
  context.out.show(list, () => listLines(list))
  return []
}

function show({ world, out }: Context, definition: ProviderDefinition): [] {
  const document = providerDocument(definition, findProvider(world, definition.name).from)
  out.show(document, () => providerLines(document))
  return []
}

async function showPolicy(context: Context, definition: ProviderDefinition, hosts: readonly Name[]): Promise<[]> {
  const parts = await partsOf(context)
  const made = policies(
    parts,
    definition,
    hosts.length > 0 ? await provedNames(context, hosts) : await wantedNames(context, parts, definition),
  )
  if (made.length > 1) context.world.log.notice(`${made.length} policies, because the names have different settings`)
  context.out.show(made, () => made.flatMap(({ policy }) => policy.trimEnd().split('\n')))
  return []
}

/** The challenge names of these hosts, as their targets or conf/target have it. */
async function provedNames(context: Context, hosts: readonly Name[]): Promise<Name[]> {
  const state = await looking(context)
  const { targets } = state.targets()
  const asked = hosts.map(host => ({ host, by: provedBy(state, targets, host) }))
  const by = asked.map(one => one.by)
  const provedAt = await challengeNames(context.world, state, by, context.signal)
  return asked.map(one => provedAt(one.host, one.by))
}

/** Of all that is wanted, what this provider serves. Where that is nothing: any host, which alone says nothing but the account. */
async function wantedNames(context: Context, parts: PolicyParts, definition: ProviderDefinition): Promise<Name[]> {
  const state = await looking(context)
  const { targets } = state.targets()
  const defaults = state.defaults()
  const provedAt = await challengeNames(context.world, state, [...targets, defaults], context.signal)
  const wanted = wantedOf(parts, definition, targets, provedAt)
  const any = provedAt('*' as Name, defaults)
  return wanted.length > 0 || any === '*' ? wanted : [any]
}

/** @throws Dns01Error USAGE for a provider that has no records to ask for */
async function showGuide(context: Context, definition: ProviderDefinition, hosts: readonly Name[]): Promise<unknown[]> {
  const { world, signal, out } = context
  if (!definition.requiredRecords)
    throw new Dns01Error('USAGE', `the provider ${definition.name} needs no records of yours`, {
      hint: 'dns01 probe NAME… tries a provider with names; --iam-policy prints the rights that one needs',
    })
  const parts = await partsOf(context)
  const values = settingValues(world, definition, settingsOf(parts, definition, hosts[0]))
  const names = await provedNames(context, hosts)
  const records = await definition.requiredRecords(names, values as never, withResolvers(world, parts.config), signal)
  out.show(records, () => guideLines(records))
  const missing = records.filter(record => record.missing !== undefined)
  return missing.map(({ name, type }) => new Dns01Error('CONFIG', `${name} ${type} is missing`))
}
