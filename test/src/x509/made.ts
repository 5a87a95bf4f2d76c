import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export const DAY = {
  from: new Date('2026-11-01T00:00:00Z'),
  now: new Date('2026-11-20T00:00:00Z'),
  to: new Date('2027-01-30T00:00:00Z'),
}

export interface Made {
  readonly pem: string
  readonly der: Uint8Array
  readonly subject: string
  readonly keys: webcrypto.CryptoKeyPair
  /** PKCS#8 PEM. */
  readonly keyPem: string
}

interface Wishes {
  readonly subject: string
  readonly issuer?: Made
  readonly names?: readonly string[]
  readonly ca?: boolean
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly extensions?: x509.Extension[]
}

/** A certificate for a fresh P-256 key, by `issuer` or by itself. */
export async function makeCertificate(wishes: Wishes): Promise<Made> {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const issuer = wishes.issuer ?? { subject: wishes.subject, keys }
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '0087654321',
    subject: wishes.subject,
    issuer: issuer.subject,
    notBefore: wishes.notBefore ?? DAY.from,
    notAfter: wishes.notAfter ?? DAY.to,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      ...(wishes.ca ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
      ...(wishes.names ? [san(wishes.names)] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
      ...(wishes.extensions ?? []),
    ],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    pem: `${certificate.toString('pem')}\n`,
    der: new Uint8Array(certificate.rawData),
    subject: wishes.subject,
    keys,
    keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  }
}

const san = (names: readonly string[]): x509.Extension =>
  new x509.SubjectAlternativeNameExtension(
    names.map(value => ({ type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
  )

/** Root, intermediate and leaf for these names. */
export async function makeChain(names: readonly string[], dates: Pick<Wishes, 'notBefore' | 'notAfter'> = {}) {
  const root = await makeCertificate({ subject: 'CN=Root', ca: true })
  const intermediate = await makeCertificate({ subject: 'CN=Intermediate', ca: true, issuer: root })
  const leaf = await makeCertificate({ subject: `CN=${names[0]}`, issuer: intermediate, names, ...dates })
  return { root, intermediate, leaf }
}
