import { describe, expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { plain } from '../../../src/core/styled.js'
import type { StatusDocument, TargetStatus } from '../../../src/renew/status.js'
import { nothingToDo, summaryLines, warnOfSlowRenewal } from '../../../src/report/summary.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { machine } from '../../fakes/machine.js'

const now = new Date('2026-11-21T16:00:00Z')

const target = (names: readonly string[], more: Partial<TargetStatus> = {}): TargetStatus => ({
  file: `${names[0]}-file`,
  names: names.map(parseName),
  ca: 'https://ca.example/dir',
  certificate: 'c',
  live: `live/${names[0]}`,
  notAfter: new Date('2027-02-19T16:00:00Z'),
  renewAt: new Date('2027-01-30T16:00:00Z'),
  missing: [],
  unlinked: [],
  recordsEnd: [],
  urgency: 'ok',
  ...more,
})

const document = (...targets: TargetStatus[]): StatusDocument => ({
  ...{
    stateDirectory: '/var/lib/acme',
    setUp: 'yes',
    accounts: [],
    targets,
    problems: [],
    recordsLeft: 0,
    unusedKeys: 0,
  },
})

const summary = (targets: TargetStatus[], columns = 140, renewedBy: string | undefined = '/etc/cron.d/dns01') =>
  summaryLines(
    document(...targets),
    targets.map(({ file }) => file),
    { now, columns, renewedBy },
  ).map(plain)

describe('the summary', () => {
  test('names, dates, who renews, paths and how nginx and Apache call them', () => {
    expect(summary([target(['my.example', '*.my.example'])])).toEqual([
      'my.example, *.my.example: valid until 2027-02-19 (90 d), renewed from 2027-01-30 by /etc/cron.d/dns01',
      '  certificate  /var/lib/acme/live/my.example/fullchain      nginx: ssl_certificate      Apache: SSLCertificateFile',
      '  key          /var/lib/acme/live/my.example/privkey        nginx: ssl_certificate_key  Apache: SSLCertificateKeyFile',
    ])
  })

  test.each([60, 80, 100])('no line is longer than a terminal of %i columns', columns => {
    const lines = summary([target(['my.example', '*.my.example'])], columns)
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(columns)
    expect(lines.join('\n')).toContain('SSLCertificateKeyFile')
  })

  test('says which CA a certificate is from, if not from the first', () => {
    const [line] = summary([target(['a.example'], { certificateCa: 'https://second.test/dir' })])
    expect(line).toMatch(
      /^a\.example: valid until 2027-02-19 \(90 d\), from second\.test instead of ca\.example, renewed /,
    )
  })

  test('where nothing renews it, that is said', () => {
    const [line = ''] = summaryLines(document(target(['a.example'])), ['a.example-file'], {
      now,
      columns: 140,
      renewedBy: undefined,
    })
    expect(plain(line)).toBe('a.example: valid until 2027-02-19 (90 d), but nothing renews it: dns01 quickstart')
  })

  test('a lifetime of a day is shown in hours', () => {
    const day = { notAfter: new Date('2026-11-22T16:00:00Z'), renewAt: new Date('2026-11-22T04:00:00Z') }
    expect(summary([target(['a.example'], day)])[0]).toContain(
      'valid until 2026-11-22T16:00Z (24 h), renewed from 2026-11-22T04:00Z',
    )
  })

  test('of many certificates three are told, of many names five', () => {
    const names = [1, 2, 3, 4, 5, 6, 7].map(n => `n${n}.example`)
    const lines = summary([
      target(names),
      target(['b.example']),
      target(['c.example']),
      target(['d.example']),
      target(['e.example']),
    ])
    expect(lines[0]).toMatch(/^n1.example, n2.example, n3.example, n4.example, n5.example and 2 more: valid/)
    expect(lines).toHaveLength(3 + 1 + 3 + 3 + 1)
    expect(lines.at(-1)).toBe('and 2 more: dns01 status')
  })

  test('what is not live, or due still, is left to the errors', () => {
    expect(summary([target(['a.example'], { live: undefined }), target(['b.example'], { due: 'expired' })])).toEqual([])
  })
})

describe('nothing to do', () => {
  test('what is renewed next is named', () => {
    const later = target(['b.example'], { renewAt: new Date('2027-03-01T00:00:00Z') })
    expect(nothingToDo(document(later, target(['a.example'])), now)).toBe(
      'nothing to do; next: a.example on 2027-01-30',
    )
  })

  test('with nothing wanted it says how to want', () => {
    expect(nothingToDo(document(), now)).toBe('nothing is wanted yet: dns01 want NAME')
  })
})

describe('a schedule that is too slow', () => {
  const short = target(['a.example'], {
    renewAt: new Date('2026-11-22T04:00:00Z'),
    notAfter: new Date('2026-11-22T16:00:00Z'),
  })
  const warnings = async (when: string, ...targets: TargetStatus[]): Promise<string[]> => {
    const on = machine({ files: { '/etc/cron.d/dns01': `${when} root dns01 --batch\n` } })
    const state = await StateDir.open(on.context.world, '/var/lib/acme', { readOnly: true })
    await warnOfSlowRenewal(on.context, state, document(...targets))
    return on.said
  }

  test('is told, with what starts it', async () => {
    expect(await warnings('7 3 * * *', target(['b.example']), short)).toEqual([
      'warn: /etc/cron.d/dns01 starts renewals every 24 h: too seldom for a certificate that is due 12 h before its end; dns01 quickstart corrects its own',
    ])
  })

  test.each([
    ['runs every hour', '7 * * * *', [short]],
    ['has long certificates', '7 3 * * *', [target(['b.example'])]],
    ['has none', '7 3 * * *', []],
  ])('one that %s is not', async (_, when, targets) => {
    expect(await warnings(when, ...targets)).toEqual([])
  })
})
