// Reads the certificate request of somebody else (RFC 2986), and refuses what CAs would refuse at the end of the order,
// when all names have been proved: no names, a weak key, a signature that is not right. What else it asks for
// (must-staple, key usages) is the CA's business and goes to it as it is.
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import type { Csr } from '../core/target.js'
import { readExtensions, subjectAltName, valueIn } from './certificate.js'
import {
  children,
  constructed,
  type Der,
  expectDer,
  oidOf,
  primitive,
  readDer,
  TAG,
  textOf,
  wholeOf,
  wrongDer,
} from './der.js'
import { faultOfKey } from './key-strength.js'
import { base32Id } from './keys.js'
import { pemBlocks, toPem } from './pem.js'

/** X.520's commonName (RFC 5280 appendix A.1), and PKCS #9's extensionRequest (RFC 2985 §5.4.2). */
const commonName = '2.5.4.3'
const extensionRequest = '1.2.840.113549.1.9.14'

/**
 * Signatures that CAs take (Boulder's list; Baseline Requirements §7.1.3.2), by their hash: RSA as in RFC 4055 §5, ECDSA as in
 * RFC 5758 §3.2.
 */
const HASHES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
}

/** Others that people have, in words: an object identifier in a message would send them to a search engine. */
const REFUSED_ALGORITHMS: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.2': 'MD2',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
  '1.2.840.113549.1.1.10': 'RSASSA-PSS',
  '1.3.101.112': 'Ed25519',
  '1.3.101.113': 'Ed448',
}

/** Hundreds of names fit into a tenth of it. The file is somebody else's, so it has a bound. Our own choice. */
export const longestCsrBytes = 65_536

/** CONFIG: the request stands in a file that the user names, and no later run will read it otherwise. */
const wrong = (message: string, hint?: string): Dns01Error => new Dns01Error('CONFIG', message, { hint })

/**
 * Reads a request, PEM or DER, and verifies its signature. By hand, as certificates (certificate.ts); keys and signatures
 * are OpenSSL's. `names`: those of subjectAltName, each once, in the request's order; `keyId`: as of certificates for this
 * key, so that one can be found by it; `der`: base64url, as finalize wants it (RFC 8555 §7.4), the bytes as they came.
 * @throws Dns01Error CONFIG with what is wrong with it
 */
export function readCsr(bytes: Uint8Array): Omit<Csr, 'path'> {
  const der = derOf(bytes)
  try {
    return read(der)
  } catch (error) {
    if (!(error instanceof Dns01Error) || error.code === 'CONFIG') throw error
    throw wrong(`it is not a certificate request: ${error.message}`, error.hint)
  }
}

/** The same as PEM, whatever form it had. */
export const csrPem = ({ der }: Pick<Csr, 'der'>): string => toPem(Buffer.from(der, 'base64url'), 'CERTIFICATE REQUEST')

/** By the first byte, as certificate.ts. Two requests in a file are refused: which of them was meant nobody can tell. */
function derOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length > longestCsrBytes)
    throw wrong(`it is ${bytes.length} bytes long: too much for a certificate request`)
  if (bytes[0] === TAG.sequence) return bytes
  const blocks = pemBlocks(Buffer.from(bytes).toString('latin1'))
  // NEW: an older label, which Windows writes still (RFC 7468 §7 lets a parser take it)
  const requests = blocks.filter(({ label }) => /^(NEW )?CERTIFICATE REQUEST$/.test(label))
  const [request] = requests
  if (request && requests.length === 1) return request.body
  if (requests.length > 1)
    throw wrong(`it holds ${requests.length} certificate requests, and one certificate is for one`)
  const labels = blocks.map(({ label }) => label.toLowerCase()).join(', ')
  throw wrong(
    labels === '' ? 'it is neither PEM nor DER' : `it holds no certificate request, but: ${labels}`,
    'openssl req -new -key KEY -subj / -addext subjectAltName=DNS:www.example.com makes one',
  )
}

/** CertificationRequest (RFC 2986 §4.2). */
function read(der: Uint8Array): Omit<Csr, 'path'> {
  const outer = expectDer(readDer(der), TAG.sequence, 'the request')
  if (outer.to !== der.length) throw wrongDer(`${der.length - outer.to} bytes follow it`)
  const [info, algorithm, signature] = children(outer)
  const [, subject, key, attributes] = children(expectDer(info, TAG.sequence, 'certificationRequestInfo'))
  const spki = wholeOf(expectDer(key, TAG.sequence, 'subjectPKInfo'))
  const publicKey = publicKeyOf(spki)
  // the key before the signature: that it is too weak is what its owner has to hear, whoever signed with it
  const keyType = checkedType(publicKey)
  const [oid] = children(expectDer(algorithm, TAG.sequence, 'signatureAlgorithm'))
  checkSignature(
    oidOf(expectDer(oid, TAG.oid, 'signatureAlgorithm')),
    wholeOf(info as Der),
    publicKey,
    expectDer(signature, TAG.bits, 'signature'),
  )
  const names = namesOf(attributes)
  checkCommonNames(expectDer(subject, TAG.sequence, 'subject'), names)
  return { names, keyId: base32Id(spki), keyType, der: Buffer.from(der).toString('base64url') }
}

function publicKeyOf(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch (error) {
    throw wrong(`its public key cannot be read: ${messageOf(error)}`)
  }
}

function checkedType(key: KeyObject): Csr['keyType'] {
  const fault = faultOfKey(key)
  if (fault) throw wrong(`its ${fault.what}`, fault.hint)
  return key.asymmetricKeyType === 'rsa' ? 'rsa' : 'ecdsa'
}

function checkSignature(oid: string, signed: Uint8Array, key: KeyObject, bits: Der): void {
  const hash = HASHES[oid]
  if (hash === undefined)
    throw wrong(
      `it is signed with ${REFUSED_ALGORITHMS[oid] ?? `an unknown algorithm (${oid})`}, which CAs do not take`,
      'make it anew with SHA-256: openssl req -new -sha256 …',
    )
  const signature = bits.bytes.subarray(bits.from + 1, bits.to) // in front the number of unused bits (X.690 §8.6.2)
  if (!isSignedBy(hash, signed, key, signature))
    throw wrong('its signature is not by its own key: it is damaged, or put together from two', 'make it anew')
}

function isSignedBy(hash: string, signed: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(hash, signed, key, signature)
  } catch {
    return false // OpenSSL cannot even read it
  }
}

/** Of the attribute extensionRequest (RFC 2985 §5.4.2); all attributes together are an implicit [0] (RFC 2986 §4.1). */
function namesOf(attributes: Der | undefined): Name[] {
  const all = attributes?.tag === constructed(0) ? children(attributes) : []
  for (const attribute of all) {
    const [oid, values] = children(expectDer(attribute, TAG.sequence, 'an attribute'))
    if (oidOf(expectDer(oid, TAG.oid, 'the id of an attribute')) !== extensionRequest) continue
    const [extensions] = children(expectDer(values, TAG.set, 'an attribute'))
    const alternatives = valueIn(readExtensions(extensions), subjectAltName)
    if (alternatives) return hostNames(alternatives)
  }
  throw wrong(
    'it has no names: its subjectAltName is missing or empty',
    'openssl req … -addext subjectAltName=DNS:www.example.com,DNS:example.com',
  )
}

/**
 * What else than host names there can be (RFC 5280 §4.2.1.6), by tag. All are refused and none is left out: the request is
 * signed as it is, so the CA would see them all the same.
 */
const OTHERS: Readonly<Record<number, string>> = {
  [constructed(0)]: 'a name of another type',
  [primitive(1)]: 'an e-mail address',
  [constructed(4)]: 'a directory name',
  [primitive(6)]: 'a URI',
  [primitive(7)]: 'an IP address',
  [primitive(8)]: 'a registered id',
}

function hostNames(extension: Der): Name[] {
  const all = children(
    expectDer(readDer(extension.bytes, extension.from, extension.to), TAG.sequence, 'subjectAltName'),
  )
  const other = all.find(({ tag }) => tag !== primitive(2))
  if (other)
    throw wrong(
      `it asks for ${OTHERS[other.tag] ?? 'something that is no name'}${inWords(other)} besides host names`,
      'DNS-01 proves host names only: make the request without it',
    )
  if (all.length === 0) throw wrong('it has no names: its subjectAltName is empty')
  // each once: a name that stands there twice is one identifier of the order
  return [...new Set(all.map(each => nameIn(textOf(each))))]
}

const inWords = (other: Der): string => {
  if (other.tag === primitive(7) && other.to - other.from === 4)
    return ` (${[...other.bytes.subarray(other.from, other.to)].join('.')})`
  return [primitive(1), primitive(6)].includes(other.tag) ? ` (${textOf(other)})` : ''
}

/** By the parser of all names: so a request may ask for no name that a target could not. */
function nameIn(text: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    throw wrong(`it asks for a name that is none: ${messageOf(error)}`)
  }
}

/**
 * A common name counts as one more name for some CAs (RFC 8555 §7.4 lets names stand in either place), and for others not:
 * so one that is not in subjectAltName fails at one or the other, when all is proved. Certificates must not have one
 * either (Baseline Requirements §7.1.4.3).
 */
function checkCommonNames(subject: Der, names: readonly Name[]): void {
  for (const set of children(subject))
    for (const pair of children(expectDer(set, TAG.set, 'a part of the subject'))) {
      const [oid, value] = children(expectDer(pair, TAG.sequence, 'a part of the subject'))
      if (!value || oidOf(expectDer(oid, TAG.oid, 'a part of the subject')) !== commonName) continue
      const text = textOf(value)
      if (!names.some(name => name === text.toLowerCase().replace(/\.$/, '')))
        throw wrong(
          `its common name ${JSON.stringify(text)} is not one of its names: ${names.slice(0, 3).join(', ')}`,
          'put it into subjectAltName too, or leave it out: openssl req … -subj /',
        )
    }
}
