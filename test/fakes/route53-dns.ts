import { isWithin, type Name } from '../../src/core/names.js'
import type { DnsAnswer, Log, Question, RecordType, ResourceRecord, World } from '../../src/core/world.js'
import type { FakeRoute53 } from './route53.js'
import { type RecordSet, rank, setsOf, type Zone } from './route53-zone.js'

export interface Internet {
  /** Ids of zones that the public DNS delegates to; all public ones when absent. */
  readonly delegated?: readonly string[]
  /** Zones that somebody else serves: apex → names of servers. */
  readonly elsewhere?: Readonly<Record<string, readonly string[]>>
  /** Addresses by server name; the resolver answers A and AAAA from them. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>
  /** So many seconds after a change was accepted this server shows it; 0 when absent. May be longer than INSYNC takes. */
  readonly lagSeconds?: Readonly<Record<string, number>>
  /** While true the resolver finds no TXT set: a CA that looks from a bad place. */
  readonly hidesTxt?: () => boolean
}

/** Address of the resolver that query() and serve() give to it. */
const resolverAddress = '192.0.2.53'

/** The DNS side of the double: its zones as each of their servers shows them, and a resolver that sees the public ones. */
export function route53Dns(route53: FakeRoute53, internet: Internet = {}) {
  const delegated = (): Zone[] =>
    [...route53.zones.values()].filter(zone => !zone.isPrivate && (internet.delegated?.includes(zone.id) ?? true))

  /** What one of Route 53's servers answers for the public zones that are its own. */
  const answer = (server: string, question: Question): DnsAnswer | undefined => {
    const own = [...route53.zones.values()].filter(zone => !zone.isPrivate && zone.servers.includes(server))
    const zone = nearest(own, question.name)
    return zone && fromZone(zone, lagOf(server), question)
  }

  /** RFC 1034 §4.3.2, for one zone as it was `lagSeconds` ago. */
  const fromZone = (zone: Zone, lagSeconds: number, { name, type }: Question): DnsAnswer => {
    const sets = shown(zone, route53.options.now() - lagSeconds * 1000)
    const cut = [...sets.values()].find(
      set => set.type === 'NS' && set.name !== zone.name && isWithin(name, set.name as Name),
    )
    if (cut) return { rcode: 'NOERROR', authoritative: false, answers: [], authorities: records(cut) }
    const found = setsOf(sets, name, type)
    const answers = (found.length > 0 ? found : setsOf(sets, name, 'CNAME')).flatMap(records)
    const exists = [...sets.values()].some(set => isWithin(set.name as Name, name))
    const authorities = answers.length > 0 ? [] : setsOf(sets, zone.name, 'SOA').flatMap(records)
    return { rcode: exists ? 'NOERROR' : 'NXDOMAIN', authoritative: true, answers, authorities }
  }

  const lagOf = (server: string): number => internet.lagSeconds?.[server] ?? 0

  /** What a recursive resolver answers: from zones that are delegated, CNAMEs followed, always the server that lags most. */
  const resolve = (question: Question): DnsAnswer => {
    const answers: ResourceRecord[] = []
    for (let { name } = question, hops = 0; hops < 10; hops++) {
      if (question.type === 'TXT' && internet.hidesTxt?.()) return okay([])
      const direct = pinned(name, question.type)
      if (direct) return { ...direct, answers: [...answers, ...direct.answers] }
      const zone = nearest(delegated(), name)
      const found = zone && fromZone(zone, Math.max(...zone.servers.map(lagOf)), { ...question, name })
      if (!found)
        return {
          rcode: 'NXDOMAIN',
          authoritative: false,
          answers,
          authorities: [record('', 'SOA', 'a.root-servers.net')],
        }
      answers.push(...found.answers)
      const cname = found.answers.find(r => r.type === 'CNAME')
      if (!cname || question.type === 'CNAME') return { ...found, authoritative: false, answers }
      name = cname.data as Name
    }
    return { rcode: 'SERVFAIL', authoritative: false, answers: [], authorities: [] }
  }

  /** Server addresses, and zones that are served elsewhere. */
  const pinned = (name: Name, type: RecordType): DnsAnswer | undefined => {
    const addresses = internet.addresses?.[name]
    const isType = (address: string): boolean => type === (address.includes(':') ? 'AAAA' : 'A')
    if (addresses) return okay(addresses.filter(isType).map(address => record(name, type, address)))
    const apex = Object.keys(internet.elsewhere ?? {}).find(zone => isWithin(name, zone as Name))
    if (!apex) return undefined
    const servers = type === 'NS' && name === apex ? (internet.elsewhere?.[apex] ?? []) : []
    return okay(
      servers.map(server => record(apex, 'NS', server)),
      [record(apex, 'SOA', 'ns.elsewhere.test')],
    )
  }

  return {
    answer,
    resolve,
    /** As World.dns.query: the resolver and the servers' addresses; silence from any other. */
    query: async (question: Question, { server }: { server: string }): Promise<DnsAnswer> => {
      if (server === resolverAddress) return resolve(question)
      const name = Object.keys(internet.addresses ?? {}).find(key => internet.addresses?.[key]?.includes(server))
      const found = name && answer(name, question)
      return found || { rcode: 'REFUSED', authoritative: false, answers: [], authorities: [] }
    },
    systemResolvers: (): string[] => [resolverAddress],
    /** Real sockets: the resolver at `resolver`, each server at all its addresses. */
    serve: async ({ dns }: Pick<World, 'dns'>, resolver: string, log: Log) => {
      const open = [await dns.serve([resolver], resolve, log)]
      for (const [server, addresses] of Object.entries(internet.addresses ?? {}))
        open.push(await dns.serve(addresses, question => answer(server, question), log))
      return { close: async () => void (await Promise.all(open.map(server => server.close()))) }
    },
  }
}

const okay = (answers: ResourceRecord[], authorities: ResourceRecord[] = []): DnsAnswer => ({
  rcode: 'NOERROR',
  authoritative: false,
  answers,
  authorities: answers.length > 0 ? [] : authorities,
})

const nearest = (zones: readonly Zone[], name: Name): Zone | undefined =>
  zones.filter(zone => isWithin(name, zone.name as Name)).sort((a, b) => rank(b.name).length - rank(a.name).length)[0]

const shown = (zone: Zone, at: number): ReadonlyMap<string, RecordSet> =>
  zone.history.findLast(version => version.at <= at)?.sets ?? zone.history[0]?.sets ?? zone.sets

const record = (name: string, type: RecordType, data: string): ResourceRecord => ({
  name: name as Name,
  type,
  ttlSeconds: 60,
  data,
})

const records = (set: RecordSet): ResourceRecord[] =>
  set.values.map(value => ({
    name: set.name as Name,
    type: set.type as RecordType,
    ttlSeconds: set.ttl,
    data: dataOf(set.type, value),
  }))

const dataOf = (type: string, value: string): string => {
  if (type === 'TXT') return value.replace(/" "/g, '').replace(/^"|"$/g, '').replace(/\\(.)/g, '$1')
  return type === 'SOA' ? (value.split(' ')[0] ?? '').replace(/\.$/, '') : value.replace(/\.$/, '')
}
