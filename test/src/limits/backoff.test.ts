import { describe, expect, test } from 'vitest'
import { minute } from '../../../src/core/dates.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { afterFailure, isCounted, nextTry, type Override, waitsUntil } from '../../../src/limits/backoff.js'
import type { Failure } from '../../../src/state/ledger.js'
import { ago, failure, noon as now } from '../../fakes/held.js'

describe('back-off', () => {
  test.each([
    [1, '12:01Z'],
    [2, '12:10Z'],
    [3, '13:40Z'],
    [4, '08:00Z'],
    [50, '08:00Z'],
  ])('after failure %d the next try is at …%s', (times, at) => {
    const next = minute(nextTry(failure(times, 0)))
    expect(next).toBe(`2026-06-0${times > 3 ? 2 : 1}T${at}`)
  })

  const hours = (n: number): Date => ago(-60 * n)
  test.each<[string, number, number | undefined, number | undefined, number]>([
    ['there is no certificate', 9, undefined, undefined, 1200],
    ['its end is far', 9, -24, 29 * 24, 1200],
    ['it is in the first half of its margin', 9, -24, 48, 288],
    ['the CA fails for the first time, and the end is far', 1, -24, 48, 1],
    ['it is in the second half of its margin', 9, -480, 240, 100],
    ['five hours are left', 9, -7, 5, 30],
    ['a few minutes are left', 9, -12, 0.1, 1],
    ['it has ended', 9, -72, -1, 100],
    ['it has ended longer ago than its margin', 9, -200, -101, 1200],
  ])('when %s, the next try after %d failures is in so many minutes', (_, times, renewIn, endsIn, minutes) => {
    const atStake = {
      renewAt: renewIn === undefined ? undefined : hours(renewIn),
      notAfter: endsIn === undefined ? undefined : hours(endsIn),
    }
    expect((nextTry(failure(times, 0), atStake).getTime() - now.getTime()) / 60_000).toBe(minutes)
  })

  test('a Retry-After of the CA counts, however little is left', () => {
    const atStake = { renewAt: hours(-12), notAfter: hours(1) }
    expect(nextTry(failure(1, 0, { notBefore: hours(2) }), atStake)).toEqual(hours(2))
  })

  test.each<[string, number | undefined, string]>([
    ['the CA says later than we do', 7200, '2026-06-01T14:00Z'],
    ['the CA says sooner', 5, '2026-06-01T12:01Z'],
    ['the CA says nothing', undefined, '2026-06-01T12:01Z'],
    ['the CA says a year', 31_536_000, '2026-06-08T12:00Z'],
  ])('%s', (_, retryAfterSeconds, at) => {
    const first = afterFailure(undefined, now, { code: 'UNAVAILABLE', message: 'later', retryAfterSeconds })
    expect(minute(nextTry(first))).toBe(at)
  })

  test('failures are counted from the first; what was last said is kept', () => {
    const before = failure(2, 30, { hint: 'old', notBefore: now })
    expect(afterFailure(before, now, { code: 'NOT_VISIBLE', message: 'new' })).toEqual({
      code: 'NOT_VISIBLE',
      message: 'new',
      since: before.since,
      last: now,
      times: 3,
    })
  })

  const asked = failure(1, 0, { notBefore: ago(-30) })
  test.each<[string, Failure | undefined, Override, string | undefined]>([
    ['nothing failed', undefined, 'none', undefined],
    ['it failed just now', failure(1, 0), 'none', '12:01Z'],
    ['its time has come', failure(1, 1), 'none', undefined],
    ['it is wanted', failure(4, 0), 'want', undefined],
    ['it is forced', failure(4, 0), 'force', undefined],
    ['the CA asked us to wait', asked, 'none', '12:30Z'],
    ['the CA asked us to wait, and it is wanted', asked, 'want', '12:30Z'],
    ['the CA asked us to wait, and it is forced', asked, 'force', undefined],
  ])('when %s', (_, failed, override, until) => {
    const found = waitsUntil(failed, now, override)
    expect(found && minute(found).slice(11)).toBe(until)
  })

  test.each([
    ['REFUSED', true],
    ['UNAVAILABLE', true],
    ['NOT_VISIBLE', true],
    ['CONFIG', false],
    ['STATE', false],
    ['LOCKED', false],
    ['HOOK', false],
  ] as const)('%s counts: %s', (code, counted) => {
    expect(isCounted(new Dns01Error(code, 'x'))).toBe(counted)
  })

  test('a bug does not count', () => {
    expect(isCounted(new TypeError('x'))).toBe(false)
  })
})
