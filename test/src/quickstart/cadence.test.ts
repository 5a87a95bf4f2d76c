import { describe, expect, test } from 'vitest'
import { calendarEverySeconds, cronEverySeconds, tooSlow } from '../../../src/quickstart/cadence.js'
import { cronTime } from '../../../src/quickstart/cron.js'
import { neededEverySeconds, renewAt } from '../../../src/renew/renewal-date.js'

const hour = 3600
const day = 24 * hour

test.each([
  ['17 3 * * *', day],
  ['17 3,15 * * *', 12 * hour],
  ['17 3,9 * * *', 18 * hour],
  ['0 */6 * * *', 6 * hour],
  ['5 2-23/6 * * *', 6 * hour],
  ['5 3/6 * * *', 6 * hour],
  ['* * * * *', 60],
  ['*/7 * * * *', 7 * 60],
  ['0 0 * * 1', 7 * day],
  ['0 0 * * mon-fri', 3 * day],
  ['0 0 1 * *', 31 * day],
  ['0 0 1,15 * sun', 7 * day],
  ['@hourly', hour],
  ['@Daily', day],
  ['@reboot', Number.POSITIVE_INFINITY],
  ['0 0 31 feb *', Number.POSITIVE_INFINITY],
  ['61 * * * *', Number.POSITIVE_INFINITY],
  ['every day at noon', Number.POSITIVE_INFINITY],
])('cron: %s runs every %d seconds at the least', (when, seconds) => {
  expect(cronEverySeconds(when)).toBe(seconds)
})

test.each([
  ['*-*-* 03:17:00', day],
  ['*-*-* 00,12:00:00', 12 * hour],
  ['*-*-* 02/6:17:00', 6 * hour],
  ['*-*-* *:17:00', hour],
  ['daily', day],
  ['Mon 10:00', undefined],
])('systemd: %s runs every %d seconds at the least', (when, seconds) => {
  expect(calendarEverySeconds(when)).toBe(seconds)
})

test.each([
  [undefined, 6 * hour],
  [90 * day, 6 * hour],
  [10 * day, 6 * hour],
  [6.67 * day, hour],
  [day, hour],
])('certificates that live %s seconds need a run every %d', (life, every) => {
  expect(neededEverySeconds(life)).toBe(every)
})

const due = (leftSeconds: number) => ({ renewAt: new Date(0), notAfter: new Date(leftSeconds * 1000) })

test.each([
  [day, 30 * day, undefined],
  [day, 12 * hour, 'starts renewals every 24 h: too seldom for a certificate that is due 12 h before its end'],
  [hour, 12 * hour, undefined],
  [day, 3 * day, 'starts renewals every 24 h: too seldom for a certificate that is due 3 days before its end'],
  [7 * day, 30 * day, undefined],
  [
    31 * day,
    30 * day,
    'starts renewals every 31 days: too seldom for a certificate that is due 30 days before its end',
  ],
])('runs every %d seconds, and %d from the renewal to the end: %s', (every, left, fault) => {
  expect(tooSlow(every, [due(90 * day), due(left)])).toBe(fault)
  expect(tooSlow(every, [])).toBeUndefined()
})

describe('what quickstart installs carries certificates of 24 hours', () => {
  /** The runs of a crontab's time in a year, as seconds. */
  function runs(when: string, days: number): number[] {
    const [minute, hours = ''] = when.split(' ')
    const at = hours === '*' ? Array.from({ length: 24 }, (_, n) => n) : hours.split(',').map(Number)
    return Array.from({ length: days }, (_, n) => at.map(h => n * day + h * hour + Number(minute) * 60)).flat()
  }

  /** The least time that was left when a new one came, over a year of runs of which `fails` fail. */
  function leastLeft(when: string, lifeSeconds: number, issuedAt: number, fails: (run: number) => boolean): number {
    let held = issuedAt
    let least = lifeSeconds
    for (const [n, now] of runs(when, 365)
      .filter(at => at > issuedAt)
      .entries()) {
      const due = renewAt({ notBefore: new Date(held * 1000), notAfter: new Date((held + lifeSeconds) * 1000) }, 30)
      if (now * 1000 < due.getTime() || fails(n)) continue
      least = Math.min(least, held + lifeSeconds - now)
      held = now
    }
    return least
  }

  const minutes = [0, 7, 359, 360, 719, 1003, 1439]
  const issued = [0, 61, 3 * hour, 11 * hour + 1, 23 * hour]
  const cases = minutes.flatMap(minuteOfDay => issued.map(at => [minuteOfDay, at] as const))

  test('every 6 hours, before a first certificate has told how short they are', () => {
    const left = cases.map(([minuteOfDay, at]) =>
      leastLeft(cronTime({ minuteOfDay, everySeconds: neededEverySeconds(undefined) }), day, at, () => false),
    )
    expect(Math.min(...left)).toBeGreaterThan(0)
  })

  test('every hour, also when each third run and a whole morning fail', () => {
    const left = cases.map(([minuteOfDay, at]) =>
      leastLeft(
        cronTime({ minuteOfDay, everySeconds: neededEverySeconds(day) }),
        day,
        at,
        n => n % 3 === 0 || n % 240 < 6,
      ),
    )
    expect(Math.min(...left)).toBeGreaterThan(0)
  })

  test('once a day, as it was, does not', () => {
    expect(leastLeft('17 3 * * *', day, 11 * hour, () => false)).toBeLessThanOrEqual(0)
  })
})
