// Dynamic update (RFC 2136) of BIND, Knot, PowerDNS and others. message.ts has the wire format, key.ts the keys; here is whom
// to ask, and what each answer means for the user.
import {
  beforeWriting,
  Dns01Error,
  defineProvider,
  doubtful,
  type Name,
  oneByOne,
  type ProviderCall,
  refused,
  type Settings,
  systemCodeOf,
  type TxtRecord,
  unavailable,
  unwritten,
  type World,
  wasNeverSent,
  withDetails,
} from '../src/provider/shipped.js'
import { readKey, wrong } from './rfc2136/key.js'
import {
  addTxt,
  deleteTxt,
  inMessages,
  isProven,
  type Key,
  parseAnswer,
  sign,
  type Tsig,
  updateMessage,
} from './rfc2136/message.js'

/** lego's variables (RFC2136_*, of late DNSUPDATE_*) and those of acme.sh's dns_nsupdate: who comes from there changes nothing. */
const settings = {
  nameserver: {
    env: ['RFC2136_NAMESERVER', 'DNSUPDATE_NAMESERVER', 'NSUPDATE_SERVER'],
    help: 'primary server that takes updates: ADDRESS, HOST, either with :PORT; default: the primary named in the SOA record of the zone',
    ask: () => true,
  },
  'tsig-file': {
    env: ['RFC2136_TSIG_FILE', 'DNSUPDATE_TSIG_FILE', 'NSUPDATE_KEY'],
    help: 'key file as for nsupdate -k: what tsig-keygen writes, or an old KNAME.+157+NNNNN.key with its .private; readable by nobody else',
    ask: known => !known['tsig-key'],
  },
  'tsig-key': {
    env: ['RFC2136_TSIG_KEY', 'DNSUPDATE_TSIG_KEY'],
    help: 'name of the TSIG key; with no key at all updates go unsigned',
    ask: known => !known['tsig-file'],
  },
  'tsig-secret': {
    env: ['RFC2136_TSIG_SECRET', 'DNSUPDATE_TSIG_SECRET'],
    help: 'secret of the TSIG key, in base64',
    secret: true,
    ask: known => known['tsig-key'] !== undefined && !known['tsig-file'],
  },
  'tsig-algorithm': {
    env: ['RFC2136_TSIG_ALGORITHM', 'DNSUPDATE_TSIG_ALGORITHM'],
    help: 'hmac-sha256, hmac-sha384, hmac-sha512, hmac-sha224, hmac-sha1 or hmac-md5; a key file says it itself',
    default: 'hmac-sha256',
  },
  ttl: { env: ['RFC2136_TTL', 'DNSUPDATE_TTL'], help: 'TTL of the TXT records in seconds; default: what dns01 uses' },
} as const satisfies Settings

/**
 * Dynamic update (RFC 2136), signed with TSIG (RFC 8945). All records of a call travel in one message, so a server takes
 * or leaves them together, and `present` and `cleanup` cost one exchange each up to some 600 records; none besides when
 * `nameserver` is an address. Adding an RR leaves the others of its set alone, and one that is there already is no
 * error (RFC 2136 §3.4.2.2); deletion names the RR itself (class NONE, §2.5.4), and one that is gone is not an error.
 * A server silently ignores an add at a name that has a CNAME (§3.4.2.2; PowerDNS refuses it): the engine follows CNAMEs
 * before it comes here, and if its resolvers were not shown that one, its watch on the servers reports the missing value.
 *
 * Always over TCP: the message may be large, an answer cannot be forged from afar, and a lost packet costs no time-out.
 * UDP would save one round trip; a primary that is closed to TCP breaks RFC 7766 §5 and could not serve many values.
 */
export default defineProvider({
  name: 'rfc2136',
  summary: 'dynamic update with a TSIG key (RFC 2136): BIND, Knot, PowerDNS and others',
  settings,
  batch: true,
  additive: true,
  batchDelaySeconds: 0.05,
  testedWith: 'real server: BIND 9, Knot, PowerDNS',
  open(values, world) {
    const key = readKey(values, world)
    const ttlSeconds = readTtl(values.ttl)
    const change = async (records: readonly TxtRecord[], call: ProviderCall, toRr: (r: TxtRecord) => Buffer) => {
      const once = [...new Map(records.map(r => [`${r.name} ${r.value}`, r])).values()]
      const servers = await beforeWriting(() => findServers(world, values.nameserver, call))
      await oneByOne(inMessages(once.map(toRr)), async updates => {
        try {
          await send(world, servers, key, updates, call)
        } catch (error) {
          throw values.nameserver !== undefined && isClosed(error) ? worthLittle(error) : error
        }
      })
    }
    return {
      present: (records, call) => change(records, call, r => addTxt(r, ttlSeconds ?? r.ttlSeconds)),
      cleanup: (records, call) => change(records, call, deleteTxt),
    }
  },
})

/** Nine digits at most: a TTL has 31 bits (RFC 2181 §8). */
function readTtl(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw wrong(`the TTL ${JSON.stringify(text)} is not a number of seconds`)
  return Number(text)
}

/** Addresses to try one after the other, as World.dns wants them. Costs look-ups only for what is not an address. */
async function findServers(world: World, nameserver: string | undefined, call: ProviderCall): Promise<string[]> {
  const [, host, port] = (nameserver ?? (await findPrimary(world, call))).match(SERVER) ?? []
  if (host === undefined) throw wrong(`${JSON.stringify(nameserver)} is not a name server`, 'give ADDRESS or HOST:PORT')
  const addresses = await addressesOf(world, host.replace(/^\[|\]$/g, ''), call.signal)
  if (addresses.length === 0) throw refused(`the name server ${host} has no address`, 'set RFC2136_NAMESERVER')
  return addresses.map(address => `${address.includes(':') ? `[${address}]` : address}:${port ?? 53}`)
}

/** `192.0.2.1`, `192.0.2.1:53`, `host`, `host:53`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:53`. */
const SERVER = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*)(?::(\d{1,5}))?$/i

/** The primary by the zone's SOA record (RFC 1035 §3.3.13, MNAME), as nsupdate does. */
async function findPrimary(world: World, { zone, signal }: ProviderCall): Promise<string> {
  const [primary] = await lookUp(world, { name: zone, type: 'SOA' }, signal)
  if (!primary) throw refused(`${zone} has no SOA record, so its primary server is unknown`, 'set RFC2136_NAMESERVER')
  return primary
}

/** By the configured resolvers and not by the system's: the name may exist in their view only. `localhost` by RFC 6761 §6.3. */
async function addressesOf(world: World, host: string, signal: AbortSignal): Promise<string[]> {
  if (host.includes(':') || /^[\d.]+$/.test(host)) return [host]
  if (host === 'localhost') return ['127.0.0.1', '::1']
  const name = host.toLowerCase().replace(/\.$/, '') as Name
  const found = await Promise.all([
    lookUp(world, { name, type: 'A' }, signal),
    lookUp(world, { name, type: 'AAAA' }, signal),
  ])
  return found.flat()
}

/** Data of the answer's records of that type, from the first resolver that has an answer. */
async function lookUp(world: World, question: { name: Name; type: 'A' | 'AAAA' | 'SOA' }, signal: AbortSignal) {
  let last: unknown = unavailable('this machine has no resolver (/etc/resolv.conf)')
  for (const server of world.dns.systemResolvers()) {
    try {
      const { rcode, answers } = await world.dns.query(question, { server, recursion: true, signal })
      if (rcode === 'NOERROR' || rcode === 'NXDOMAIN')
        return answers.filter(({ type }) => type === question.type).map(({ data }) => data)
      last = unavailable(`the resolver ${server} answered ${rcode} for ${question.name} ${question.type}`)
    } catch (error) {
      signal.throwIfAborted()
      last = error
    }
  }
  throw last
}

/** Seconds. PowerDNS takes some 2 s for 1,000 records on a small machine. */
const answerWithinSeconds = 15

/** One update, at the first of the servers that can be reached. */
async function send(world: World, servers: readonly string[], key: Key | undefined, rrs: Buffer[], call: ProviderCall) {
  call.signal.throwIfAborted()
  const message = updateMessage(Buffer.from(world.random(2)), call.zone, rrs)
  const signed = key && sign(message, key, unixSeconds(world.clock.now()))
  let last: unknown
  // What reached one address may have been done there, though its answer was lost; the next one's "no" does not undo it.
  let mayBeWritten = false
  for (const server of servers) {
    const where = { server, signal: call.signal, transport: 'tcp', timeoutSeconds: answerWithinSeconds } as const
    try {
      const answer = await world.dns.exchange(signed?.message ?? message, where)
      checkAnswer(Buffer.from(answer), { server, zone: call.zone, now: world.clock.now(), key, mac: signed?.mac })
      return call.log.debug(`rfc2136: ${server} took ${rrs.length} changes in ${call.zone}`)
    } catch (error) {
      if (!(error instanceof Dns01Error) || error.code !== 'UNAVAILABLE') throw mayBeWritten ? doubtful(error) : error
      mayBeWritten ||= !wasNeverSent(error)
      last = error
    }
  }
  throw mayBeWritten ? last : unwritten(last)
}

/** Nothing listens there. */
const isClosed = (error: unknown): error is Dns01Error => systemCodeOf(error) === 'ECONNREFUSED'

/** How long a closed port of the server that the person named is tried again: a restart takes less, a wrong address lasts. */
const closedSeconds = 30

const worthLittle = (error: Dns01Error): Dns01Error =>
  withDetails(error, {
    worthSeconds: closedSeconds,
    hint: 'is RFC2136_NAMESERVER (nameserver in conf/dns.yml) the primary, is its port right, and does it run?',
  })

const unixSeconds = (instant: Date): number => Math.floor(instant.getTime() / 1000)

/** What an answer is held against. `mac`: of our request, which the server's signature covers (RFC 8945 §5.3.1). */
interface Expected {
  readonly server: string
  readonly zone: Name
  readonly now: Date
  readonly key: Key | undefined
  readonly mac: Buffer | undefined
}

/** Throws unless the server says, and proves with the key, that it did the update (RFC 2136 §3.8, RFC 8945 §5.3). A "no"
 *  is believed without proof: who could forge it could as well have dropped the request. */
function checkAnswer(bytes: Buffer, expected: Expected): void {
  const { server, zone, key, mac, now } = expected
  const answer = parseAnswer(bytes)
  if (!answer)
    throw unavailable(
      `${server} answered the update of ${zone} with ${bytes.length} bytes that are not an answer to it`,
    )
  const { rcode, tsig } = answer
  if (key && tsig?.error) throw tsigFault(tsig, key, expected)
  if (key && mac && (tsig || rcode === 0)) {
    if (!tsig) throw forged(expected, `is not signed with the TSIG key ${key.name}`)
    if (!isProven(answer, key, mac)) throw forged(expected, `has a wrong signature of the TSIG key ${tsig.name}`)
    if (Math.abs(unixSeconds(now) - tsig.time) > tsig.fudge) throw forged(expected, 'is signed at another time')
  }
  if (rcode !== 0) throw rcodeFault(rcode, expected)
}

/** Not unwritten(): who knows what the real server did. */
const forged = ({ server, zone }: Expected, how: string): Dns01Error =>
  refused(
    `the answer of ${server} to the update of ${zone} ${how}`,
    'something between here and the server answers in its place, or it has another key of that name',
  )

/**
 * RFC 2136 §2.2 and RFC 1035 §4.1.1: name, meaning, what to do. SERVFAIL alone may pass by itself. The others say that
 * the update was not done, all of it (§3.4.2: an update is atomic); SERVFAIL may come from a secondary that passed it on.
 */
const RCODES: Readonly<Record<number, readonly [string, string, string?]>> = {
  1: ['FORMERR', 'it did not understand the message'],
  2: [
    'SERVFAIL',
    'it failed: its log says why (a journal it cannot write, an unreachable primary, BIND allows 100 records at a name)',
  ],
  4: ['NOTIMP', 'it takes no dynamic updates', 'set RFC2136_NAMESERVER to the primary; PowerDNS needs dnsupdate=yes'],
  5: [
    'REFUSED',
    'this key (or this address) may not change these records, or the zone is frozen, or this is a secondary; PowerDNS says so, too, of a wrong key, secret, algorithm or clock, and of a name with a CNAME',
    'allow it: BIND update-policy or allow-update, Knot acl with action update, PowerDNS TSIG-ALLOW-DNSUPDATE; or set RFC2136_NAMESERVER to the primary',
  ],
  9: [
    'NOTAUTH',
    'it is not authoritative for that zone, or does not know the key',
    'set RFC2136_NAMESERVER to the primary of the zone, and check the view and the name of the key',
  ],
  10: ['NOTZONE', 'a name is not inside that zone', 'is the zone cut where dns01 found it? dns01 probe shows it'],
}

/** What a server says to an update that nobody signed, instead of the meaning above. */
const UNSIGNED = [
  'no key is set, the update went unsigned',
  'set RFC2136_TSIG_FILE to the key file (as for nsupdate -k); RFC2136_TSIG_KEY and RFC2136_TSIG_SECRET do as well; or let the server allow this address',
] as const
/** REFUSED and NOTAUTH. */
const NO_RIGHTS = new Set([5, 9])

function rcodeFault(rcode: number, { server, zone, key }: Expected): Dns01Error {
  const [name, usually, how] = RCODES[rcode] ?? [`RCODE${rcode}`, 'an answer that RFC 2136 does not foresee']
  const [meaning, hint] = !key && NO_RIGHTS.has(rcode) ? UNSIGNED : [usually, how]
  const message = `${server} answered ${name} to the update of ${zone}: ${meaning}`
  if (rcode === 2) return unavailable(message)
  return RCODES[rcode] ? unwritten(refused(message, hint)) : refused(message, hint)
}

/** RFC 8945 §5.2: the server does not accept our signature, and so has not done the update. */
function tsigFault({ error, other }: Tsig, key: Key, { server, now }: Expected): Dns01Error {
  const refusal = (name: string, why: string, hint: string) =>
    unwritten(refused(`${server} answered ${name}: ${why}`, hint))
  if (error === 16)
    return refusal('BADSIG', `the secret or algorithm of the TSIG key ${key.name} is wrong`, 'compare the secrets')
  if (error === 17)
    return refusal(
      'BADKEY',
      `it has no TSIG key ${key.name} with ${key.algorithm}`,
      'compare the name and the algorithm, and is it the primary?',
    )
  if (error !== 18) return refusal(`TSIG error ${error}`, `it does not accept the TSIG key ${key.name}`, 'see its log')
  const apart = other.length === 6 ? `${Math.abs(other.readUIntBE(0, 6) - unixSeconds(now))} s` : 'too far'
  return refusal('BADTIME', `its clock and ours (${now.toISOString()}) are ${apart} apart`, 'set the clocks (NTP)')
}
