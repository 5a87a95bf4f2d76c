// Bodies of signed requests: fakeCa() checks each signature by the algorithm and the key that its header names (RFC 8555 §6.2).
import { createHmac, createPublicKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openClient } from '../../../src/acme/client.js'
import { openSigner } from '../../../src/acme/jws.js'
import { generateKey } from '../../../src/x509/keys.js'
import { base, order, testWorld } from './parts.js'

const { signal } = new AbortController()
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())

describe('signed requests', () => {
  test.each([
    ['ES256', { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 }],
    ['ES384', { type: 'ecdsa', curve: 'nistp384', rsaBits: 2048 }],
    ['ES512', { type: 'ecdsa', curve: 'nistp521', rsaBits: 2048 }],
    ['RS256', { type: 'rsa', curve: 'nistp256', rsaBits: 2048 }],
  ] as const)('are signed by %s, with the key at first and with the URL of the account then', async (alg, spec) => {
    const world = testWorld()
    const headers: object[] = []
    world.ca.always('/new-account', ({ protected: head }) => {
      headers.push(head)
      return { status: 201, headers: { location: '/account/1' }, body: { status: 'valid' } }
    })
    world.ca.always('/order/1', ({ protected: head }) => {
      headers.push(head)
      return { body: order('ready') }
    })
    const client = openClient(world, world.ca.directoryUrl, await generateKey(spec))
    await world.clock.runUntil(client.order(`${base}/order/1`, signal))
    expect(headers).toEqual([
      { alg, nonce: 'nonce-1', url: `${base}/new-account`, jwk: expect.objectContaining({ kty: expect.anything() }) },
      { alg, nonce: 'nonce-2', url: `${base}/order/1`, kid: `${base}/account/1` },
    ])
  })

  test('for accounts at several CAs at once are each for their own', async () => {
    const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
    const urls = Array.from({ length: 20 }, (_, i) => `https://ca${i}.test/new-account`)
    const bodies = await Promise.all(
      urls.map((url, i) => openSigner(key).signNewAccount({ contact: [url] }, { url, nonce: `nonce-${i}` })),
    )
    const told = bodies.map(body => JSON.parse(body)).map(jws => [decode(jws.protected), decode(jws.payload)])
    expect(told.map(([head, payload]) => [head.url, head.nonce, payload.contact])).toEqual(
      urls.map((url, i) => [url, `nonce-${i}`, [url]]),
    )
  })

  test('leave the payload that they are made from as it is', async () => {
    const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
    const payload = { contact: [] }
    const binding = { keyId: 'k', hmacKey: 'c2VjcmV0', algorithm: 'HS256' } as const
    const signer = openSigner(key)
    const { payload: sent } = JSON.parse(
      await signer.signNewAccount(payload, { url: `${base}/a`, nonce: 'n' }, binding),
    )
    expect(decode(sent)).toMatchObject({ externalAccountBinding: { signature: expect.any(String) } })
    expect(payload).toEqual({ contact: [] })
  })

  /** The example of RFC 7515, appendix A.1: 64 bytes, with characters that only one of the two alphabets has. */
  const secret = Buffer.from(
    'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    'base64url',
  )
  const unpadded = secret.toString('base64').replace(/=+$/, '')

  test.each([
    ['HS256', 'sha256', secret.toString('base64url')],
    ['HS384', 'sha384', secret.toString('base64url')],
    ['HS512', 'sha512', secret.toString('base64url')],
    ['HS256', 'sha256', secret.toString('base64')],
    ['HS256', 'sha256', unpadded],
    ['HS256', 'sha256', `${secret.toString('base64url')}==`],
  ] as const)(
    'bind an external account by %s as node itself computes it (%s of a key like %s)',
    async (algorithm, hash, hmacKey) => {
      const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
      const binding = { keyId: 'kid-1', hmacKey, algorithm }
      const url = `${base}/new-account`
      const body = JSON.parse(await openSigner(key).signNewAccount({ contact: [] }, { url, nonce: 'n' }, binding))
      const bound = decode(body.payload).externalAccountBinding
      expect(Object.keys(bound).sort()).toEqual(['payload', 'protected', 'signature'])
      expect(decode(bound.protected)).toEqual({ alg: algorithm, kid: 'kid-1', url })
      expect(decode(bound.payload)).toEqual(createPublicKey(key.pem).export({ format: 'jwk' }))
      expect(decode(bound.payload)).toEqual(decode(body.protected).jwk)
      const text = `${bound.protected}.${bound.payload}`
      expect(bound.signature).toBe(createHmac(hash, secret).update(text).digest('base64url'))
    },
  )
})
