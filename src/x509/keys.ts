// The one place where private keys are made and read, with the forms that others ask for: acmetool's PEM and key id,
// and the thumbprint of RFC 7638.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto'
import { promisify } from 'node:util'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { KeySpec } from '../core/target.js'

/** A private key in the forms others ask for; `pem` is a secret. */
export interface KeyPair {
  /** Key ID: base32Id of the SubjectPublicKeyInfo; the same as `keyId` of a certificate for this key. */
  readonly id: string
  readonly type: 'ecdsa' | 'rsa'
  /** As acmetool writes it: PKCS#1 or SEC1, 64 columns, newline at the end. */
  readonly pem: string
  /** JWK thumbprint (RFC 7638 §3): base64url of SHA-256 over the required members in lexicographic order. */
  readonly thumbprint: string
}

/** OpenSSL's names of the curves of RFC 7518 §6.2.1.1. */
const CURVES = { nistp256: 'prime256v1', nistp384: 'secp384r1', nistp521: 'secp521r1' } as const

const generate = promisify(generateKeyPair)

/**
 * A fresh key; RSA in a thread of its own (4096 bits take up to some seconds), so that other names go on meanwhile.
 * @throws Dns01Error CONFIG for a number of bits that CAs do not take
 */
export async function generateKey(spec: KeySpec): Promise<KeyPair> {
  const { privateKey } =
    spec.type === 'rsa'
      ? await generate('rsa', { modulusLength: checkedBits(spec.rsaBits) })
      : await generate('ec', { namedCurve: CURVES[spec.curve] })
  return keyPair(privateKey)
}

/** Whether a key is what `spec` asks for, or stronger: the same type, and no shorter. */
export function isAsStrongAs(pem: string, { type, curve, rsaBits }: KeySpec): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails: details } = createPrivateKey(pem)
  if (type === 'rsa') return asymmetricKeyType === 'rsa' && (details?.modulusLength ?? 0) >= rsaBits
  const curves: (string | undefined)[] = Object.values(CURVES) // the weakest first
  return asymmetricKeyType === 'ec' && curves.indexOf(details?.namedCurve) >= curves.indexOf(CURVES[curve])
}

/** What kind of key it is, as a target says it. */
export function kindOf(pem: string): { readonly curve?: keyof typeof CURVES; readonly rsaBits?: number | undefined } {
  const { asymmetricKeyDetails: details } = createPrivateKey(pem)
  const [curve] = Object.entries(CURVES).find(([, name]) => name === details?.namedCurve) ?? []
  return curve === undefined ? { rsaBits: details?.modulusLength } : { curve: curve as keyof typeof CURVES }
}

/** Public CAs sign no fewer than 2048 (Baseline Requirements §6.1.5); 4096 is acmetool's upper bound. */
function checkedBits(bits: number): number {
  if (Number.isInteger(bits) && bits >= 2048 && bits <= 4096) return bits
  throw new Dns01Error('CONFIG', `RSA keys of ${bits} bits are not made`, { hint: 'rsa-size may be 2048 to 4096' })
}

/**
 * Reads a PEM private key: PKCS#1, SEC1 (with or without EC PARAMETERS in front) or PKCS#8.
 * @throws Dns01Error STATE: no PEM, encrypted, or a key that ACME CAs do not take (Ed25519, RSA-PSS, other curves)
 */
export function parseKey(pem: string | Uint8Array): KeyPair {
  const text = typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1')
  const [block] = text.match(/-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/) ?? []
  if (!block) throw new Dns01Error('STATE', 'no PEM private key in it')
  if (/ENCRYPTED/.test(block))
    throw new Dns01Error('STATE', 'the private key is encrypted', {
      hint: '(umask 077; openssl pkey -in FILE -out FILE.plain) takes the pass phrase off',
    })
  return keyPair(decode(block))
}

/** Reads a private key as JSON (RFC 7517, RFC 7518 §6). @throws Dns01Error STATE as parseKey() */
export function parseJwk(text: string): KeyPair {
  let jwk: unknown
  try {
    jwk = JSON.parse(text)
  } catch (cause) {
    throw new Dns01Error('STATE', 'no JSON web key in it', { cause })
  }
  return keyPair(decode({ key: jwk as JsonWebKey, format: 'jwk' }))
}

function decode(from: string | JsonWebKeyInput): KeyObject {
  try {
    return createPrivateKey(from)
  } catch (cause) {
    throw new Dns01Error('STATE', `the private key cannot be read: ${messageOf(cause)}`, { cause })
  }
}

function keyPair(key: KeyObject): KeyPair {
  const type = typeOf(key)
  // written as acmetool does, whatever form was read; the id is of the public half, so it stays the same in each form
  const pem = key.export({ type: type === 'rsa' ? 'pkcs1' : 'sec1', format: 'pem' }).toString()
  const publicKey = createPublicKey(key)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return { id: base32Id(spki), type, pem, thumbprint: thumbprintOf(publicKey) }
}

/** @throws Dns01Error STATE for what CAs do not sign: Ed25519, RSA-PSS keys, other curves (Baseline Requirements §6.1.5) */
function typeOf(key: KeyObject): KeyPair['type'] {
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType === 'rsa') return 'rsa'
  if (key.asymmetricKeyType === 'ec' && Object.values<string | undefined>(CURVES).includes(curve)) return 'ecdsa'
  throw new Dns01Error('STATE', `a private key of type ${[key.asymmetricKeyType, curve].filter(Boolean).join(' ')}`, {
    hint: 'ACME CAs take RSA and ECDSA P-256, P-384, P-521',
  })
}

/** RFC 7638 §3.2 names the required members; their order here is lexicographic, and JSON.stringify keeps it without spaces. */
function thumbprintOf(publicKey: KeyObject): string {
  const { crv, e, kty, n, x, y } = publicKey.export({ format: 'jwk' })
  const required = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url')
}

const BASE32 = Buffer.from('abcdefghijklmnopqrstuvwxyz234567')

/** acmetool's ID: lower-case base32 (RFC 4648 §6) without padding of the SHA-256, always 52 characters. A text counts as UTF-8. */
export function base32Id(bytes: Uint8Array | string): string {
  const id = Buffer.alloc(52) // a text grown letter by letter takes V8 thirty times the memory
  let [length, bits, held] = [0, 0, 0]
  for (const byte of createHash('sha256').update(bytes).digest()) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) id[length++] = BASE32[(held >> (bits - 5)) & 31] as number
    held &= 31
  }
  id[length] = BASE32[(held << (5 - bits)) & 31] as number
  return id.toString('latin1')
}
