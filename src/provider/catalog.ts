/**
 * Which providers there are, and loading one by its name: those that we ship, and those of others, which are npm packages
 * `dns01-provider-NAME` beside dns01 itself (`npm install -g`) and what lies in the folder DNS01_PROVIDERS: files NAME.mjs or
 * NAME.js, and packages in its node_modules.
 *
 * That folder is /etc/dns01/providers by default, beside the env file, and not in the state directory, where the packages of a
 * user might be looked for as well: acmetool changes the modes of what it finds there, conform() does not know it, the user
 * whom certificates belong to may write there, and a copied or restored state directory would bring programs along.
 * The working directory is never looked at: who could leave a file there would be us.
 */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { weakness } from '../core/trust.js'
import type { World } from '../core/world.js'
import type { ProviderDefinition, Setting } from './api.js'

/** What it takes to look for providers. */
export type Looking = Pick<World, 'env' | 'files' | 'self'>

/** A provider that is there; nobody has looked into it: to list names must not run the code of others. */
export interface FoundProvider {
  readonly name: string
  /** Where it comes from: `dns01`, or the path of a file or of a package's folder. */
  readonly from: string
}

/** The folder of others' providers when DNS01_PROVIDERS does not name one. */
const defaultFolder = '/etc/dns01/providers'

/** No scope (`@org/…`): the name after the prefix is what conf/dns.yml has, and must be one word. */
const PACKAGE = /^dns01-provider-([a-z0-9][a-z0-9-]*)$/
const FILE = /^([a-z0-9][a-z0-9-]*)\.m?js$/

/** The folder `providers` nearest above this file: src/../providers, or dist/providers when bundled. */
function shippedFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'providers')) && folder !== dirname(folder)) folder = dirname(folder)
  return join(folder, 'providers')
}

/** Names of the providers that we ship: the files of their folder. So a new one needs no list to be entered in. */
export const shippedNames = (): string[] =>
  readdirSync(shippedFolder())
    .filter(file => /\.(js|ts)$/.test(file))
    .map(file => file.replace(/\.(js|ts)$/, ''))
    .sort()

/** The node_modules in which this dns01 is installed; undefined in a clone. */
const besideUs = (): string | undefined =>
  fileURLToPath(import.meta.url).match(/^(.*\/node_modules)\/dns01\/dist\//)?.[1]

/**
 * Where others' files are.
 * @throws Dns01Error CONFIG for a relative path: it would be one in the working directory
 */
function othersFolder({ env }: Pick<World, 'env'>): string {
  const folder = env.DNS01_PROVIDERS || defaultFolder
  if (folder.startsWith('/')) return folder
  throw new Dns01Error('CONFIG', `DNS01_PROVIDERS is ${JSON.stringify(folder)}`, { hint: 'give an absolute path' })
}

/** Those of others. Price: a list of three folders, which mostly are not there. */
function others(world: Looking): FoundProvider[] {
  const folder = othersFolder(world)
  const beside = besideUs()
  return [
    ...named(world, folder, FILE),
    ...named(world, join(folder, 'node_modules'), PACKAGE),
    ...(beside === undefined ? [] : named(world, beside, PACKAGE)),
  ]
}

/** What of a folder has such a name. A folder that is not there, or not for us to see, has none. */
function named({ files }: Looking, folder: string, pattern: RegExp): FoundProvider[] {
  let entries: readonly { readonly name: string }[]
  try {
    entries = files.list(folder)
  } catch {
    return []
  }
  return entries.flatMap(entry => {
    const [, name] = entry.name.match(pattern) ?? []
    return name === undefined ? [] : [{ name, from: join(folder, entry.name) }]
  })
}

/** Names of all providers, ours and others', sorted; one that exists twice is in it once, and findProvider() refuses it. */
export const providerNames = (world: Looking): string[] =>
  [...new Set([...shippedNames(), ...others(world).map(({ name }) => name)])].sort()

/** The way on for a DNS host that has no provider here: three bridges to the plugins of other tools. */
export const anyHost =
  "any other DNS host: exec with one of acme.sh's dns_* scripts (dialect: acmesh), acme-dns-01 with an npm plugin, or hooks"

/**
 * The one provider of a name. Two of one name are an error, whoever they are of: whichever won, for some user it would be
 * the wrong one, with the other's settings, and nothing would say so.
 * @throws Dns01Error CONFIG with a suggestion when there is no such provider
 */
export function findProvider(world: Looking, name: string): FoundProvider {
  const shipped = shippedNames().includes(name) ? [{ name, from: 'dns01' }] : []
  const [found, second] = [...shipped, ...others(world).filter(other => other.name === name)]
  if (found && second)
    throw new Dns01Error('CONFIG', `there are two providers "${name}": ${whereIs(found)} and ${second.from}`, {
      hint: `remove or rename one: a file NAME.mjs in DNS01_PROVIDERS may give a package another name (docs/plugin-api.md)`,
    })
  if (found) return found
  const known = didYouMean(name, providerNames(world))
  const hint = known.startsWith('known are') ? `${known}; ${anyHost}` : known
  throw new Dns01Error('CONFIG', `there is no provider "${name}"`, { hint })
}

/** For a message. */
const whereIs = ({ from }: FoundProvider): string => (from === 'dns01' ? "dns01's own" : from)

/** @throws Dns01Error CONFIG: there is no such provider, others may change its code, or that is not a provider's */
export async function loadProvider(world: Looking, name: string): Promise<ProviderDefinition> {
  const found = findProvider(world, name)
  return found.from === 'dns01' ? loadShipped(name) : loadOthers(world, found)
}

/** One that we ship; `name` is one of shippedNames(). Not looked at for who may change it: it belongs to this program. */
export async function loadShipped(name: string): Promise<ProviderDefinition> {
  const path = join(shippedFolder(), name)
  const isBuilt = existsSync(`${path}.js`) // then it is CommonJS, and require() is that of src/platform/loader.ts
  const module = isBuilt ? require(`${path}.js`) : await import(pathToFileURL(`${path}.ts`).href)
  return (module as { default: ProviderDefinition }).default
}

/**
 * Looks at who may change the code before any of it runs: dns01 mostly runs as root. Its own name counts, whatever the
 * definition says, since by that name it was asked for.
 */
async function loadOthers(world: Looking, { name, from }: FoundProvider): Promise<ProviderDefinition> {
  const isPackage = PACKAGE.test(basename(from))
  const file = isPackage ? join(from, entryOf(world, from)) : from
  for (const path of isPackage ? [join(from, 'package.json'), file] : [file]) mustBeTrusted(world, name, path)
  const [{ giveOurApi }, { faultOfDefinition }] = await Promise.all([import('./our-api.js'), import('./definition.js')])
  giveOurApi() // before the import: the file's own imports are resolved then
  let loaded: { readonly default?: unknown }
  try {
    loaded = await import(pathToFileURL(file).href)
  } catch (cause) {
    throw new Dns01Error('CONFIG', `the provider ${name} cannot be loaded from ${file}: ${messageOf(cause)}`, { cause })
  }
  const fault = faultOfDefinition(loaded.default)
  if (fault !== undefined) throw new Dns01Error('CONFIG', `${file} is not a provider: ${fault}`, { hint: seeApi })
  return { ...(loaded.default as ProviderDefinition), name }
}

const seeApi = 'docs/plugin-api.md says what the default export must be'

/** @throws Dns01Error CONFIG, naming the file or the folder on the way to it that somebody else may change */
function mustBeTrusted(world: Looking, name: string, path: string): void {
  const weak = weakness(world, path)
  if (weak)
    throw new Dns01Error('CONFIG', `the provider ${name} is not loaded from ${path}: ${weak.path} ${weak.why}`, {
      hint: weak.hint,
    })
}

/**
 * The file that a package's package.json names: `exports` of its root, else `main`. Read here and not left to node, which
 * resolves by name from where dns01 lies, and would find the package of another folder. The order of conditions is that
 * of an ES module in node (Node.js documentation, "Conditional exports").
 */
function entryOf({ files }: Looking, folder: string): string {
  try {
    const { exports, main } = JSON.parse(Buffer.from(files.readPlain(join(folder, 'package.json'))).toString())
    const root = exports?.['.'] ?? exports
    const entry = root?.import?.default ?? root?.import ?? root?.node ?? root?.default ?? root ?? main ?? 'index.js'
    return String(entry)
  } catch (cause) {
    throw new Dns01Error('CONFIG', `${folder} has no package.json that can be read: ${messageOf(cause)}`, { cause })
  }
}

/** All that can be loaded, by their names; `unusable` is told of the others. */
export async function loadAll(
  world: Looking,
  unusable: (found: { readonly name: string; readonly error: unknown }) => void = () => {},
): Promise<ProviderDefinition[]> {
  const loaded = await Promise.all(
    providerNames(world).map(async name => {
      try {
        return [await loadProvider(world, name)]
      } catch (error) {
        unusable({ name, error })
        return []
      }
    }),
  )
  return loaded.flat()
}

/**
 * For a CA (renew/external-account.ts), for `dns01 export` and of notices (notify/). Hooks and providers are not for any of
 * these, and get none of them.
 */
export const OWN_SECRETS: readonly string[] = [
  ...['DNS01_EAB_KID', 'DNS01_EAB_HMAC_KEY', 'DNS01_EXPORT_PASSPHRASE', 'DNS01_PING_URL'],
  ...['SMTP_PASSWORD', 'WEBHOOK', 'WEBHOOK_SECRET', 'SLACK', 'MATTERMOST', 'TEAMS', 'NTFY', 'NTFY_TOKEN'].map(
    name => `DNS01_NOTIFY_${name}`,
  ),
  ...['GOTIFY_TOKEN', 'TELEGRAM_TOKEN'].map(name => `DNS01_NOTIFY_${name}`),
]

/** The variables in which these providers look for secrets, those of our own, and those that name a file with one. */
export function secretVariables(definitions: readonly ProviderDefinition[]): ReadonlySet<string> {
  const secret = definitions.flatMap(({ settings }) => Object.values<Setting>(settings).filter(one => one.secret))
  return new Set([...secret.flatMap(({ env }) => env), ...OWN_SECRETS].flatMap(name => [name, `${name}_FILE`]))
}

/** The variables in which any provider looks for secrets. Those of others that cannot be loaded have none: nobody uses them. */
export const allSecretVariables = async (world: Looking): Promise<ReadonlySet<string>> =>
  secretVariables(await loadAll(world))
