import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { readCertificate } from '../../../src/x509/certificate.js'
import { generateKey, parseKey } from '../../../src/x509/keys.js'
import { selfSignedCertificate } from '../../../src/x509/self-signed.js'
import { names } from '../../fakes/held.js'

const [notBefore, notAfter] = [new Date('2026-06-01T10:00:00Z'), new Date('2026-06-08T11:00:00Z')]
const about = { organization: 'nobody', notBefore, notAfter }

test.each(['ecdsa', 'rsa'] as const)(
  'a self-signed certificate is what node and our own reader take it for: %s',
  async type => {
    const key = await generateKey({ type, curve: 'nistp256', rsaBits: 2048 })
    const all = names('*.a.test', 'b.test')
    const der = selfSignedCertificate(key, { ...about, names: all, serial: new Uint8Array(16).fill(0xff) })
    const theirs = new X509Certificate(der)
    expect(theirs.verify(theirs.publicKey)).toBe(true)
    expect(theirs.subjectAltName).toBe('DNS:*.a.test, DNS:b.test')
    expect(theirs.serialNumber).toBe(`7F${'FF'.repeat(15)}`)
    const { names: read, ...facts } = readCertificate(der)
    expect(read).toEqual(all)
    const name = 'O=nobody, CN=*.a.test'
    expect(facts).toMatchObject({ notBefore, notAfter, keyId: key.id, selfSigned: true, issuer: name, subject: name })
    expect(parseKey(key.pem).id).toBe(key.id)
  },
)

test('a first name that is too long for a common name is in the others only, and a serial number is never 0 or negative', async () => {
  const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
  const long = `${'a'.repeat(60)}.${'b'.repeat(10)}.test`
  const der = selfSignedCertificate(key, { ...about, names: names(long), serial: new Uint8Array(16) })
  expect(new X509Certificate(der).subject).toBe('O=nobody')
  expect(new X509Certificate(der).serialNumber).toBe(`40${'00'.repeat(15)}`)
})
