// What the built-in server answers: its zones, the records in them, and when it says NXDOMAIN.
import {
  Dns01Error,
  type DnsAnswer,
  isWithin,
  longestMatch,
  type Name,
  parseName,
  type Question,
  type ResourceRecord,
  withoutChallengeLabel,
} from '../../src/provider/shipped.js'

/** Nobody shall keep a challenge, nor that there was none (RFC 2308 §5). */
const challengeTtlSeconds = 0
/** Of NS, SOA and our own addresses: little enough that a server which moves is found again at once. Our own choice. */
const zoneTtlSeconds = 5

/** What the zones hold besides the challenges. */
export interface ZonePlan {
  readonly zones: readonly Name[]
  serverOf(zone: Name): Name
  /** Of our server, A and AAAA. */
  readonly addresses: readonly string[]
}

/** TXT values by name. */
export type Values = ReadonlyMap<Name, ReadonlySet<string>>

/**
 * What to serve, by the settings: `zone` and `addresses` are lists with commas, and `ns` is `ns.` in front of each zone when it
 * is not given. @throws Dns01Error CONFIG naming the variable, also where conf/dns.yml has the value
 */
export function planOf(values: {
  readonly zone: string
  readonly ns: string | undefined
  readonly addresses: string | undefined
}): ZonePlan {
  const server = values.ns === undefined ? undefined : nameIn('DNS01_BUILTIN_NS', values.ns)
  const plan: ZonePlan = {
    zones: list(values.zone).map(text => nameIn('DNS01_BUILTIN_ZONE', text)),
    serverOf: apex => server ?? (`ns.${apex}` as Name),
    addresses: list(values.addresses ?? ''),
  }
  if (plan.zones.length === 0) throw wrong('DNS01_BUILTIN_ZONE', 'it names no zone')
  const odd = plan.addresses.find(address => !ADDRESS.test(address))
  if (odd !== undefined) throw wrong('DNS01_BUILTIN_ADDRESSES', `${JSON.stringify(odd)} is not an address`)
  return plan
}

/** The items of a list with commas, without blanks around them; empty ones are left out. */
export const list = (text: string): string[] =>
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

/** The longest of our zones that holds the name; undefined: none does. */
export const zoneOf = (plan: ZonePlan, name: Name): Name | undefined => longestMatch(name, plan.zones)

/** Where a CNAME at this challenge name may lead: HOST.ZONE, or _LABEL.HOST.ZONE, which no other host or account shares. */
export const aliasFor = (challenge: Name, plan: ZonePlan): Name =>
  `${withoutChallengeLabel(challenge)}.${plan.zones[0]}` as Name

/** undefined (REFUSED) outside of our zones; else the authoritative answer (RFC 1034 §4.3.2). */
export function answerFrom(plan: ZonePlan, values: Values, { name, type }: Question): DnsAnswer | undefined {
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

/** Whether the name exists, be it only because another name is below it (RFC 8020 §2, RFC 4592 §2.2.2). */
const isNode = (plan: ZonePlan, values: Values, zone: Name, name: Name): boolean =>
  [...plan.zones, plan.serverOf(zone), ...values.keys()].some(held => isWithin(held, name))

function recordsAt(plan: ZonePlan, values: Values, zone: Name, name: Name): ResourceRecord[] {
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

export const familyOf = (address: string): 'A' | 'AAAA' => (address.includes(':') ? 'AAAA' : 'A')

const record = (name: Name, type: ResourceRecord['type'], data: string, ttlSeconds: number): ResourceRecord => ({
  name,
  type,
  ttlSeconds,
  data,
})
