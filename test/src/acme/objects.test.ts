import { describe, expect, test } from 'vitest'
import { objectsOf } from '../../../src/acme/objects.js'
import { authorization, base, order } from './parts.js'

const secure = objectsOf(`${base}/directory`)
const plain = objectsOf('http://ca.test/directory')
const directory = { newNonce: `${base}/n`, newAccount: `${base}/a`, newOrder: `${base}/o` }
const at = `${base}/order/1`

describe('directory', () => {
  test('takes one without meta, and one full of what we do not know', () => {
    expect(secure.directory(directory, 'x')).toMatchObject({
      caaIdentities: [],
      externalAccountRequired: false,
      profiles: {},
    })
    const meta = { termsOfService: 7, caaIdentities: ['ca.test'], profiles: { short: 'six days' }, other: [] }
    expect(secure.directory({ ...directory, meta, x: 1 }, 'x')).toEqual({
      ...directory,
      caaIdentities: ['ca.test'],
      externalAccountRequired: false,
      profiles: { short: 'six days' },
    })
  })

  test.each([
    ['newOrder is missing', { ...directory, newOrder: undefined }, /not an ACME directory: newOrder/],
    ['a list', [], /not an ACME directory/],
    ['a name alone', { ...directory, newNonce: 'new-nonce' }, /newNonce: it is not an https URL/],
    ['plain http', { ...directory, newNonce: 'http://ca.test/n' }, /newNonce: it is not an https URL/],
  ])('%s: CONFIG, asking whether this is the directory URL', (_what, data, message) => {
    const attempt = () => secure.directory(data, 'https://ca.test/x')
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ code: 'CONFIG', hint: expect.stringContaining('directory URL') }))
  })

  test('a CA spoken to by http may name http URLs', () => {
    const urls = { newNonce: 'http://ca.test/n', newAccount: 'http://ca.test/a', newOrder: `${base}/o` }
    expect(plain.directory(urls, 'x')).toMatchObject(urls)
    expect(() => plain.directory({ ...urls, newNonce: 'file:///etc/passwd' }, 'x')).toThrow(/not an http or https URL/)
  })
})

describe('order', () => {
  test('has names and a date', () => {
    const identifiers = [{ type: 'dns', value: '*.EXAMPLE.com' }]
    const read = secure.order(order('ready', { identifiers, expires: '2026-12-01T00:00:00Z', notBefore: null }), at)
    expect(read).toMatchObject({
      url: at,
      status: 'ready',
      identifiers: ['*.example.com'],
      expires: new Date('2026-12-01'),
    })
    expect(secure.order(order('ready', { expires: 'soon' }), at).expires).toBeUndefined()
  })

  test.each([
    ['undefined', undefined, /order https:\/\/ca\.test\/order\/1: what the CA sent is not valid ACME/],
    ['another status', order('happy'), /status: /],
    ['no finalize', order('ready', { finalize: undefined }), /finalize/],
    [
      'a wicked URL',
      order('ready', { authorizations: [`${base}/1`, 'file:///etc/passwd'] }),
      /authorizations\.1: it is not an https URL/,
    ],
    ['no names', order('ready', { identifiers: [] }), /identifiers/],
    ['an IP address', order('ready', { identifiers: [{ type: 'ip', value: '192.0.2.1' }] }), /identifiers\.0\.type/],
    ['a name that is a path', order('ready', { identifiers: [{ type: 'dns', value: '../x' }] }), /is not a host name/],
  ])('%s: REFUSED, and where', (_what, data, message) => {
    expect(() => secure.order(data, at)).toThrow(message)
    expect(() => secure.order(data, at)).toThrow(expect.objectContaining({ code: 'REFUSED' }))
  })
})

describe('authorization', () => {
  test('keeps challenges of types we do not know, and their errors whole', () => {
    const error = { type: 'urn:ietf:params:acme:error:dns', detail: 'x', subproblems: [{ type: 'y', detail: 'z' }] }
    const challenges = [
      { type: 'dns-persist-01', url: `${base}/c`, status: 'invalid', error, 'issuer-domain-names': [] },
    ]
    const read = secure.authorization(authorization('invalid', { challenges, wildcard: true }), at)
    expect(read).toMatchObject({
      identifier: 'www.example.com',
      wildcard: true,
      challenges: [{ type: 'dns-persist-01', error }],
    })
  })

  test('refuses a challenge without a URL', () => {
    const challenges = [{ type: 'dns-01', status: 'pending', token: 'x' }]
    expect(() => secure.authorization(authorization('pending', { challenges }), at)).toThrow(/challenges\.0\.url/)
  })
})

test('a Location may be relative, but is there', () => {
  expect(secure.url('/order/7', `${base}/new-order`, 'Location')).toBe(`${base}/order/7`)
  expect(() => secure.url(undefined, `${base}/new-order`, 'Location')).toThrow(/Location/)
  expect(() => secure.url('http://x.test/', `${base}/new-order`, 'Location')).toThrow(/not an https URL/)
})
