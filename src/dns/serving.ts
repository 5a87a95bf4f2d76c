// The server's side of DNS messages, for the provider `builtin`: what of the packets that anybody may send is answered, and
// how a reply is written. It faces the internet on port 53, so the guards come before the codec, and no reply to a stranger
// is longer than the question (reflection, RFC 5358). What it answers, for which zones, is the provider's business: here are
// bytes only. Enough of a name server for a CA to ask; transfers, updates and DNSSEC are not in it.
import { type default as DNS, Packet } from 'dns2'
import type { DnsAnswer, Question, ResourceRecord } from '../core/world.js'
import { rcodeNumber, typeCode, typeOf, udpSizeBytes, wireName } from './message.js'

/** RFC 1035 §4.1.1. */
const HEADER_BYTES = 12
/** Header, root name, type and class: the shortest question there is. */
const SHORTEST_QUERY_BYTES = 17
/**
 * OPT (41), which is not a question (RFC 6891 §6.1.1); IXFR (251, RFC 1995), AXFR (252, RFC 5936), MAILB and MAILA (253 and
 * 254, RFC 1035 §3.2.3). ANY (255) is answered like any other type, with what RFC 8482 allows.
 */
const NOT_ASKABLE = new Set([41, 251, 252, 253, 254])
/** Response codes: RFC 1035 §4.1.1, and RFC 6891 §9 for BADVERS, whose upper bits go into the OPT record. */
const FORMERR = 1
const NOTIMP = 4
const REFUSED = 5
const BADVERS = 16

/** A question that passed the guards, with what its reply must echo. */
export interface Query {
  /** Its name in lower case; `packet` has it in the client's spelling. */
  readonly question: Question
  readonly packet: Packet
  /** What the client takes by UDP: 512 without EDNS (RFC 1035 §4.2.1), never more than udpSizeBytes, since longer packets are
   *  cut in pieces on the way and firewalls drop the pieces. */
  readonly udpLimitBytes: number
}

/**
 * What to do with a packet: drop it, send this refusal, or answer the question. Noise gets no word, since a reply to what is
 * not a question goes to somebody who did not ask.
 */
export type Screened =
  | { readonly is: 'noise' }
  | { readonly is: 'refusal'; readonly reply: Uint8Array }
  | { readonly is: 'query'; readonly query: Query }

/**
 * The guard in front of the codec: what a stranger may send. Responses are never answered (two servers would talk for
 * ever), nor is what is shorter than a header; what cannot be served gets a header or its own question back, never more
 * bytes than it sent.
 */
export function screen(bytes: Buffer): Screened {
  if (bytes.length < SHORTEST_QUERY_BYTES || isResponse(bytes)) return { is: 'noise' }
  const opcode = (bytes[2]! >> 3) & 0xf // 0 is QUERY (RFC 1035 §4.1.1); UPDATE and NOTIFY are for real name servers
  if (opcode !== 0) return refusal(bytes, NOTIMP)
  if (bytes.length > udpSizeBytes || !hasQueryCounts(bytes) || !hasPlainName(bytes)) return refusal(bytes, FORMERR)
  // Only now the codec, which is written for friends: it has had one question and one name without pointers to read.
  const packet = Packet.parse(bytes)
  const [asked] = packet.questions
  if (packet.errors.length > 0 || !asked) return refusal(bytes, FORMERR)
  const opt = optOf(packet)
  if (opt && opt.version !== 0) return { is: 'refusal', reply: badVersion(packet) }
  if (asked.class !== 1 || NOT_ASKABLE.has(asked.type)) return refusal(bytes, REFUSED)
  const question = { name: wireName(asked.name), type: typeOf(asked.type) }
  return { is: 'query', query: { question, packet, udpLimitBytes: udpLimit(opt) } }
}

/** The QR bit (RFC 1035 §4.1.1). */
const isResponse = (bytes: Buffer): boolean => (bytes[2]! & 0x80) !== 0

/** QDCOUNT 1, no answers, no authorities, at most the OPT record. */
const hasQueryCounts = (bytes: Buffer): boolean =>
  bytes.readUInt16BE(4) === 1 &&
  bytes.readUInt16BE(6) === 0 &&
  bytes.readUInt16BE(8) === 0 &&
  bytes.readUInt16BE(10) <= 1

/**
 * Plain labels up to the root, 255 bytes at most (RFC 1035 §2.3.4): no pointer, which the first name of a message has no use
 * for and which may lead in a circle, and no dot inside a label, which would come back as two labels.
 */
function hasPlainName(bytes: Buffer): boolean {
  let at = HEADER_BYTES
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > 63) return false // two upper bits set: a pointer (RFC 1035 §4.1.4)
    if (length === 0) return at + 5 <= bytes.length && at - HEADER_BYTES < 255 // type and class follow
    if (bytes.subarray(at + 1, at + 1 + length).includes(0x2e)) return false
    at += 1 + length
  }
}

/** The header alone, QR set, every count zero; opcode and RD as asked. What the client sent beyond it is not even read. */
function refusal(bytes: Buffer, rcode: number): Screened {
  const reply = Buffer.alloc(HEADER_BYTES)
  bytes.copy(reply, 0, 0, 3)
  reply[2] = (reply[2]! & 0x79) | 0x80 // keeps opcode and RD, takes AA and TC away
  reply[3] = rcode
  return { is: 'refusal', reply }
}

/** RFC 6891 §6.1.1: it is in the additional section, once at most. */
const optOf = (packet: Packet): DNS.Packet.Resource | undefined =>
  packet.additionals.find(resource => resource.type === Packet.TYPE.EDNS)

/** OPT has the client's size where other records have their class; values below 512 count as 512 (RFC 6891 §6.2.3). */
const udpLimit = (opt: DNS.Packet.Resource | undefined): number =>
  opt ? Math.min(Math.max(opt.class, 512), udpSizeBytes) : 512

/** RFC 6891 §6.1.3: an EDNS version that we do not know gets BADVERS, so that the client tries version 0. */
function badVersion(asked: Packet): Uint8Array {
  const reply = bare(asked)
  reply.header.rcode = BADVERS
  return reply.toBuffer()
}

/** QR set, RD and CD as asked (RFC 1035 §4.1.1, RFC 4035 §3.1.6), the question in its own spelling, OPT if there was one. */
function bare(asked: Packet): Packet {
  const { id, rd, cd } = asked.header as DNS.Packet.Header & { cd: number }
  const reply = new Packet()
  reply.header = new Packet.Header({ id, rd, qr: 1, ...{ cd } })
  reply.questions = asked.questions
  const opt = optOf(asked)
  if (opt) reply.additionals = [Packet.Resource.EDNS([], { udpPayloadSize: udpSizeBytes, doFlag: opt.doFlag === true })]
  return reply
}

/**
 * The reply as bytes; `answer` undefined means REFUSED: the zone is not ours. What is longer than `limitBytes` becomes TC=1
 * without records: a client must not use what is left of a set that was cut (RFC 2181 §9), and it asks again by TCP.
 */
export function encodeReply({ packet }: Query, answer: DnsAnswer | undefined, limitBytes: number): Uint8Array {
  const reply = bare(packet)
  if (answer === undefined) {
    reply.header.rcode = REFUSED
    return reply.toBuffer()
  }
  reply.header.rcode = rcodeNumber(answer.rcode)
  reply.header.aa = answer.authoritative ? 1 : 0
  const records = [...answer.answers, ...answer.authorities]
  // A name may hold hundreds of values: they are not encoded only to find out that they are too long.
  if (leastBytes(records) <= limitBytes) {
    reply.answers = answer.answers.map(toResource)
    reply.authorities = answer.authorities.map(toResource)
    const whole = reply.toBuffer()
    if (whole.length <= limitBytes) return whole
  }
  const short = bare(packet)
  short.header = new Packet.Header({ ...reply.header, tc: 1 })
  return short.toBuffer()
}

/** A lower bound, by the data of TXT records alone: spares the codec, which is slow, a reply that cannot fit. */
const leastBytes = (records: readonly ResourceRecord[]): number =>
  records.reduce((sum, { data, type }) => sum + (type === 'TXT' ? data.length : 0), HEADER_BYTES)

/** @throws TypeError for a type that the provider never answers with: a bug of ours */
function toResource(record: ResourceRecord): DNS.Packet.Resource {
  return new Packet.Resource({
    name: record.name,
    type: typeCode(record.type),
    class: 1,
    ttl: record.ttlSeconds,
    ...rdata(record),
  })
}

/** The data in the fields where dns2 looks for them: another one for each type. */
function rdata({ name, type, data, ttlSeconds }: ResourceRecord): Partial<DNS.Packet.Resource> {
  switch (type) {
    case 'A':
    case 'AAAA':
      return { address: data }
    case 'NS':
      return { ns: data }
    case 'CNAME':
      return { domain: data }
    case 'TXT':
      return { data: strings(data) }
    case 'SOA':
      return soa(name, data, ttlSeconds)
    default:
      throw new TypeError(`the built-in server has no ${type} records`)
  }
}

/** Strings of at most 255 bytes (RFC 1035 §3.3.14). At least one, which may be empty: a TXT record without any is invalid. */
function strings(text: string): string[] {
  const bytes = Buffer.from(text)
  const parts = []
  for (let at = 0; at < bytes.length; at += 255) parts.push(bytes.subarray(at, at + 255))
  return (parts.length === 0 ? [Buffer.alloc(0)] : parts) as unknown as string[]
}

/**
 * A zone without secondaries: serial, refresh, retry and expire never matter, but a resolver wants to see some (RFC 1035
 * §3.3.13). `minimum` is how long "there is none" is kept (RFC 2308 §4): as short as the TTL of a value, since a CA that
 * looked too early must see the value soon after.
 */
const soa = (zone: string, primary: string, ttlSeconds: number): Partial<DNS.Packet.Resource> => ({
  primary,
  admin: `hostmaster.${zone}`,
  serial: 1,
  refresh: 3600,
  retry: 600,
  expiration: 86_400,
  minimum: ttlSeconds,
})
