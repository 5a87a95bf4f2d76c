import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { formatted, type Material } from '../../../src/x509/formats.js'
import { generateKey } from '../../../src/x509/keys.js'
import { pemBodies, toPem } from '../../../src/x509/pem.js'
import { selfSignedCertificate } from '../../../src/x509/self-signed.js'
import { names } from '../../fakes/held.js'

const random = (bytes: number) => randomBytes(bytes)
const dates = { notBefore: new Date('2026-06-01'), notAfter: new Date('2036-06-01') }

async function material(type: 'ecdsa' | 'rsa'): Promise<Material> {
  const key = await generateKey({ type, curve: 'nistp256', rsaBits: 2048 })
  const made = (name: string): string =>
    toPem(selfSignedCertificate(key, { ...dates, names: names(name), organization: 'x', serial: randomBytes(8) }))
  return { name: '*.a.test', cert: made('a.test'), chain: made('ca.test') + made('root.test'), keyPem: key.pem }
}
const ec = await material('ecdsa')
const rsa = await material('rsa')
const derOf = (key: string | Buffer, more: object = {}) =>
  createPrivateKey({ key, ...more } as never).export({ type: 'pkcs8', format: 'der' })

const both = [
  ['ECDSA', ec],
  ['RSA', rsa],
] as const

describe.each(both)('%s', (_, material) => {
  test.each([
    ['p12', false],
    ['p12', true],
    ['jks', false],
  ] as const)('%s, for old programs: %s: opens with its passphrase alone', (format, legacy) => {
    const [file, ...more] = formatted(material, { format, passphrase: 'sésame'.replace('é', 'e'), legacy }, random)
    expect(more).toEqual([])
    const pfx = file?.bytes as Buffer
    expect(createSecureContext({ pfx, passphrase: 'sesame' })).toBeTruthy() // key and certificate belong together
    expect(() => createSecureContext({ pfx, passphrase: 'Sesame' })).toThrow(/mac verify failure/)
    const damaged = Buffer.from(pfx)
    damaged[200] = (damaged[200] ?? 0) ^ 1
    expect(() => createSecureContext({ pfx: damaged, passphrase: 'sesame' })).toThrow()
  })

  test('pem: key, certificate and chain; with a passphrase the key is encrypted', () => {
    const [plain] = formatted(material, { format: 'pem' }, random)
    const text = plain?.bytes.toString() ?? ''
    expect(text.startsWith('-----BEGIN PRIVATE KEY-----\n')).toBe(true)
    expect(derOf(text)).toEqual(derOf(material.keyPem))
    expect(text.endsWith(material.cert + material.chain)).toBe(true)
    const [locked] = formatted(material, { format: 'pem', passphrase: 'geheim' }, random)
    const encrypted = locked?.bytes.toString() ?? ''
    expect(encrypted.startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----\n')).toBe(true)
    expect(derOf(encrypted, { passphrase: 'geheim' })).toEqual(derOf(material.keyPem))
    expect(() => derOf(encrypted, { passphrase: 'Geheim' })).toThrow()
  })

  test('der: the certificate alone, and the key', () => {
    const files = formatted(material, { format: 'der' }, random)
    expect(files.map(({ part }) => part)).toEqual(['certificate', 'key'])
    expect(new X509Certificate(files[0]?.bytes as Buffer).subjectAltName).toBe('DNS:a.test')
    expect(derOf(files[1]?.bytes as Buffer, { format: 'der', type: 'pkcs8' })).toEqual(derOf(material.keyPem))
    const [, locked] = formatted(material, { format: 'der', passphrase: 'geheim' }, random)
    const opened = derOf(locked?.bytes as Buffer, { format: 'der', type: 'pkcs8', passphrase: 'geheim' })
    expect(opened).toEqual(derOf(material.keyPem))
  })

  test('bundle: the key as it is, certificate and chain', () => {
    const [file] = formatted(material, { format: 'bundle' }, random)
    expect(file?.bytes.toString()).toBe(material.keyPem + material.cert + material.chain)
    expect(pemBodies(file?.bytes.toString() ?? '')).toHaveLength(3)
  })
})

test.each([
  ['p12', undefined, 'p12: it needs a passphrase'],
  ['jks', undefined, 'jks: it needs a passphrase'],
  ['p12', '', 'p12: the passphrase is empty'],
  ['pem', '', 'pem: the passphrase is empty'],
  ['p12', 'schlüssel', 'p12: the passphrase has other characters than those of ASCII'],
  ['bundle', 'geheim', 'bundle: the key in it is never encrypted'],
] as const)('%s with the passphrase %j is refused', (format, passphrase, message) => {
  expect(() => formatted(ec, { format, passphrase }, random)).toThrow(message)
})
