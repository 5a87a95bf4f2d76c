import { createPrivateKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { accountId, certificateId, directoryUrl, ID_FORM, isServerPart, serverPart } from '../../../src/state/layout.js'
import { parseKey } from '../../../src/x509/keys.js'

/** Made or accepted by acmetool 0.2.2. */
const SERVERS = [
  ['https://acme-v02.api.letsencrypt.org/directory', 'acme-v02.api.letsencrypt.org%2fdirectory'],
  ['https://example.com/', 'example.com'],
  ['https://example.com', 'example.com'],
  ['https://example.com:14000/dir', 'example.com%3a14000%2fdir'],
  ['https://example.com:443/dir', 'example.com%3a443%2fdir'],
  ['https://EXAMPLE.com/Dir/', 'EXAMPLE.com%2fDir%2f'],
  ['HTTPS://example.com/dir', 'example.com%2fdir'],
  ['http://example.com/directory', 'http:example.com%2fdirectory'],
  ['http://localhost:4000/', 'http:localhost%3a4000'],
  ['https://example.com/a/b?x=y&z=1', 'example.com%2fa%2fb%3fx%3dy%26z%3d1'],
  ["https://example.com/~a%20b*(c)!'", 'example.com%2f~a%2520b%2a%28c%29%21%27'],
  ['https://ex.com/päth', 'ex.com%2fp%25C3%25A4th'],
  ['https://[::1]:14000/dir', '%5b%3a%3a1%5d%3a14000%2fdir'],
] as const

describe('serverPart', () => {
  test.each(SERVERS)('%s', (url, part) => expect(serverPart(url)).toBe(part))
  test.each([
    'ftp://example.com/',
    'example.com/dir',
    '',
    'https://',
    'https://example.com?x=1',
    'https://example.com/?x=1',
  ])('refuses %j', url => expect(() => serverPart(url)).toThrow(expect.objectContaining({ code: 'CONFIG' })))
})

describe('directoryUrl', () => {
  test.each(SERVERS)('%s and back', (_, part) => {
    expect(serverPart(directoryUrl(part))).toBe(part)
    expect(isServerPart(part)).toBe(true)
  })
  test('gives a server without a path a slash', () =>
    expect(directoryUrl('http:localhost%3a4000')).toBe('http://localhost:4000/'))
  test.each(['example.com%2Fdir', 'example.com/', 'ftp:example.com', 'a b'])('knows %j for misspelt', part =>
    expect(isServerPart(part)).toBe(false),
  )
})

describe('ids', () => {
  test.each([
    [
      'https://acme-v02.api.letsencrypt.org/acme/order/12345678/9876543210',
      'pj7lttebcfjik5vslvalgql5qfa5atgmbalyxau33kvo2jpjfg2a',
    ],
    ['https://localhost:14000/my-order/abc', 'lpqh7ol3lxj225wrkahxrifvylbxjcrp3fff4pd4sgroqjgucwwq'],
    [
      'https://acme-v01.api.letsencrypt.org/acme/cert/03f0a1b2\n',
      '53momvd2gzqxhvq6zaiux4tsdfsrnw3wu4oikcrqun34pjrqfeqa',
    ],
  ])('%j', (url, id) => {
    expect(certificateId(url)).toBe(id)
    expect(id).toMatch(ID_FORM)
  })

  test('joins server and key of an account', () => {
    const scalarOne = createPrivateKey({
      key: {
        kty: 'EC',
        crv: 'P-256',
        d: `${'A'.repeat(42)}E`,
        x: 'axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY',
        y: 'T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU',
      },
      format: 'jwk',
    })
    const { id } = parseKey(scalarOne.export({ type: 'sec1', format: 'pem' }).toString())
    expect(accountId('https://localhost:14000/dir', id)).toBe(
      'localhost%3a14000%2fdir/ltjff6ym5cjsinx27dgncbajqg4j5zfnnop6tyvcw7trvlfsptjq',
    )
  })
})
