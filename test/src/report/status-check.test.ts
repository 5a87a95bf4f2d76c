import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { StatusDocument, TargetStatus } from '../../../src/renew/status.js'
import { checkStatus, parseLimits, unknownLine } from '../../../src/report/status-check.js'
import { aDocument, aTarget, household, statusNow, well } from '../../fakes/status.js'

const check = (targets: readonly TargetStatus[], limits = '14,7', more: Partial<StatusDocument> = {}) =>
  checkStatus(aDocument(targets, more), statusNow, parseLimits(limits))

const ending = (days: number, more: Partial<TargetStatus> = {}): TargetStatus =>
  aTarget(['a.example'], { began: days - 90, ends: days, renewed: days - 30 }, { due: 'renewal due', ...more })

describe('one line for a monitor', () => {
  test('of certificates that are well names the one that ends first, with perfdata', () => {
    expect(
      check([well('a.example'), aTarget(['b.example', 'c.example'], { began: -40, ends: 50.55, renewed: 20 })]),
    ).toEqual({
      status: 'OK',
      exit: 0,
      line: "DNS01 OK - 2 certificates, b.example +1 ends first, in 50 d (2027-01-11) | 'days_left'=50.5;14:;7: 'certificates'=2;;;0 'not_ok'=0;;;0",
    })
  })

  test('of several that are not names the worst and counts the others', () => {
    expect(check(household).line).toBe(
      "DNS01 CRITICAL - printer.example.com: expired 2026-11-18; and 1 more: dns01 status | 'days_left'=-3;14:;7: 'certificates'=5;;;0 'not_ok'=2;;;0",
    )
  })

  test.each<[string, TargetStatus, number, string]>([
    ['14 days', ending(14), 0, '1 certificate,'],
    ['less than 14 days', ending(13.9), 1, 'ends in 13 d (2026-12-05)'],
    ['less than 7 days', ending(6.9), 2, 'ends in 6 d (2026-11-28)'],
    ['none, as it has ended', ending(-1, { due: 'expired 2026-11-20' }), 2, 'a.example: expired 2026-11-20'],
    [
      '20 days, and renewing it fails',
      ending(20, household[2] && { failure: household[2].failure }),
      0,
      '1 certificate,',
    ],
    [
      '10 days, and renewing it fails',
      ending(10, { failure: household[2]?.failure }),
      1,
      'renewing it fails: 192.0.2.1 answered REFUSED',
    ],
  ])('left: %s', (_, target, exit, text) => {
    const found = check([target])
    expect(found.exit).toBe(exit)
    expect(found.line).toContain(text)
  })

  test.each<[string, Partial<TargetStatus>, number]>([
    ['what is live is damaged', { damage: 'its file fullchain is damaged' }, 2],
    ['names are in no certificate', { missing: [{ name: 'b.example' as never }] }, 1],
    ['a link leads elsewhere', { unlinked: ['a.example'] }, 1],
    ['an old one is served', { served: [{ place: 'a.example:443', state: 'failed', text: 'old' }] }, 1],
    ['nobody has looked at what is served', { served: [{ place: 'a.example:443', state: 'unseen', text: '' }] }, 0],
  ])('days are left, but %s', (_, more, exit) => {
    expect(check([aTarget(['a.example'], { began: -30, ends: 60, renewed: 30 }, more)]).exit).toBe(exit)
  })

  test('a wanted name without any certificate is critical', () => {
    expect(check([aTarget(['a.example'], undefined, { due: 'no certificate yet' })])).toMatchObject({
      exit: 2,
      line: "DNS01 CRITICAL - a.example: no certificate yet | 'certificates'=1;;;0 'not_ok'=1;;;0",
    })
  })

  test('a target file that cannot be read is a warning', () => {
    expect(check([well('a.example')], '14', { problems: [{ message: 'desired/x:3: no YAML' }] })).toMatchObject({
      exit: 1,
      line: expect.stringMatching(/^DNS01 WARNING - desired\/x:3: no YAML \| /),
    })
  })

  test.each([
    [{ setUp: 'none' as const }, 'there is no state directory /var/lib/acme'],
    [{}, 'nothing is wanted yet'],
  ])('with nothing wanted is unknown: %j', (more, text) => {
    expect(check([], '14', more)).toMatchObject({ exit: 3, line: expect.stringContaining(`DNS01 UNKNOWN - ${text}`) })
  })

  test('an error is unknown, in one line with its hint', () => {
    const error = new Dns01Error('STATE', 'the folder is a|b', { hint: 'run as root' })
    expect(unknownLine(error)).toEqual({
      status: 'UNKNOWN',
      exit: 3,
      line: 'DNS01 UNKNOWN - the folder is a/b; run as root',
    })
  })
})

describe('a certificate of a day is never 14 days from its end: its own margin counts', () => {
  const ofADay = (leftHours: number) =>
    aTarget(['a.example'], { began: leftHours / 24 - 1, ends: leftHours / 24, renewed: leftHours / 24 - 0.5 })
  test.each([
    [20, 0],
    [7, 0],
    [5.9, 1],
    [2.9, 2],
  ])('%d hours left: exit %i', (hours, exit) => {
    expect(check([ofADay(hours)]).exit).toBe(exit)
  })
})

describe('the limits', () => {
  test.each([
    ['14', { warnDays: 14, criticalDays: 7 }],
    ['14,7', { warnDays: 14, criticalDays: 7 }],
    ['0.5, 0.25', { warnDays: 0.5, criticalDays: 0.25 }],
    ['0', { warnDays: 0, criticalDays: 0 }],
    ['7,7', { warnDays: 7, criticalDays: 7 }],
  ])('%s', (text, limits) => {
    expect(parseLimits(text)).toEqual(limits)
  })

  test.each(['', 'x', '14,', '14,7,3', '-1', '1e3', '14 7', 'Infinity', '7,14'])(
    '%j is an error that says how',
    text => {
      expect(() => parseLimits(text)).toThrow(/--check/)
    },
  )
})
