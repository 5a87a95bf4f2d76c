// Reading DER (X.690 §10), as far as certificates need it, bounds checked. @peculiar/x509, over asn1js, takes 1 ms for
// a certificate instead of 0.05 (`node test/bench/libraries.mjs`).
import { Dns01Error } from '../core/errors.js'

/** One element (X.690 §8.1): its tag, where it starts, and where its content lies within `bytes`. */
export interface Der {
  readonly bytes: Uint8Array
  readonly tag: number
  readonly start: number
  readonly from: number
  readonly to: number
}

/** Universal tags, with the bit for "constructed" where DER has it set (X.690 §8.1.2, X.680 §8.6). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** Context-specific tags: [n] primitive and [n] constructed (X.690 §8.1.2). */
export const primitive = (n: number): number => 0x80 | n
export const constructed = (n: number): number => 0xa0 | n

/** STATE: what is read is mostly a file in certs/, which may be cut or overwritten. */
export const wrongDer = (why: string): Dns01Error => new Dns01Error('STATE', `not a DER structure: ${why}`)

/**
 * The element that starts at `at` and ends at `end` or before. Lengths are definite (X.690 §10.1), tags of one byte.
 * @throws Dns01Error STATE
 */
export function readDer(bytes: Uint8Array, at = 0, end = bytes.length): Der {
  if (at + 2 > end) throw wrongDer(`it ends at byte ${at}, within an element`)
  const tag = bytes[at] as number
  if ((tag & 0x1f) === 0x1f) throw wrongDer(`a tag of several bytes at byte ${at}`)
  const first = bytes[at + 1] as number
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  // 0x80 is BER's indefinite length; more than four bytes would be a certificate of 4 GB
  if (first === 0x80 || lengthBytes > 4) throw wrongDer(`an impossible length at byte ${at + 1}`)
  const from = at + 2 + lengthBytes
  if (from > end) throw wrongDer(`it ends at byte ${end}, within a length`)
  let length = lengthBytes === 0 ? first : 0
  for (let i = at + 2; i < from; i++) length = length * 256 + (bytes[i] as number)
  if (from + length > end) throw wrongDer(`an element at byte ${at} is longer than what holds it`)
  return { bytes, tag, start: at, from, to: from + length }
}

/** The elements within a constructed one, in order. */
export function children(der: Der): Der[] {
  const found: Der[] = []
  for (let at = der.from; at < der.to; ) {
    const child = readDer(der.bytes, at, der.to)
    found.push(child)
    at = child.to
  }
  return found
}

/** That element, if it is there with this tag. @throws Dns01Error STATE */
export function expectDer(der: Der | undefined, tag: number, what: string): Der {
  if (der?.tag !== tag) throw wrongDer(`${what} is missing or of another type`)
  return der
}

/** Header and content. */
export const wholeOf = (der: Der): Uint8Array => der.bytes.subarray(der.start, der.to)

/** Whether they are the same, header and content. */
export const areEqual = (a: Der, b: Der): boolean =>
  bufferOf(a.bytes).compare(b.bytes, b.start, b.to, a.start, a.to) === 0

/** Its methods read a part in place: a view of each element of 10,000 certificates is a tenth of the time for them. */
const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

export const hexOf = ({ bytes, from, to }: Der): string => bufferOf(bytes).toString('hex', from, to)

/** An object identifier in dots (X.690 §8.19). */
export function oidOf(der: Der): string {
  const arcs: number[] = []
  let arc = 0
  for (let i = der.from; i < der.to; i++) {
    const byte = der.bytes[i] as number
    arc = arc * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [both = 0, ...rest] = arcs
  // the first two arcs share a byte: 40 times the one and the other; only arc 2 may have more than 39 below it (X.690 §8.19.4)
  const top = Math.min(2, Math.floor(both / 40))
  return [top, both - top * 40, ...rest].join('.')
}

/** A character string. Control characters, which a terminal might obey, become U+FFFD. */
export function textOf({ bytes, tag, from, to }: Der): string {
  if (tag === TAG.bmp) return visible(swapped(bytes.subarray(from, to)).toString('utf16le'))
  return visible(bufferOf(bytes).toString(tag === TAG.utf8 ? 'utf8' : 'latin1', from, to))
}

const visible = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd')

/** BMPString is big-endian, node's utf16le is not. A copy, since swap16() works in place; an odd last byte is left out. */
const swapped = (bytes: Uint8Array): Buffer => Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16()

/** UTCTime or GeneralizedTime in the one form RFC 5280 §4.1.2.5 allows: seconds, Zulu. */
export function timeOf(der: Der | undefined): Date {
  const text = der ? bufferOf(der.bytes).toString('latin1', der.from, der.to) : ''
  const form = der?.tag === TAG.utcTime ? /^\d{12}Z$/ : /^\d{14}Z$/
  if (!form.test(text)) throw wrongDer('a date is missing or malformed')
  // Counted from the end, where both forms are alike: MMDDHHMMSSZ.
  const pair = (fromEnd: number): number => Number(text.slice(-fromEnd, 2 - fromEnd))
  const [year, month, day, hour, minute, second] = [yearOf(text), pair(11), pair(9), pair(7), pair(5), pair(3)]
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  // Date.UTC takes the 31st of February, and makes a day of March of it
  const isDay = time.getUTCFullYear() === year && time.getUTCMonth() === month - 1 && time.getUTCDate() === day
  if (!isDay || hour > 23 || minute > 59 || second > 59) throw wrongDer(`${text} is not a date`)
  return time
}

/** RFC 5280 §4.1.2.5.1: two digits are of 1950 to 2049. */
function yearOf(text: string): number {
  if (text.length === 15) return Number(text.slice(0, 4))
  const year = Number(text.slice(0, 2))
  return year < 50 ? 2000 + year : 1900 + year
}
