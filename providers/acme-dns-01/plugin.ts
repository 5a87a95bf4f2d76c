// Loads an acme-dns-01 plugin, from where the user installed it, and checks that it is one.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Dns01Error, type TxtRecord, type World, weakness } from '../../src/provider/shipped.js'

/** What plugins are told of a challenge (README of acme-dns-01-test). */
export interface PluginChallenge {
  readonly type: 'dns-01'
  readonly status: 'pending'
  readonly identifier: { readonly type: 'dns'; readonly value: string }
  readonly wildcard: boolean
  readonly altname: string
  readonly token: string
  readonly thumbprint: string
  readonly keyAuthorization: string
  readonly keyAuthorizationDigest: string
  /** Where the record belongs, after CNAMEs; `dnsPrefix` is what comes before `.dnsZone`. */
  readonly dnsHost: string
  readonly dnsZone: string
  readonly dnsPrefix: string
  readonly dnsAuthorization: string
}

/** Not looked at but where the caller says: plugins differ in what they give back. */
type Result = unknown
/** One argument and a result or a promise, or two, the second a callback. */
type Method = (asked: never, done?: (error: unknown, result?: Result) => void) => Result

/** A plugin, created. Only `set` and `remove` must be there. `propagationDelay`: milliseconds. */
export interface Plugin {
  readonly init?: Method
  readonly zones?: Method
  readonly set: Method
  readonly get?: Method
  readonly remove: Method
  readonly propagationDelay?: number
}

/** Where a plugin is looked for. Not the working directory by itself: who could put a node_modules there would be us. */
export interface PluginPlace {
  readonly module: string
  /** Its node_modules, or one above, has it; that of dns01 itself when absent. */
  readonly folder?: string | undefined
}

/**
 * Loads a plugin from the node_modules that `folder` sees, and creates it. It is the user's own code and may do anything;
 * what it prints by itself (some print a failed request with its key) goes to our stderr unmasked.
 * @throws Dns01Error CONFIG: it is not installed, somebody else may change it, or it is not a plugin of this kind
 */
export async function loadPlugin(
  world: Pick<World, 'files' | 'self'>,
  { module, folder }: PluginPlace,
  options: unknown,
): Promise<Plugin> {
  const path = find(module, folder === undefined ? fileURLToPath(new URL('.', import.meta.url)) : resolve(folder))
  const weak = weakness(world, path)
  if (weak)
    throw new Dns01Error('CONFIG', `the npm module "${module}" is not loaded: ${weak.path} ${weak.why}`, {
      hint: weak.hint,
    })
  const loaded = await import(pathToFileURL(path).href)
  const exported = loaded.default ?? loaded
  if (typeof exported.create !== 'function') throw noPlugin(module, 'create')
  const plugin = exported.create(options)
  for (const method of ['set', 'remove']) {
    if (typeof plugin?.[method] !== 'function') throw noPlugin(module, method)
  }
  return plugin
}

function find(module: string, folder: string): string {
  try {
    return createRequire(join(folder, 'package.json')).resolve(module)
  } catch (cause) {
    throw new Dns01Error('CONFIG', `there is no npm module "${module}" in ${folder}`, {
      hint: `npm install -g ${module}, or set the folder whose node_modules has it (DNS01_PLUGIN_FOLDER)`,
      cause,
    })
  }
}

const noPlugin = (module: string, method: string): Dns01Error =>
  new Dns01Error('CONFIG', `the npm module "${module}" is not an acme-dns-01 plugin: it has no ${method}()`, {
    hint: 'see the keyword "acme-dns-01" on npm',
  })

/** Calls a method of a plugin in the way it was written for: two parameters want a callback, as ACME.js has it. */
export const callPlugin = (
  plugin: Plugin,
  name: 'init' | 'zones' | 'set' | 'get' | 'remove',
  asked: unknown,
): Promise<Result> =>
  new Promise((done, fail) => {
    const method = plugin[name]
    if (method === undefined) return done(null)
    if (method.length < 2) return done(method.call(plugin, asked as never))
    return method.call(plugin, asked as never, (error, result) => (error ? fail(error) : done(result)))
  })

/** A record in the words of plugins. Names without a final dot; the value stands in two fields, since plugins read either. */
export function challengeOf({ name, value, zone, challenge }: TxtRecord): PluginChallenge {
  return {
    type: 'dns-01',
    status: 'pending',
    identifier: { type: 'dns', value: challenge.host },
    wildcard: challenge.wildcard,
    altname: challenge.wildcard ? `*.${challenge.host}` : challenge.host,
    token: challenge.token,
    thumbprint: challenge.keyAuthorization.replace(/^.*\./, ''),
    keyAuthorization: challenge.keyAuthorization,
    keyAuthorizationDigest: value,
    dnsHost: name,
    dnsZone: zone,
    dnsPrefix: name === zone ? '' : name.slice(0, -zone.length - 1),
    dnsAuthorization: value,
  }
}
