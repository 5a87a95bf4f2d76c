/** The choice of the DNS provider. It is opened, and tried if somebody agrees, while somebody is there to mend it. */

import { dirname } from 'node:path'
import { stringify } from 'yaml'
import type { DnsConfig } from '../config/dns-config.js'
import { loadEnv } from '../config/env-file.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { loadAll, loadProvider, providerNames } from '../provider/catalog.js'
import { defaultProvider } from '../provider/default.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { openProviders } from '../provider/loader.js'
import type { Context } from '../renew/run.js'
import type { Answers, Choice } from './answers.js'
import { keepVariables } from './cron-settings.js'
import { envFile, type Variables } from './env-text.js'
import { ID } from './ids.js'
import { askSettings, type Given } from './provider-settings.js'
import { tryProvider } from './trial.js'
import { knownVariables } from './variables.js'

/** Who will place TXT records, and what is to be written down of it. */
export interface DnsChoice {
  /** By name; undefined: nothing says so yet. */
  readonly provider: string | undefined
  /** A new conf/dns.yml, when somebody picked a provider and there is none. */
  readonly confText: string | undefined
  /** For the env file. */
  readonly variables: Variables
  /** Those of them that a crontab need not have any more. */
  readonly fromCron: Variables
}

interface Parts {
  readonly context: Context
  readonly answers: Answers
  readonly config: DnsConfig
  /** There is a conf/dns.yml: it is checked, and stays as it is. */
  readonly isConfigured: boolean
  /** Directory URL. */
  readonly ca: string
}

/** Keeps records where no CA sees them. */
const forTests = 'memory'

/**
 * Chooses the DNS provider, asks for its settings, and opens all that are configured: what is missing or wrong is found
 * here instead of by cron. Whoever sits there may try it, with one value that is taken back. Without anybody to ask, what
 * conf/dns.yml, the environment and the hooks say holds.
 * @throws Dns01Error CONFIG
 */
export async function chooseProvider(parts: Parts): Promise<DnsChoice> {
  const { config, isConfigured, answers } = parts
  const { world } = parts.context
  const kept = await keepVariables(world, answers)
  const informed = { ...world, env: { ...kept, ...world.env } }
  const found = config.fallback.provider ?? defaultProvider(informed, hookFolders(world.env))
  const picked = isConfigured ? undefined : await pick(parts, found)
  if (picked !== undefined) {
    const { settings, variables } = await settle(parts, informed, picked)
    return {
      provider: picked,
      confText: confText(picked, settings),
      variables: { ...kept, ...variables },
      fromCron: kept,
    }
  }
  if (found === undefined && config.zones.size === 0)
    world.log.warn(
      `no DNS provider is chosen yet; set DNS01_PROVIDER, or write conf/dns.yml (${providers(world).join(', ')})`,
    )
  else
    await openAll(
      informed,
      config,
      found === undefined ? [] : [{ provider: found, settings: config.fallback.settings }],
    )
  return { provider: found, confText: undefined, variables: kept, fromCron: kept }
}

const withVariables = (world: World, variables: Variables): World => ({ ...world, env: { ...world.env, ...variables } })

const providers = (world: World): string[] => providerNames(world).filter(name => name !== forTests)

/** undefined: nobody answers. Summaries cost loading each provider, so only somebody who sits there is shown a list. */
async function pick({ answers, context }: Parts, found: string | undefined): Promise<string | undefined> {
  const first = found ?? 'route53'
  const choices = async (): Promise<Choice[]> => {
    const definitions = (await loadAll(context.world)).filter(({ name }) => name !== forTests)
    return definitions
      .map(({ name, summary }) => ({ value: name, label: LABELS[name] ?? name, hint: summary }))
      .sort((a, b) => Number(b.value === first) - Number(a.value === first))
  }
  return answers.choice(ID.provider, 'Who serves your DNS?', answers.interactive ? await choices() : [], found)
}

/** People know who serves their zone, not what we call it. */
const LABELS: Readonly<Record<string, string>> = {
  route53: 'Amazon Route 53 (route53)',
  cloudflare: 'Cloudflare (cloudflare)',
  rfc2136: 'BIND, Knot, PowerDNS (rfc2136)',
  exec: "any other: acme.sh's scripts, other clients' hooks (exec)",
  hooks: "acmetool's hooks (hooks)",
  'acme-dns-01': 'a plugin from npm (acme-dns-01)',
  builtin: 'nobody: dns01 itself answers, for a delegated zone (builtin)',
}

/** Asks for the provider's settings until they are good, or whoever sits there goes on without. */
async function settle(parts: Parts, world: World, provider: string): Promise<Given> {
  const { answers, config } = parts
  const definition = await loadProvider(world, provider)
  // what was typed once is there at the next try, so that one mistake does not cost all answers; secrets are not kept
  const memory = new Map<string, string>()
  for (;;) {
    const given = await askSettings(world, answers, definition, memory)
    const now = withVariables(world, given.variables)
    const settings = { ...config.fallback.settings, ...given.settings }
    const fault = await faultOf(parts, now, { provider, settings })
    if (fault === undefined) return given
    answers.note(fault.lines.join('\n'))
    const canMend = answers.interactive && Object.keys({ ...given.settings, ...given.variables }).length > 0
    if (canMend && (await answers.ask('Enter the settings again?'))) continue
    if (fault.error) throw fault.error
    return given
  }
}

/** What is wrong with settings. */
interface Fault {
  readonly lines: readonly string[]
  /** The provider cannot even be opened with them. */
  readonly error?: Dns01Error
}

/** First by the provider's own check of them, then by trying it. */
async function faultOf(
  { context, answers, config, ca }: Parts,
  world: World,
  fallback: { readonly provider: string; readonly settings: Readonly<Record<string, string>> },
): Promise<Fault | undefined> {
  try {
    await openAll(world, config, [fallback])
  } catch (error) {
    if (!(error instanceof Dns01Error)) throw error
    return { lines: [messageOf(error), ...(error.hint ? [`  ${error.hint}`] : [])], error }
  }
  if (!answers.interactive) return undefined
  const lines = await tryProvider(context, world, { config: { ...config, fallback }, ca, answers })
  return lines.length > 0 ? { lines } : undefined
}

async function openAll(
  world: World,
  config: DnsConfig,
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

/** What this shell has and cron will not have, and the lines that put it into the env file: without the values, some are secret. */
export async function tellAboutEnvironment(world: World, { provider }: Pick<DnsChoice, 'provider'>): Promise<void> {
  const { env, files, log } = world
  const path = envFile(world)
  const inFile = await loadEnv(files, { DNS01_ENV_FILE: env.DNS01_ENV_FILE }, undefined)
  const known = knownVariables(provider === undefined ? [] : [await loadProvider(world, provider)])
  const fromFlags = ['ACME_STATE_DIR', 'ACME_HOOKS_DIR']
  const only = known.filter(name => env[name] && inFile[name] === undefined && !fromFlags.includes(name))
  if (only.length > 0)
    log.notice(
      `cron will not know ${only.join(', ')} of this shell; these lines note them where every run looks:`,
      `install -d ${dirname(path)}; touch ${path}; chmod 600 ${path}`,
      ...only.map(name => `printf "${name}='%s'\\n" "$${name}" >>${path}`),
    )
  else if (provider === 'hooks' && !files.info(path))
    log.notice(`cron gives your hooks no variables; those they need belong into ${path}, mode 0600, as NAME='value'`)
}
