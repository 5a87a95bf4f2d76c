import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { dnsChallenge } from '../../../src/acme/challenge.js'
import { objectsOf } from '../../../src/acme/objects.js'
import { authorization, base } from './parts.js'

const read = (more: object = {}) =>
  objectsOf(`${base}/directory`).authorization(authorization('pending', more), `${base}/authz/1`)
const key = { thumbprint: 'xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M' }
const challenge = (token: unknown, type = 'dns-01') => ({
  challenges: [{ type, url: `${base}/c`, status: 'pending', token }],
})

test('answers with the digest of token and thumbprint (RFC 8555 §8.4)', () => {
  const token = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ'
  const keyAuthorization = `${token}.${key.thumbprint}`
  expect(dnsChallenge(read(), key)).toEqual({
    url: `${base}/challenge/1`,
    token,
    keyAuthorization,
    value: createHash('sha256').update(keyAuthorization).digest('base64url'),
  })
  expect(dnsChallenge(read(), key).value).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test('says what is offered instead', () => {
  expect(() => dnsChallenge(read(challenge('x', 'http-01')), key)).toThrow(/no dns-01 challenge, but http-01/)
  expect(() => dnsChallenge(read({ challenges: [] }), key)).toThrow(/but nothing/)
})

test.each(['', 'a.b', 'a b', '$(x)', 'ä', undefined])('refuses the token %j', token => {
  expect(() => dnsChallenge(read(challenge(token)), key)).toThrow(/dns-01 challenge with the token/)
})
