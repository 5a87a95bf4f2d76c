// Which public keys CAs certify: what somebody brings along, as a request or as a private key, is refused before anything
// is asked of a CA, which would say no at the end of the order, when all names have been proved.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { weaknessOfModulus } from './weak-rsa.js'

/** Baseline Requirements §6.1.5, in OpenSSL's names. */
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1']

const hint = 'CAs take RSA of 2048 bits and more, and ECDSA with P-256, P-384 or P-521'

/** What is wrong with a key, as the end of a sentence that names whose it is, and what to do. */
export interface KeyFault {
  readonly what: string
  readonly hint: string
}

/** Baseline Requirements §6.1.5 (sizes, curves), §6.1.6 (exponents) and §6.1.1.3 (keys that are known to be weak). */
export function faultOfKey(key: KeyObject): KeyFault | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ec')
    return CURVES.includes(details?.namedCurve)
      ? undefined
      : { what: `key is on the curve ${details?.namedCurve ?? 'of its own parameters'}`, hint }
  if (type !== 'rsa') return { what: `key is of type ${type}`, hint }
  const bits = details?.modulusLength ?? 0
  if (bits < 2048) return { what: `RSA key has ${bits} bits, which is too weak`, hint }
  if (bits % 8 !== 0) return { what: `RSA key has ${bits} bits, which is not a multiple of 8`, hint }
  const exponent = details?.publicExponent ?? 0n
  if (exponent < 3n || exponent % 2n === 0n)
    return { what: `RSA key has the public exponent ${exponent}; it must be odd and at least 3 (usual is 65537)`, hint }
  // the modulus: node gives it as part of a JWK only (RFC 7518 §6.3.1.1)
  const { n = '' } = key.export({ format: 'jwk' })
  const weakness = weaknessOfModulus(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`))
  return weakness === undefined
    ? undefined
    : { what: `RSA key ${weakness}: anybody can find out the private key`, hint: 'make another one, elsewhere' }
}

/** The same of a private key in PEM. */
export const faultOfPrivateKey = (pem: string): KeyFault | undefined => faultOfKey(createPublicKey(pem))
