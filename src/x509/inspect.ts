// What is in a file that somebody calls a certificate or a key: PEM with any mix of blocks, or one DER structure. It is
// read for people, so that whatever it is gets a word; of a private key nothing leaves this file but what its public
// half says.
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { codeOf, Dns01Error, messageOf } from '../core/errors.js'
import type { Csr } from '../core/target.js'
import { type CertificateFacts, readCertificate } from './certificate.js'
import { children, type Der, oidOf, readDer, TAG } from './der.js'
import { base32Id } from './keys.js'
import { readCsr } from './read-csr.js'

/** A key, by its public half. */
export interface KeyFacts {
  /** As KeyPair.id. */
  readonly id: string
  /** `ECDSA P-256`, `RSA 2048`, `Ed25519`. */
  readonly type: string
}

/** One thing that was found, in the order of the file. */
export type Part =
  | {
      readonly kind: 'certificate'
      readonly facts: CertificateFacts
      readonly key: KeyFacts
      readonly der: Uint8Array
      /** Names that are no host names: `IP Address:192.0.2.1`. */
      readonly otherNames: readonly string[]
      /** SHA-256 of the whole, as browsers show it. */
      readonly fingerprint: string
      /** basicConstraints say that it may sign others (RFC 5280 §4.2.1.9). */
      readonly isCa: boolean
    }
  | { readonly kind: 'request'; readonly csr: Omit<Csr, 'path'>; readonly key: KeyFacts }
  | { readonly kind: 'private key'; readonly key: KeyFacts }
  | { readonly kind: 'encrypted private key' }
  | { readonly kind: 'public key'; readonly key: KeyFacts }
  /** Something that is there and cannot be read, or is none of these: `what` in words, `why` it is of no use. */
  | {
      readonly kind: 'other'
      readonly what: string
      readonly why?: string | undefined
      readonly hint?: string | undefined
    }

export type CertificatePart = Extract<Part, { kind: 'certificate' }>

export interface Contents {
  readonly form: 'PEM' | 'DER'
  readonly parts: readonly Part[]
}

/** All CAs of a distribution in one file have 220 KB. Our own choice. */
export const longestFileBytes = 1_048_576

/** CONFIG: what somebody gave us is at fault, and no later run reads it otherwise. */
const wrong = (message: string, hint?: string): Dns01Error => new Dns01Error('CONFIG', message, { hint })

/** @throws Dns01Error CONFIG for what is neither PEM nor DER, with what it looks like */
export function inspect(bytes: Uint8Array): Contents {
  if (bytes.length === 0) throw wrong('it is empty')
  if (bytes.length > longestFileBytes) throw wrong(`it has ${bytes.length} bytes: too much for certificates and keys`)
  const text = Buffer.from(bytes).toString('latin1')
  const blocks = [...text.matchAll(BLOCK)]
  if (blocks.length > 0) return { form: 'PEM', parts: blocks.map(([, label = '', body = '']) => ofBlock(label, body)) }
  const der = asDer(bytes)
  if (der) return { form: 'DER', parts: [der] }
  throw wrong(`it is neither PEM nor DER${likeness(bytes, text)}`)
}

/**
 * With the headers that old encrypted keys have in front (RFC 1421 §4.6), which RFC 7468 forbids. No body holds five dashes:
 * without that a megabyte of BEGIN lines would be read to its end from each of them.
 */
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----/g

/** A block by its label (RFC 7468 §4); what it holds may be something else. */
function ofBlock(label: string, body: string): Part {
  if (label.includes('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(body)) return { kind: 'encrypted private key' }
  const der = Buffer.from(body.replace(/^[\w-]+:.*$/gm, ''), 'base64')
  const what = label.toLowerCase()
  const known = READERS[label]
  if (!known) return { kind: 'other', what: OTHER_LABELS[label] ?? what }
  try {
    return known(der)
  } catch (error) {
    if (codeOf(error) === 'BUG' && !(error instanceof Error && 'code' in error)) throw error
    return { kind: 'other', what, why: why(label, error), hint: error instanceof Dns01Error ? error.hint : undefined }
  }
}

/** OpenSSL's words about a private key name no more than routines; all the same none of them are handed on. */
const why = (label: string, error: unknown): string =>
  label.includes('PRIVATE') ? 'it is damaged, or of a kind that this version of Node does not know' : messageOf(error)

const READERS: Readonly<Record<string, (der: Buffer) => Part>> = {
  CERTIFICATE: certificate,
  'X509 CERTIFICATE': certificate,
  'TRUSTED CERTIFICATE': certificate,
  'CERTIFICATE REQUEST': request,
  'NEW CERTIFICATE REQUEST': request,
  'PRIVATE KEY': der => privateKey(der, 'pkcs8'),
  'RSA PRIVATE KEY': der => privateKey(der, 'pkcs1'),
  'EC PRIVATE KEY': der => privateKey(der, 'sec1'),
  'PUBLIC KEY': der => publicKey(der, 'spki'),
  'RSA PUBLIC KEY': der => publicKey(der, 'pkcs1'),
}

const OTHER_LABELS: Readonly<Record<string, string>> = {
  'EC PARAMETERS': 'parameters of a curve, which the key after them repeats',
  'DH PARAMETERS': 'Diffie-Hellman parameters',
  'X509 CRL': 'a list of revoked certificates (CRL)',
  PKCS7: 'certificates in PKCS#7; openssl pkcs7 -print_certs -in FILE gives them as PEM',
  CMS: 'certificates in CMS; openssl pkcs7 -print_certs -in FILE gives them as PEM',
  'OPENSSH PRIVATE KEY': 'a private key of OpenSSH, which is none for TLS',
}

/** A structure is told by the types of its first elements; only what fits is decoded. undefined: no DER at all. */
function asDer(bytes: Uint8Array): Part | undefined {
  const shape = shapeOf(bytes)
  if (shape === undefined) return undefined
  const [first, second] = shape.elements
  const buffer = Buffer.from(bytes)
  try {
    if (shape.tags === '30 04') return { kind: 'encrypted private key' }
    if (shape.tags === '30 03') return publicKey(buffer, 'spki')
    if (shape.tags === '02 02') return publicKey(buffer, 'pkcs1')
    if (shape.tags.startsWith('02 02 02')) return privateKey(buffer, 'pkcs1')
    if (shape.tags.startsWith('02 04')) return privateKey(buffer, 'sec1')
    if (shape.tags.startsWith('02 30 04')) return privateKey(buffer, 'pkcs8')
    if (shape.tags.startsWith('02 30') && oidIn(second) === '1.2.840.113549.1.7.1') return pkcs12
    if (first?.tag === TAG.oid && oidOf(first) === '1.2.840.113549.1.7.2')
      return {
        kind: 'other',
        what: 'certificates in PKCS#7; openssl pkcs7 -inform DER -print_certs -in FILE gives them as PEM',
      }
    if (shape.tags === '30 30 03') return signedThing(bytes)
  } catch {
    return {
      kind: 'other',
      what: 'a DER structure that is damaged, or of a kind that this version of Node does not know',
    }
  }
  return { kind: 'other', what: 'a DER structure, but no certificate, request or key' }
}

/** RFC 7292 §4: PFX is version 3 and authSafe, whose type is data. Node cannot open one without making a connection of it. */
const pkcs12: Part = {
  kind: 'other',
  what: 'PKCS#12 (.p12, .pfx), which holds certificates and mostly a key under a pass phrase',
  hint: 'openssl pkcs12 -in FILE -nokeys | dns01 show - shows its certificates (old ones need -legacy, too)',
}

/** Certificates, requests and lists of revoked ones alike are a sequence, an algorithm and a signature. */
function signedThing(bytes: Uint8Array): Part {
  for (const [what, read] of [
    ['certificate', certificate],
    ['certificate request', request],
  ] as const) {
    try {
      return read(Buffer.from(bytes))
    } catch (error) {
      // what is a request, and would be refused by a CA, says why; everything else is the next one's
      if (error instanceof Dns01Error && error.code === 'CONFIG' && !error.message.startsWith('it is not a'))
        return { kind: 'other', what, why: error.message, hint: error.hint }
    }
  }
  return {
    kind: 'other',
    what: 'something signed, but neither a certificate nor a request: perhaps a list of revoked ones (CRL)',
  }
}

const oidIn = (der: Der | undefined): string | undefined => {
  const [oid] = der?.tag === TAG.sequence ? children(der) : []
  return oid?.tag === TAG.oid ? oidOf(oid) : undefined
}

function shapeOf(bytes: Uint8Array): { readonly elements: readonly Der[]; readonly tags: string } | undefined {
  if (bytes[0] !== TAG.sequence) return undefined
  try {
    const outer = readDer(bytes)
    if (outer.to !== bytes.length) return undefined
    const elements = children(outer)
    return { elements, tags: elements.map(({ tag }) => tag.toString(16).padStart(2, '0')).join(' ') }
  } catch {
    return undefined
  }
}

function certificate(der: Buffer): Part {
  const parsed = new X509Certificate(der)
  const { raw } = parsed // a trusted certificate has settings of OpenSSL after it
  const facts = readCertificate(raw)
  return {
    kind: 'certificate',
    facts,
    key: { id: facts.keyId, type: typeOf(keyIn(parsed)) },
    der: raw,
    otherNames: (parsed.subjectAltName ?? '').split(', ').filter(name => name !== '' && !name.startsWith('DNS:')),
    fingerprint: parsed.fingerprint256,
    isCa: parsed.ca,
  }
}

function keyIn(parsed: X509Certificate): KeyObject | undefined {
  try {
    return parsed.publicKey
  } catch {
    return undefined // of an algorithm that OpenSSL does not know
  }
}

function request(der: Buffer): Part {
  const csr = readCsr(der)
  const [info] = children(readDer(der))
  const spki = info && children(info)[2]
  const key = spki && createPublicKey({ key: der.subarray(spki.start, spki.to), format: 'der', type: 'spki' })
  return { kind: 'request', csr, key: { id: csr.keyId, type: typeOf(key) } }
}

const privateKey = (key: Buffer, type: 'pkcs1' | 'pkcs8' | 'sec1'): Part => ({
  kind: 'private key',
  key: keyFacts(createPublicKey(createPrivateKey({ key, format: 'der', type }))),
})

const publicKey = (key: Buffer, type: 'pkcs1' | 'spki'): Part => ({
  kind: 'public key',
  key: keyFacts(createPublicKey({ key, format: 'der', type })),
})

const keyFacts = (key: KeyObject): KeyFacts => ({
  id: base32Id(key.export({ type: 'spki', format: 'der' })),
  type: typeOf(key),
})

/** OpenSSL's names of curves, and NIST's, which everybody else uses. */
const NIST: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

const OTHER_KEYS: Readonly<Record<string, string>> = { ed25519: 'Ed25519', ed448: 'Ed448', 'rsa-pss': 'RSA-PSS' }

/** In the field's words; the names of OpenSSL where there is no better one. */
function typeOf(key: KeyObject | undefined): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key ?? {}
  if (type === 'rsa') return `RSA ${details?.modulusLength}`
  if (type === 'ec') return `ECDSA ${NIST[details?.namedCurve ?? ''] ?? details?.namedCurve}`
  return OTHER_KEYS[type ?? ''] ?? type ?? 'of an unknown algorithm'
}

/** What people mistake for a certificate, by its first bytes or words. */
const LIKENESSES: readonly (readonly [RegExp, string])[] = [
  [/^\xff\xfe|^\xfe\xff/, 'text in UTF-16, as Windows writes it; save it as UTF-8'],
  [/-----BEGIN [A-Z0-9 ]*-----/, 'PEM whose end is missing: it is cut off, or its lines are damaged'],
  [/^\xfe\xed\xfe\xed/, 'a Java keystore (JKS); keytool -list -keystore FILE shows what is in it'],
  [/^(ssh-|ecdsa-sha2-)/, 'a public key of OpenSSH, which is none for TLS'],
  [/^\s*\{[\s\S]*"kty"/, 'a JSON web key; dns01 import-jwk-account takes one for an account'],
  [/^\s*[[{]/, 'JSON'],
  [/^\s*<(!doctype|html|\?xml)/i, 'a page of HTML or XML, perhaps the error page of a download'],
  [/^PK/, 'a ZIP archive'],
  [/^.ELF/, 'a program'],
  [/^MII[A-Za-z0-9+/=\s]+$/, 'base64 without the BEGIN and END lines of PEM'],
]

function likeness(bytes: Uint8Array, text: string): string {
  const known = LIKENESSES.find(([form]) => form.test(text))?.[1]
  if (known !== undefined) return `: it looks like ${known}`
  if (bytes[0] === TAG.sequence) return ': it begins like DER, and is cut off or has something after its end'
  return /^[\t\n\r -~]*$/.test(text.slice(0, 200)) ? ': it is some other text' : ''
}
