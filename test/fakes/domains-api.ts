import type { Fetch } from '../../src/core/world.js'

interface DomainRecord {
  readonly id: number
  readonly type: string
  readonly name: string
  readonly data: string
}

export interface DomainsApi {
  readonly fetch: Fetch
  readonly url: string
  values(zone: string, prefix: string): string[]
  put(zone: string, prefix: string, value: string): void
  readonly requests: string[]
}

/** An HTTP API in the manner of DigitalOcean's domains (GET, POST and DELETE of /ZONE/records), for one token. */
export function domainsApi(zones: readonly string[], token: string): DomainsApi {
  const records = new Map<string, DomainRecord[]>(zones.map(zone => [zone, []]))
  const requests: string[] = []
  const url = 'https://api.domains.test/v2/domains'
  let id = 1
  const add = (zone: string, fields: Omit<DomainRecord, 'id'>): DomainRecord => {
    const made = { id: id++, ...fields }
    records.set(zone, [...(records.get(zone) ?? []), made])
    return made
  }
  const answer = (method: string, path: string, fields: Record<string, string>): [number, unknown] => {
    const [zone = '', , one] = path.split('/').filter(part => part !== '')
    if (zone === '') return [200, { domains: zones.map(name => ({ name })) }]
    const there = records.get(zone)
    if (!there) return [404, { message: 'no such domain' }]
    if (method === 'GET') return [200, { domain_records: there }]
    if (method === 'POST') return [201, { domain_record: add(zone, fields as never) }]
    records.set(
      zone,
      there.filter(record => record.id !== Number(one)),
    )
    return [204, '']
  }
  return {
    url,
    requests,
    values: (zone, prefix) => (records.get(zone) ?? []).filter(({ name }) => name === prefix).map(({ data }) => data),
    put: (zone, name, data) => void add(zone, { type: 'TXT', name, data }),
    fetch: async (to, { method, headers = {}, body = '', signal }) => {
      signal.throwIfAborted()
      const path = to.href.slice(url.length)
      requests.push(`${method} ${path}`)
      const text = body.toString()
      const isForm = headers['content-type'] === 'application/x-www-form-urlencoded'
      const fields = isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text || '{}')
      const allowed = headers.authorization === `Bearer ${token}`
      const [status, told] = allowed ? answer(method, path, fields) : [401, { message: 'unauthorized' }]
      return {
        status,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(told === '' ? '' : JSON.stringify(told)),
      }
    },
  }
}
