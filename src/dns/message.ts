// DNS messages to and from bytes. The codec is dns2's; here is what it leaves open and a resolver must mind: whether an
// answer belongs to our question at all, names in one form, and record data as the strings that the rest of dns01 compares.
// dns2's own clients are not used: they take an answer to any question, have no time-out over TCP, and no TCP over IPv6.
// Everything that comes in here may have been sent by anybody who can guess a port and an id.
import { type default as DNS, Packet } from 'dns2'
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { DnsAnswer, Question, Rcode, RecordType, ResourceRecord } from '../core/world.js'

/** What fits in one packet on every path: our EDNS size, and the most our server says by UDP (RFC 6891 §6.2.5, DNS flag day 2020). */
export const udpSizeBytes = 1232

/** The types that we ask for or read: RFC 1035 §3.2.2, AAAA (RFC 3596), DNAME (RFC 6672), DS (RFC 4034), CAA (RFC 8659). */
const CODES: Readonly<Partial<Record<RecordType, number>>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  TXT: 16,
  AAAA: 28,
  DNAME: 39,
  DS: 43,
  CAA: 257,
}
const TYPES = new Map(Object.entries(CODES).map(([type, code]) => [code, type as RecordType]))
/** By their numbers, 0 to 5 (RFC 1035 §4.1.1). */
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const
const CLASS_IN = 1 // RFC 1035 §3.2.4

/** The number of a type on the wire (RFC 1035 §3.2.2); `TYPE65` is 65 (RFC 3597 §5). */
export const typeCode = (type: RecordType): number => CODES[type] ?? Number(type.slice('TYPE'.length))
/** The type of a number, `TYPE65` for one that nobody here reads. */
export const typeOf = (code: number): RecordType => TYPES.get(code) ?? `TYPE${code}`
/** The name of a response code (RFC 1035 §4.1.1), `RCODE9` for one above 5. */
export const rcodeOf = (code: number): Rcode => RCODES[code] ?? `RCODE${code}`
/** The response code of a name, as rcodeOf() gives it. */
export const rcodeNumber = (rcode: Rcode): number => {
  const known = (RCODES as readonly string[]).indexOf(rcode)
  return known >= 0 ? known : Number(rcode.slice('RCODE'.length))
}

/**
 * A name from the wire in our form: lower case (RFC 4343 §3), bytes that are not printable as \DDD (RFC 1035 §5.1), so that it
 * can go into a message or a log line as it is. No final dot; the root is ''.
 */
export const wireName = (text: string): Name =>
  text.toLowerCase().replace(/[^\x21-\x7e]/g, char => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`) as Name

/** A view, not a copy: the codec wants node's own class. */
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The header of a question: its id, RD, and whether it has an OPT record (RFC 6891). */
export interface QueryOptions {
  /** 16 bits, hard to guess for whoever might forge the answer (RFC 5452 §4.3). */
  readonly id: number
  /** For a resolver; an authoritative server is asked without, since one that also resolves would answer from its cache. */
  readonly recursion: boolean
  /** Not where a server has answered FORMERR to it (RFC 6891 §7). */
  readonly edns: boolean
}

/** One question of class IN. With recursion the AD bit is set too: we'd like to know whether DNSSEC held (RFC 6840 §5.7). */
export function encodeQuery(question: Question, { id, recursion, edns }: QueryOptions): Uint8Array {
  const packet = new Packet()
  // DO is not set: signatures would make the answers large, and what they prove only a resolver can check.
  const flags = { id, rd: recursion ? 1 : 0, ad: recursion ? 1 : 0 } as const
  packet.header = new Packet.Header(flags)
  packet.questions = [new Packet.Question(question.name, typeCode(question.type), CLASS_IN)]
  if (edns) packet.additionals = [Packet.Resource.EDNS([], { udpPayloadSize: udpSizeBytes })]
  return packet.toBuffer()
}

/** What a response says, and what its header says of the transport. How it is asked again is for whoever holds the socket. */
export interface Decoded {
  readonly answer: DnsAnswer
  /** TC (RFC 1035 §4.1.1): ask again by TCP. */
  readonly truncated: boolean
  /** The server knows EDNS (RFC 6891 §7). */
  readonly edns: boolean
}

/**
 * The answer in these bytes; undefined when they are not a response to this question with this id (RFC 5452 §9.1): a
 * stray or forged packet, to be ignored. Records of other types than ours are left out; TXT bytes that are not UTF-8
 * come out as U+FFFD.
 * @throws Dns01Error UNAVAILABLE when it is the response, but broken
 */
export function decodeAnswer(bytes: Uint8Array, id: number, question: Question): Decoded | undefined {
  if (bytes.length < Packet.HEADER_SIZE) return undefined // not even an id to compare
  const packet = Packet.parse(asBuffer(bytes))
  const { header } = packet
  if (header.id !== id || header.qr !== 1 || !echoes(packet, question)) return undefined
  // A truncated answer (TC) may end amid a record; that is no fault, it is asked again by TCP.
  const broken = packet.errors.find(error => !error.recovered)
  if (broken && header.tc === 0) throw new Dns01Error('UNAVAILABLE', `the answer cannot be read: ${broken.message}`)
  const answer = {
    rcode: rcodeOf(header.rcode),
    authoritative: header.aa === 1,
    authentic: (header as { ad?: number }).ad === 1, // in dns2's code, not in its types
    answers: packet.answers.flatMap(toRecord),
    authorities: packet.authorities.flatMap(toRecord),
    additionals: packet.additionals.flatMap(toRecord),
  }
  return { answer, truncated: header.tc === 1, edns: packet.additionals.some(r => r.type === Packet.TYPE.EDNS) }
}

/**
 * The question comes back as it went out; servers that could not read it may leave it away (RFC 1035 §4.1.1, FORMERR). Its
 * letters are compared in lower case: some servers and firewalls do not keep their case.
 */
function echoes(packet: Packet, question: Question): boolean {
  const [asked] = packet.questions
  if (asked === undefined) return packet.header.rcode !== 0 && packet.header.qdcount === 0
  return (
    packet.questions.length === 1 &&
    asked.class === CLASS_IN &&
    asked.type === typeCode(question.type) &&
    wireName(asked.name) === question.name
  )
}

/** None for what is left out: other types, other classes, and data that the codec could not read. */
function toRecord(resource: DNS.Packet.Resource): ResourceRecord[] {
  const type = typeOf(resource.type)
  const data = resource.class === CLASS_IN ? dataOf(type, resource) : undefined
  return data === undefined ? [] : [{ name: wireName(resource.name), type, ttlSeconds: resource.ttl, data }]
}

/** The data as ResourceRecord says; undefined for types that nobody here reads. */
function dataOf(type: RecordType, resource: DNS.Packet.Resource): string | undefined {
  switch (type) {
    case 'A':
    case 'AAAA':
      return resource.address
    case 'CNAME':
      return wireName(resource.domain ?? '')
    case 'NS':
      return wireName(resource.ns ?? '')
    case 'SOA':
      return wireName(resource.primary ?? '') // MNAME; of an SOA it is mostly its owner that tells something: the apex
    case 'TXT':
      // one or more character-strings of at most 255 octets (RFC 1035 §3.3.14), which a CA joins before it compares
      return [resource.data].flat().join('')
    case 'CAA':
      return `${resource.flags} ${resource.tag} ${resource.value}`
    case 'DNAME':
      return dnameTarget(resource.data as Buffer)
    case 'DS':
      return dsText(resource.data as Buffer)
    default:
      return undefined
  }
}

/** RFC 6672 §2.1: one name, not compressed; so it can be read without the rest of the message. */
function dnameTarget(data: Buffer): string | undefined {
  try {
    return wireName(Packet.Name.decode(data))
  } catch {
    return undefined
  }
}

/** RFC 4034 §5.3: key tag, algorithm, digest type, digest. */
const dsText = (data: Buffer): string | undefined =>
  data.length < 5 ? undefined : `${data.readUInt16BE(0)} ${data[2]} ${data[3]} ${data.subarray(4).toString('hex')}`
