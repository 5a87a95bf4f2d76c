// Makes the certificate request that finalize sends (RFC 2986). It must name exactly the identifiers of the order, or
// the CA refuses it (RFC 8555 §7.4). CAs take names, key and must-staple from it and decide on everything else themselves.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { Name } from '../core/names.js'
import { constructed, primitive, TAG } from './der.js'
import { bitString, element, objectIdentifier, sequence } from './der-write.js'
import type { KeyPair } from './keys.js'

/** A common name holds at most 64 characters (RFC 5280 appendix A.1, ub-common-name). */
const longestCommonName = 64

/** RFC 5280 (the first three), RFC 7633 §6, RFC 2985 §5.4.2, RFC 5758 §3.2, RFC 8017 appendix C. */
export const OID = {
  commonName: '2.5.4.3',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  extensionRequest: '1.2.840.113549.1.9.14',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  rsaWithSha256: '1.2.840.113549.1.1.11',
} as const

/** Bit 0 is digitalSignature, bit 2 keyEncipherment; in front the number of unused bits (RFC 5280 §4.2.1.3). */
const KEY_USAGE = { ecdsa: Buffer.of(7, 0b1000_0000), rsa: Buffer.of(5, 0b1010_0000) } as const

/** TLS feature status_request (RFC 7633 §4.1, §6): SEQUENCE { INTEGER 5 }. */
const mustStaple = sequence(element(TAG.integer, Buffer.of(5)))

/**
 * A certificate request (RFC 2986 §4) in DER: `names` in order as subjectAltName, the first also as common name if it
 * fits, signed with SHA-256. Asks for the key usages that the key can have (RFC 5280 §4.2.1.3): encipherment with RSA only.
 * By hand: @peculiar/x509 makes the same, but takes 32 ms to load and 3 ms more for each, a tenth of a run over a hundred
 * names (`node test/bench/libraries.mjs`).
 */
export function createCsr(
  { pem, type }: Pick<KeyPair, 'pem' | 'type'>,
  names: readonly Name[],
  options: { readonly mustStaple: boolean },
): Uint8Array {
  const key = createPrivateKey(pem)
  const extensions = sequence(
    keyUsage(type),
    extension(OID.subjectAltName, subjectAltName(names)),
    ...(options.mustStaple ? [extension(OID.tlsFeature, mustStaple)] : []),
  )
  const attribute = sequence(objectIdentifier(OID.extensionRequest), element(TAG.set, extensions))
  // CertificationRequestInfo: version 0, subject, key, [0] attributes (RFC 2986 §4.1)
  const info = sequence(
    element(TAG.integer, Buffer.of(0)),
    sequence(...commonNameOf(names[0])),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    element(constructed(0), attribute),
  )
  return sequence(info, algorithm(type), bitString(sign('sha256', info, key)))
}

/**
 * Old programs look for the name in the common name, so it is there where it fits. CAs may leave it out of the
 * certificate (Let's Encrypt's profiles tlsserver and shortlived do), and no decision of ours rests on it.
 */
export function commonNameOf(name: Name | undefined): Buffer[] {
  if (name === undefined || name.length > longestCommonName) return []
  return [element(TAG.set, sequence(objectIdentifier(OID.commonName), element(TAG.utf8, Buffer.from(name))))]
}

/** Each as a dNSName, choice [2] (RFC 5280 §4.2.1.6). */
export const subjectAltName = (names: readonly Name[]): Buffer =>
  sequence(...names.map(name => element(primitive(2), Buffer.from(name))))

export const keyUsage = (type: KeyPair['type']): Buffer =>
  extension(OID.keyUsage, element(TAG.bits, KEY_USAGE[type]), { critical: true })

/** `critical` is FALSE by default, and DER leaves defaults out (RFC 5280 §4.1, X.690 §11.5). */
export const extension = (id: string, value: Uint8Array, { critical = false } = {}): Buffer =>
  sequence(
    objectIdentifier(id),
    ...(critical ? [element(TAG.boolean, Buffer.of(0xff))] : []),
    element(TAG.octets, value),
  )

/** ECDSA has no parameters (RFC 5758 §3.2), RSA has NULL (RFC 4055 §5). */
export const algorithm = (type: KeyPair['type']): Buffer =>
  type === 'rsa'
    ? sequence(objectIdentifier(OID.rsaWithSha256), element(TAG.null))
    : sequence(objectIdentifier(OID.ecdsaWithSha256))
