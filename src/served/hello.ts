// Which versions and ciphers a server takes, by asking for one thing alone and hearing whether it says yes: a ClientHello and
// the first answer to it. By hand, since a TLS library of today cannot offer what must not be used any more (RC4, 3DES and
// export ciphers are not built into node's), and nothing need be encrypted to hear the answer.
import type { Line } from '../core/world.js'

/** As they stand in a ClientHello (RFC 8446 §4.1.2, §4.2.1). */
export const VERSIONS = { 'TLS 1.0': 0x0301, 'TLS 1.1': 0x0302, 'TLS 1.2': 0x0303, 'TLS 1.3': 0x0304 } as const
export type Version = keyof typeof VERSIONS

/** Cipher suites below TLS 1.3 that should not be used (RFC 9325 §4.1, §4.2), by IANA's registry of TLS cipher suites. */
export const WEAK: Readonly<Record<string, readonly number[]>> = {
  'no encryption (NULL)': [0x0001, 0x0002, 0x003b, 0x002c, 0x002d, 0xc001, 0xc006, 0xc00b, 0xc010, 0xc039],
  'export ciphers of 40 bits': [0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019],
  'no authentication (anonymous)': [
    0x0018, 0x001b, 0x0034, 0x003a, 0x006c, 0x006d, 0x00a6, 0x00a7, 0xc016, 0xc017, 0xc018, 0xc019,
  ],
  RC4: [0x0004, 0x0005, 0xc002, 0xc007, 0xc00c, 0xc011],
  'DES and 3DES': [0x0009, 0x000a, 0x000d, 0x0010, 0x0013, 0x0016, 0x0015, 0xc003, 0xc008, 0xc00d, 0xc012],
  'no forward secrecy (RSA key exchange)': [
    0x002f, 0x0035, 0x003c, 0x003d, 0x009c, 0x009d, 0x0041, 0x0084, 0x0096, 0xc09c, 0xc09d, 0xc0a0, 0xc0a1,
  ],
}

/** Good ones, of which every server has some: what is asked with them is the version. */
const USUAL = [
  0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009e, 0x009f, 0x0033, 0x0039,
]
const OF_TLS13 = [0x1301, 0x1302, 0x1303]

const u16 = (n: number): number[] => [n >> 8, n & 0xff]
/** Of 16-bit numbers, with the length in bytes in front. */
const list = (numbers: readonly number[]): number[] => [...u16(numbers.length * 2), ...numbers.flatMap(u16)]
const extension = (type: number, body: readonly number[]): number[] => [...u16(type), ...u16(body.length), ...body]

/** x25519, P-256, P-384, P-521 and ffdhe2048 (RFC 8446 §4.2.7). */
const GROUPS = [0x001d, 0x0017, 0x0018, 0x0019, 0x0100]
/** Everything that a certificate may be signed with, SHA-1 included (RFC 8446 §4.2.3). */
const SIGNATURES = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201]

export interface Offer {
  readonly version: Version
  /** SNI; undefined: none. */
  readonly name: string | undefined
  /** Below TLS 1.3; the usual ones when absent. */
  readonly ciphers?: readonly number[]
  /** 32 bytes, which nobody need be unable to guess. */
  readonly random: Uint8Array
}

/**
 * The record that opens a handshake (RFC 8446 §4.1.2). Version 1.3 without a key share: the server asks for one, and that
 * is a yes.
 */
export function clientHello({ version, name, ciphers, random }: Offer): Uint8Array {
  const number = VERSIONS[version]
  const is13 = number === VERSIONS['TLS 1.3']
  const host = [...Buffer.from(name ?? '')]
  const extensions = [
    ...(name === undefined ? [] : extension(0, [...u16(host.length + 3), 0, ...u16(host.length), ...host])),
    ...extension(10, list(GROUPS)),
    ...extension(11, [1, 0]), // points are uncompressed (RFC 8422 §5.1.2)
    ...extension(13, list(SIGNATURES)),
    ...(is13 ? [...extension(43, [2, ...u16(number)]), ...extension(51, u16(0))] : []),
  ]
  const suites = is13 ? OF_TLS13 : [...(ciphers ?? USUAL), 0x00ff] // the last is no cipher (RFC 5746 §3.3)
  const session = is13 ? [32, ...random] : [0]
  const body = [
    ...u16(Math.min(number, VERSIONS['TLS 1.2'])),
    ...random,
    ...session,
    ...list(suites),
    ...[1, 0], // no compression
    ...u16(extensions.length),
    ...extensions,
  ]
  const message = [1, 0, ...u16(body.length), ...body]
  return Uint8Array.from([22, 3, 1, ...u16(message.length), ...message])
}

/** What the server chose; undefined: it would not. */
export interface Choice {
  readonly version: number
  readonly cipher: number
}

/** A record is no longer (RFC 8446 §5.1); a ServerHello is some hundred bytes. */
const longestRecord = 16_384 + 5

/** Offers that alone. @throws Dns01Error UNAVAILABLE, or the signal's reason, when the line breaks before an answer has come */
export async function offer(line: Line, what: Offer): Promise<Choice | undefined> {
  line.write(clientHello(what))
  let held = Buffer.alloc(0)
  while (held.length < longestRecord) {
    const more = await line.read()
    held = Buffer.concat([held, more])
    const whole = held.length >= 5 ? 5 + held.readUInt16BE(3) : Number.POSITIVE_INFINITY
    if (held.length >= whole) return serverHello(held.subarray(0, whole))
    if (more.length === 0) break // some close the connection instead of an alert
  }
  return undefined
}

/** RFC 8446 §4.1.3; what is no ServerHello, mostly an alert, is a no. */
export function serverHello(record: Buffer): Choice | undefined {
  const isHello = record[0] === 22 && record[5] === 2
  const afterSession = 5 + 4 + 2 + 32 + 1 + (record[5 + 4 + 2 + 32] ?? 0)
  if (!isHello || record.length < afterSession + 3) return undefined
  const [legacy, cipher] = [record.readUInt16BE(9), record.readUInt16BE(afterSession)]
  for (let at = afterSession + 5; at + 4 <= record.length; at += 4 + record.readUInt16BE(at + 2))
    if (record.readUInt16BE(at) === 43 && at + 6 <= record.length)
      return { version: record.readUInt16BE(at + 4), cipher }
  return { version: legacy, cipher }
}
