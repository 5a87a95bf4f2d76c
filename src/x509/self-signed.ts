// Makes a certificate that nobody but its own key has signed (RFC 5280 §4.1): the placeholder, with which a web server can
// start before a CA has issued one. By hand like a request (csr.ts says why), of which it has most parts.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { Name } from '../core/names.js'
import { algorithm, commonNameOf, extension, keyUsage, OID, subjectAltName } from './csr.js'
import { constructed, TAG } from './der.js'
import { bitString, element, objectIdentifier, sequence } from './der-write.js'
import type { KeyPair } from './keys.js'

export interface SelfSigned {
  readonly names: readonly Name[]
  /** Who signs, for who looks at it: at most 64 characters (RFC 5280 appendix A.1, ub-organization-name). */
  readonly organization: string
  readonly notBefore: Date
  /** Both within the years that UTCTime can tell, until 2049 (RFC 5280 §4.1.2.5.1). */
  readonly notAfter: Date
  /** At most 20 bytes (RFC 5280 §4.1.2.2). */
  readonly serial: Uint8Array
}

/** X.520's organizationName (RFC 5280 appendix A.1). */
const organizationName = '2.5.4.10'

/** The certificate in DER: version 3, for these names, signed with SHA-256. */
export function selfSignedCertificate({ pem, type }: Pick<KeyPair, 'pem' | 'type'>, about: SelfSigned): Uint8Array {
  const key = createPrivateKey(pem)
  const name = sequence(
    element(TAG.set, sequence(objectIdentifier(organizationName), element(TAG.utf8, Buffer.from(about.organization)))),
    ...commonNameOf(about.names[0]),
  )
  const tbs = sequence(
    element(constructed(0), element(TAG.integer, Buffer.of(2))),
    element(TAG.integer, positive(about.serial)),
    algorithm(type),
    name,
    sequence(utcTime(about.notBefore), utcTime(about.notAfter)),
    name,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    element(constructed(3), sequence(keyUsage(type), extension(OID.subjectAltName, subjectAltName(about.names)))),
  )
  return sequence(tbs, algorithm(type), bitString(sign('sha256', tbs, key)))
}

/** Neither negative nor with a needless zero in front (RFC 5280 §4.1.2.2, X.690 §8.3.2). */
const positive = (bytes: Uint8Array): Buffer => {
  const [first = 0, ...rest] = bytes
  return Buffer.of((first & 0x7f) | 0x40, ...rest)
}

/** YYMMDDHHMMSSZ (RFC 5280 §4.1.2.5.1). */
const utcTime = (at: Date): Buffer =>
  element(
    TAG.utcTime,
    Buffer.from(
      `${at
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  )
