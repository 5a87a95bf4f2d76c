// The server's side of DNS messages, for the provider `builtin`: what of the packets that anybody may send is answered, and
// how a reply is written. It faces the internet on port 53, so the guards come before the codec, and no reply to a stranger
// is longer than the question (reflection, RFC 5358).
import { type default as DNS, Packet } from 'dns2'
import type { DnsAnswer, Question, ResourceRecord } from '../core/world.js'
import { rcodeNumber, typeCode, typeOf, udpSizeBytes, wireName } from './message.js'

const HEADER_BYTES = 12
/** Header, root name, type and class: the shortest question there is. */
const SHORTEST_QUERY_BYTES = 17
/** AXFR and the like (RFC 5936, RFC 1995), and OPT, which is not a question (RFC 6891 §6.1.1). */
const NOT_ASKABLE = new Set([41, 251, 252, 253, 254])
const FORMERR = 1
const NOTIMP = 4
const REFUSED = 5
const BADVERS = 16

/** A question that passed the guards, with what its reply must echo. */
export interface Query {
  readonly question: Question
  readonly packet: Packet
  /** What the client takes by UDP: 512 without EDNS (RFC 1035 §4.2.1), never more than udpSizeBytes. */
  readonly udpLimitBytes: number
}

/** What to do with a packet: drop it, send this refusal, or answer the question. */
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
  const opcode = (bytes[2]! >> 3) & 0xf
  if (opcode !== 0) return refusal(bytes, NOTIMP)
  if (bytes.length > udpSizeBytes || !hasQueryCounts(bytes) || !hasPlainName(bytes)) return refusal(bytes, FORMERR)
  const packet = Packet.parse(bytes)
  const [asked] = packet.questions
  if (packet.errors.length > 0 || !asked) return refusal(bytes, FORMERR)
  const opt = optOf(packet)
  if (opt && opt.version !== 0) return { is: 'refusal', reply: badVersion(packet) }
  if (asked.class !== 1 || NOT_ASKABLE.has(asked.type)) return refusal(bytes, REFUSED)
  const question = { name: wireName(asked.name), type: typeOf(asked.type) }
  return { is: 'query', query: { question, packet, udpLimitBytes: udpLimit(opt) } }
}

const isResponse = (bytes: Buffer): boolean => (bytes[2]! & 0x80) !== 0

/** QDCOUNT 1, no answers, no authorities, at most the OPT record. */
const hasQueryCounts = (bytes: Buffer): boolean =>
  bytes.readUInt16BE(4) === 1 &&
  bytes.readUInt16BE(6) === 0 &&
  bytes.readUInt16BE(8) === 0 &&
  bytes.readUInt16BE(10) <= 1

/** Plain labels up to the root: no pointer, and no dot inside a label, which would come back as two labels. */
function hasPlainName(bytes: Buffer): boolean {
  let at = HEADER_BYTES
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > 63) return false
    if (length === 0) return at + 5 <= bytes.length && at - HEADER_BYTES < 255
    if (bytes.subarray(at + 1, at + 1 + length).includes(0x2e)) return false
    at += 1 + length
  }
}

/** The header alone, QR set, every count zero. */
function refusal(bytes: Buffer, rcode: number): Screened {
  const reply = Buffer.alloc(HEADER_BYTES)
  bytes.copy(reply, 0, 0, 3)
  reply[2] = (reply[2]! & 0x79) | 0x80
  reply[3] = rcode
  return { is: 'refusal', reply }
}

const optOf = (packet: Packet): DNS.Packet.Resource | undefined =>
  packet.additionals.find(resource => resource.type === Packet.TYPE.EDNS)

const udpLimit = (opt: DNS.Packet.Resource | undefined): number =>
  opt ? Math.min(Math.max(opt.class, 512), udpSizeBytes) : 512

/** RFC 6891 §6.1.3: an EDNS version that we do not know gets BADVERS. */
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

/** The reply as bytes; undefined means REFUSED. What is longer than `limitBytes` becomes TC=1 without records (RFC 2181 §9). */
export function encodeReply({ packet }: Query, answer: DnsAnswer | undefined, limitBytes: number): Uint8Array {
  const reply = bare(packet)
  if (answer === undefined) {
    reply.header.rcode = REFUSED
    return reply.toBuffer()
  }
  reply.header.rcode = rcodeNumber(answer.rcode)
  reply.header.aa = answer.authoritative ? 1 : 0
  const records = [...answer.answers, ...answer.authorities]
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

/** Data alone: spares the codec, which is slow, a reply that cannot fit. */
const leastBytes = (records: readonly ResourceRecord[]): number =>
  records.reduce((sum, { data, type }) => sum + (type === 'TXT' ? data.length : 0), HEADER_BYTES)

function toResource(record: ResourceRecord): DNS.Packet.Resource {
  return new Packet.Resource({
    name: record.name,
    type: typeCode(record.type),
    class: 1,
    ttl: record.ttlSeconds,
    ...rdata(record),
  })
}

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

/** Strings of at most 255 bytes (RFC 1035 §3.3.14). */
function strings(text: string): string[] {
  const bytes = Buffer.from(text)
  const parts = []
  for (let at = 0; at < bytes.length; at += 255) parts.push(bytes.subarray(at, at + 255))
  return (parts.length === 0 ? [Buffer.alloc(0)] : parts) as unknown as string[]
}

/** A zone without secondaries: its serial never matters. `minimum` is how long "there is none" is kept (RFC 2308 §4). */
const soa = (zone: string, primary: string, ttlSeconds: number): Partial<DNS.Packet.Resource> => ({
  primary,
  admin: `hostmaster.${zone}`,
  serial: 1,
  refresh: 3600,
  retry: 600,
  expiration: 86_400,
  minimum: ttlSeconds,
})
