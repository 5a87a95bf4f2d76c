import { describe, expect, test } from 'vitest'
import { type Line, plain } from '../../../src/core/styled.js'
import { textWidth } from '../../../src/core/text-width.js'
import type { TargetStatus } from '../../../src/renew/status.js'
import { type Reader, shortCa, statusLines } from '../../../src/report/status-table.js'
import { aDocument, aTarget, household, inDays, statusNow, well } from '../../fakes/status.js'

const linesFor = (targets: readonly TargetStatus[], reader: Partial<Reader>): readonly Line[] =>
  statusLines(aDocument(targets), statusNow, { columns: undefined, whole: false, ...reader })

const textFor = (targets: readonly TargetStatus[], reader: Partial<Reader>): string[] =>
  linesFor(targets, reader).map(plain)

describe('the table', () => {
  test('on a terminal of 80 columns has the bar and tells CAs apart; what needs somebody comes first', () => {
    expect(textFor(household, { columns: 80 })).toEqual([
      'NAME                 CA                LEFT             RENEWS      STATE',
      'printer.example.com  letsencrypt.org   -3 d ───┿──────  next run    expired',
      'ldap.example.com +1  letsencrypt.org   10 d ━━─┿──────  in 8 h      fails',
      'mail.example.com     letsencrypt.org   28 d ━━━┿──────  next run    due',
      'vault.corp.example   ca.corp.example…  12 h ━━━━┿─────  in 3 h      ok',
      'www.example.com +2   letsencrypt.org   60 d ━━━┿━━━───  2026-12-21  ok',
      'key ecdsa',
      '! ldap.example.com +1: failed 3 times since 202… (dns01 status ldap.example.com)',
    ])
  })

  test('of 40 columns has what matters', () => {
    expect(textFor(household, { columns: 40 })).toEqual([
      'NAME                 LEFT  STATE',
      'printer.example.com  -3 d  expired',
      'ldap.example.com +1  10 d  fails',
      'mail.example.com     28 d  due',
      'vault.corp.example   12 h  ok',
      'www.example.com +2   60 d  ok',
      'key ecdsa',
      '! ldap.example.com +1: failed 3 times s…',
    ])
  })

  test('of 200 columns has every name, the host of the CA and why it is due', () => {
    const [head = '', ...lines] = textFor(household, { columns: 200 })
    expect(head.split(/ {2,}/)).toEqual(['NAME', 'CA', 'KEY', 'LEFT', 'RENEWS', 'STATE'])
    expect(lines[4]).toMatch(
      /^www\.example\.com, example\.com, \*\.example\.com +acme-v02\.api\.letsencrypt\.org +ecdsa +60 d ━{6}┿━{7}─{6} +2026-12-21 +ok$/,
    )
    expect(lines[1]).toMatch(/renewal due since 2026-11-01T16:00Z; next try 2026-11-21T23:12Z$/)
  })

  test('has no more than ASCII where the terminal has not', () => {
    const [, line] = textFor([well('a.example')], { columns: 100, isUnicode: false })
    expect(line).toMatch(/60 d ======\|=======------ /)
  })

  test('has a profile where there is one', () => {
    const profile = { name: 'shortlived', required: false }
    const [head, line] = textFor([{ ...well('a.example'), profile }, well('b.example')], { columns: 120 })
    expect(head).toMatch(/ PROFILE /)
    expect(line).toMatch(/ shortlived /)
  })

  test('without a terminal has all columns whole, and no bar', () => {
    expect(textFor(household, {})).toEqual([
      'NAME                 CA                            PROFILE  KEY    LEFT  RENEWS             STATE',
      'printer.example.com  acme-v02.api.letsencrypt.org  -        ecdsa  -3 d  2026-10-19         expired 2026-11-18',
      'ldap.example.com +1  acme-v02.api.letsencrypt.org  -        ecdsa  10 d  2026-11-01         renewal due since 2026-11-01T16:00Z; next try 2026-11-21T23:12Z',
      'mail.example.com     acme-v02.api.letsencrypt.org  -        ecdsa  28 d  2026-11-19         renewal due since 2026-11-19T16:00Z',
      'vault.corp.example   ca.corp.example:9000          -        ecdsa  12 h  2026-11-21T18:24Z  ok',
      'www.example.com +2   acme-v02.api.letsencrypt.org  -        ecdsa  60 d  2026-12-21         ok',
      '! ldap.example.com +1: failed 3 times since 2026-11-18T16:00Z: 192.0.2.1 answered REFUSED: the server does not let this key change the zone',
    ])
  })

  test('with --all lists each name', () => {
    for (const columns of [undefined, 80])
      expect(textFor(household, { columns, all: true }).slice(-4, -1)).toEqual(
        columns
          ? ['  example.com', '  *.example.com', 'key ecdsa']
          : [expect.stringMatching(/^www/), '  example.com', '  *.example.com'],
      )
  })

  test('says in a word that what is live is damaged, and below it how', () => {
    const damage = 'its private key is that of another certificate'
    const ill = aTarget(
      ['a.example'],
      { began: -30, ends: 60, renewed: 30 },
      { damage, due: 'its certificate is damaged' },
    )
    const lines = textFor([ill], { columns: 80 })
    expect(textFor([ill], { columns: 50 })[1]).toMatch(/ damaged$/)
    expect(lines.at(-1)).toMatch(/^! a\.example: what is live is damaged: its/)
  })

  test('with a name in wide characters is as wide as the others', () => {
    const strange = { ...well('a.example'), names: [], file: '証明書-証明書' }
    const [, wide = '', narrow = ''] = textFor([strange, well('b.example')], { columns: 80 })
    expect(textWidth(wide)).toBe(textWidth(narrow))
  })

  const evil = { ...well('a.example'), names: [], file: 'a\x1b[2J\u202eb' }
  test.each(Array.from({ length: 23 }, (_, i) => 20 + i * 10))(
    'is never wider than a terminal of %i columns',
    columns => {
      const long = aTarget([`${'very-long-host-name.'.repeat(5)}example`], { began: -30, ends: 60, renewed: 30 })
      const targets = [...household, evil, long, { ...well('c.example'), ca: 'no URL at all, and a long one' }]
      const widths = textFor(targets, { columns }).map(textWidth)
      expect(Math.max(...widths)).toBeLessThanOrEqual(columns)
    },
  )
})

describe('a long list', () => {
  const many = Array.from({ length: 3000 }, (_, i) => well(`h${i}.example`))

  test('is cut to the height of a terminal, and says how many more are well', () => {
    const lines = textFor([...many, ...household], { columns: 80, rows: 24 })
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(lines[1]).toMatch(/^printer\.example\.com /)
    expect(lines).toContainEqual(expect.stringMatching(/^and 2,9\d\d more are well: dns01 status --all$/))
  })

  test('says what else has trouble', () => {
    const ill = many.map(
      (one, i): TargetStatus => (i < 2000 ? { ...one, notAfter: inDays(-1), urgency: 'broken' } : one),
    )
    expect(textFor(ill, { columns: 80, rows: 24 }).at(-1)).toMatch(
      /^and 2,9\d\d more \(1,9\d\d with trouble\): dns01 status --all$/,
    )
  })

  test.each([{ columns: 80, all: true }, {}])('is whole for %j', reader => {
    expect(textFor(many, reader).filter(line => line.startsWith('h'))).toHaveLength(3000)
  })
})

test('what is well is green, what fails is not, and each cell has its own colour', () => {
  const styles = linesFor(household, { columns: 80 }).map(line =>
    typeof line === 'string'
      ? []
      : line.flatMap(span => (typeof span === 'string' ? [] : [`${span.style}:${span.text}`])),
  )
  expect(styles[1]).toEqual(expect.arrayContaining(['bad:-3 d', 'bad:expired']))
  expect(styles[2]).toEqual(expect.arrayContaining(['bad:10 d', 'warn:fails']))
  expect(styles[3]).toEqual(expect.arrayContaining(['warn:28 d']))
  expect(styles[5]).toEqual(expect.arrayContaining(['good:60 d', 'good:━━━┿━━━', 'faint:───', 'good:ok']))
})

test.each([
  ['https://acme-v02.api.letsencrypt.org/directory', 'letsencrypt.org'],
  ['https://acme-staging-v02.api.letsencrypt.org/directory', 'staging.letsencrypt.org'],
  ['https://dv.acme-v02.api.pki.goog/directory', 'pki.goog'],
  ['https://acme.zerossl.com/v2/DV90', 'zerossl.com'],
  ['https://ca.corp.example:9000/acme/acme/directory', 'ca.corp.example:9000'],
  ['https://127.0.0.1:14000/dir', '127.0.0.1:14000'],
  ['no URL', 'no URL'],
])('the CA %s is %s for short', (url, short) => {
  expect(shortCa(url)).toBe(short)
})
