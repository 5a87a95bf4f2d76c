import { createPublicKey, webcrypto } from 'node:crypto'
import type { Name } from '../names.js'
import type { KeyPair } from './keys.js'

/** A common name holds at most 64 characters (RFC 5280 appendix A.1, ub-common-name). */
const longestCommonName = 64

/** TLS feature status_request (RFC 7633 §4.1, §6): SEQUENCE { INTEGER 5 }. */
const mustStapleExtension = { oid: '1.3.6.1.5.5.7.1.24', value: Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05) }

/**
 * A certificate request (RFC 2986) in DER: `names` in order as subjectAltName, the first also as common name if it
 * fits, signed with SHA-256. Asks for the key usages that the key can have (RFC 5280 §4.2.1.3): encipherment with RSA only.
 */
export async function createCsr(
  key: KeyPair,
  names: readonly Name[],
  options: { readonly mustStaple: boolean },
): Promise<Uint8Array> {
  const x509 = await import('@peculiar/x509') // 30 ms, and only an issuance needs it
  x509.cryptoProvider.set(webcrypto)
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags
  const commonName = names.find((name, i) => i === 0 && name.length <= longestCommonName)
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name(commonName === undefined ? [] : [{ CN: [{ utf8String: commonName }] }]),
    keys: await webKeys(key),
    signingAlgorithm: { name: key.type === 'rsa' ? 'RSASSA-PKCS1-v1_5' : 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.KeyUsagesExtension(key.type === 'rsa' ? digitalSignature | keyEncipherment : digitalSignature, true),
      new x509.SubjectAlternativeNameExtension(names.map(value => ({ type: 'dns', value }))),
      ...(options.mustStaple ? [new x509.Extension(mustStapleExtension.oid, false, mustStapleExtension.value)] : []),
    ],
  })
  return new Uint8Array(request.rawData)
}

/** The key pair as WebCrypto wants it. */
async function webKeys(key: KeyPair): Promise<webcrypto.CryptoKeyPair> {
  const publicKey = createPublicKey(key.pem)
  const algorithm =
    key.type === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: publicKey.export({ format: 'jwk' }).crv as string }
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const pkcs8 = Buffer.from(key.pkcs8.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}
