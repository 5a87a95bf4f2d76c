import { dirname } from 'node:path'
import { stringify } from 'yaml'
import type { DnsConfig } from '../dns-settings.js'
import { loadEnv } from '../env-file.js'
import { Dns01Error } from '../errors.js'
import { hookFolders } from '../hooks.js'
import type { ProviderDefinition } from '../provider.js'
import { defaultProvider } from '../provider-choice.js'
import { loadProvider, openProviders, providerNames } from '../provider-loader.js'
import type { World } from '../world.js'
import type { Answers, Choice } from './answers.js'
import { ID } from './ids.js'

/** Who will place TXT records, and what is to be written down of it. */
export interface DnsChoice {
  /** By name; undefined: nothing says so yet. */
  readonly provider: string | undefined
  /** A new conf/dns.yml, when somebody picked a provider and there is none. */
  readonly confText: string | undefined
}

interface Parts {
  readonly world: World
  readonly answers: Answers
  readonly config: DnsConfig
  /** There is a conf/dns.yml: it is checked, and stays as it is. */
  readonly isConfigured: boolean
}

/** Keeps records where no CA sees them. */
const forTests = 'memory'

/**
 * Chooses the DNS provider, and opens all that are configured: what is missing or wrong is found here instead of by cron.
 * No record is written. Without anybody to ask, what conf/dns.yml, the environment and the hooks say holds.
 * @throws Dns01Error CONFIG
 */
export async function chooseProvider(parts: Parts): Promise<DnsChoice> {
  const { world, config, isConfigured } = parts
  const found = config.fallback.provider ?? defaultProvider(world, hookFolders(world.env))
  const picked = isConfigured ? undefined : await pick(parts, found)
  const provider = picked ?? found
  if (provider === undefined && config.zones.size === 0) {
    world.log.warn(
      `no DNS provider is chosen yet; set DNS01_PROVIDER, or write conf/dns.yml (${providers().join(', ')})`,
    )
    return { provider, confText: undefined }
  }
  const settings = picked === undefined ? config.fallback.settings : await askMissing(parts, await loadProvider(picked))
  await openAll(parts, provider === undefined ? [] : [{ provider, settings }])
  return { provider, confText: picked === undefined ? undefined : confText(picked, settings) }
}

const providers = (): string[] => providerNames().filter(name => name !== forTests)

async function pick({ answers }: Parts, found: string | undefined): Promise<string | undefined> {
  const first = found ?? 'route53'
  const names = providers().sort((a, b) => Number(b === first) - Number(a === first))
  const choices = names.map(async (value): Promise<Choice> => ({ value, label: value, hint: await summary(value) }))
  return answers.choice(
    ID.provider,
    'Who serves your DNS?',
    answers.interactive ? await Promise.all(choices) : [],
    found,
  )
}

const summary = async (name: string): Promise<string> => (await loadProvider(name)).summary

/** Required settings that nothing gives: asked for; secrets are not, since they must not get into conf/. */
async function askMissing(
  { world, answers }: Parts,
  { name, settings }: ProviderDefinition,
): Promise<Record<string, string>> {
  const given = ({ env }: { env: readonly string[] }): boolean =>
    env.some(variable => world.env[variable] || world.env[`${variable}_FILE`])
  const missing = Object.entries(settings).filter(([, setting]) => setting.required && !given(setting))
  const secrets = missing.flatMap(([key, { secret, env }]) => (secret ? [env[0] ?? key] : []))
  if (secrets.length > 0)
    throw new Dns01Error('CONFIG', `provider ${name} needs ${secrets.join(' and ')}`, {
      hint: [
        `add to ${envFile(world)}, which must be of mode 0600, and run quickstart again:`,
        ...secrets.map(variable => `${variable}='…'`),
      ],
    })
  const said: Record<string, string> = {}
  for (const [key, { help }] of missing) {
    const value = await answers.text(`dns01-quickstart-${name}-${key}`, `${name}, ${key}: ${help}:`)
    if (value !== undefined) said[key] = value
  }
  return said
}

async function openAll(
  { world, config }: Parts,
  more: readonly { readonly provider: string; readonly settings: Readonly<Record<string, string>> }[],
): Promise<void> {
  const opened = openProviders(world, config, () => undefined)
  try {
    for (const one of more) await opened.open(one)
    for (const zone of config.zones.keys()) await opened.for(zone)
  } finally {
    await opened.close()
  }
}

const confText = (provider: string, settings: Readonly<Record<string, string>>): string =>
  `# Who serves which zone. Secrets do not belong here: they stand in /etc/dns01/env.\n${stringify(
    Object.keys(settings).length > 0 ? { provider, settings } : { provider },
  )}`

const envFile = ({ env }: Pick<World, 'env'>): string => env.DNS01_ENV_FILE || '/etc/dns01/env'

/** Variables besides those of providers that a run looks at. */
const general = [
  'DNS01_PROVIDER',
  'DNS01_RESOLVERS',
  'DNS01_PROPAGATION',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  ...['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap(name => [name, name.toLowerCase()]),
]

/** What this shell has and cron will not have, and the lines that put it into the env file: without the values, some are secret. */
export async function tellAboutEnvironment(world: World, provider: string | undefined): Promise<void> {
  const { env, files, log } = world
  const path = envFile(world)
  const inFile = await loadEnv(files, { DNS01_ENV_FILE: env.DNS01_ENV_FILE }, undefined)
  const settings = provider === undefined ? [] : Object.values((await loadProvider(provider)).settings)
  const known = [...general, ...settings.flatMap(setting => setting.env.flatMap(name => [name, `${name}_FILE`]))]
  const fromFlags = ['ACME_STATE_DIR', 'ACME_HOOKS_DIR']
  const only = [...new Set(known)].filter(name => env[name] && inFile[name] === undefined && !fromFlags.includes(name))
  if (only.length > 0)
    log.notice(
      `cron will not know ${only.join(', ')} of this shell; these lines note them where every run looks:`,
      `install -d ${dirname(path)}; touch ${path}; chmod 600 ${path}`,
      ...only.map(name => `printf "${name}='%s'\\n" "$${name}" >>${path}`),
    )
  else if (provider === 'hooks' && !files.info(path))
    log.notice(`cron gives your hooks no variables; those they need belong into ${path}, mode 0600, as NAME='value'`)
}
