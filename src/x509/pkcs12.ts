// Writes PKCS #12 (RFC 7292): one key, its certificate and chain, under a passphrase, as Windows and Java take it. By hand: node
// cannot, and of the libraries that can pkijs is 760 kB in the bundle, and node-forge, 590 kB, knows no ECDSA; this, with all formats, is 11.
import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { constructed, primitive, TAG } from './der.js'
import { bmpString, element, integer, objectIdentifier, sequence } from './der-write.js'
import { type Encrypted, encrypt, encryptedKeyInfo, type Random, rounds } from './pbes2.js'

/** RFC 7292 appendix D (bags, and the old encryption), RFC 5652 (content types), RFC 2985 §5.5 (attributes), RFC 8017 (hashes). */
const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  sha1With3Des: '1.2.840.113549.1.12.1.3',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const

/** Windows before 10 and Server 2019, and Java 8 before 301, know no other; more rounds than OpenSSL's 2,048 they take. */
const legacyRounds = 10_000

export interface Pkcs12 {
  /** PKCS #8, DER. */
  readonly key: Uint8Array
  /** DER, its own first. */
  readonly certificates: readonly Uint8Array[]
  /** What it is called in a list: an alias in Java. */
  readonly name: string
  /** ASCII: programs disagree about all else. */
  readonly passphrase: string
  /** 3DES and SHA-1, for old programs. */
  readonly legacy: boolean
}

/** In DER. Takes about half a second, most of it for deriving keys from the passphrase. */
export function pkcs12({ key, certificates, name, passphrase, legacy }: Pkcs12, random: Random): Buffer {
  const lock = (plain: Uint8Array): Encrypted =>
    legacy ? encryptLegacy(plain, passphrase, random) : encrypt(plain, passphrase, random)
  const [leaf = Buffer.alloc(0)] = certificates
  const attributes = setOf(
    attribute(OID.friendlyName, bmpString(name)),
    attribute(OID.localKeyId, element(TAG.octets, createHash('sha1').update(leaf).digest())),
  )
  const keyBag = sequence(
    objectIdentifier(OID.shroudedKeyBag),
    element(constructed(0), encryptedKeyInfo(lock(key))),
    attributes,
  )
  const certBags = certificates.map((der, i) =>
    sequence(
      objectIdentifier(OID.certBag),
      element(
        constructed(0),
        sequence(objectIdentifier(OID.x509Certificate), element(constructed(0), element(TAG.octets, der))),
      ),
      ...(i === 0 ? [attributes] : []), // by it the key is found
    ),
  )
  const safe = sequence(encryptedContent(lock(sequence(...certBags))), dataContent(sequence(keyBag)))
  return sequence(integer(3), dataContent(safe), macOver(safe, passphrase, { legacy, random }))
}

const dataContent = (content: Uint8Array): Buffer =>
  sequence(objectIdentifier(OID.data), element(constructed(0), element(TAG.octets, content)))

/** EncryptedData (RFC 5652 §8), its content an implicit OCTET STRING. */
const encryptedContent = ({ algorithm, bytes }: Encrypted): Buffer =>
  sequence(
    objectIdentifier(OID.encryptedData),
    element(
      constructed(0),
      sequence(integer(0), sequence(objectIdentifier(OID.data), algorithm, element(primitive(0), bytes))),
    ),
  )

const attribute = (id: string, value: Uint8Array): Buffer => sequence(objectIdentifier(id), element(TAG.set, value))

/** In the order of their bytes (X.690 §11.6). */
const setOf = (...members: readonly Buffer[]): Buffer => element(TAG.set, ...[...members].sort(Buffer.compare))

/** MacData (RFC 7292 §4): by it a program knows that the passphrase is right. */
function macOver(
  content: Uint8Array,
  passphrase: string,
  { legacy, random }: { readonly legacy: boolean; readonly random: Random },
): Buffer {
  const [hash, times] = legacy ? (['sha1', legacyRounds] as const) : (['sha256', rounds] as const)
  const salt = random(16)
  const length = hash === 'sha1' ? 20 : 32
  const key = derive(passphrase, { hash, salt, times, purpose: 3, length })
  const digest = createHmac(hash, key).update(content).digest()
  const algorithm = sequence(objectIdentifier(OID[hash]), element(TAG.null))
  return sequence(sequence(algorithm, element(TAG.octets, digest)), element(TAG.octets, salt), integer(times))
}

/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C). */
function encryptLegacy(plain: Uint8Array, passphrase: string, random: Random): Encrypted {
  const salt = random(8)
  const from = { hash: 'sha1', salt, times: legacyRounds } as const
  const cipher = createCipheriv(
    'des-ede3-cbc',
    derive(passphrase, { ...from, purpose: 1, length: 24 }),
    derive(passphrase, { ...from, purpose: 2, length: 8 }),
  )
  const parameters = sequence(element(TAG.octets, salt), integer(legacyRounds))
  return {
    algorithm: sequence(objectIdentifier(OID.sha1With3Des), parameters),
    bytes: Buffer.concat([cipher.update(plain), cipher.final()]),
  }
}

interface Derivation {
  readonly hash: 'sha1' | 'sha256'
  readonly salt: Uint8Array
  readonly times: number
  /** 1: a key, 2: an initialization vector, 3: a key for the MAC (RFC 7292 appendix B.3). */
  readonly purpose: 1 | 2 | 3
  readonly length: number
}

/** Of both hashes (FIPS 180-4 §1); v in RFC 7292. */
const blockBytes = 64

/** RFC 7292 appendix B.2, with its names in the comments. */
function derive(passphrase: string, { hash, salt, times, purpose, length }: Derivation): Buffer {
  const text = bigEndian(`${passphrase}\0`)
  let input: Buffer = Buffer.concat([filled(salt), filled(text)]) // I = S || P
  const parts: Buffer[] = []
  for (let made = 0; made < length; ) {
    let a: Buffer = createHash(hash).update(Buffer.alloc(blockBytes, purpose)).update(input).digest() // D || I
    for (let i = 1; i < times; i++) a = createHash(hash).update(a).digest()
    parts.push(a)
    made += a.length
    if (made < length) input = stepped(input, filled(a, blockBytes)) // B
  }
  return Buffer.concat(parts).subarray(0, length)
}

/** Repeated to whole blocks. */
const filled = (bytes: Uint8Array, length = Math.ceil(bytes.length / blockBytes) * blockBytes): Buffer =>
  Buffer.alloc(length, bytes)

/** Each block of it plus B plus one, as numbers. */
function stepped(input: Buffer, b: Buffer): Buffer {
  const result = Buffer.from(input)
  for (let block = 0; block < result.length; block += blockBytes) {
    let carry = 1
    for (let i = blockBytes - 1; i >= 0; i--) {
      carry += (result[block + i] ?? 0) + (b[i] ?? 0)
      result[block + i] = carry & 0xff
      carry >>>= 8
    }
  }
  return result
}

const bigEndian = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
