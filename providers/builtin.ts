import {
  Dns01Error,
  type DnsAnswer,
  type DnsServer,
  defineProvider,
  isWithin,
  longestMatch,
  type Name,
  type Provider,
  parseName,
  type Question,
  type ResourceRecord,
  refused,
  type TxtRecord,
  type World,
} from '../src/provider.js'

/** Nobody shall keep a challenge, nor that there was none (RFC 2308 §5). */
const challengeTtlSeconds = 0
const zoneTtlSeconds = 5
const everywhere = '0.0.0.0:53,[::]:53'

/** What the zones hold besides the challenges. */
interface ZonePlan {
  readonly zones: readonly Name[]
  serverOf(zone: Name): Name
  /** Of our server, A and AAAA. */
  readonly addresses: readonly string[]
}

export default defineProvider({
  name: 'builtin',
  summary: 'dns01 answers itself, as the name server of a zone delegated to this machine, while records are up',
  settings: {
    zone: {
      env: ['DNS01_BUILTIN_ZONE'],
      required: true,
      help: 'zones delegated to this machine, comma-separated: acme.example.com, or _acme-challenge.host.example.com',
    },
    listen: {
      env: ['DNS01_BUILTIN_LISTEN'],
      default: everywhere,
      help: 'addresses to answer at, UDP and TCP, comma-separated; on a machine with several addresses name the public ones',
    },
    ns: { env: ['DNS01_BUILTIN_NS'], help: 'name of this server as in the delegation; ns.ZONE when not given' },
    addresses: {
      env: ['DNS01_BUILTIN_ADDRESSES'],
      help: 'public addresses of this server, comma-separated, for A and AAAA of its name if that lies in the zone',
    },
  },
  batch: true,
  keepsOthers: true,
  provesSync: true,
  whileRunning: true,
  testedWith: 'itself, asked by dig and fuzzed',
  open: ({ zone, listen, ns, addresses }, world) => {
    const server = ns === undefined ? undefined : nameIn('DNS01_BUILTIN_NS', ns)
    const plan: ZonePlan = {
      zones: list(zone).map(text => nameIn('DNS01_BUILTIN_ZONE', text)),
      serverOf: apex => server ?? (`ns.${apex}` as Name),
      addresses: list(addresses ?? ''),
    }
    if (plan.zones.length === 0) throw wrong('DNS01_BUILTIN_ZONE', 'it names no zone')
    const odd = plan.addresses.find(address => !ADDRESS.test(address))
    if (odd !== undefined) throw wrong('DNS01_BUILTIN_ADDRESSES', `${JSON.stringify(odd)} is not an address`)
    return openBuiltin(world, plan, list(listen), listen === everywhere)
  },
})

const list = (text: string): string[] =>
  text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')

const ADDRESS = /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:.]*:[0-9a-f:.]*$/i

const wrong = (variable: string, why: string, cause?: unknown): Dns01Error =>
  new Dns01Error('CONFIG', `provider builtin: ${variable}: ${why}`, { cause })

function nameIn(variable: string, text: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    throw wrong(variable, (error as Error).message, error)
  }
}

function openBuiltin(world: World, plan: ZonePlan, listen: readonly string[], ipv6MayLack: boolean): Provider {
  const values = new Map<Name, Set<string>>()
  const answer = (question: Question): DnsAnswer | undefined => answerFrom(plan, values, question)
  let server: DnsServer | undefined
  let turn = Promise.resolve()

  const start = async (): Promise<void> => {
    server ??= await listenAt(world, listen, answer, ipv6MayLack)
  }
  const stop = async (): Promise<void> => {
    await server?.close()
    server = undefined
  }
  /** Brings the server in line with the records; one at a time. */
  const settle = (): Promise<void> => {
    const next = turn.then(() => (values.size > 0 ? start() : stop()))
    turn = next.catch(() => {})
    return next
  }
  const remove = (records: readonly TxtRecord[]): void => {
    for (const { name, value } of records) {
      values.get(name)?.delete(value)
      if (values.get(name)?.size === 0) values.delete(name)
    }
  }
  return {
    present: async (records, { signal }) => {
      signal.throwIfAborted()
      for (const { name } of records) if (zoneOf(plan, name) === undefined) throw outside(plan, name)
      for (const { name, value } of records) values.set(name, (values.get(name) ?? new Set()).add(value))
      await settle().catch(error => {
        remove(records)
        throw error
      })
    },
    cleanup: async records => {
      remove(records)
      await settle()
    },
    zoneFor: async name => {
      const zone = zoneOf(plan, name)
      return zone === undefined ? undefined : { zone, servers: [...new Set((server?.addresses ?? listen).map(near))] }
    },
    close: async () => {
      values.clear()
      await settle()
    },
  }
}

const zoneOf = (plan: ZonePlan, name: Name): Name | undefined => longestMatch(name, plan.zones)

const outside = (plan: ZonePlan, name: Name): Dns01Error =>
  refused(
    `the built-in DNS server has no zone for ${name}, only ${plan.zones.join(', ')}`,
    `make ${name} a CNAME to ${name.split('.').slice(0, 2).join('.')}.${plan.zones[0]}, or add its zone to DNS01_BUILTIN_ZONE`,
  )

/** Where to ask ourselves: a wildcard address is heard on the loopback too. */
const near = (address: string): string =>
  address === '::' ? '::1' : address.replace(/^0\.0\.0\.0(?=:|$)/, '127.0.0.1').replace('[::]', '[::1]')

/** `ipv6MayLack`: nobody asked for [::] but we, so a machine without IPv6 does without. */
async function listenAt(
  world: World,
  listen: readonly string[],
  answer: (question: Question) => DnsAnswer | undefined,
  ipv6MayLack: boolean,
): Promise<DnsServer> {
  try {
    return await world.dns.serve(listen, answer, world.log)
  } catch (error) {
    const code = ((error as Dns01Error).cause as { code?: string } | undefined)?.code
    if (ipv6MayLack && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return listenAt(
        world,
        [...listen].filter(address => !address.startsWith('[')),
        answer,
        false,
      )
    if (code !== 'EACCES') throw error
    throw new Dns01Error('CONFIG', (error as Dns01Error).message, { hint: unprivileged, cause: error })
  }
}

const unprivileged =
  'ports below 1024 need a right. Either: sudo setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")". ' +
  "Or set DNS01_BUILTIN_LISTEN=0.0.0.0:5353,[::]:5353 and, once: sudo nft 'add table inet dns01; " +
  'add chain inet dns01 pre { type nat hook prerouting priority dstnat; }; ' +
  "add rule inet dns01 pre meta l4proto { tcp, udp } th dport 53 redirect to :5353'"

/** undefined (REFUSED) outside of our zones; else the authoritative answer (RFC 1034 §4.3.2). */
function answerFrom(
  plan: ZonePlan,
  values: ReadonlyMap<Name, ReadonlySet<string>>,
  { name, type }: Question,
): DnsAnswer | undefined {
  const zone = zoneOf(plan, name)
  if (zone === undefined) return undefined
  const here = recordsAt(plan, values, zone, name)
  const wanted = type === 'TYPE255' ? oneSet(here) : here.filter(record => record.type === type)
  const nothing = wanted.length === 0
  return {
    rcode: here.length === 0 && !isNode(plan, values, zone, name) ? 'NXDOMAIN' : 'NOERROR',
    authoritative: true,
    answers: wanted,
    authorities: nothing ? [soaOf(plan, zone, challengeTtlSeconds)] : [],
  }
}

/** ANY gets one set of records and no more (RFC 8482 §4.1). */
const oneSet = (here: readonly ResourceRecord[]): ResourceRecord[] =>
  here.filter(record => record.type === here[0]?.type)

/** Whether the name exists, be it only because something stands below it (RFC 8020 §2, RFC 4592 §2.2.2). */
const isNode = (plan: ZonePlan, values: ReadonlyMap<Name, unknown>, zone: Name, name: Name): boolean =>
  [...plan.zones, plan.serverOf(zone), ...values.keys()].some(held => isWithin(held, name))

function recordsAt(
  plan: ZonePlan,
  values: ReadonlyMap<Name, ReadonlySet<string>>,
  zone: Name,
  name: Name,
): ResourceRecord[] {
  const server = plan.serverOf(zone)
  const atApex = [soaOf(plan, zone, zoneTtlSeconds), record(zone, 'NS', server, zoneTtlSeconds)]
  return [
    ...[...(values.get(name) ?? [])].map(value => record(name, 'TXT', value, challengeTtlSeconds)),
    ...(name === zone ? atApex : []),
    ...(name === server ? plan.addresses.map(address => record(name, familyOf(address), address, zoneTtlSeconds)) : []),
  ]
}

const soaOf = (plan: ZonePlan, zone: Name, ttlSeconds: number): ResourceRecord =>
  record(zone, 'SOA', plan.serverOf(zone), ttlSeconds)

const familyOf = (address: string): 'A' | 'AAAA' => (address.includes(':') ? 'AAAA' : 'A')

const record = (name: Name, type: ResourceRecord['type'], data: string, ttlSeconds: number): ResourceRecord => ({
  name,
  type,
  ttlSeconds,
  data,
})
