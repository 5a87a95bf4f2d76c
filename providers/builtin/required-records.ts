// The records that must exist elsewhere before the built-in server is asked: the delegation, its glue, the CNAMEs. Looked up
// at the parent's servers themselves, since resolvers remember the time before.
import {
  ancestors,
  asChallengeName,
  type DnsAnswer,
  messageOf,
  type Name,
  type NeededRecord,
  type Question,
  type World,
} from '../../src/provider/shipped.js'
import { aliasFor, familyOf, type ZonePlan, zoneOf } from './zones.js'

const timeoutSeconds = 3
const longestChain = 8

/** Asks around: who is asked, and when to stop. */
interface Look {
  readonly world: Pick<World, 'dns'>
  readonly signal: AbortSignal
}

/** The CNAME of each host into our zones, and the delegation of these zones to this machine; each with what is missing. */
export async function requiredRecords(
  look: Look,
  plan: ZonePlan,
  addresses: readonly string[],
  names: readonly Name[],
): Promise<NeededRecord[]> {
  const challenges = [...new Set(names.map(asChallengeName))]
  const aliases = await Promise.all(
    challenges.filter(name => zoneOf(plan, name) === undefined).map(name => alias(look, plan, name)),
  )
  const used = challenges.map(name => zoneOf(plan, name)).filter(zone => zone !== undefined)
  const zones = new Set([...used, ...aliases.map(({ zone }) => zone)])
  const delegations = await Promise.all([...zones].map(zone => delegation(look, plan, addresses, zone)))
  return [...delegations.flat(), ...aliases.map(({ needed }) => needed)]
}

async function alias(look: Look, plan: ZonePlan, name: Name): Promise<{ zone: Name; needed: NeededRecord }> {
  const proposed = aliasFor(name, plan)
  const needed = (target: Name, missing?: string) => ({
    zone: zoneOf(plan, target) as Name,
    needed: { name, type: 'CNAME' as const, data: `${target}.`, missing },
  })
  try {
    const chain = await follow(look, name)
    const end = chain.at(-1)
    if (end === undefined) return needed(proposed, 'there is none')
    return zoneOf(plan, end) === undefined ? needed(proposed, `it leads to ${end}`) : needed(chain[0] ?? end)
  } catch (error) {
    return needed(proposed, messageOf(error))
  }
}

/** Where the CNAMEs of a name lead, step by step. The end within our zone need not exist. */
async function follow(look: Look, name: Name): Promise<Name[]> {
  const chain: Name[] = []
  for (let at = name; chain.length < longestChain; ) {
    const answer = await askResolvers(look, { name: at, type: 'CNAME' }).catch((error: unknown) => {
      if (chain.length === 0) throw error
    })
    const next = answer?.answers.find(r => r.type === 'CNAME' && r.name === at)?.data as Name | undefined
    if (next === undefined) break
    chain.push(next)
    at = next
  }
  return chain
}

/** NS in the parent zone, and the addresses of the server: beside it (glue) if its name lies in the zone, else wherever that is. */
async function delegation(
  look: Look,
  plan: ZonePlan,
  addresses: readonly string[],
  zone: Name,
): Promise<NeededRecord[]> {
  const server = plan.serverOf(zone)
  const answer = await parentSays(look, zone).catch((error: unknown) => messageOf(error))
  const ns = (missing?: string): NeededRecord => ({ name: zone, type: 'NS', data: `${server}.`, missing })
  if (typeof answer === 'string') return [ns(answer), ...addressRecords(server, addresses, () => answer)]
  const { parent, servers, glue } = answer
  const others = servers.length > 0 ? `; it names ${servers.join(', ')}` : ''
  const found = zoneOf(plan, server) === undefined ? await addressesOf(look, server) : (glue.get(server) ?? [])
  return [
    ns(servers.includes(server) ? undefined : `the zone ${parent || '.'} does not delegate it so${others}`),
    ...addressRecords(server, addresses, address => {
      if (address === undefined) return found.length > 0 ? undefined : 'it has none'
      const others = found.length > 0 ? `; found: ${found.join(', ')}` : ''
      return found.includes(address) ? undefined : `it is not there${others}`
    }),
  ]
}

/** Without an address that we know, one line says what is wanted. */
function addressRecords(
  server: Name,
  addresses: readonly string[],
  missing: (address: string | undefined) => string | undefined,
): NeededRecord[] {
  if (addresses.length === 0)
    return [{ name: server, type: 'A', data: '(the public address of this machine)', missing: missing(undefined) }]
  return addresses.map(address => ({
    name: server,
    type: familyOf(address),
    data: address,
    missing: missing(address),
  }))
}

interface Parent {
  readonly parent: Name
  /** What it delegates the zone to. */
  readonly servers: readonly string[]
  readonly glue: ReadonlyMap<string, readonly string[]>
}

/** What the servers of the zone above say, asked directly: a resolver would ask us, and we listen only now and then. */
async function parentSays(look: Look, zone: Name): Promise<Parent> {
  const above = ancestors(zone)[1] ?? ('' as Name)
  const soa = await askResolvers(look, { name: above, type: 'SOA' })
  const parent = [...soa.answers, ...soa.authorities].find(r => r.type === 'SOA')?.name ?? above
  const names = dataOf(await askResolvers(look, { name: parent, type: 'NS' }), 'NS')
  const found = await Promise.all(names.map(name => addressesOf(look, name as Name)))
  const problems: string[] = []
  for (const server of found.flat()) {
    try {
      const answer = await ask(look, { name: zone, type: 'NS' }, server, false)
      if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return delegationIn(answer, zone, parent)
      problems.push(`${server} answers ${answer.rcode}`)
    } catch (error) {
      look.signal.throwIfAborted()
      problems.push(messageOf(error))
    }
  }
  throw new Error(`the servers of ${parent || '.'} cannot be asked (${problems.join('; ') || 'they have no address'})`)
}

function delegationIn(answer: DnsAnswer, zone: Name, parent: Name): Parent {
  const ns = [...answer.answers, ...answer.authorities].filter(r => r.type === 'NS' && r.name === zone)
  const servers = ns.map(r => r.data)
  const glue = new Map(
    servers.map(server => [server, (answer.additionals ?? []).filter(r => r.name === server).map(r => r.data)]),
  )
  return { parent, servers, glue }
}

async function addressesOf(look: Look, name: Name): Promise<string[]> {
  const found = await Promise.all(
    (['A', 'AAAA'] as const).map(async type =>
      askResolvers(look, { name, type }).then(
        answer => dataOf(answer, type),
        () => [],
      ),
    ),
  )
  look.signal.throwIfAborted()
  return found.flat()
}

const dataOf = (answer: DnsAnswer, type: Question['type']): string[] =>
  answer.answers.filter(r => r.type === type).map(r => r.data)

/** The first resolver that has an answer. */
async function askResolvers(look: Look, question: Question): Promise<DnsAnswer> {
  const problems: string[] = []
  for (const server of look.world.dns.systemResolvers()) {
    try {
      const answer = await ask(look, question, server, true)
      if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return answer
      problems.push(`${server} answers ${answer.rcode} for ${question.type} ${question.name || '.'}`)
    } catch (error) {
      look.signal.throwIfAborted()
      problems.push(messageOf(error))
    }
  }
  throw new Error(problems.join('; ') || 'there is no resolver to ask')
}

const ask = ({ world, signal }: Look, question: Question, server: string, recursion: boolean): Promise<DnsAnswer> =>
  world.dns.query(question, { server, recursion, signal, timeoutSeconds })
