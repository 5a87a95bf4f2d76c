import { Dns01Error } from '../../src/core/errors.js'
import { ancestors, isWithin, longestMatch, type Name } from '../../src/core/names.js'
import type { Clock, Dns, DnsAnswer, Question, Rcode, RecordType, ResourceRecord } from '../../src/core/world.js'

/** How a server behaves; without any of it, it answers at once and rightly. */
export interface Manners {
  readonly delaySeconds?: number
  /** Shows what was added only after this time. */
  readonly lagSeconds?: number
  /** Says this to everything. */
  readonly rcode?: Rcode
  /** Nothing comes back: at all, from a closed port, from a network that cannot be reached, or about another name (which is not heard). */
  readonly unheard?: 'silent' | 'closed' | 'noRoute' | 'otherName'
  /** Shows at most so many of the values of one name. */
  readonly showsAtMost?: number
  /** Answers without the AA bit. */
  readonly lame?: boolean
}

export interface FakeDns extends Dns {
  /** A zone and the addresses that serve it, by server name; these get their A and AAAA records too. */
  zone(apex: string, servers: Readonly<Record<string, readonly string[]>>): void
  add(name: string, type: RecordType, data: string): void
  remove(name: string, type: RecordType, data: string): void
  /** What stands at a name now, whoever lags. */
  values(name: string): string[]
  /** How this address behaves from now on. */
  manners(address: string, manners: Manners): void
  /** What was asked: `ADDRESS TYPE NAME`. */
  readonly asked: string[]
}

interface Row {
  readonly record: ResourceRecord
  readonly addedAt: number
}

/** Answers recursively for every zone. */
export const fakeResolver = '203.0.113.53'

/** Zones and servers in memory, on the fake clock. `serve` answers in memory too, at the addresses it is given. */
export function fakeDns(clock: Clock): FakeDns {
  const zones = new Map<Name, Set<string>>()
  const rows: Row[] = []
  const manners = new Map<string, Manners>()
  const served = new Map<string, (question: Question) => DnsAnswer | undefined>()
  const asked: string[] = []
  const now = (): number => clock.now().getTime() / 1000

  const record = (name: string, type: RecordType, data: string): ResourceRecord => ({
    name: name as Name,
    type,
    ttlSeconds: 60,
    data,
  })
  const add = (name: string, type: RecordType, data: string): void => {
    rows.push({ record: record(name, type, data), addedAt: now() })
  }
  const visible = (lagSeconds = 0): ResourceRecord[] =>
    rows.filter(row => row.addedAt + lagSeconds <= now() + 1e-9).map(row => row.record)

  /** What a server of the zone answers (RFC 1034 §4.3.2, without delegations). */
  const authoritative = (zone: Name, { name, type }: Question, how: Manners): DnsAnswer => {
    const here = visible(how.lagSeconds).filter(r => r.name === name)
    const exact = here.filter(r => r.type === type).slice(0, how.showsAtMost)
    const alias = aliases(visible(how.lagSeconds), name)
    const answers = exact.length > 0 ? exact : alias
    const exists = answers.length > 0 || visible(how.lagSeconds).some(r => isWithin(r.name, name))
    const soa = record(zone, 'SOA', `ns.${zone}`)
    return {
      rcode: exists ? 'NOERROR' : 'NXDOMAIN',
      authoritative: how.lame !== true,
      answers,
      authorities: answers.length > 0 ? [] : [soa],
    }
  }

  /** Follows CNAMEs, as resolvers do. */
  const recursive = (question: Question): DnsAnswer => {
    const answers: ResourceRecord[] = []
    let { name } = question
    for (let i = 0; i < 20; i++) {
      const zone = longestMatch(name, zones.keys())
      if (zone === undefined)
        return {
          rcode: 'NXDOMAIN',
          authoritative: false,
          answers,
          authorities: [record('', 'SOA', 'a.root-servers.net')],
        }
      const here = authoritative(zone, { name, type: question.type }, {})
      answers.push(...here.answers)
      const cname = here.answers.find(r => r.type === 'CNAME' && r.name === name)
      if (!cname || question.type === 'CNAME') return { ...here, authoritative: false, answers }
      name = cname.data as Name
    }
    return { rcode: 'SERVFAIL', authoritative: false, answers: [], authorities: [] }
  }

  const query: Dns['query'] = async (question, { server, signal, timeoutSeconds = 5 }) => {
    asked.push(`${server} ${question.type} ${question.name}`)
    const how = manners.get(server) ?? {}
    const trouble = (words: string, code: string): Dns01Error =>
      new Dns01Error('UNAVAILABLE', `asking ${server} for ${question.type} ${question.name}: ${words}`, {
        cause: Object.assign(new Error(words), { code }),
      })
    if (how.unheard === 'closed') throw trouble('nothing listens there (ECONNREFUSED)', 'ECONNREFUSED')
    if (how.unheard === 'noRoute') throw trouble('no route to that network (ENETUNREACH)', 'ENETUNREACH')
    if (how.unheard) {
      await clock.sleep(timeoutSeconds, signal)
      throw trouble(`no answer within ${timeoutSeconds} s`, 'ETIMEDOUT')
    }
    await clock.sleep(how.delaySeconds ?? 0.001, signal)
    if (how.rcode) return { rcode: how.rcode, authoritative: false, answers: [], authorities: [] }
    const refusal: DnsAnswer = { rcode: 'REFUSED', authoritative: false, answers: [], authorities: [] }
    const serving = served.get(server)
    if (serving) return serving(question) ?? refusal
    if (server === fakeResolver) return recursive(question)
    const zone = longestMatch(
      question.name,
      [...zones].filter(([, at]) => at.has(server)).map(([apex]) => apex),
    )
    if (zone !== undefined) return authoritative(zone, question, how)
    if ([...zones.values()].some(at => at.has(server))) return refusal
    throw trouble(`no answer within ${timeoutSeconds} s`, 'ETIMEDOUT')
  }

  return {
    asked,
    query,
    add,
    exchange: async () => {
      throw new Dns01Error('UNAVAILABLE', 'the fake DNS takes no ready-made messages')
    },
    zone: (apex, servers) => {
      zones.set(apex as Name, new Set(Object.values(servers).flat()))
      add(apex, 'SOA', Object.keys(servers)[0] ?? '')
      for (const [server, addresses] of Object.entries(servers)) {
        add(apex, 'NS', server)
        for (const address of addresses) add(server, address.includes(':') ? 'AAAA' : 'A', address)
      }
    },
    remove: (name, type, data) => {
      const at = rows.findIndex(row => row.record.name === name && row.record.type === type && row.record.data === data)
      if (at >= 0) rows.splice(at, 1)
    },
    values: name => rows.filter(({ record: r }) => r.name === name && r.type === 'TXT').map(({ record: r }) => r.data),
    manners: (address, how) => void manners.set(address, how),
    serve: async (listen, answer) => {
      for (const address of listen) served.set(address, answer)
      return {
        addresses: listen,
        close: async () => {
          for (const address of listen) served.delete(address)
        },
      }
    },
    systemResolvers: () => [fakeResolver],
  }
}

/** The CNAME at a name, or a DNAME above it with the CNAME made of it (RFC 6672 §3.1). */
function aliases(all: readonly ResourceRecord[], name: Name): ResourceRecord[] {
  const cname = all.find(r => r.type === 'CNAME' && r.name === name)
  if (cname) return [cname]
  const above = ancestors(name).slice(1)
  const dname = all.find(r => r.type === 'DNAME' && above.includes(r.name))
  if (!dname) return []
  const data = `${name.slice(0, name.length - dname.name.length)}${dname.data}`
  return [dname, { name, type: 'CNAME', ttlSeconds: dname.ttlSeconds, data }]
}
