// Requests that somebody else has made: what is read from them, and which are refused before anything is ordered.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createCsr } from '../../../src/x509/csr.js'
import { primitive } from '../../../src/x509/der.js'
import { element } from '../../../src/x509/der-write.js'
import { base32Id, generateKey } from '../../../src/x509/keys.js'
import { csrPem, longestCsrBytes, readCsr } from '../../../src/x509/read-csr.js'
import { type CsrWishes, csrOf, curveKey, mustStaple, pemOf, rsaKey } from '../../fakes/csr.js'

const names = ['www.a.test', '*.a.test']

describe('a good request', () => {
  test.each([
    ['ecdsa', { key: curveKey('prime256v1') }],
    ['ecdsa', { key: curveKey('secp384r1'), hash: 'sha384' }],
    ['ecdsa', { key: curveKey('secp521r1'), hash: 'sha512' }],
    ['rsa', { key: rsaKey(2048) }],
    ['rsa', { key: rsaKey(3072), hash: 'sha384' }],
    ['rsa', { key: rsaKey(2056, 3), hash: 'sha512' }],
    ['ecdsa', { key: curveKey('prime256v1'), extensions: [mustStaple], commonNames: ['WWW.a.test'] }],
  ] as const)('with a key of type %s (%#): names in order, key id, and its own bytes', (keyType, wishes) => {
    const der = csrOf({ ...wishes, names })
    const spki = createPublicKey(wishes.key).export({ type: 'spki', format: 'der' })
    const read = readCsr(der)
    expect(read).toEqual({ names, keyType, keyId: base32Id(spki), der: Buffer.from(der).toString('base64url') })
    expect(readCsr(Buffer.from(csrPem(read)))).toEqual(read)
  })

  test.each([
    ['PEM', (der: Uint8Array) => pemOf(der)],
    ['PEM of old programs', (der: Uint8Array) => pemOf(der, 'NEW CERTIFICATE REQUEST')],
    ['PEM with CRLF', (der: Uint8Array) => pemOf(der).replaceAll('\n', '\r\n')],
    ['what openssl req -text prints', (der: Uint8Array) => `Certificate Request:\n  Data: x\n${pemOf(der)}\n`],
  ])('as %s', (_, form) => {
    const der = csrOf({ names })
    expect(readCsr(Buffer.from(form(der)))).toEqual(readCsr(der))
  })

  test.each(['ecdsa', 'rsa'] as const)('as we make it ourselves, %s', async type => {
    const key = await generateKey({ type, curve: 'nistp256', rsaBits: 2048 })
    const der = createCsr(key, names as never, { mustStaple: true })
    expect(readCsr(der)).toMatchObject({ names, keyId: key.id, keyType: type })
  })

  test('names are lower case, each once, international ones as A-labels', () => {
    expect(readCsr(csrOf({ names: ['WWW.A.test', 'www.a.test', 'a.test'] })).names).toEqual(['www.a.test', 'a.test'])
  })
})

const edKey = generateKeyPairSync('ed25519').privateKey
const rsa = rsaKey(2048)
/** The same modulus with another exponent: for such a key nobody can sign. */
const withExponent = (e: string) =>
  createPublicKey({ format: 'jwk', key: { ...createPublicKey(rsa).export({ format: 'jwk' }), e } })

test.each<[string, CsrWishes, RegExp]>([
  ['no attributes', { bare: true }, /has no names: its subjectAltName is missing/],
  ['no subjectAltName', { commonNames: ['www.a.test'] }, /has no names/],
  ['RSA of 1024 bits', { key: rsaKey(1024), names }, /RSA key has 1024 bits, which is too weak/],
  ['RSA of 2050 bits', { key: rsaKey(2050), names }, /2050 bits, which is not a multiple of 8/],
  ['an even exponent', { key: rsa, publicKey: withExponent('BA'), names }, /public exponent 4; it must be odd/],
  ['the exponent 1', { key: rsa, publicKey: withExponent('AQ'), names }, /public exponent 1; it must be odd/],
  ['P-224', { key: curveKey('secp224r1'), names }, /on the curve secp224r1/],
  ['secp256k1', { key: curveKey('secp256k1'), names }, /on the curve secp256k1/],
  ['Ed25519', { key: edKey, names }, /key is of type ed25519/],
  ['SHA-1 with RSA', { key: rsa, hash: 'sha1', names }, /signed with SHA-1, which CAs do not take/],
  ['SHA-1 with ECDSA', { hash: 'sha1', names }, /signed with SHA-1/],
  ['MD5', { key: rsa, hash: 'md5', names }, /signed with MD5/],
  ['RSASSA-PSS', { key: rsa, algorithm: '1.2.840.113549.1.1.10', names }, /signed with RSASSA-PSS/],
  ['an algorithm nobody knows', { algorithm: '1.2.3.4', names }, /an unknown algorithm \(1\.2\.3\.4\)/],
  ['a hash that is not the one named', { hash: 'sha384', algorithm: '1.2.840.10045.4.3.2', names }, /its signature/],
  [
    'the public key of somebody else',
    { publicKey: createPublicKey(curveKey('prime256v1')), names },
    /signature is not by its own key/,
  ],
  ['RSA, signed by ECDSA', { publicKey: createPublicKey(rsa), names }, /signature is not by its own key/],
  [
    'an IP address',
    { names, others: [element(primitive(7), Buffer.of(192, 0, 2, 1))] },
    /asks for an IP address \(192\.0\.2\.1\) besides host names/,
  ],
  ['an IPv6 address', { others: [element(primitive(7), Buffer.alloc(16))] }, /asks for an IP address besides/],
  [
    'an e-mail address',
    { names, others: [element(primitive(1), Buffer.from('a@b.test'))] },
    /asks for an e-mail address \(a@b\.test\)/,
  ],
  ['an address as a name', { names: ['192.0.2.1'] }, /a name that is none: "192\.0\.2\.1" .* it is an IP address/],
  ['a name that is none', { names: ['a b.test'] }, /asks for a name that is none/],
  [
    'a common name that is no name of it',
    { names, commonNames: ['other.test'] },
    /common name "other\.test" is not one of/,
  ],
  [
    'a common name in words',
    { names, commonNames: ['My printer'] },
    /common name "My printer" is not one of its names/,
  ],
])('a request with %s is refused', (_, wishes, message) => {
  expect(() => readCsr(csrOf(wishes))).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringMatching(message) }),
  )
})

const good = csrOf({ names })
const certificate = pemOf(Buffer.of(1), 'CERTIFICATE')
test.each<[string, Uint8Array | string, RegExp]>([
  ['nothing', '', /neither PEM nor DER/],
  ['text', 'not a request', /neither PEM nor DER/],
  ['a certificate', certificate, /holds no certificate request, but: certificate$/],
  ['a private key', pemOf(Buffer.of(1), 'PRIVATE KEY'), /but: private key$/],
  ['two requests', pemOf(good) + pemOf(good), /holds 2 certificate requests/],
  ['PEM of something else', pemOf(Buffer.of(0x30, 0)), /not a certificate request/],
  ['half of it', good.subarray(0, 100), /not a certificate request/],
  ['bytes behind it', Buffer.concat([good, Buffer.of(0)]), /1 bytes follow it/],
  ['too much', Buffer.alloc(longestCsrBytes + 1, 0x30), /too much for a certificate request/],
])('what is %s is refused', (_, bytes, message) => {
  expect(() => readCsr(Buffer.from(bytes as string))).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringMatching(message) }),
  )
})

test('one with any byte changed is refused, or means the same', () => {
  const meant = readCsr(good)
  for (let i = 0; i < good.length; i++) {
    const changed = Uint8Array.from(good)
    changed[i] = (changed[i] as number) ^ 0x01
    try {
      expect({ ...readCsr(changed), der: '' }, `byte ${i}`).toEqual({ ...meant, der: '' })
    } catch (error) {
      expect(error, `byte ${i}`).toMatchObject({ code: 'CONFIG' })
    }
  }
})
