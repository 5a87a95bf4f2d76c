import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { Name } from '../../src/core/names.js'
import { splitPems } from '../../src/x509/certificate.js'
import { type KeyPair, parseKey } from '../../src/x509/keys.js'

export const ecKey = (): KeyPair =>
  parseKey(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
  )

/** A self-signed certificate for these names, as storeCertificate() takes it; with `issuer` it seems to be somebody else's. */
export async function selfSigned(
  key: KeyPair,
  names: readonly string[],
  dates: { notBefore?: Date; notAfter?: Date; issuer?: string } = {},
): Promise<{ cert: string; chain: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const der = createPrivateKey(key.pem).export({ type: 'pkcs8', format: 'der' })
  const privateKey = await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign'])
  const { d: _, key_ops: __, ...jwk } = await crypto.subtle.exportKey('jwk', privateKey)
  const publicKey = await crypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${names[0]}`,
    issuer: dates.issuer ?? `CN=${names[0]}`,
    publicKey,
    signingKey: privateKey,
    notBefore: dates.notBefore ?? new Date('2026-01-01T00:00:00Z'),
    notAfter: dates.notAfter ?? new Date('2026-04-01T00:00:00Z'),
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map(value => ({ type: 'dns', value })))],
  })
  return { cert: splitPems(certificate.toString('pem'))[0] as string, chain: '' }
}

export const names = (...all: string[]): Name[] => all as Name[]
