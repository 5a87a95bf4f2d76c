import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { accountLabel, dnsChallenge } from '../../../src/acme/challenge.js'
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

test('the account label of draft-ietf-acme-dns-account-label, by its example', () => {
  expect(accountLabel('https://example.com/acme/acct/ExampleAccount')).toBe('_ujmmovf2vn55tgye')
})

test('the labels that docs/methods.md shows are those of its accounts', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/methods.md'), 'utf8')
  const shown = [...page.matchAll(/(https:\/\/acme\.example\/acct\/\d+); .* (_\w+)\._acme-challenge/g)]
  expect(shown.map(([, url = '']) => accountLabel(url))).toEqual(shown.map(([, , label]) => label))
  for (const [, , label] of shown)
    expect(page.split('\n').some(line => line.startsWith(`${label}._acme-challenge`))).toBe(true)
  expect(shown).toHaveLength(2)
})

const offered = (...types: string[]) => ({
  challenges: types.map(type => ({ type, url: `${base}/c/${type}`, status: 'pending', token: type })),
})

test('takes the challenge of the method that is asked for, wherever it stands, and no other', () => {
  const all = read(offered('dns-persist-01', 'dns-account-01', 'http-01', 'dns-01'))
  expect(dnsChallenge(all, key).token).toBe('dns-01')
  expect(dnsChallenge(all, key, 'dns-account-01')).toMatchObject({
    token: 'dns-account-01',
    url: `${base}/c/dns-account-01`,
  })
})

test.each([
  [['dns-01', 'http-01', 'dns-01'], 'but dns-01, http-01', 'request.challenge.dns.method to dns-01,'],
  [['dns-persist-01', 'dns-01'], 'but dns-persist-01, dns-01', 'to dns-01 or dns-persist-01,'],
  [['tls-alpn-01'], 'but tls-alpn-01', 'this CA or this account allows other kinds of proof only'],
])('a method that the CA does not offer: %j', (types, message, hint) => {
  expect(() => dnsChallenge(read(offered(...types)), key, 'dns-account-01')).toThrow(
    expect.objectContaining({
      code: 'REFUSED',
      message: expect.stringContaining(`www.example.com: the CA offers no dns-account-01 challenge, ${message}`),
      hint: expect.stringContaining(hint),
    }),
  )
})

test('says what is offered instead', () => {
  expect(() => dnsChallenge(read(challenge('x', 'http-01')), key)).toThrow(/no dns-01 challenge, but http-01/)
  expect(() => dnsChallenge(read({ challenges: [] }), key)).toThrow(/but nothing/)
})

test.each(['', 'a.b', 'a b', '$(x)', 'ä', undefined])('refuses the token %j', token => {
  expect(() => dnsChallenge(read(challenge(token)), key)).toThrow(/dns-01 challenge with the token/)
})
