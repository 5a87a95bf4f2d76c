import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { TAG } from '../../../src/x509/der.js'
import { element, objectIdentifier, sequence } from '../../../src/x509/der-write.js'
import { inspect, type Part } from '../../../src/x509/inspect.js'
import { parseKey } from '../../../src/x509/keys.js'
import { belonging } from '../../../src/x509/together.js'
import { csrOf, pemOf, rsaKey } from '../../fakes/csr.js'
import { DAY, type Made, makeCertificate } from './made.js'

let root: Made
let middle: Made
let leaf: Made
let ended: Made

beforeAll(async () => {
  root = await makeCertificate({ subject: 'CN=Root', ca: true })
  middle = await makeCertificate({ subject: 'CN=Middle', issuer: root, ca: true })
  leaf = await makeCertificate({ subject: 'CN=leaf', issuer: middle, names: ['www.corp.example'] })
  ended = await makeCertificate({
    subject: 'CN=old',
    names: ['old.corp.example'],
    notAfter: DAY.from,
    notBefore: DAY.from,
  })
})

const partsOf = (...texts: string[]): readonly Part[] => inspect(Buffer.from(texts.join(''))).parts
const kinds = (bytes: Uint8Array | string): string[] =>
  inspect(Buffer.from(bytes)).parts.map(part => (part.kind === 'other' ? part.what : part.kind))
const rsa = rsaKey(2048)
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const pass = { cipher: 'aes-256-cbc', passphrase: 'secret-passphrase' } as const

describe('what is in a file', () => {
  test.each([
    ['PKCS#8', () => rsa.export({ type: 'pkcs8', format: 'der' }), 'private key'],
    ['PKCS#1', () => rsa.export({ type: 'pkcs1', format: 'der' }), 'private key'],
    ['SEC1', () => ec.privateKey.export({ type: 'sec1', format: 'der' }), 'private key'],
    ['SPKI', () => ec.publicKey.export({ type: 'spki', format: 'der' }), 'public key'],
    ['PKCS#8, encrypted', () => rsa.export({ type: 'pkcs8', format: 'der', ...pass }), 'encrypted private key'],
    ['PKCS#8, encrypted, PEM', () => rsa.export({ type: 'pkcs8', format: 'pem', ...pass }), 'encrypted private key'],
    ['PKCS#1, encrypted', () => rsa.export({ type: 'pkcs1', format: 'pem', ...pass }), 'encrypted private key'],
    ['a request', () => csrOf({ names: ['www.corp.example'] }), 'request'],
    ['a request of Windows', () => pemOf(csrOf({ names: ['a.test'] }), 'NEW CERTIFICATE REQUEST'), 'request'],
    ['a certificate', () => leaf.der, 'certificate'],
    [
      'Ed25519',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
      'private key',
    ],
  ])('%s is told by itself', (_, bytes, kind) => {
    expect(kinds(bytes())).toEqual([kind])
  })

  test('blocks of all kinds are told in their order', () => {
    const key = rsa.export({ type: 'pkcs1', format: 'pem' })
    const text = `a comment\r\n${leaf.pem}${key}${pemOf(Buffer.of(5, 0), 'X509 CRL')}${middle.pem}`
    expect(kinds(text)).toEqual(['certificate', 'private key', 'a list of revoked certificates (CRL)', 'certificate'])
  })

  test('of a private key nothing is handed on but the id and the type of its public half', () => {
    const [part] = partsOf(leaf.keyPem)
    expect(part).toEqual({ kind: 'private key', key: { id: parseKey(leaf.keyPem).id, type: 'ECDSA P-256' } })
    expect(partsOf(leaf.pem)[0]).toMatchObject({ key: { id: parseKey(leaf.keyPem).id } })
  })

  test('a request that CAs refuse is told with the reason, in PEM and in DER', () => {
    const weak = csrOf({ key: rsaKey(1024), names: ['a.test'] })
    for (const bytes of [weak, pemOf(weak)])
      expect(inspect(Buffer.from(bytes)).parts).toEqual([
        expect.objectContaining({
          kind: 'other',
          what: 'certificate request',
          why: expect.stringContaining('1024 bits'),
        }),
      ])
  })

  test('a damaged private key is told without a byte of it', () => {
    const [part] = partsOf(leaf.keyPem.replace(/\n\w{20}/, '\nAAAAAAAAAAAAAAAAAAAA'))
    expect(part).toEqual({
      kind: 'other',
      what: 'private key',
      why: expect.stringMatching(/^it is damaged/),
      hint: undefined,
    })
  })

  const pkcs7 = sequence(objectIdentifier('1.2.840.113549.1.7.2'), element(0xa0, sequence()))
  const pkcs12 = sequence(element(TAG.integer, Buffer.of(3)), sequence(objectIdentifier('1.2.840.113549.1.7.1')))
  test.each([
    ['PKCS#12', pkcs12, /^PKCS#12/],
    ['PKCS#7', pkcs7, /^certificates in PKCS#7; openssl pkcs7/],
    ['some DER', sequence(objectIdentifier('1.2.3')), /^a DER structure, but no certificate/],
  ])('%s is named', (_, bytes, words) => {
    expect(kinds(bytes)[0]).toMatch(words)
  })

  test.each([
    ['', 'it is empty'],
    ['-----BEGIN CERTIFICATE-----\nMIIB', 'its end is missing|whose end is missing'],
    ['\xff\xfe-\0-\0', 'UTF-16'],
    ['\xfe\xed\xfe\xed\0\0', 'Java keystore'],
    ['ssh-ed25519 AAAA', 'OpenSSH'],
    ['{"kty":"EC"}', 'JSON web key'],
    ['<!DOCTYPE html>', 'error page'],
    ['MIIBszCCAVmgAwIBAgI=\n', 'without the BEGIN and END lines'],
    ['\x30\x82\x01\x00\x30', 'cut off'],
    ['hello', 'some other text'],
    ['\x1b[2J', /neither PEM nor DER$/],
    ['x'.repeat(1_048_577), 'too much'],
  ])('%j is neither PEM nor DER, and what it looks like is said', (text, why) => {
    expect(() => inspect(Buffer.from(text, 'latin1'))).toThrow(Dns01Error)
    expect(() => inspect(Buffer.from(text, 'latin1'))).toThrow(new RegExp(why))
  })
})

describe('what belongs together', () => {
  const judged = (...texts: string[]): string[] =>
    belonging(partsOf(...texts), part => part.kind, DAY.now).map(({ state, text }) => `${state}: ${text}`)

  test('key, certificate and chain, down from the root that is not there', () => {
    expect(judged(leaf.keyPem, leaf.pem, middle.pem)).toEqual([
      'ok: private key belongs to certificate',
      'ok: certificate is signed by certificate',
      'ok: the last one is signed by CN=Root, which is not here: mostly a root, which clients have',
    ])
    expect(judged(leaf.pem, middle.pem, root.pem).at(-1)).toMatch(/^ok: the chain ends at a root, CN=Root/)
  })

  test.each([
    ['another key', () => [leaf.pem, middle.pem, root.keyPem], /^failed: .*another key/],
    ['a lonely certificate', () => [leaf.pem], /^warning: its signer, CN=Middle, is not here/],
    ['a chain in the wrong order', () => [middle.pem, leaf.pem], /^warning: they are not in the order/],
    ['a certificate with no part in it', () => [leaf.pem, middle.pem, ended.pem], /^warning: .*has signed none/],
    ['one that has ended', () => [ended.pem], /^failed: certificate ended at 2026-11-01T00:00Z/],
    ['one signed by itself', () => [ended.pem], /^warning: it is signed by itself/],
    ['two keys', () => [leaf.keyPem, root.keyPem], /^failed: .*nothing else here/],
    [
      'an encrypted key',
      () => [leaf.pem, rsa.export({ type: 'pkcs8', format: 'pem', ...pass }).toString()],
      /^warning: .*pass phrase/,
    ],
  ])('%s', (_, texts, line) => {
    expect(judged(...texts())).toContainEqual(expect.stringMatching(line))
  })

  test('one key alone, or a request with its key, is no fault', () => {
    const request = pemOf(csrOf({ key: createPrivateKey(leaf.keyPem), names: ['www.corp.example'] }))
    expect(judged(leaf.keyPem)).toEqual([])
    expect(judged(leaf.keyPem, request)).toEqual([
      'ok: private key belongs to request',
      'ok: request belongs to private key',
    ])
  })

  test('roots in one file are not held against each other', () => {
    expect(judged(root.pem, middle.pem)).toEqual(['ok: it is a root: signed by itself'])
  })
})

test('a megabyte of beginnings without an end is looked at once, and not once from each of them', () => {
  expect(() => inspect(Buffer.from('-----BEGIN CERTIFICATE-----'.repeat(38_000)))).toThrow('it is neither PEM nor DER')
})
