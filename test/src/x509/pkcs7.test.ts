import { expect, test } from 'vitest'
import { constructed, TAG } from '../../../src/x509/der.js'
import { element, integer, objectIdentifier, sequence } from '../../../src/x509/der-write.js'
import { generateKey } from '../../../src/x509/keys.js'
import { toPem } from '../../../src/x509/pem.js'
import { certificatesIn } from '../../../src/x509/pkcs7.js'
import { selfSignedCertificate } from '../../../src/x509/self-signed.js'
import { names } from '../../fakes/held.js'

const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
const made = (name: string): Buffer =>
  Buffer.from(
    selfSignedCertificate(key, {
      ...{ names: names(name), organization: 'x', serial: Uint8Array.of(1) },
      ...{ notBefore: new Date('2026-01-01'), notAfter: new Date('2027-01-01') },
    }),
  )
const [one, two] = [made('one.test'), made('two.test')]

/** As `openssl crl2pkcs7 -nocrl` makes it; test/scripts/by-hand.txt reads the real thing. */
const p7b = (type: string, ...bag: Buffer[]): Buffer =>
  sequence(
    objectIdentifier(type),
    element(
      constructed(0),
      sequence(
        integer(1),
        element(TAG.set),
        sequence(objectIdentifier('1.2.840.113549.1.7.1')),
        ...(bag.length > 0 ? [element(constructed(0), ...bag)] : []),
        element(TAG.set),
      ),
    ),
  )
const signed = '1.2.840.113549.1.7.2'

test.each<[string, Uint8Array, Buffer[]]>([
  ['PEM with words between', Buffer.from(`words\n${toPem(one)}more\n${toPem(two)}`), [one, two]],
  ['PEM with another label', Buffer.from(toPem(one, 'TRUSTED CERTIFICATE')), [one]],
  ['DER', one, [one]],
  ['PKCS #7 as DER', p7b(signed, two, one), [two, one]],
  ['PKCS #7 as PEM', Buffer.from(toPem(p7b(signed, one), 'PKCS7')), [one]],
])('%s', (_, bytes, expected) => {
  expect(certificatesIn(bytes).map(der => Buffer.from(der))).toEqual(expected)
})

test.each<[string, Uint8Array]>([
  ['nothing', Buffer.alloc(0)],
  ['a text', Buffer.from('hello')],
  ['a key', Buffer.from(key.pem)],
  ['PKCS #7 without a certificate', p7b(signed)],
  ['another content', p7b('1.2.840.113549.1.7.1', one)],
  ['half of it', p7b(signed, one).subarray(0, 200)],
])('%s is no certificate', (_, bytes) => {
  expect(() => certificatesIn(bytes)).toThrow(expect.objectContaining({ code: 'STATE' }))
})
