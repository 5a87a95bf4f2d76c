import { afterAll, expect, test } from 'vitest'
import { thorough } from '../thorough.js'
import { type Lived, live, type Years } from './renewal-years.js'

/** Whether a cron line lives through three years in which the CA fails, takes all back, and the clock is wrong; in a sample, through one. */
const days = thorough ? 3 * 365 : 200
const counts = thorough ? [1, 100, 1000] : [1, 30]

const ofADay = { hours: 24, everyDays: 61 }
const clockJumpsEveryDays = 90
const ofAWeek = { hours: 7 * 24, everyDays: 181 }

const told: string[] = []
function tell({ lifetimeDays, runsADay, certificates, days }: Years, trouble: string, lived: Lived): void {
  const perDay = (sum: number): string => (sum / days).toFixed(sum / days < 10 ? 2 : 0)
  const cells = [
    ...[`${lifetimeDays} d`, `${runsADay}`, `${certificates}`, trouble],
    ...[perDay(lived.orders), lived.mostOrdersADay, perDay(lived.requests), lived.mostRequestsADay],
    ...[`${Math.floor(lived.leastLeftHours)} h`, lived.expired],
  ]
  told.push(`| ${cells.join(' | ')} |`)
}

/** Three days of margin cannot bridge a week, whoever renews: no client of one CA could. */
const bridgesAWeek = (lifetimeDays: number): boolean => lifetimeDays > 20

/** A thousand of them take minutes to play: `npm test` plays a year of it, and all three with DNS01_YEARS=3. */
const daysOf = (certificates: number): number => (certificates < 1000 || process.env.DNS01_YEARS === '3' ? days : 365)

const rows = [90, 64, 45, 6].flatMap(lifetimeDays =>
  [1, 2].flatMap(runsADay =>
    counts.map(certificates => ({ lifetimeDays, runsADay, certificates, days: daysOf(certificates) })),
  ),
)

test.each(rows)(
  'none of $certificates certificates of $lifetimeDays days is served expired or revoked, with $runsADay runs a day, whatever the CA and the clock do',
  row => {
    const outages = bridgesAWeek(row.lifetimeDays) ? [ofADay, ofAWeek] : [ofADay]
    const lived = live({ ...row, outages, replacementEveryDays: 300, clockJumpsEveryDays })
    tell(row, bridgesAWeek(row.lifetimeDays) ? 'all' : 'all but the week', lived)
    expect(lived).toMatchObject({ expired: 0, revoked: 0 })
    // by a clock that is ahead windows have begun that have not: the CA says so, once in a run
    expect(lived.refused).toBeLessThanOrEqual((row.days / clockJumpsEveryDays) * 4 * row.runsADay)
  },
  300_000,
)

test.each([90, 64, 45, 6])(
  'certificates of %d days that the CA and the clock leave alone are renewed at their time, and not more often',
  lifetimeDays => {
    const row = { lifetimeDays, runsADay: 2, certificates: 100, days }
    const lived = live(row)
    tell(row, 'none', lived)
    const perDay = lived.orders / days
    expect(lived).toMatchObject({ expired: 0, revoked: 0, refused: 0 })
    expect(perDay).toBeGreaterThan(100 / (lifetimeDays * 0.75))
    expect(perDay).toBeLessThan(100 / (lifetimeDays * 0.4))
  },
  60_000,
)

test.each([1, 2])(
  'a CA that is away for a week outlives certificates of six days; with %d runs a day the first run after it renews them',
  runsADay => {
    const row = { lifetimeDays: 6, runsADay, certificates: 10, days }
    const lived = live({ ...row, outages: [ofAWeek] })
    tell(row, 'a week', lived)
    expect(lived.expired).toBeGreaterThan(0)
    expect(lived.longestExpiredHours).toBeLessThan(7 * 24 - 2 * 24 + 24 / runsADay)
  },
)

test('the simulation can fail: a CA that is away for five weeks outlives certificates of 45 days', () => {
  expect(
    live({ lifetimeDays: 45, runsADay: 2, certificates: 10, days: 200, outages: [{ hours: 35 * 24, everyDays: 100 }] })
      .expired,
  ).toBeGreaterThan(0)
})

afterAll(() => {
  const head = [
    'life',
    'runs a day',
    'certificates',
    'trouble',
    'orders a day',
    'most',
    'requests a day',
    'most',
    'least left',
    'expired',
  ]
  const lines = [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...told]
  process.stderr.write(`${lines.join('\n')}\n`)
})
