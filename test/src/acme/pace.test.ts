import { describe, expect, test } from 'vitest'
import { openPace, type Stage } from '../../../src/acme/pace.js'

const one: Stage = { stage: 'signing', names: 1 }

describe('of an unknown CA the first look comes', () => {
  test.each<[string, number | undefined, Stage | undefined, number]>([
    ['after 6 ms, when it answers at once', 0.001, one, 0.006],
    ['after 6 ms, when nobody knows how fast it answers', undefined, undefined, 0.006],
    ['after the time of four requests', 0.05, one, 0.2001],
    ['a little later for a hundred names', 0.002, { stage: 'validating', names: 100 }, 0.018],
    ['after a second at the latest', 3, one, 1],
  ])('%s', (_, roundTrip, stage, seconds) => {
    expect(openPace(() => roundTrip).firstPauseSeconds(stage)).toBeCloseTo(seconds, 5)
  })
})

test('later looks at an unknown CA come ever more seldom, every five seconds at last', () => {
  const pace = openPace(() => undefined)
  expect(pace.nextPauseSeconds(one, 0.006)).toBe(0.006)
  expect([1, 100].map(elapsed => pace.nextPauseSeconds(one, elapsed))).toEqual([0.7, 5])
})

test('the first look comes a little sooner than was time enough, and a little later than was not', () => {
  const pace = openPace(() => undefined)
  pace.done(one, 2, false)
  expect(pace.firstPauseSeconds(one)).toBe(2)
  expect(pace.nextPauseSeconds(one, 2)).toBeCloseTo(0.4)
  pace.done(one, 2, true)
  expect(pace.firstPauseSeconds(one)).toBeCloseTo(1.9)
  pace.done(one, 100, false)
  expect(pace.firstPauseSeconds(one)).toBeCloseTo(1.9 * 1.2)
})

test('validating and signing, few names and many, are known apart', () => {
  const pace = openPace(() => undefined)
  pace.done({ stage: 'signing', names: 5 }, 2, false)
  expect(pace.firstPauseSeconds({ stage: 'signing', names: 8 })).toBe(2)
  for (const other of [one, { stage: 'signing', names: 9 }, { stage: 'validating', names: 5 }] as const)
    expect(pace.firstPauseSeconds(other)).toBeLessThan(0.03)
})

test('a CA that takes as long each time is looked at once for four of five', () => {
  const pace = openPace(() => undefined)
  let inVain = 0
  for (let i = 0; i < 1000; i++) {
    let at = pace.firstPauseSeconds(one)
    let looks = 1
    for (; at < 3; looks++) at += pace.nextPauseSeconds(one, at)
    pace.done(one, at, looks === 1)
    if (looks > 1) inVain++
    if (i > 30) expect(at, 'time lost').toBeLessThan(3.8)
  }
  expect(inVain).toBeLessThan(280)
})
