import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import { createCsr } from '../../../src/x509/csr.js'
import { generateKey } from '../../../src/x509/keys.js'

x509.cryptoProvider.set(webcrypto)

const names = (...all: string[]): Name[] => all as Name[]
const p256 = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
const rsa = await generateKey({ type: 'rsa', curve: 'nistp256', rsaBits: 2048 })

const read = async (key: typeof p256, all: Name[], mustStaple = false) =>
  new x509.Pkcs10CertificateRequest(Buffer.from(await createCsr(key, all, { mustStaple })))

const raw = (csr: x509.Pkcs10CertificateRequest, oid: string): ArrayBuffer =>
  csr.getExtension(oid)?.rawData ?? new ArrayBuffer(0)

const sanOf = (csr: x509.Pkcs10CertificateRequest): string[] =>
  new x509.SubjectAlternativeNameExtension(raw(csr, '2.5.29.17')).names.items.map(name => name.value)

describe('createCsr', () => {
  test('names all in order, the first as common name, and signs with the key', async () => {
    const csr = await read(p256, names('*.b.test', 'a.test', 'b.test'))
    expect(sanOf(csr)).toEqual(['*.b.test', 'a.test', 'b.test'])
    expect(csr.subject).toBe('CN=*.b.test')
    expect(await csr.verify()).toBe(true)
    expect(csr.signatureAlgorithm).toMatchObject({ name: 'ECDSA', hash: { name: 'SHA-256' } })
  })

  test('leaves the common name out when the first name has 65 characters, and keeps it with 64', async () => {
    const long = (length: number): string => `${'a'.repeat(60)}.${'b'.repeat(length - 61)}`
    expect((await read(p256, names(long(64), 'a.test'))).subject).toBe(`CN=${long(64)}`)
    const without = await read(p256, names(long(65), 'a.test'))
    expect(without.subject).toBe('')
    expect(sanOf(without)).toEqual([long(65), 'a.test'])
  })

  test.each([
    ['ECDSA', p256, x509.KeyUsageFlags.digitalSignature],
    ['RSA', rsa, x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment],
  ])('asks for the usages that an %s key has', async (_type, key, usages) => {
    const csr = await read(key, names('a.test'))
    expect(new x509.KeyUsagesExtension(raw(csr, '2.5.29.15')).usages).toBe(usages)
    expect(await csr.verify()).toBe(true)
  })

  test('works for P-384 and P-521, signed with SHA-256', async () => {
    for (const curve of ['nistp384', 'nistp521'] as const) {
      const csr = await read(await generateKey({ type: 'ecdsa', curve, rsaBits: 2048 }), names('a.test'))
      expect(await csr.verify()).toBe(true)
      expect(csr.signatureAlgorithm).toMatchObject({ hash: { name: 'SHA-256' } })
    }
  })

  test('asks for must-staple only when told to', async () => {
    const feature = '1.3.6.1.5.5.7.1.24'
    const value = (await read(p256, names('a.test'), true)).getExtension(feature)?.value
    expect(Buffer.from(value ?? new ArrayBuffer(0)).toString('hex')).toBe('3003020105')
    expect((await read(p256, names('a.test'))).getExtension(feature)).toBeNull()
  })
})
