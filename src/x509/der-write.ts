// Writing DER (X.690 §10): what a request for a certificate consists of (csr.ts says why by hand).
import { TAG } from './der.js'

/** One element (X.690 §8.1), its length in as few bytes as possible (§10.1); its content is the parts one after the other. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.of(tag, ...lengthBytes(length)), ...parts])
}

/** Below 128 one byte, else how many bytes follow and these (X.690 §8.1.3). */
function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff)
  return [0x80 | bytes.length, ...bytes]
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(TAG.sequence, ...parts)

/** The bits of whole bytes (X.690 §8.6). */
export const bitString = (bytes: Uint8Array): Buffer => element(TAG.bits, Buffer.of(0), bytes)

/** An object identifier from its dots (X.690 §8.19). */
export function objectIdentifier(dotted: string): Buffer {
  const [top = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(TAG.oid, ...[top * 40 + second, ...rest].map(base128))
}

/** Seven bits a byte, all but the last with the high bit set. */
function base128(arc: number): Buffer {
  const bytes = [arc & 0x7f]
  for (let left = arc >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80)
  return Buffer.from(bytes)
}

/** Not negative; the high bit of the first byte would make it so (X.690 §8.3.2). */
export function integer(value: number): Buffer {
  const bytes = [value & 0xff]
  for (let left = Math.floor(value / 256); left > 0; left = Math.floor(left / 256)) bytes.unshift(left & 0xff)
  return element(TAG.integer, Buffer.from((bytes[0] ?? 0) >= 0x80 ? [0, ...bytes] : bytes))
}

/** BMPString (X.690 §8.23.8): two bytes a character, big-endian. */
export const bmpString = (text: string): Buffer => element(TAG.bmp, Buffer.from(text, 'utf16le').swap16())
