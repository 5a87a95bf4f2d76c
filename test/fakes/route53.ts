import { applyBatch, type Batch, InvalidChangeBatch } from './route53-batch.js'
import { type RecordSet, rank, setsOf, type Zone } from './route53-zone.js'
import { parseXml, textOf, toXml, type XmlNode } from './xml.js'

/** One request as it came over HTTP, its body whole. */
export interface ApiRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** 'reset': the connection breaks before any answer. */
export type ApiAnswer = { readonly status: number; readonly body: string } | 'reset'

export interface Faults {
  /** Token bucket that holds and gains this many calls a second (holds at least 1); what is over it is answered 400 Throttling. */
  throttlePerSecond?: number | undefined
  /** Every call is answered 500 the first time it comes, and not carried out. */
  failOnce?: boolean
  /** A change is applied, but its answer is lost; `times` counts for each batch (the same change sent again is the same batch). */
  loseAnswers?: { readonly by: 'reset' | '500'; readonly times: number } | undefined
  /** So many of the next changes are answered PriorRequestNotComplete. */
  priorRequests?: number
  /** Actions that these credentials have no right to. */
  denied?: readonly string[]
  /** Runs just before a change is looked at: somebody else's hand. */
  beforeChange?: (() => void) | undefined
  /** The code and message with which every call is refused. */
  refuse?: { readonly status: number; readonly code: string; readonly message: string } | undefined
}

export interface Options {
  /** Milliseconds; settable time makes long waits short. */
  readonly now: () => number
  /** From accepted to INSYNC. */
  readonly syncSeconds?: number
  /** While a change is being applied (this long), the next one of the zone is answered PriorRequestNotComplete. */
  readonly applySeconds?: number
  /** Says what is wrong with a request's signature; undefined when nothing is. */
  readonly checkSignature?: (request: ApiRequest) => { code: string; message: string } | undefined
}

class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/'
const longestPage = { zones: 100, sets: 300 } as const

/** Route 53 as it behaves, strict where the service is strict: a careless client must fail here. Without a socket; see route53-server.ts. */
export class FakeRoute53 {
  readonly faults: Faults = {}
  readonly zones = new Map<string, Zone>()
  /** Calls by action, refused ones too. */
  readonly calls = new Map<string, number>()
  /** Calls that were answered with an error. */
  refusals = 0
  /** When each call came, in milliseconds. */
  readonly times: number[] = []
  /** Batches that were applied, in order. */
  readonly batches: { readonly zone: string; readonly batch: Batch }[] = []
  readonly options: Options
  readonly #changes = new Map<string, number>()
  readonly #busyUntil = new Map<string, number>()
  readonly #failed = new Set<string>()
  readonly #lost = new Map<string, number>()
  #tokens: { left: number; at: number } | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** A hosted zone with its SOA and NS sets. `servers`: the names of its delegation set. */
  addZone(name: string, { id = `Z${1000 + this.zones.size}`, isPrivate = false, servers = defaultServers } = {}): Zone {
    const sets = new Map<string, RecordSet>()
    const zone: Zone = { id, name, isPrivate, servers, sets, history: [] }
    this.zones.set(id, zone)
    this.put(
      zone,
      name,
      'NS',
      servers.map(server => `${server}.`),
      172800,
    )
    this.put(zone, name, 'SOA', [`${servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`], 900)
    zone.history.splice(0, Number.POSITIVE_INFINITY, { at: 0, sets: new Map(sets) }) // every server knows it already
    return zone
  }

  /** Writes a set behind the API's back; no values: removes it. */
  put(
    zone: Zone,
    name: string,
    type: string,
    values: readonly string[],
    ttl = 300,
    more: Partial<RecordSet> = {},
  ): void {
    const key = `${name} ${type} ${more.setIdentifier ?? ''}`
    if (values.length === 0) zone.sets.delete(key)
    else zone.sets.set(key, { name, type, ttl, values, ...more })
    this.#remember(zone)
  }

  /** The TXT values at a name, without their quotes. */
  txt(name: string): string[] {
    return [...this.zones.values()]
      .flatMap(zone => setsOf(zone.sets, name, 'TXT'))
      .flatMap(set => set.values.map(value => value.slice(1, -1)))
  }

  /** All TXT names of all zones: what a clean run leaves empty. */
  txtNames(): string[] {
    return [...this.zones.values()].flatMap(zone =>
      [...zone.sets.values()].filter(s => s.type === 'TXT').map(s => s.name),
    )
  }

  get callCount(): number {
    return [...this.calls.values()].reduce((sum, count) => sum + count, 0)
  }

  handle(request: ApiRequest): ApiAnswer {
    const route = routeOf(request)
    this.calls.set(route.action, (this.calls.get(route.action) ?? 0) + 1)
    this.times.push(this.options.now())
    try {
      this.#gate(request, route)
      return this.#carryOut(request, route)
    } catch (error) {
      this.refusals++
      if (error instanceof ApiError) return { status: error.status, body: errorXml(error.code, error.message) }
      if (error instanceof InvalidChangeBatch)
        return { status: 400, body: errorXml('InvalidChangeBatch', `[${error.messages.join(', ')}]`) }
      throw error
    }
  }

  /** What is checked before the request itself is looked at. */
  #gate(request: ApiRequest, { action, id }: Route): void {
    const { failOnce, denied, refuse } = this.faults
    const wrong = this.options.checkSignature?.(request)
    if (wrong) throw new ApiError(403, wrong.code, wrong.message)
    if (refuse) throw new ApiError(refuse.status, refuse.code, refuse.message)
    if (!this.#takeToken()) throw new ApiError(400, 'Throttling', 'Rate exceeded')
    const key = `${request.method} ${request.url} ${request.body}`
    if (failOnce && !this.#failed.has(key)) {
      this.#failed.add(key)
      throw new ApiError(500, 'InternalFailure', 'The request processing has failed because of an unknown error.')
    }
    if (denied?.includes(action)) {
      const resource = `arn:aws:route53:::${id ? `hostedzone/${id}` : '*'}`
      const text = `User: arn:aws:iam::123456789012:user/dns01 is not authorized to perform: route53:${action} on resource: ${resource} because no identity-based policy allows the route53:${action} action`
      throw new ApiError(403, 'AccessDenied', text)
    }
  }

  #takeToken(): boolean {
    const rate = this.faults.throttlePerSecond
    if (rate === undefined) return true
    const now = this.options.now()
    const before = this.#tokens ?? { left: rate, at: now }
    const left = Math.min(Math.max(1, rate), before.left + ((now - before.at) / 1000) * rate)
    this.#tokens = { left: left >= 1 ? left - 1 : left, at: now }
    return left >= 1
  }

  #carryOut(request: ApiRequest, { action, id, query }: Route): ApiAnswer {
    switch (action) {
      case 'ListHostedZonesByName':
        return ok('ListHostedZonesByNameResponse', this.#listZones(query))
      case 'ListResourceRecordSets':
        return ok('ListResourceRecordSetsResponse', listSets(this.#zone(id), query))
      case 'ChangeResourceRecordSets':
        return this.#change(this.#zone(id), request)
      case 'GetChange':
        return ok('GetChangeResponse', this.#changeInfo(id))
      default:
        throw new ApiError(404, 'UnknownOperationException', `${request.method} ${request.url}`)
    }
  }

  #zone(id: string): Zone {
    const zone = this.zones.get(id)
    if (!zone) throw new ApiError(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`)
    return zone
  }

  /** Zones *from that name on*, in reversed-label order; private and public ones of one name both come. */
  #listZones(query: URLSearchParams): XmlTree {
    const place = (name: string, id: string): string => `${rank(name)} ${id}`
    const from = place((query.get('dnsname') ?? '').replace(/\.$/, ''), withoutPrefix(query.get('hostedzoneid') ?? ''))
    const all = [...this.zones.values()]
      .filter(zone => !query.get('dnsname') || place(zone.name, zone.id) >= from)
      .sort((a, b) => (place(a.name, a.id) < place(b.name, b.id) ? -1 : 1))
    const { page, next } = paged(all, query, longestPage.zones)
    return {
      HostedZones: page.map(zone => ({
        HostedZone: {
          Id: `/hostedzone/${zone.id}`,
          Name: `${zone.name}.`,
          CallerReference: zone.id,
          Config: { PrivateZone: String(zone.isPrivate) },
          ResourceRecordSetCount: zone.sets.size,
        },
      })),
      IsTruncated: String(next !== undefined),
      ...(next && { NextDNSName: `${next.name}.`, NextHostedZoneId: next.id }),
      MaxItems: query.get('maxitems') ?? longestPage.zones,
    }
  }

  #change(zone: Zone, { body }: ApiRequest): ApiAnswer {
    const now = this.options.now()
    this.faults.beforeChange?.()
    if ((this.faults.priorRequests ?? 0) > 0 || now < (this.#busyUntil.get(zone.id) ?? 0)) {
      this.faults.priorRequests = Math.max(0, (this.faults.priorRequests ?? 0) - 1)
      const text = 'The request was rejected because Route 53 was still processing a prior request.'
      throw new ApiError(400, 'PriorRequestNotComplete', text)
    }
    const batch = readBatch(body)
    applyBatch(zone, batch)
    this.#remember(zone)
    this.batches.push({ zone: zone.id, batch })
    this.#busyUntil.set(zone.id, now + (this.options.applySeconds ?? 0) * 1000)
    const id = `C${this.#changes.size + 1}`
    this.#changes.set(id, now)
    const lose = this.faults.loseAnswers
    const lost = this.#lost.get(body) ?? 0
    if (lose && lost < lose.times) {
      this.#lost.set(body, lost + 1)
      return lose.by === 'reset' ? 'reset' : { status: 500, body: errorXml('InternalFailure', 'answer lost') }
    }
    return ok('ChangeResourceRecordSetsResponse', this.#changeInfo(id))
  }

  #changeInfo(id: string): XmlTree {
    const at = this.#changes.get(id)
    if (at === undefined) throw new ApiError(404, 'NoSuchChange', `Could not find resource with ID: ${id}`)
    const isInSync = this.options.now() >= at + (this.options.syncSeconds ?? 0) * 1000
    const SubmittedAt = new Date(at).toISOString()
    return { ChangeInfo: { Id: `/change/${id}`, Status: isInSync ? 'INSYNC' : 'PENDING', SubmittedAt } }
  }

  #remember(zone: Zone): void {
    zone.history.push({ at: this.options.now(), sets: new Map(zone.sets) })
  }
}

const defaultServers: readonly string[] = [
  'ns-1.awsdns-01.test',
  'ns-2.awsdns-02.test',
  'ns-3.awsdns-03.test',
  'ns-4.awsdns-04.test',
]

interface Route {
  readonly action: string
  readonly id: string
  readonly query: URLSearchParams
}

function routeOf({ method, url }: ApiRequest): Route {
  const { pathname, searchParams: query } = new URL(url, 'http://route53')
  const [, kind = '', rawId = '', below = ''] =
    /^\/2013-04-01\/(\w+)(?:\/([^/]+))?(?:\/(\w+))?\/?$/.exec(pathname) ?? []
  const id = withoutPrefix(decodeURIComponent(rawId))
  const actions: Record<string, string> = {
    'GET hostedzonesbyname ': 'ListHostedZonesByName',
    'GET hostedzone rrset': 'ListResourceRecordSets',
    'POST hostedzone rrset': 'ChangeResourceRecordSets',
    'GET change ': 'GetChange',
  }
  return { action: actions[`${method} ${kind} ${below}`] ?? 'unknown', id, query }
}

const withoutPrefix = (id: string): string => id.replace(/^\/?(hostedzone|change)\//, '')

type XmlTree = Parameters<typeof toXml>[0]

const ok = (root: string, tree: XmlTree): ApiAnswer => ({ status: 200, body: document(root, tree) })

const errorXml = (Code: string, Message: string): string =>
  document('ErrorResponse', {
    Error: { Type: 'Sender', Code, Message },
    RequestId: '00000000-0000-0000-0000-000000000000',
  })

const document = (root: string, tree: XmlTree): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${namespace}">${toXml(tree)}</${root}>`

function paged<T>(all: readonly T[], query: URLSearchParams, longest: number): { page: T[]; next: T | undefined } {
  const size = Math.min(Number(query.get('maxitems') ?? longest), longest)
  return { page: all.slice(0, size), next: all[size] }
}

/** Sets *from there on*: by reversed labels, then type; not only those of the name that was asked for. */
function listSets(zone: Zone, query: URLSearchParams): XmlTree {
  const place = (name: string, type: string, identifier = ''): string => `${rank(name)} ${type} ${identifier}`
  const start = (query.get('name') ?? '').toLowerCase().replaceAll('\\052', '*').replace(/\.$/, '')
  if (query.has('type') && !start) throw new ApiError(400, 'InvalidInput', 'A type needs a name')
  const from = start ? place(start, query.get('type') ?? '', query.get('identifier') ?? '') : ''
  const all = [...zone.sets.values()]
    .map(set => ({ set, at: place(set.name, set.type, set.setIdentifier) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .filter(({ at }) => at >= from)
  const { page, next } = paged(all, query, longestPage.sets)
  return {
    ResourceRecordSets: page.map(({ set }) => ({ ResourceRecordSet: setXml(set) })),
    IsTruncated: String(next !== undefined),
    MaxItems: query.get('maxitems') ?? longestPage.sets,
    ...(next && { NextRecordName: onTheWire(next.set.name), NextRecordType: next.set.type }),
    ...(next?.set.setIdentifier && { NextRecordIdentifier: next.set.setIdentifier }),
  }
}

/** Lower case, final dot, `*` as \052. */
const onTheWire = (name: string): string => `${name.replaceAll('*', '\\052')}.`

const setXml = (set: RecordSet): XmlTree => ({
  Name: onTheWire(set.name),
  Type: set.type,
  ...(set.setIdentifier && { SetIdentifier: set.setIdentifier, Weight: 1 }),
  ...(set.alias
    ? { AliasTarget: { HostedZoneId: 'Z1', DNSName: `${set.alias}.`, EvaluateTargetHealth: 'false' } }
    : { TTL: set.ttl, ResourceRecords: set.values.map(Value => ({ ResourceRecord: { Value } })) }),
})

function readBatch(body: string): Batch {
  const root = parseXml(body)
  const changes = find(find(root, 'ChangeBatch'), 'Changes')?.children ?? []
  return changes.map(change => {
    const set = find(change, 'ResourceRecordSet')
    return {
      action: textOf(find(change, 'Action')),
      name: textOf(find(set, 'Name')),
      type: textOf(find(set, 'Type')),
      ttl: Number(textOf(find(set, 'TTL'))),
      values: (find(set, 'ResourceRecords')?.children ?? []).map(record => textOf(find(record, 'Value'))),
    }
  })
}

const find = (node: XmlNode | undefined, name: string): XmlNode | undefined =>
  node?.children.find(child => child.name === name)
