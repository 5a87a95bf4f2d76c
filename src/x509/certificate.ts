// What a certificate says (RFC 5280), as far as renewal needs it: names, validity, key, and the ids that ARI is asked
// by (RFC 9773 §4.1). And the check of what a CA sent, before anybody is told to use it. Whether clients will trust it is
// not checked: a company's own CA is in no list, and whom to trust is theirs to decide.
import { X509Certificate } from 'node:crypto'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import {
  areEqual,
  children,
  constructed,
  type Der,
  expectDer,
  hexOf,
  oidOf,
  primitive,
  readDer,
  TAG,
  textOf,
  timeOf,
  wholeOf,
  wrongDer,
} from './der.js'
import { nameText } from './distinguished-name.js'
import { base32Id } from './keys.js'
import { firstPemBody, pemBodies, toPem } from './pem.js'

/** What a certificate says. */
export interface CertificateFacts {
  /** The dNSNames of subjectAltName (RFC 5280 §4.2.1.6), lower case, in order. The common name counts for nothing (RFC 9525 §2). */
  readonly names: readonly Name[]
  readonly notBefore: Date
  readonly notAfter: Date
  /** Equals KeyPair.id of its private key. */
  readonly keyId: string
  readonly keyType: 'rsa' | 'ecdsa' | 'other'
  /** `C=US, O=Let's Encrypt, CN=R3`, in the certificate's order. */
  readonly issuer: string
  readonly subject: string
  /** The bytes of the serial number in hex, a leading 00 included (RFC 9773 §4.1 wants it). */
  readonly serial: string
  /** Issuer and subject are the same; the signature is not checked. */
  readonly selfSigned: boolean
  /** keyIdentifier of the authority key identifier (RFC 5280 §4.2.1.1) in hex: half of a certificate's id in renewal
   *  information (RFC 9773 §4.1); `serial` is the other. */
  readonly authorityKeyId?: string | undefined
}

/** rsaEncryption (RFC 8017 appendix C) and id-ecPublicKey (RFC 5480 §2.1.1). Others can be read, and are made by nobody here. */
const KEY_TYPES: Record<string, CertificateFacts['keyType']> = {
  '1.2.840.113549.1.1.1': 'rsa',
  '1.2.840.10045.2.1': 'ecdsa',
}

/** The content of the OIDs 2.5.29.17 (RFC 5280 §4.2.1.6) and 2.5.29.35 (§4.2.1.1): of nine extensions, these are wanted. */
export const subjectAltName = [0x55, 0x1d, 0x11]
const authorityKeyIdentifier = [0x55, 0x1d, 0x23]

/**
 * Reads the first certificate of a PEM text, or a DER one (RFC 5280 §4.1). By hand, since a look at the state
 * directory reads thousands: about 30 µs each, where node's X509Certificate takes 330 µs to give the same and
 * @peculiar/x509 1 ms (`node test/bench/libraries.mjs`).
 * @throws Dns01Error STATE
 */
export function readCertificate(certificate: string | Uint8Array): CertificateFacts {
  const bytes = derOf(certificate)
  const outer = expectDer(readDer(bytes), TAG.sequence, 'the certificate')
  if (outer.to !== bytes.length) throw wrongDer(`${bytes.length - outer.to} bytes follow the certificate`)
  const parts = children(expectDer(children(outer)[0], TAG.sequence, 'tbsCertificate'))
  // version is [0] and left out of version 1 (RFC 5280 §4.1): then everything stands one place earlier
  const [serial, , issuer, validity, subject, key, ...optional] =
    parts[0]?.tag === constructed(0) ? parts.slice(1) : parts
  const [notBefore, notAfter] = children(expectDer(validity, TAG.sequence, 'validity'))
  const extensions = extensionsOf(optional.find(part => part.tag === constructed(3)))
  const { keyId, keyType } = keyFacts(expectDer(key, TAG.sequence, 'subjectPublicKeyInfo'))
  return {
    names: namesOf(valueIn(extensions, subjectAltName)),
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    keyId,
    keyType,
    issuer: issuerText(expectDer(issuer, TAG.sequence, 'issuer')),
    subject: nameText(expectDer(subject, TAG.sequence, 'subject')),
    serial: hexOf(expectDer(serial, TAG.integer, 'serialNumber')),
    selfSigned: areEqual(issuer as Der, subject as Der),
    authorityKeyId: authorityKeyIdOf(valueIn(extensions, authorityKeyIdentifier)),
  }
}

/**
 * A certificate's names, as they are written: version [0] unless v1, serialNumber, signature, issuer, validity, subject
 * (RFC 5280 §4.1). @throws Dns01Error STATE
 */
export function namesIn(der: Uint8Array): { readonly issuer: Buffer; readonly subject: Buffer } {
  const tbs = expectDer(children(readDer(der))[0], TAG.sequence, 'tbsCertificate')
  const fields = children(tbs).filter(({ tag }) => tag !== constructed(0))
  const [, , issuer, , subject] = fields.map(field => Buffer.from(wholeOf(field)))
  return { issuer: issuer ?? Buffer.alloc(0), subject: subject ?? Buffer.alloc(0) }
}

/** A DER certificate begins with the byte of a SEQUENCE (0x30, the digit 0), a PEM text with a dash or a word. */
function derOf(certificate: string | Uint8Array): Uint8Array {
  if (typeof certificate !== 'string' && certificate[0] === TAG.sequence) return certificate
  const text = typeof certificate === 'string' ? certificate : Buffer.from(certificate).toString('latin1')
  const first = firstPemBody(text)
  if (first === undefined) throw new Dns01Error('STATE', 'no PEM certificate in it')
  return first
}

/** The certificates of a PEM text, each as 64 columns with LF, newline at the end; [] if there is none. */
export const splitPems = (text: string): string[] => pemBodies(text).map(body => toPem(body))

function keyFacts(spki: Der): Pick<CertificateFacts, 'keyId' | 'keyType'> {
  const [algorithm] = children(spki)
  const [oid] = children(expectDer(algorithm, TAG.sequence, 'key algorithm'))
  return {
    keyId: base32Id(wholeOf(spki)),
    keyType: KEY_TYPES[oidOf(expectDer(oid, TAG.oid, 'key algorithm'))] ?? 'other',
  }
}

interface Extension {
  readonly id: Der
  /** The octet string unwrapped. */
  readonly value: Der
}

const extensionsOf = (explicit: Der | undefined): Extension[] => (explicit ? readExtensions(children(explicit)[0]) : [])

/** Of a certificate, or of what a request asks for (RFC 5280 §4.1, Extensions). */
export const readExtensions = (extensions: Der | undefined): Extension[] =>
  children(expectDer(extensions, TAG.sequence, 'extensions')).map(extension => {
    const fields = children(expectDer(extension, TAG.sequence, 'an extension'))
    const value = expectDer(fields.at(-1), TAG.octets, "an extension's value")
    return { id: expectDer(fields[0], TAG.oid, "an extension's id"), value }
  })

/** Of the last with this id, though a certificate must not have two (RFC 5280 §4.2). */
export const valueIn = (extensions: readonly Extension[], id: readonly number[]): Der | undefined =>
  extensions.findLast(extension => isOid(extension.id, id))?.value

const isOid = ({ bytes, from, to }: Der, content: readonly number[]): boolean =>
  to - from === content.length && content.every((byte, i) => bytes[from + i] === byte)

/** The issuer read last: thousands of certificates have the same, whose text is then made and kept once. */
let lastIssuer: { readonly name: Der; readonly text: string } | undefined

function issuerText(name: Der): string {
  if (!lastIssuer || !areEqual(name, lastIssuer.name)) lastIssuer = { name, text: nameText(name) }
  return lastIssuer.text
}

/** GeneralName's choice [2] is dNSName (RFC 5280 §4.2.1.6). Other kinds are passed over: no target asks for them. */
function namesOf(extension: Der | undefined): Name[] {
  if (!extension) return []
  return children(readDer(extension.bytes, extension.from, extension.to))
    .filter(name => name.tag === primitive(2))
    .map(name => textOf(name).toLowerCase() as Name)
}

/** keyIdentifier is [0] (RFC 5280 §4.2.1.1); a certificate without it has no id in renewal information (RFC 9773 §4.1). */
function authorityKeyIdOf(extension: Der | undefined): string | undefined {
  if (!extension) return undefined
  const fields = children(readDer(extension.bytes, extension.from, extension.to))
  const id = fields.find(field => field.tag === primitive(0))
  return id && hexOf(id)
}

/**
 * Checks what the CA sent before it goes live: it is for our key, has every name and no other (`names` empty: nobody
 * knows which), is in force (a slow clock allowed for), and each certificate of
 * the chain has signed the one before it (RFC 8555 §9.1). A leaf alone passes: a CA may leave its trust anchor out.
 * @throws Dns01Error REFUSED
 */
export function checkIssued(
  chainPem: string,
  want: { readonly keyId: string; readonly names: readonly Name[]; readonly now: Date },
): { cert: string; chain: string } {
  const pems = splitPems(chainPem)
  const facts = pems.map(readSent)
  const [leaf] = facts
  if (!leaf) throw notAsAsked('there is no PEM certificate in what it sent')
  if (leaf.keyId !== want.keyId) throw wrongKey(facts, want.keyId)
  const missing = want.names.filter(name => !leaf.names.includes(name))
  if (missing.length > 0) throw notAsAsked(`it lacks ${missing.join(', ')}`)
  const strange = want.names.length === 0 ? [] : leaf.names.filter(name => !mayBeIn(name, want.names))
  if (strange.length > 0) throw notAsAsked(`it is also for ${strange.slice(0, 3).join(', ')}, which nobody asked for`)
  checkDates(leaf, want.now)
  checkLinks(pems, facts)
  const [cert = '', ...chain] = pems
  return { cert, chain: chain.join('') }
}

/**
 * Asked for, or what commercial CAs add of themselves: the bare name to its wildcard, and `www.` to a name or the other
 * way round. Whoever has proved the one controls the other.
 */
const mayBeIn = (name: Name, asked: readonly Name[]): boolean =>
  asked.some(one => [one, one.replace(/^\*\./, ''), `www.${one}`].includes(name) || one === `www.${name}`)

const notAsAsked = (why: string, hint = 'it was not put in place; tell the CA', cause?: unknown): Dns01Error =>
  new Dns01Error('REFUSED', `the CA sent a certificate that is not what was asked for: ${why}`, { hint, cause })

function readSent(pem: string, i: number): CertificateFacts {
  try {
    return readCertificate(pem)
  } catch (cause) {
    throw notAsAsked(`certificate ${i + 1} is ${messageOf(cause)}`, undefined, cause)
  }
}

/** RFC 8555 §9.1: the end-entity certificate comes first. Two different mistakes of a CA, and two different complaints. */
function wrongKey(facts: readonly CertificateFacts[], keyId: string): Dns01Error {
  const at = facts.findIndex(each => each.keyId === keyId)
  return notAsAsked(at < 0 ? 'it is for another key' : `the chain is in the wrong order, ours is number ${at + 1}`)
}

/** No CA signs for later: a certificate that seems to is the sign of a clock which is slow by less than this. */
const slowClockSeconds = 86_400

function checkDates({ notBefore, notAfter }: CertificateFacts, now: Date): void {
  const clock = `is the clock of this machine right? It says ${now.toISOString()}`
  if (now.getTime() + slowClockSeconds * 1000 < notBefore.getTime())
    throw notAsAsked(`it is not valid before ${notBefore.toISOString()}`, clock)
  if (now >= notAfter) throw notAsAsked(`it expired on ${notAfter.toISOString()}`, clock)
}

/** By node's own parser, as signatures are its business; there are a few of them once for each certificate that is issued. */
function checkLinks(pems: readonly string[], facts: readonly CertificateFacts[]): void {
  const certificates = pems.map(parseSent)
  for (const [i, certificate] of certificates.entries()) {
    const issuer = certificates[i + 1]
    if (issuer && !signed(certificate, issuer))
      throw notAsAsked(`the chain does not link up: "${facts[i + 1]?.subject}" did not sign "${facts[i]?.subject}"`)
  }
}

function parseSent(pem: string, i: number): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw notAsAsked(`certificate ${i + 1} cannot be read: ${messageOf(cause)}`, undefined, cause)
  }
}

/** Whether `issuer` is a CA (RFC 5280 §4.2.1.9) with that name and its key verifies the signature. */
export function signed(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
  } catch {
    return false // a key or algorithm that OpenSSL does not know proves nothing
  }
}
