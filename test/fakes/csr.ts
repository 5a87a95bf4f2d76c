import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { constructed, primitive, TAG } from '../../src/x509/der.js'
import { bitString, element, objectIdentifier, sequence } from '../../src/x509/der-write.js'

/** What a request is made of that somebody else has made; all of it may be wrong. */
export interface CsrWishes {
  /** A private key; P-256 when absent. */
  readonly key?: KeyObject
  /** Another public key than that of `key`. */
  readonly publicKey?: KeyObject
  readonly names?: readonly string[]
  /** GeneralNames besides. */
  readonly others?: readonly Uint8Array[]
  readonly commonNames?: readonly string[]
  readonly hash?: string
  /** The algorithm that is named, whatever the hash is. */
  readonly algorithm?: string
  /** Extensions besides subjectAltName. */
  readonly extensions?: readonly Uint8Array[]
  /** No attributes at all. */
  readonly bare?: boolean
}

const ALGORITHMS: Readonly<Record<string, string>> = {
  'ec sha256': '1.2.840.10045.4.3.2',
  'ec sha384': '1.2.840.10045.4.3.3',
  'ec sha512': '1.2.840.10045.4.3.4',
  'ec sha1': '1.2.840.10045.4.1',
  'rsa sha256': '1.2.840.113549.1.1.11',
  'rsa sha384': '1.2.840.113549.1.1.12',
  'rsa sha512': '1.2.840.113549.1.1.13',
  'rsa sha1': '1.2.840.113549.1.1.5',
  'rsa md5': '1.2.840.113549.1.1.4',
}

export const curveKey = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey
export const rsaKey = (modulusLength: number, publicExponent = 65537): KeyObject =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey

/** TLS feature status_request (RFC 7633): what must-staple is. */
export const mustStaple = sequence(
  objectIdentifier('1.3.6.1.5.5.7.1.24'),
  element(TAG.octets, sequence(element(TAG.integer, Buffer.of(5)))),
)

/** In DER. */
export function csrOf(wishes: CsrWishes): Uint8Array {
  const { key = curveKey('prime256v1'), names = [], others = [], commonNames = [], extensions = [] } = wishes
  const general = [...names.map(name => element(primitive(2), Buffer.from(name))), ...others]
  const subjectAltName =
    general.length === 0 ? [] : [sequence(objectIdentifier('2.5.29.17'), element(TAG.octets, sequence(...general)))]
  const request = sequence(
    objectIdentifier('1.2.840.113549.1.9.14'),
    element(TAG.set, sequence(...extensions, ...subjectAltName)),
  )
  const challengePassword = sequence(
    objectIdentifier('1.2.840.113549.1.9.7'),
    element(TAG.set, element(TAG.utf8, Buffer.from('x'))),
  )
  const info = sequence(
    element(TAG.integer, Buffer.of(0)),
    sequence(
      ...commonNames.map(name =>
        element(TAG.set, sequence(objectIdentifier('2.5.4.3'), element(TAG.utf8, Buffer.from(name)))),
      ),
    ),
    (wishes.publicKey ?? createPublicKey(key)).export({ type: 'spki', format: 'der' }),
    ...(wishes.bare ? [] : [element(constructed(0), challengePassword, request)]),
  )
  const hash = key.asymmetricKeyType === 'ed25519' ? undefined : (wishes.hash ?? 'sha256')
  const algorithm = wishes.algorithm ?? ALGORITHMS[`${key.asymmetricKeyType} ${hash}`] ?? '1.3.101.112'
  return sequence(info, sequence(objectIdentifier(algorithm)), bitString(sign(hash, info, key)))
}

export const pemOf = (der: Uint8Array, label = 'CERTIFICATE REQUEST'): string => {
  const body = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}
