import { webcrypto as crypto, randomBytes } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(crypto as never)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY = 86_400_000

const newKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

/** A CA made for this one start, and a server certificate by it for localhost, 127.0.0.1 and ::1 (or `names`). PEM. */
export async function makeTestCa(
  names: readonly x509.JsonGeneralName[] = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ],
  /** Of the server certificate, where the dates shall be others. */
  more: { readonly notAfter?: Date } = {},
): Promise<{ ca: string; cert: string; key: string }> {
  const dates = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + 30 * DAY) }
  const caKeys = await newKeys()
  const serverKeys = await newKeys()
  const issuer = `CN=dns01 test CA ${randomBytes(4).toString('hex')}` // of two trusted ones with one name only one is looked at
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    name: issuer,
    keys: caKeys as never,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  const cert = await x509.X509CertificateGenerator.create({
    ...dates,
    ...more,
    subject: 'CN=localhost',
    issuer,
    publicKey: serverKeys.publicKey as never,
    signingKey: caKeys.privateKey as never,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension([...names])],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey))
  return { ca: ca.toString('pem'), cert: cert.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
