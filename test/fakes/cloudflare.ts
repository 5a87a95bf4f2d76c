// A double of Cloudflare's API v4, after its public pages (developers.cloudflare.com):
//   /api/resources/zones/methods/list · /api/resources/dns/subresources/records/methods/{list,batch}
//   /dns/manage-dns-records/how-to/batch-record-changes   order, all or nothing, 200 records on the Free plan
//   /fundamentals/api/reference/limits                    429 with Retry-After (a test puts it into `next`)
// Codes and statuses of errors as users report them (certbot#10725, acme.sh#6824, ddns-go#1378, terraform-provider-cloudflare#1247);
// the code for a batch that is too long is not known, so 1004 stands for it.
import type { Fetch, HttpRequest, HttpResponse } from '../../src/core/world.js'

interface CloudflareRecord {
  readonly id: string
  readonly type: string
  readonly name: string
  readonly content: string
  readonly ttl: number
}

interface CloudflareZone {
  readonly id: string
  readonly name: string
  readonly status: 'active' | 'pending'
  records: CloudflareRecord[]
}

export interface FakeCloudflare {
  readonly fetch: Fetch
  readonly zones: CloudflareZone[]
  /** `METHOD PATH?QUERY` of each request so far. */
  readonly requests: string[]
  addZone(name: string, status?: CloudflareZone['status']): CloudflareZone
  /** A record made elsewhere: content as it is given, quoted or not. */
  put(name: string, content: string, type?: string): void
  /** Unquoted contents of a name's TXT records. */
  values(name: string): string[]
  /** Answers to give before the real ones: an HTTP answer, or a change to make just before the request is served. */
  readonly next: (HttpResponse | (() => void))[]
}

/** What a token may do; 'zones' is Zone:Zone:Read, 'dns' is Zone:DNS:Edit. */
export type Rights = readonly ('zones' | 'dns')[]

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    readonly chain: readonly { code: number; message: string }[] = [],
  ) {
    super(message)
  }
}

export const httpAnswer = (status: number, body: unknown, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})

const unquote = (content: string): string => content.replace(/^"|"$/g, '').replace(/" "/g, '')

export function fakeCloudflare(tokens: Readonly<Record<string, Rights>>): FakeCloudflare {
  const zones: CloudflareZone[] = []
  const requests: string[] = []
  const next: FakeCloudflare['next'] = []
  let ids = 0
  const newId = (): string => (++ids).toString(16).padStart(32, '0')
  const isIn = (name: string, zone: CloudflareZone): boolean => `.${name}`.endsWith(`.${zone.name}`)
  const zoneOf = (name: string): CloudflareZone | undefined => zones.find(zone => isIn(name, zone))

  const rightsOf = ({ headers }: HttpRequest): Rights => {
    const token = headers?.authorization?.match(/^Bearer ([\w-]{40,})$/)?.[1]
    const malformed = { code: 6111, message: 'Invalid format for Authorization header' }
    if (token === undefined) throw new Refusal(400, 6003, 'Invalid request headers', [malformed])
    const rights = tokens[token]
    if (!rights) throw new Refusal(403, 9109, 'Invalid access token')
    return rights
  }

  /** Pages of `per_page`; one that is larger than `largest` is refused. */
  const page = (items: readonly unknown[], query: URLSearchParams, standard: number, largest: number) => {
    const [size, number] = [Number(query.get('per_page') ?? standard), Number(query.get('page') ?? 1)]
    if (!(size >= 5 && size <= largest)) throw new Refusal(400, 6003, `Invalid per_page, must be 5 to ${largest}`)
    const result_info = { page: number, per_page: size, total_pages: Math.max(1, Math.ceil(items.length / size)) }
    return { result: items.slice((number - 1) * size, number * size), result_info }
  }

  const make = (zone: CloudflareZone, others: readonly CloudflareRecord[], wanted: Omit<CloudflareRecord, 'id'>) => {
    const name = isIn(wanted.name, zone) ? wanted.name : `${wanted.name}.${zone.name}`
    const invalid = { code: 9021, message: 'Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.' }
    if (wanted.ttl !== 1 && !(wanted.ttl >= 60 && wanted.ttl <= 86_400))
      throw new Refusal(400, 1004, 'DNS Validation Error', [invalid])
    const there = others.filter(other => other.name === name)
    if (there.some(({ type }) => type === 'CNAME'))
      throw new Refusal(400, 81053, 'An A, AAAA, or CNAME record with that host already exists.')
    if (there.some(({ type, content }) => type === wanted.type && unquote(content) === unquote(wanted.content)))
      throw new Refusal(400, 81058, 'An identical record already exists.')
    return { ...wanted, name, id: newId() }
  }

  const batch = (
    zone: CloudflareZone,
    body: { deletes?: { id: string }[]; posts?: Omit<CloudflareRecord, 'id'>[] },
  ) => {
    const { deletes = [], posts = [] } = body
    if (deletes.length + posts.length > 200) throw new Refusal(400, 1004, 'Too many operations in one batch')
    let records = zone.records
    for (const { id } of deletes) {
      if (!records.some(record => record.id === id)) throw new Refusal(404, 81044, 'Record does not exist.')
      records = records.filter(record => record.id !== id)
    }
    const made: CloudflareRecord[] = []
    for (const post of posts) made.push(make(zone, [...records, ...made], post))
    zone.records = [...records, ...made]
    return { result: { deletes, posts: made.length > 0 ? made : null, patches: null, puts: null } }
  }

  const serve = ({ pathname, searchParams }: URL, request: HttpRequest): object => {
    const rights = rightsOf(request)
    const named = (name: string, filter: string): boolean => (searchParams.get(filter) ?? name) === name
    const visible = rights.includes('zones') ? zones.filter(({ name }) => named(name, 'name')) : []
    if (pathname.endsWith('/zones')) return page(visible, searchParams, 20, 50)
    const [, id, rest] = pathname.match(/\/zones\/([^/]+)\/dns_records(\/batch)?$/) ?? []
    if (!/^[0-9a-f]{32}$/.test(`${id}`))
      throw new Refusal(400, 7003, `Could not route to ${pathname}, perhaps your object identifier is invalid?`)
    const zone = zones.find(one => one.id === id)
    if (!zone || !rights.includes('dns')) throw new Refusal(403, 10000, 'Authentication error')
    if (rest && request.method === 'POST') return batch(zone, JSON.parse(Buffer.from(request.body ?? '').toString()))
    const found = zone.records.filter(({ name, type }) => named(name, 'name.exact') && named(type, 'type'))
    return page(found, searchParams, 100, 5_000_000)
  }

  return {
    zones,
    requests,
    next,
    addZone: (name, status = 'active') => {
      const zone: CloudflareZone = { id: newId(), name, status, records: [] }
      zones.push(zone)
      return zone
    },
    put: (name, content, type = 'TXT') =>
      void zoneOf(name)?.records.push({ id: newId(), type, name, content, ttl: 60 }),
    values: name =>
      (zoneOf(name)?.records ?? [])
        .filter(record => record.name === name && record.type === 'TXT')
        .map(({ content }) => unquote(content)),
    fetch: async (url, request) => {
      requests.push(`${request.method} ${url.pathname}${url.search}`)
      const before = next.shift()
      if (typeof before === 'object') return before
      before?.()
      try {
        return httpAnswer(200, { success: true, errors: [], messages: [], ...serve(url, request) })
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const { code, message, chain: error_chain } = error
        const errors = [{ code, message, ...(error_chain.length > 0 && { error_chain }) }]
        return httpAnswer(error.status, { success: false, errors, messages: [], result: null })
      }
    },
  }
}
