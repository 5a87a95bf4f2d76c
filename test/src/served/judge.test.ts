import { beforeAll, describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'
import { parsePlace } from '../../../src/core/place.js'
import type { Version } from '../../../src/served/hello.js'
import { faultOf, judge, type Ours, type ServedFinding } from '../../../src/served/judge.js'
import type { Looked } from '../../../src/served/look.js'
import { DAY, type Made, makeCertificate } from '../x509/made.js'

const name = parseName('www.corp.example')
const made: Record<'root' | 'middle' | 'leaf' | 'older' | 'foreign' | 'ended' | 'own', Made> = {} as never

beforeAll(async () => {
  made.root = await makeCertificate({ subject: 'CN=Root', ca: true })
  made.middle = await makeCertificate({ subject: 'CN=Middle', issuer: made.root, ca: true })
  const { middle } = made
  made.leaf = await makeCertificate({ subject: 'CN=new', issuer: middle, names: [name] })
  made.older = await makeCertificate({
    subject: 'CN=old',
    issuer: middle,
    names: [name],
    notAfter: new Date(DAY.now.getTime() + 3_600_000),
  })
  made.foreign = await makeCertificate({ subject: 'CN=x\u001b[2J', issuer: middle, names: ['else.corp.example'] })
  made.ended = await makeCertificate({
    subject: 'CN=e',
    issuer: middle,
    names: [name],
    notAfter: new Date(DAY.now.getTime() - 1000),
  })
  made.own = await makeCertificate({ subject: 'CN=own', names: [name] })
})

interface Wishes {
  readonly shows?: readonly (keyof typeof made)[]
  readonly trusts?: readonly (keyof typeof made)[]
  readonly noneOfOurs?: boolean
  readonly looked?: Partial<Looked>
}

function judged({
  shows = ['leaf', 'middle'],
  trusts = ['root'],
  noneOfOurs = false,
  looked = {},
}: Wishes): readonly ServedFinding[] {
  const ours: Ours = {
    link: 'live/www.corp.example',
    certificate: made.leaf.der,
    chain: [made.middle.der],
    whatIs: ({ subject }) => (subject === 'CN=old' ? { name: 'certs/abc', isLive: false } : undefined),
  }
  const handshake = { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', chain: shows.map(one => made[one].der) }
  const seen: Looked = { place: parsePlace('www.corp.example:443'), name, handshake, ...looked }
  return judge(seen, { now: DAY.now, ours: noneOfOurs ? undefined : ours, trusted: trusts.map(one => made[one].der) })
}

const brief = (findings: readonly ServedFinding[]): string[] =>
  findings.map(({ check, state, text }) => `${state} ${check}: ${text}`)

test('all is well', () => {
  expect(brief(judged({}))).toEqual([
    'ok reached: TLSv1.3, TLS_AES_128_GCM_SHA256',
    'ok certificate: the one of live/www.corp.example',
    'ok name: it is for www.corp.example',
    'ok dates: 1704 h left (71 d), until 2027-01-30T00:00Z',
    'ok chain: 2 certificates, up to CN=Root, which this machine trusts',
  ])
  expect(faultOf(judged({}))).toBeUndefined()
})

describe('what is wrong, and what to do', () => {
  const problem = new Dns01Error('UNAVAILABLE', 'the connection was refused: nothing listens there')
  test('what one of the parsers does not take is no certificate', () => {
    const der = Buffer.from(made.leaf.der)
    der[der.indexOf(Buffer.from('2a8648ce3d0201', 'hex')) + 6] = 0xff // an algorithm of keys that nobody knows
    const handshake = { protocol: 'TLSv1.2', cipher: 'X', chain: [der] }
    expect(brief(judged({ looked: { handshake } }))).toContain('failed certificate: what is shown is not a certificate')
  })

  const cases: readonly (readonly [string, Wishes, string, RegExp | undefined])[] = [
    [
      'nobody listens',
      { looked: { problem } },
      'failed reached: the connection was refused: nothing listens there',
      /does the server run/,
    ],
    ['no certificate', { shows: [] }, 'failed certificate: no certificate is shown', undefined],
    [
      'an old one of ours',
      { shows: ['older', 'middle'] },
      'failed certificate: an older certificate of ours is served, certs/abc, and not that of live/www.corp.example',
      /reload the server/,
    ],
    [
      "somebody else's",
      { shows: ['foreign', 'middle'] },
      'failed certificate: another certificate is served than that of live/www.corp.example: else.corp.example; issuer CN=Middle; serial 0087654321',
      /have live.www.corp.example.fullchain/,
    ],
    [
      'for another name',
      { shows: ['foreign', 'middle'] },
      'failed name: it is not for www.corp.example, but for else.corp.example',
      /refuse/,
    ],
    ['one that has ended', { shows: ['ended', 'middle'] }, 'failed dates: it ended at 2026-11-19T23:59Z', /status/],
    ['an hour left', { shows: ['older', 'middle'] }, 'warning dates: 1 h left, until 2026-11-20T01:00Z', undefined],
    [
      'the chain is left out',
      { shows: ['leaf'] },
      'failed chain: CN=Middle is missing: the server sends 1 certificate',
      /fullchain instead of cert/,
    ],
    [
      'a CA of our own',
      { trusts: [] },
      'warning chain: 2 certificates, as the CA gave them; this machine does not trust CN=Root',
      /SSL_CERT_FILE/,
    ],
    [
      'a chain of others that ends nowhere',
      { noneOfOurs: true, trusts: [] },
      'failed chain: 2 certificates; the next, CN=Root, is neither sent nor trusted by this machine',
      /SSL_CERT_FILE/,
    ],
    ['signed by itself', { shows: ['own'], noneOfOurs: true }, 'failed chain: it is signed by itself', /refuse/],
    [
      'the root is sent, too',
      { shows: ['leaf', 'middle', 'root'] },
      'ok chain: 3 certificates, up to CN=Root, which this machine trusts',
      undefined,
    ],
    [
      'old versions',
      {
        looked: {
          versions: new Map<Version, boolean>([
            ['TLS 1.0', true],
            ['TLS 1.1', false],
            ['TLS 1.2', true],
          ]),
          weak: [],
        },
      },
      'warning versions: TLS 1.0, TLS 1.2: TLS 1.0 must not be used any more (RFC 8996)',
      /snippet/,
    ],
    [
      'weak ciphers',
      { looked: { versions: new Map<Version, boolean>([['TLS 1.2', true]]), weak: ['RC4', 'DES and 3DES'] } },
      'warning ciphers: it takes RC4; DES and 3DES',
      /ECDHE/,
    ],
    [
      'TLS 1.3 alone',
      { looked: { versions: new Map<Version, boolean>([['TLS 1.3', true]]), weak: [] } },
      'ok ciphers: those of TLS 1.3, of which none is weak',
      undefined,
    ],
    ['no time left', { looked: { cutShort: true } }, 'skipped versions: not all could be tried in time', undefined],
    [
      'an address',
      { looked: { name: undefined } },
      'skipped name: www.corp.example is an address: no name was asked for',
      undefined,
    ],
  ]
  test.each(cases)('%s', (_, wishes, line, mend) => {
    const findings = judged(wishes)
    expect(brief(findings)).toContain(line)
    const found = findings.find(({ state, check }) => line.startsWith(`${state} ${check}: `))
    if (mend) expect(found?.mend).toMatch(mend)
    else expect(found?.mend).toBeUndefined()
  })

  test('a run tells all that failed in a line, as of a hook; warnings are no fault', () => {
    expect(faultOf(judged({ shows: ['older'] }))).toMatchObject({
      code: 'HOOK',
      hint: expect.stringMatching(/^reload/),
    })
    expect(faultOf(judged({ shows: ['foreign'] }))?.message).toMatch(
      /^another certificate is served .*; it is not for www/,
    )
    expect(faultOf(judged({ trusts: [] }))).toBeUndefined()
  })

  test('a certificate that is live under another label of the name is as good', () => {
    const ours: Ours = {
      link: 'live/www.corp.example',
      certificate: made.leaf.der,
      chain: [],
      whatIs: () => ({ name: 'live/www.corp.example:rsa', isLive: true }),
    }
    const handshake = { protocol: 'TLSv1.2', cipher: 'X', chain: [made.older.der] }
    const findings = judge(
      { place: parsePlace('a.test'), name, handshake },
      { now: DAY.now, ours, trusted: [made.middle.der] },
    )
    expect(brief(findings)).toContain('ok certificate: live/www.corp.example:rsa, which is live for this name, too')
  })
})
