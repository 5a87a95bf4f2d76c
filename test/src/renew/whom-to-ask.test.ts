import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { afterAnswer, isToLookUp, whomToAsk } from '../../../src/renew/whom-to-ask.js'
import type { KeptRenewal } from '../../../src/state/renewal-memory.js'

const NOW = new Date('2026-11-21T12:00:00Z')
const hours = (n: number): Date => new Date(NOW.getTime() + n * 3_600_000)
const days = (n: number): Date => hours(24 * n)

/** As base32Id() makes them of the URL of an order. */
const idOf = (n: number): string =>
  [...createHash('sha256').update(`${n}`).digest()].map(byte => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('')

const many = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: idOf(i), notAfter: days(10 + i / 1000) }))
const knownUntil = (all: readonly { id: string }[], askAgain: Date): Map<string, KeptRenewal> =>
  new Map(all.map(({ id }) => [id, { askAgain }]))

describe('of one certificate', () => {
  const one = [{ id: idOf(1), notAfter: days(60) }]
  test.each<{ what: string; known: KeptRenewal | undefined; asked: boolean }>([
    { what: 'of which nothing is known', known: undefined, asked: true },
    { what: 'whose time is in an hour', known: { askAgain: hours(1) }, asked: false },
    { what: 'whose time is now', known: { askAgain: NOW }, asked: true },
    { what: 'whose time was yesterday', known: { askAgain: days(-1) }, asked: true },
    { what: 'whose time is in a month, since the clock was wrong', known: { askAgain: days(30) }, asked: true },
    { what: 'that is replaced', known: { replaced: true }, asked: false },
    { what: 'that is replaced, whatever its time', known: { replaced: true, askAgain: NOW }, asked: false },
  ])('$what: is asked about: $asked', ({ known, asked }) => {
    const memory = new Map(known ? [[idOf(1), known]] : [])
    expect(whomToAsk(one, memory, NOW).now).toEqual(asked ? one : [])
  })

  test('that has ended nobody asks', () => {
    expect(whomToAsk([{ id: idOf(1), notAfter: NOW }], new Map(), NOW).now).toEqual([])
  })
})

test('of a thousand that are new a hundred are asked about at once, those that end first; the others within a day, at even intervals', () => {
  const all = many(1000)
  const { now, later } = whomToAsk([...all].reverse(), new Map(), NOW)
  expect(now).toEqual(all.slice(0, 100))
  expect([...later.keys()]).toEqual(all.slice(100).map(({ id }) => id))
  const perHour = Array.from({ length: 24 }, (_, hour) => {
    const within = [...later.values()].filter(at => at > hours(hour) && at <= hours(hour + 1))
    return within.length
  })
  expect(perHour[0], 'the next runs, soon after, ask nothing').toBe(0)
  expect(Math.min(...perHour.slice(1))).toBeGreaterThan(15)
  expect(Math.max(...perHour)).toBeLessThan(70)
})

test('of a thousand whose time has come a run asks about a half, those that have waited longest', () => {
  const all = many(1000)
  const known = new Map(all.map(({ id }, i) => [id, { askAgain: hours(-1 - ((i * 7) % 1000)) }] as const))
  const { now, later } = whomToAsk(all, known, NOW)
  expect(now).toHaveLength(500)
  const waited = now.map(({ id }) => known.get(id)?.askAgain.getTime() ?? 0)
  expect(waited).toEqual([...waited].sort((a, b) => a - b))
  expect(later.size).toBe(0)
})

test('of a hundred and fifty whose time has come a run asks about a hundred', () => {
  const all = many(150)
  expect(whomToAsk(all, knownUntil(all, NOW), NOW).now).toHaveLength(100)
})

test.each([
  { service: undefined, looked: true },
  { service: { url: 'https://ca.test/ari', askAgain: hours(1) }, looked: false },
  { service: { askAgain: hours(1) }, looked: false },
  { service: { askAgain: hours(-1) }, looked: true },
  { service: { askAgain: days(30) }, looked: true },
])('with $service known of a CA its directory is looked at: $looked', ({ service, looked }) => {
  expect(isToLookUp(service, NOW)).toBe(looked)
})

describe('of what a CA answers', () => {
  const window = { start: days(1), end: days(2) }
  const kept = afterAnswer(undefined, { window, askAgainSeconds: 3600 }, NOW, 0.25)

  test('the window is kept, with an instant in it, when it was said, and when to ask again', () => {
    expect(kept).toEqual({ askAgain: hours(1), window: { ...window, asked: NOW, chosen: hours(24 + 6) } })
  })

  test('the same window keeps its instant, another one gets another', () => {
    const again = afterAnswer(kept, { window: { ...window }, askAgainSeconds: 3600 }, hours(1), 0.9)
    expect(again.window).toMatchObject({ chosen: hours(24 + 6), asked: hours(1) })
    for (const other of [
      { ...window, start: days(0.5) },
      { ...window, end: days(3) },
    ])
      expect(afterAnswer(kept, { window: other, askAgainSeconds: 3600 }, NOW, 0.9).window?.chosen).not.toEqual(
        hours(30),
      )
  })

  test('no answer leaves the old one, and the pause alone is new', () => {
    expect(afterAnswer(kept, { why: '404', askAgainSeconds: 21_600 }, NOW, 0.9)).toEqual({
      ...kept,
      askAgain: hours(6),
    })
    expect(afterAnswer(undefined, { why: '404', askAgainSeconds: 60 }, NOW, 0)).toEqual({ askAgain: hours(1 / 60) })
  })
})
