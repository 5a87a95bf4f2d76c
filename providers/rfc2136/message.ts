// Update messages (RFC 2136 §2) and their signatures (TSIG, RFC 8945), to and from bytes. By hand and not with dns2's Packet,
// which knows neither: it writes bit by bit and copies all of it for each record (0.3 s for 400 of them), and what is signed
// are the very bytes that are sent; a TSIG must be cut out of the answer's bytes, too.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Name, TxtRecord } from '../../src/provider/api.js'

/** TSIG algorithms (RFC 8945 §6): name on the wire, node's name of the hash, BIND's number in old K* files. */
export const ALGORITHMS = {
  'hmac-md5': { wire: 'hmac-md5.sig-alg.reg.int', hash: 'md5', number: 157 },
  'hmac-sha1': { wire: 'hmac-sha1', hash: 'sha1', number: 161 },
  'hmac-sha224': { wire: 'hmac-sha224', hash: 'sha224', number: 162 },
  'hmac-sha256': { wire: 'hmac-sha256', hash: 'sha256', number: 163 },
  'hmac-sha384': { wire: 'hmac-sha384', hash: 'sha384', number: 164 },
  'hmac-sha512': { wire: 'hmac-sha512', hash: 'sha512', number: 165 },
} as const
export type Algorithm = keyof typeof ALGORITHMS

/** A TSIG key. `secret`: the bytes, and not their base64. */
export interface Key {
  /** Lower case, no final dot. */
  readonly name: string
  readonly algorithm: Algorithm
  readonly secret: Buffer
}

/** RFC 1035 §3.2.2 and §3.2.4; RFC 8945 §4.2 (TSIG is of class ANY); RFC 2136 §2.5.4 (NONE deletes a value). */
const TYPE = { SOA: 6, TXT: 16, TSIG: 250 } as const
const CLASS = { IN: 1, NONE: 254, ANY: 255 } as const
const opcodeUpdate = 5
/** How far the clocks may be apart (RFC 8945 §10 recommends 300). */
const fudgeSeconds = 300
/** What the updates of one message may take: TCP's 65,535 (RFC 1035 §4.2.2) less header, zone and TSIG. */
const longestUpdatesBytes = 64_000

const uint = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

const sized = (bytes: Uint8Array, sizeBytes: number): Buffer => Buffer.concat([uint(bytes.length, sizeBytes), bytes])

/** A name in canonical form, uncompressed (RFC 1035 §3.1, RFC 4034 §6.2); '' is the root. */
const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split('.')
      .filter(Boolean)
      .map(label => sized(Buffer.from(label, 'latin1'), 1)),
    uint(0, 1),
  ])

const rr = (name: string, type: number, rrClass: number, ttlSeconds: number, rdata: Buffer): Buffer =>
  Buffer.concat([wireName(name), uint(type, 2), uint(rrClass, 2), uint(ttlSeconds, 4), sized(rdata, 2)])

/** Adds the value to the name's TXT records (RFC 2136 §2.5.1). */
export const addTxt = (record: TxtRecord, ttlSeconds: number): Buffer => txt(record, CLASS.IN, ttlSeconds)

/** Deletes this value and no other (RFC 2136 §2.5.4). */
export const deleteTxt = (record: TxtRecord): Buffer => txt(record, CLASS.NONE, 0)

/** TXT data is strings of at most 255 bytes (RFC 1035 §3.3). */
function txt({ name, value }: TxtRecord, rrClass: number, ttlSeconds: number): Buffer {
  const bytes = Buffer.from(value)
  const strings: Buffer[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += 255) strings.push(sized(bytes.subarray(at, at + 255), 1))
  return rr(name, TYPE.TXT, rrClass, ttlSeconds, Buffer.concat(strings))
}

/** The updates in as few messages as TCP allows, in order. Each message is all or nothing (RFC 2136 §3.4.2); several are not. */
export function inMessages(rrs: readonly Buffer[]): Buffer[][] {
  const messages: Buffer[][] = []
  let room = 0
  for (const one of rrs) {
    if (one.length > room) {
      messages.push([])
      room = longestUpdatesBytes
    }
    messages.at(-1)?.push(one)
    room -= one.length
  }
  return messages
}

/** Header (ZOCOUNT 1, PRCOUNT 0, UPCOUNT n, ADCOUNT 0), zone section, update section (RFC 2136 §2). */
export const updateMessage = (id: Buffer, zone: Name, rrs: readonly Buffer[]): Buffer =>
  Buffer.concat([
    id,
    ...[opcodeUpdate << 11, 1, 0, rrs.length, 0].map(value => uint(value, 2)),
    ...[wireName(zone), uint(TYPE.SOA, 2), uint(CLASS.IN, 2)],
    ...rrs,
  ])

const hmac = (key: Key, ...parts: Buffer[]): Buffer =>
  createHmac(ALGORITHMS[key.algorithm].hash, key.secret).update(Buffer.concat(parts)).digest()

/** RFC 8945 §4.3.3. */
const tsigVariables = (key: Key, time: number, other: Buffer, error = 0, fudge = fudgeSeconds): Buffer =>
  Buffer.concat([
    ...[wireName(key.name), uint(CLASS.ANY, 2), uint(0, 4), wireName(ALGORITHMS[key.algorithm].wire)],
    ...[uint(time, 6), uint(fudge, 2), uint(error, 2), sized(other, 2)],
  ])

/** The message with its TSIG record as the last of the additional section (RFC 8945 §4.2, §5.1). */
export function sign(message: Buffer, key: Key, time: number): { message: Buffer; mac: Buffer } {
  const nothing = Buffer.alloc(0)
  const mac = hmac(key, message, tsigVariables(key, time, nothing))
  const rdata = [
    ...[wireName(ALGORITHMS[key.algorithm].wire), uint(time, 6), uint(fudgeSeconds, 2), sized(mac, 2)],
    ...[message.subarray(0, 2), uint(0, 2), sized(nothing, 2)],
  ]
  const signed = Buffer.concat([message, rr(key.name, TYPE.TSIG, CLASS.ANY, 0, Buffer.concat(rdata))])
  signed.writeUInt16BE(1, 10)
  return { message: signed, mac }
}

/** What a TSIG record of an answer says (RFC 8945 §4.2). `time` and `fudge` in seconds, `error` an RCODE of its own. */
export interface Tsig {
  readonly name: string
  readonly time: number
  readonly fudge: number
  readonly mac: Buffer
  readonly error: number
  readonly other: Buffer
}

/** An answer to an update. Without `tsig` anybody may have sent it. */
export interface Answer {
  readonly rcode: number
  readonly tsig?: Tsig
  /** The message as it was before its TSIG record was added (RFC 8945 §4.3.2). */
  readonly unsigned: Buffer
}

/** undefined: these bytes are not an answer to an update. */
export function parseAnswer(bytes: Buffer): Answer | undefined {
  try {
    const flags = bytes.readUInt16BE(2)
    if (flags >> 11 !== (0x10 | opcodeUpdate)) return undefined
    const [zones = 0, ...others] = [4, 6, 8, 10].map(at => bytes.readUInt16BE(at))
    const records = others.reduce((sum, count) => sum + count)
    let at = 12
    for (let i = 0; i < zones; i++) at = readName(bytes, at).end + 4
    for (let i = 1; i < records; i++) at = endOfRecord(bytes, at)
    const last = records > 0 ? readTsig(bytes, at) : undefined
    if (!last) return { rcode: flags & 15, unsigned: bytes }
    const unsigned = Buffer.from(bytes.subarray(0, at))
    unsigned.writeUInt16BE(bytes.readUInt16BE(10) - 1, 10)
    return { rcode: flags & 15, tsig: last, unsigned }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Whether the answer was made with this key for the request that had this MAC (RFC 8945 §5.3.1). Truncated MACs are not taken. */
export function isProven({ tsig, unsigned }: Answer, key: Key, requestMac: Buffer): boolean {
  if (tsig?.name !== key.name) return false
  const variables = tsigVariables(key, tsig.time, tsig.other, tsig.error, tsig.fudge)
  const mac = hmac(key, sized(requestMac, 2), unsigned, variables)
  return mac.length === tsig.mac.length && timingSafeEqual(mac, tsig.mac)
}

const endOfRecord = (bytes: Buffer, at: number): number => {
  const { end } = readName(bytes, at)
  return end + 10 + bytes.readUInt16BE(end + 8)
}

/** The record at `at` if it is a TSIG (RFC 8945 §4.2). Throws RangeError when it is cut short. */
function readTsig(bytes: Buffer, at: number): Tsig | undefined {
  const owner = readName(bytes, at)
  if (bytes.readUInt16BE(owner.end) !== TYPE.TSIG) return undefined
  const times = readName(bytes, owner.end + 10).end
  const macEnd = times + 10 + bytes.readUInt16BE(times + 8)
  const otherEnd = macEnd + 6 + bytes.readUInt16BE(macEnd + 4)
  if (otherEnd > bytes.length) throw new RangeError('TSIG record cut short')
  return {
    name: owner.name,
    time: bytes.readUIntBE(times, 6),
    fudge: bytes.readUInt16BE(times + 6),
    mac: bytes.subarray(times + 10, macEnd),
    error: bytes.readUInt16BE(macEnd + 2),
    other: bytes.subarray(macEnd + 6, otherEnd),
  }
}

/** A name, perhaps compressed (RFC 1035 §4.1.4); pointers in a ring end at the 128th label or pointer (RangeError). */
function readName(bytes: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = []
  let end: number | undefined
  for (let steps = 0, here = at; steps < 128; steps++) {
    const size = bytes.readUInt8(here)
    if (size === 0) return { name: labels.join('.').toLowerCase(), end: end ?? here + 1 }
    if (size >= 0xc0) {
      end ??= here + 2
      here = bytes.readUInt16BE(here) & 0x3fff
    } else {
      labels.push(bytes.toString('latin1', here + 1, here + 1 + size))
      here += size + 1
    }
  }
  throw new RangeError('name without an end')
}
