import { afterAll, expect, test } from 'vitest'
import { thorough } from '../thorough.js'
import { type Played, play, type Scenario, type Trouble } from './three-years.js'

/** Whether certificates live through three years of cron, with the decisions of the program as they are; in a sample, through a hundred days. */
const days = thorough ? 3 * 365 : 70

/** What quickstart installs: every six hours, and hourly where a certificate lives less than ten days. */
const installed = (lifetimeDays: number): number => (lifetimeDays < 10 ? 24 : 4)

const monthly = (hours: number, what: Trouble['with']): Trouble => ({ with: what, hours, everyDays: 30.4 })
const LIFETIMES = [1, 6, 6.67, 45, 90]

const told: string[] = []
function tell(scenario: Scenario, { expired, expiredHours, orders, failures }: Played): void {
  const { trouble, lifetimeDays, runsADay, targets } = scenario
  const what = trouble ? `${trouble.hours} h each ${trouble.everyDays} d (${trouble.with})` : 'none'
  const cells = [`${lifetimeDays} d`, `${runsADay}`, `${targets}`, what, `${orders}`, `${failures}`, `${expired}`]
  told.push([...cells, `${expiredHours} h`].map((cell, i) => cell.padStart(i === 3 ? 27 : 8)).join(''))
}

/** A certificate of a day has half a day for its renewal: no longer trouble can be outlived. */
const bearable = (lifetimeDays: number): number[] => (lifetimeDays < 3 ? [3, 9] : [3, 36])

const onInstalled: Scenario[] = LIFETIMES.flatMap(lifetimeDays => {
  const base = { lifetimeDays, runsADay: installed(lifetimeDays), targets: 10, days }
  const troubles = bearable(lifetimeDays).flatMap(hours => [monthly(hours, 'ca'), monthly(hours, 'names')])
  return [undefined, ...troubles].map(trouble => ({ ...base, trouble }))
})

test.each(onInstalled)(
  'on the installed schedule none expires: $lifetimeDays days, $runsADay runs a day, trouble $trouble.hours h with $trouble.with',
  scenario => {
    const played = play(scenario)
    tell(scenario, played)
    expect(played.expired).toBe(0)
  },
  60_000,
)

test.each<Scenario>([
  ...[1, 2, 24].flatMap(runsADay =>
    [45, 90].map(lifetimeDays => ({ lifetimeDays, runsADay, targets: 10, days, trouble: monthly(36, 'names') })),
  ),
  ...[2, 4].map(runsADay => ({ lifetimeDays: 6, runsADay, targets: 10, days, trouble: monthly(36, 'names') })),
  { lifetimeDays: 90, runsADay: 4, targets: 10, days, trouble: { with: 'ca', hours: 14 * 24, everyDays: 180 } },
  { lifetimeDays: 6.67, runsADay: 4, targets: 2000, days: thorough ? 20 : 8 },
  { lifetimeDays: 90, runsADay: 1, targets: 3000, days: thorough ? 130 : 65 },
])(
  'none expires: $lifetimeDays days, $runsADay runs a day, $targets targets, trouble $trouble.hours h',
  scenario => {
    const played = play(scenario)
    tell(scenario, played)
    expect(played.expired).toBe(0)
  },
  60_000,
)

test('the simulation can fail: a run a day cannot renew two thousand certificates of a week', () => {
  const scenario = { lifetimeDays: 6.67, runsADay: 1, targets: 2000, days: thorough ? 20 : 12 }
  const played = play(scenario)
  tell(scenario, played)
  expect(played.expired).toBeGreaterThan(500)
})

test('what fails for ever is tried every day by a daily cron line at a fixed minute', () => {
  const scenario: Scenario = {
    lifetimeDays: 90,
    runsADay: 1,
    targets: 1,
    days: 360,
    trouble: { with: 'names', hours: 24 * 200, everyDays: 400 },
  }
  const played = play(scenario)
  tell(scenario, played)
  expect(played.failures).toBeGreaterThan(100)
})

afterAll(() => {
  const head = ['life', 'runs/d', 'targets', 'trouble', 'orders', 'failed', 'expired', 'for']
  process.stderr.write(`${head.map((cell, i) => cell.padStart(i === 3 ? 27 : 8)).join('')}\n${told.join('\n')}\n`)
})
