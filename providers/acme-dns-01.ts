// Providers of the Greenlock era (npm `acme-dns-01-*`): their plugins, as they are, behind our interface.
import pLimit from 'p-limit'
import {
  Dns01Error,
  defineProvider,
  groupBy,
  type KnownZone,
  longestMatch,
  type Name,
  oneByOne,
  type Provider,
  type ProviderCall,
  parseName,
  recordKey,
  refused,
  type TxtRecord,
  unavailable,
  unwritten,
} from '../src/provider/api.js'
import { callPlugin, challengeOf, loadPlugin } from './acme-dns-01/plugin.js'
import { openRequest } from './acme-dns-01/request.js'

export default defineProvider({
  name: 'acme-dns-01',
  summary: 'an npm plugin acme-dns-01-* (made for Greenlock and ACME.js), from your own node_modules',
  settings: {
    module: { env: ['DNS01_PLUGIN'], help: 'its name, as acme-dns-01-digitalocean, or a path', required: true },
    options: {
      env: ['DNS01_PLUGIN_OPTIONS'],
      help: 'what its create() takes, as JSON: {"token": "…"}',
      secret: true,
      default: '{}',
      ask: () => true,
    },
    folder: {
      env: ['DNS01_PLUGIN_FOLDER'],
      help: 'where its node_modules is; beside dns01 when absent, as npm install -g puts both',
    },
    wait: {
      env: ['DNS01_PLUGIN_WAIT'],
      help: '"delay": wait the propagationDelay of the plugin, too, before the name servers are asked; "none"',
      default: 'none',
    },
  },
  batch: false,
  additive: true,
  testedWith: 'real plugin: acme-dns-01-digitalocean on a double of its API; plugins in both calling styles',
  async open(values, world): Promise<Provider> {
    const options = parseOptions(values.options)
    const hide = hider(options, secret => world.log.mask(secret))
    const wait = parseWait(values.wait)
    const call = <T>(what: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> =>
      stoppable(signal, act).catch(error => {
        throw signal.aborted ? signal.reason : sorted(`${values.module}: ${what}`, error, hide)
      })

    const plugin = await loadPlugin(world, { module: values.module, folder: values.folder }, options)
    await call('init', world.clock.deadline(60), () => callPlugin(plugin, 'init', { request: openRequest(world) }))
    /** ACME.js never has two calls under way; plugins may rely on it. */
    const limit = pLimit(1)
    const up = new Set<string>()
    const zones = new Set<Name>()

    const set = async (record: TxtRecord, signal: AbortSignal): Promise<void> => {
      if (up.has(recordKey(record))) return
      await call(`set for ${record.name}`, signal, () => callPlugin(plugin, 'set', { challenge: challengeOf(record) }))
      up.add(recordKey(record))
    }

    /** Plugins tend to refuse what is gone: then get() tells. */
    const remove = async (record: TxtRecord, signal: AbortSignal): Promise<void> => {
      const asked = { challenge: challengeOf(record) }
      await call(`remove for ${record.name}`, signal, () => callPlugin(plugin, 'remove', asked)).catch(async error => {
        const there = plugin.get && !signal.aborted ? callPlugin(plugin, 'get', asked).catch(() => error) : error
        if ((await there) !== null) throw error
      })
      up.delete(recordKey(record))
    }

    const each = async (records: readonly TxtRecord[], signal: AbortSignal, act: typeof set): Promise<void> => {
      await oneByOne([...groupBy(records, recordKey).values()], async ([record]) => {
        signal.throwIfAborted()
        if (record) await limit(() => act(record, signal))
      })
    }

    return {
      async present(records, { signal }: ProviderCall) {
        await each(records, signal, set)
        if (wait === 'delay') await world.clock.sleep((plugin.propagationDelay || 5000) / 1000, signal)
      },
      cleanup: (records, { signal }) => each(records, signal, remove),
      async zoneFor(name, signal): Promise<KnownZone | undefined> {
        if (longestMatch(name, zones) === undefined) {
          const asked = { dnsHosts: [name], challenge: { type: 'dns-01', dnsHosts: [name] } }
          const known = await limit(() => call('zones', signal, () => callPlugin(plugin, 'zones', asked)))
          for (const zone of Array.isArray(known) ? known : []) zones.add(parseName(String(zone)))
        }
        const zone = longestMatch(name, zones)
        return zone === undefined ? undefined : { zone }
      },
    }
  },
})

function parseOptions(text: string): Record<string, unknown> {
  try {
    const options = JSON.parse(text)
    if (typeof options === 'object' && options !== null && !Array.isArray(options)) return options
  } catch {} // the text may hold secrets, and the parser's message holds the text
  throw new Dns01Error('CONFIG', 'acme-dns-01: options is not a JSON object', { hint: 'write {"token": "…"}' })
}

function parseWait(text: string): 'delay' | 'none' {
  if (text === 'delay' || text === 'none') return text
  throw new Dns01Error('CONFIG', `acme-dns-01: wait is "${text}"`, { hint: 'it is "delay" or "none"' })
}

/** Options that are not secrets whatever the plugin. */
const OPEN = /url|uri|zone|domain|host|region|user|mail|name/i

/** Texts in the options that may be secrets are masked in the log; the returned function takes them out of a message. */
function hider(options: unknown, mask: (secret: string) => void): (text: string) => string {
  const secrets: string[] = []
  const collect = (value: unknown, key: string): void => {
    if (typeof value === 'string' && value.length >= 4 && !OPEN.test(key)) secrets.push(value)
    else if (Array.isArray(value)) for (const one of value) collect(one, key)
    else if (typeof value === 'object' && value !== null) for (const [k, v] of Object.entries(value)) collect(v, k)
  }
  collect(options, '')
  for (const secret of secrets) mask(secret)
  return text => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text)
}

const TEMPORARY = /^(ECONN|ETIMEDOUT|ENOTFOUND|EAI_|EPIPE|EHOST|ENET|UND_ERR)/

/** Plugins throw anything, requests with their keys included: no cause is kept. What has a network error's code, or a status of 429 or
 *  5xx, may work later. Of the others 401 alone proves that nothing was written: no request passes with these credentials. */
function sorted(what: string, error: unknown, hide: (text: string) => string): Dns01Error {
  if (error instanceof Dns01Error) return error
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
  const message = hide(`${what}: ${typeof fields.message === 'string' ? fields.message : String(error)}`)
  const status = Number(fields.statusCode ?? fields.status ?? (fields.response as Record<string, unknown>)?.statusCode)
  const later = TEMPORARY.test(String(fields.code)) || status === 429 || status >= 500
  if (later) return unavailable(message)
  return status === 401 ? unwritten(refused(message)) : refused(message)
}

/** A plugin knows no signal: when it is aborted, its answer is not waited for. */
function stoppable<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    act()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop))
  })
}
