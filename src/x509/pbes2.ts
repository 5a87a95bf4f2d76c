// Encrypts with a passphrase as OpenSSL 3 does: PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC (RFC 8018 §6.2). node
// exports encrypted keys itself, but with 2,048 rounds, and not what else is in a PKCS #12 file.
import { createCipheriv, pbkdf2Sync } from 'node:crypto'
import { TAG } from './der.js'
import { element, integer, objectIdentifier, sequence } from './der-write.js'

/**
 * Rounds of the derivation. A guess costs as much as an hour of them; .NET, on by default, takes 300,000 for each part of a PKCS #12
 * file and a million in all (X509CertificateLoader, Pkcs12LoaderLimits.Defaults), and there are three parts.
 */
export const rounds = 100_000

/** RFC 8018 appendix C, RFC 3565 §4.1. */
const OID = {
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacWithSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const

export type Random = (bytes: number) => Uint8Array

/** How something was encrypted, as an AlgorithmIdentifier, and what came out. */
export interface Encrypted {
  readonly algorithm: Buffer
  readonly bytes: Buffer
}

export function encrypt(plain: Uint8Array, passphrase: string, random: Random): Encrypted {
  const [salt, iv] = [random(16), random(16)]
  const key = pbkdf2Sync(passphrase, salt, rounds, 32, 'sha256')
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const derivation = sequence(
    objectIdentifier(OID.pbkdf2),
    sequence(
      element(TAG.octets, salt),
      integer(rounds),
      sequence(objectIdentifier(OID.hmacWithSha256), element(TAG.null)),
    ),
  )
  const scheme = sequence(objectIdentifier(OID.aes256Cbc), element(TAG.octets, iv))
  return {
    algorithm: sequence(objectIdentifier(OID.pbes2), sequence(derivation, scheme)),
    bytes: Buffer.concat([cipher.update(plain), cipher.final()]),
  }
}

/** EncryptedPrivateKeyInfo (RFC 5958 §3), in DER. */
export const encryptedKeyInfo = ({ algorithm, bytes }: Encrypted): Buffer =>
  sequence(algorithm, element(TAG.octets, bytes))
