import { describe, expect, test } from 'vitest'
import { lifeOf, slowClock, tooMany } from '../../../src/renew/outlook.js'
import { certificate, day, target } from '../../fakes/held.js'

describe('a slow clock', () => {
  const held = [
    certificate('old', ['a.test'], { facts: { notBefore: day('2026-01-01') } }),
    certificate('new', ['b.test'], { facts: { notBefore: day('2026-05-01') } }),
    certificate('half', ['c.test'], { complete: false, facts: { notBefore: day('2030-01-01') } }),
  ]
  test.each([
    ['2020-01-01', 'b.test: its certificate is not valid before 2026-05-01T00:00Z'],
    ['2026-04-29', 'b.test: its certificate is not valid before 2026-05-01T00:00Z'],
    ['2026-04-30', undefined],
    ['2026-07-01', undefined],
  ])('on %s: %s', (now, message) => {
    const [told] = slowClock(held, day(now))
    expect(told?.message).toBe(message)
    if (told) expect(told.hint).toContain(`is the clock right? It says ${now}T00:00Z`)
  })

  test('without a certificate there is none', () => {
    expect(slowClock([], day('1970-01-01'))).toEqual([])
  })
})

describe('more certificates than a CA allows', () => {
  const many = (count: number, notAfter: string, ca = 'https://ca.example/directory') =>
    Array.from({ length: count }, (_, i) =>
      lifeOf(target(`t${i}`, [`t${i}.test`], { ca }), certificate('c', ['x'], { facts: { notAfter: day(notAfter) } })),
    ).flat()
  const threeHundred = () => ({ ordersPer3Hours: 300 })

  test.each<[number, string, string, RegExp | undefined]>([
    [900, 'of 60 days', '2026-06-30', undefined],
    [2000, 'of 6 days', '2026-05-07', undefined],
    [5000, 'of 6 days', '2026-05-07', undefined],
    [6000, 'of 6 days', '2026-05-07', /more names into one certificate/],
    [36_000, 'of 90 days', '2026-07-30', undefined],
    [70_000, 'of 90 days', '2026-07-30', /hourly/],
  ])('%i %s', (count, _, notAfter, hint) => {
    const [told, ...more] = tooMany(many(count, notAfter), threeHundred)
    expect(more).toEqual([])
    expect(told?.hint ?? '').toMatch(hint ?? /^$/)
  })

  test('says how many, and what the CA allows', () => {
    expect(tooMany(many(6000, '2026-05-07'), threeHundred)[0]?.message).toBe(
      'https://ca.example/directory: 6000 certificates need 2000 orders a day; it allows 300 in three hours, and hourly runs make 2400',
    )
  })

  test('each CA for itself, and one without a known limit never', () => {
    const lives = [...many(2000, '2026-05-07'), ...many(2000, '2026-05-07', 'https://other.example/directory')]
    expect(tooMany(lives, threeHundred)).toEqual([])
    expect(tooMany(many(9000, '2026-05-07'), () => ({}))).toEqual([])
  })
})
