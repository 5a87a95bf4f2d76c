import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { KeySpec } from '../../../src/core/target.js'
import { base32Id, generateKey, isAsStrongAs, parseJwk, parseKey } from '../../../src/x509/keys.js'
import { makeCertificate } from './made.js'

/** P-256 with private scalar 1: its public key is the generator. */
const scalarOne = createPrivateKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: 'axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY',
    y: 'T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU',
    d: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE',
  },
})

const ecdsa = (curve: KeySpec['curve']): KeySpec => ({ type: 'ecdsa', curve, rsaBits: 2048 })
const rsa = (rsaBits: number): KeySpec => ({ type: 'rsa', curve: 'nistp256', rsaBits })

describe('base32Id', () => {
  test.each([
    [
      'https://acme-v02.api.letsencrypt.org/acme/order/12345678/9876543210',
      'pj7lttebcfjik5vslvalgql5qfa5atgmbalyxau33kvo2jpjfg2a',
    ],
    ['https://localhost:14000/my-order/abc', 'lpqh7ol3lxj225wrkahxrifvylbxjcrp3fff4pd4sgroqjgucwwq'],
    ['https://acme-v01.api.letsencrypt.org/acme/cert/03f0a1b2', '53momvd2gzqxhvq6zaiux4tsdfsrnw3wu4oikcrqun34pjrqfeqa'],
  ])('of %s is what acmetool makes of it', (text, id) => {
    expect(base32Id(Buffer.from(text))).toBe(id)
  })
})

describe('parseKey', () => {
  const sec1 = scalarOne.export({ type: 'sec1', format: 'pem' }).toString()

  test('finds the key id and thumbprint of acmetool for the key with scalar 1', () => {
    const key = parseKey(sec1)
    expect(key.id).toBe('ltjff6ym5cjsinx27dgncbajqg4j5zfnnop6tyvcw7trvlfsptjq')
    expect(key.thumbprint).toBe('xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M')
    expect(key.type).toBe('ecdsa')
  })

  test('takes PKCS#8, CRLF and EC PARAMETERS in front, and gives back SEC1', () => {
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    const pkcs8 = scalarOne.export({ type: 'pkcs8', format: 'pem' }).toString()
    for (const pem of [parameters + sec1, pkcs8, sec1.replaceAll('\n', '\r\n'), Buffer.from(sec1)])
      expect(parseKey(pem)).toEqual(parseKey(sec1))
    expect(parseKey(pkcs8).pem).toBe(sec1)
  })

  test('gives RSA keys back as PKCS#1 in 64 columns', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = parseKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    expect(key.type).toBe('rsa')
    expect(key.pem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n(.{64}\n)+.{1,64}\n-----END RSA PRIVATE KEY-----\n$/)
    expect(parseKey(key.pem)).toEqual(key)
  })

  test.each([
    ['no PEM', 'hello', /no PEM private key/],
    ['a public key', createPublicKey(scalarOne).export({ type: 'spki', format: 'pem' }), /no PEM private key/],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), /type ed25519/],
    [
      'secp256k1',
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({ type: 'sec1', format: 'pem' }),
      /type ec secp256k1/,
    ],
    [
      'an encrypted key',
      scalarOne.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }),
      /encrypted/,
    ],
    ['damage', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /cannot be read/],
  ])('refuses %s as STATE', (_what, pem, message) => {
    const attempt = () => parseKey(pem.toString())
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ code: 'STATE' }))
    expect(attempt).toThrow(Dns01Error)
  })
})

describe('generateKey', () => {
  test.each([
    [ecdsa('nistp256'), 'ecdsa', 'prime256v1'],
    [ecdsa('nistp384'), 'ecdsa', 'secp384r1'],
    [ecdsa('nistp521'), 'ecdsa', 'secp521r1'],
    [rsa(2048), 'rsa', 2048],
    [rsa(3072), 'rsa', 3072],
  ])('makes %o', async (spec, type, detail) => {
    const key = await generateKey(spec)
    const details = createPrivateKey(key.pem).asymmetricKeyDetails
    expect(key.type).toBe(type)
    expect(details?.namedCurve ?? details?.modulusLength).toBe(detail)
    expect(parseKey(key.pem)).toEqual(key)
  })

  test.each([1024, 2047, 4097, 2048.5, Number.NaN])('refuses RSA of %d bits as CONFIG', async bits => {
    await expect(generateKey(rsa(bits))).rejects.toMatchObject({ code: 'CONFIG' })
  })
})

test('the key id equals that over the SPKI inside a certificate', async () => {
  const made = await makeCertificate({ subject: 'CN=x', names: ['x.test'] })
  const spki = new X509Certificate(made.pem).publicKey.export({ type: 'spki', format: 'der' })
  expect(base32Id(spki)).toBe(parseKey(made.keyPem).id)
})

describe('parseJwk', () => {
  test.each([
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ])('gives the same key as its PEM', key => {
    const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect(parseJwk(JSON.stringify(key.export({ format: 'jwk' })))).toEqual(parseKey(pem))
  })

  test.each([
    ['-----BEGIN', 'no JSON web key in it'],
    ['{"kty":"EC"}', 'the private key cannot be read'],
    ['null', 'the private key cannot be read'],
    ['"text"', 'the private key cannot be read'],
  ])('refuses %s', (text, message) => {
    expect(() => parseJwk(text)).toThrow(
      expect.objectContaining({ code: 'STATE', message: expect.stringContaining(message) }),
    )
  })
})

test.each([
  [ecdsa('nistp256'), ecdsa('nistp256'), true],
  [ecdsa('nistp384'), ecdsa('nistp256'), true],
  [ecdsa('nistp256'), ecdsa('nistp384'), false],
  [ecdsa('nistp521'), rsa(2048), false],
  [rsa(2048), rsa(2048), true],
  [rsa(3072), rsa(2048), true],
  [rsa(2048), rsa(3072), false],
  [rsa(4096), ecdsa('nistp256'), false],
])('a key of %j is as strong as %j asks for: %j', async (of, spec, is) => {
  expect(isAsStrongAs((await generateKey(of)).pem, spec)).toBe(is)
})
