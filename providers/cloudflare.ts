// Cloudflare by its API v4, without its SDK: three kinds of requests do not pay for one. What comes back is checked by
// schema, since ids from answers go into the paths of the next request.
import * as v from 'valibot'
import {
  beforeWriting,
  Dns01Error,
  defineProvider,
  doubtful,
  issueText,
  type Name,
  oneByOne,
  type ProviderCall,
  refused,
  repeated,
  retry,
  type TxtRecord,
  unavailable,
  unwritten,
  type World,
  wasNeverSent,
} from '../src/provider/shipped.js'

/** Records in one batch on the smallest plan, Free (developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes). */
const longestBatch = 200
/** The least that Cloudflare takes on every plan. */
const shortestTtlSeconds = 60
/** Rounds of "somebody else changed it meanwhile" before we believe that something is wrong. */
const mostRounds = 4

/**
 * Cloudflare's API v4 over plain HTTP. All records of a call are one request to the batch endpoint, which does all or
 * nothing, up to 200; the zone's id costs one more, once. cleanup() first reads which records hold our values: one
 * request. 1,200 requests in five minutes are allowed; a Retry-After is obeyed.
 */
export default defineProvider({
  name: 'cloudflare',
  summary: 'Cloudflare, with an API token that needs Zone:DNS:Edit and Zone:Zone:Read for its zones only',
  settings: {
    token: {
      env: ['CLOUDFLARE_DNS_API_TOKEN', 'CF_DNS_API_TOKEN', 'CLOUDFLARE_API_TOKEN', 'CF_API_TOKEN', 'CF_Token'],
      help: 'API token with the rights Zone:DNS:Edit and Zone:Zone:Read (the global API key is not taken: it opens the whole account)',
      secret: true,
      required: true,
    },
    'zone-token': {
      env: ['CLOUDFLARE_ZONE_API_TOKEN', 'CF_ZONE_API_TOKEN'],
      help: 'another token, with Zone:Zone:Read, to find the zone with',
      secret: true,
    },
    'zone-id': {
      env: ['CF_Zone_ID', 'CF_ZONE_ID', 'CLOUDFLARE_ZONE_ID'],
      help: 'id of the only zone there is; then Zone:Zone:Read is not needed',
    },
    'base-url': {
      env: ['CLOUDFLARE_BASE_URL'],
      help: 'where the API is',
      default: 'https://api.cloudflare.com/client/v4',
    },
  },
  batch: true,
  additive: true,
  batchDelaySeconds: 0.1,
  testedWith: 'double: test/fakes/cloudflare.ts',
  open(values, world) {
    checkZoneId(values['zone-id'])
    const api: Api = { world, baseUrl: values['base-url'].replace(/\/+$/, ''), token: values.token }
    const zoneIds = new Map<Name, string>()
    const zoneIdOf = async (call: ProviderCall): Promise<string> => {
      const found = values['zone-id'] ?? zoneIds.get(call.zone)
      const id = found ?? (await findZone({ ...api, token: values['zone-token'] ?? api.token }, call))
      zoneIds.set(call.zone, id)
      return id
    }
    return {
      async present(records, call) {
        const zoneId = await beforeWriting(() => zoneIdOf(call))
        await oneByOne(chunks(records), some => add(api, zoneId, some, call))
      },
      async cleanup(records, call) {
        await remove(api, await zoneIdOf(call), records, call)
      },
    }
  },
})

/** What each request needs. `token` is a secret; `baseUrl` without a final slash. */
interface Api {
  readonly world: World
  readonly baseUrl: string
  readonly token: string
}

const chunks = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / longestBatch) }, (_, i) =>
    items.slice(i * longestBatch, (i + 1) * longestBatch),
  )

/** Names without regard to case, values with it. */
const keyOf = (name: string, value: string): string => `${name.toLowerCase()} ${value}`

// ---- what we ask for -----------------------------------------------------------------------------------------------

/** Ids go into paths: what is none must not lead elsewhere. */
const ZONE_ID = /^[0-9a-f]{32}$/

const Zone = v.object({ id: v.pipe(v.string(), v.regex(ZONE_ID)), name: v.string(), status: v.optional(v.string()) })
const Txt = v.object({ id: v.string(), name: v.string(), content: v.string() })
const Batch = v.object({ posts: v.nullish(v.array(Txt)) })

/** The same name may be a zone of several accounts, or of an old one: the active zone is the one that serves. */
async function findZone(api: Api, { zone, signal }: ProviderCall): Promise<string> {
  const zones = await list(api, 'zones', { name: zone, per_page: '50' }, Zone, signal)
  const found = zones.find(({ status }) => status === 'active') ?? zones[0]
  if (found) return found.id
  throw refused(`Cloudflare shows the token no zone ${zone}`, `${rights}; or set CF_Zone_ID`)
}

/** Here and not at the first request: an id with a slash in it would ask for another resource, with the user's token. */
function checkZoneId(id: string | undefined): void {
  if (id === undefined || ZONE_ID.test(id)) return
  throw new Dns01Error('CONFIG', `cloudflare: the zone id ${JSON.stringify(id)} is not 32 hexadecimal digits`, {
    hint: "copy it from the zone's overview page, or unset CF_Zone_ID",
  })
}

/** Adds the values that are missing. Optimistic: only when Cloudflare says that one is there already, it is asked which. */
async function add(api: Api, zoneId: string, records: readonly TxtRecord[], call: ProviderCall): Promise<void> {
  let missing = [...new Map(records.map(record => [keyOf(record.name, record.value), record])).values()]
  for (let round = 1; missing.length > 0; round++) {
    try {
      const { posts } = await batch(api, zoneId, { posts: missing.map(toPost) }, call)
      return await insist(api, zoneId, missing, posts ?? [], call)
    } catch (error) {
      if (!has(error, ALREADY_THERE) || round === mostRounds) throw round === 1 ? error : doubtful(error)
    }
    const there = await valuesThere(api, zoneId, records, call)
    missing = missing.filter(({ name, value }) => !there.has(keyOf(name, value)))
  }
}

/** What is there may be ours, by a request whose answer was lost: no error from here on proves that nothing is. */
async function valuesThere(
  api: Api,
  zoneId: string,
  records: readonly TxtRecord[],
  call: ProviderCall,
): Promise<Set<string>> {
  try {
    return new Set((await listTxt(api, zoneId, records, call)).map(({ name, value }) => keyOf(name, value)))
  } catch (error) {
    throw doubtful(error)
  }
}

/** As long as dns01 repeats a cleanup(). */
const takeBackSeconds = repeated.cleanupSeconds

/** In another zone than the name's own, Cloudflare appends that zone to the name and is content: take it back. */
async function insist(
  api: Api,
  zoneId: string,
  wanted: readonly TxtRecord[],
  made: readonly v.InferOutput<typeof Txt>[],
  call: ProviderCall,
): Promise<void> {
  const names = new Set<string>(wanted.map(({ name }) => name))
  const stray = made.find(({ name }) => !names.has(name.toLowerCase()))
  if (!stray) return
  try {
    // Repeated here and not by a new call: that would make them again, and only this one knows their ids.
    const limits = { what: 'Cloudflare: taking back', giveUpAfterSeconds: takeBackSeconds, signal: call.signal }
    await retry(api.world, limits, () => batch(api, zoneId, { deletes: made.map(({ id }) => ({ id })) }, call))
  } catch (error) {
    throw doubtful(error)
  }
  throw refused(`Cloudflare's zone ${zoneId} is not ${call.zone}: it made ${stray.name}`, 'correct or unset CF_Zone_ID')
}

/** Removes by record id what has our names and values. Records that somebody else removed meanwhile are looked up anew. */
async function remove(api: Api, zoneId: string, records: readonly TxtRecord[], call: ProviderCall): Promise<void> {
  const ours = new Set(records.map(({ name, value }) => keyOf(name, value)))
  for (let round = 1; ; round++) {
    const there = await listTxt(api, zoneId, records, call)
    const ids = there.filter(({ name, value }) => ours.has(keyOf(name, value))).map(({ id }) => ({ id }))
    try {
      for (const deletes of chunks(ids)) await batch(api, zoneId, { deletes }, call)
      return
    } catch (error) {
      if (!has(error, NOT_THERE) || round === mostRounds) throw error
    }
  }
}

/** TXT content goes out as one quoted string (RFC 1035 §5.1); older records come back without quotes. */
const toPost = ({ name, value, ttlSeconds }: TxtRecord) => ({
  type: 'TXT',
  name,
  content: `"${value.replace(/["\\]/g, '\\$&')}"`,
  ttl: Math.max(ttlSeconds, shortestTtlSeconds),
})

/** Several strings of one record are one value, as a resolver joins them. */
const unquoted = (content: string): string =>
  content.startsWith('"')
    ? [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replace(/\\(.)/g, '$1')).join('')
    : content

/** The zone's TXT records; only those of the name when all records have the same one. */
async function listTxt(api: Api, zoneId: string, records: readonly TxtRecord[], { signal }: ProviderCall) {
  const [name, ...more] = new Set(records.map(record => record.name))
  const query = { type: 'TXT', per_page: '5000', ...(name && more.length === 0 && { 'name.exact': name }) }
  const found = await list(api, `zones/${zoneId}/dns_records`, query, Txt, signal)
  return found.map(({ id, name: at, content }) => ({ id, name: at, value: unquoted(content) }))
}

/** Cloudflare does all of a batch or nothing, deletes first. */
const batch = async (api: Api, zoneId: string, body: object, { signal }: ProviderCall) =>
  (await request(api, { method: 'POST', path: `zones/${zoneId}/dns_records/batch`, body, signal }, Batch)).result

// ---- how the API talks ---------------------------------------------------------------------------------------------

const Fault = v.object({ code: v.number(), message: v.string() })
const Envelope = v.object({
  success: v.boolean(),
  errors: v.nullish(v.array(v.object({ ...Fault.entries, error_chain: v.nullish(v.array(Fault)) })), []),
  result: v.optional(v.unknown()),
  result_info: v.nullish(v.object({ total_pages: v.nullish(v.number()) })),
})
type Envelope = v.InferOutput<typeof Envelope>
type Schema<T> = v.GenericSchema<unknown, T>

/** Every page of a list. */
async function list<T>(
  api: Api,
  path: string,
  query: Readonly<Record<string, string>>,
  one: Schema<T>,
  signal: AbortSignal,
): Promise<T[]> {
  const all: T[] = []
  for (let page = 1, last = 1; page <= last; page++) {
    const paged = `${path}?${new URLSearchParams({ ...query, page: String(page) })}`
    const { result, totalPages } = await request(api, { method: 'GET', path: paged, signal }, v.array(one))
    all.push(...result)
    last = result.length === 0 ? page : totalPages // it must not lead us on for ever
  }
  return all
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly signal: AbortSignal
}

/** Once: whoever called present() or cleanup() calls again, and what was done after all is found then. */
async function request<T>(api: Api, wanted: Request, schema: Schema<T>): Promise<{ result: T; totalPages: number }> {
  wanted.signal.throwIfAborted()
  const { result, result_info } = await exchange(api, wanted)
  const parsed = v.safeParse(schema, result)
  if (!parsed.success) throw strange(wanted, parsed.issues)
  return { result: parsed.output, totalPages: result_info?.total_pages ?? 1 }
}

/** A "no" is to the whole request (a batch is all or nothing): it has written nothing. A server error proves nothing. */
async function exchange({ world, baseUrl, token }: Api, wanted: Request): Promise<Envelope> {
  const { method, path, body, signal } = wanted
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }
  const content = body && { body: JSON.stringify(body) }
  const sent = world.fetch(new URL(`${baseUrl}/${path}`), { method, headers, signal, ...content })
  const answer = await sent.catch(error => {
    throw wasNeverSent(error) ? unwritten(error) : error
  })
  const { status } = answer
  const what = `Cloudflare answered ${status} to ${method} ${path}`
  if (status === 429)
    throw unwritten(unavailable(`${what}: rate limit`, undefined, secondsOf(answer.headers['retry-after'])))
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Envelope), Buffer.from(answer.body).toString('utf8'))
  if (parsed.success && parsed.output.success) return parsed.output
  const faults = parsed.success ? parsed.output.errors.flatMap(fault => [fault, ...(fault.error_chain ?? [])]) : []
  if (status >= 500) throw unavailable(`${what}${inWords(faults)}`, faults)
  if (!parsed.success) throw strange(wanted, parsed.issues)
  throw unwritten(refused(`${what}${inWords(faults)}`, hintFor(status, faults), faults))
}

type Faults = readonly v.InferOutput<typeof Fault>[]

const inWords = (faults: Faults): string => faults.map(({ code, message }) => `: ${message} (${code})`).join('')

const secondsOf = (retryAfter: string | undefined): number | undefined =>
  retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined

const strange = ({ method, path }: Request, [issue]: readonly [v.BaseIssue<unknown>, ...unknown[]]): Dns01Error =>
  new Dns01Error('UNAVAILABLE', `the answer to ${method} ${path} is not one of Cloudflare's API: ${issueText(issue)}`, {
    hint: 'a proxy in between? see CLOUDFLARE_BASE_URL',
  })

const ALREADY_THERE = [81057, 81058]
const NOT_THERE = [81044]
const has = (error: unknown, codes: readonly number[]): boolean =>
  error instanceof Dns01Error && Array.isArray(error.cause) && error.cause.some(({ code }) => codes.includes(code))

const rights = 'the token needs Zone:DNS:Edit and Zone:Zone:Read for this zone (dash.cloudflare.com/profile/api-tokens)'

const HINTS: Readonly<Record<number, string>> = {
  6003: 'that is not an API token: copy all of it, and not the global API key',
  7003: 'correct or unset CF_Zone_ID',
  81053: 'there is a CNAME at that name: remove it, or let dns01 follow it',
}

const hintFor = (status: number, faults: Faults): string | undefined =>
  faults.map(({ code }) => HINTS[code]).find(hint => hint !== undefined) ??
  (status === 401 || status === 403 || faults.some(({ code }) => code === 9109 || code === 10000) ? rights : undefined)
