import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { didYouMean, distance } from '../../../src/core/did-you-mean.js'

const commands = ['want', 'unwant', 'reconcile', 'status', 'plan']

describe('didYouMean', () => {
  test.each([
    ['recncile', 'did you mean "reconcile"?'],
    ['wnat', 'did you mean "want"?'],
    ['statsu', 'did you mean "status"?'],
    ['frobnicate', 'known are: want, unwant, reconcile, status, plan'],
  ])('%s → %s', (word, hint) => {
    expect(didYouMean(word, commands)).toBe(hint)
  })

  test('with nothing to choose from', () => {
    expect(didYouMean('x', [])).toBe('there are none')
  })
})

describe('distance', () => {
  test.each([
    ['', '', 0],
    ['abc', '', 3],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['route53', 'rout53', 1],
  ])('%j to %j is %i', (a, b, edits) => {
    expect(distance(a, b)).toBe(edits)
  })

  test('is a metric', () => {
    const word = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(distance(a, b)).toBe(distance(b, a))
        expect(distance(a, b) === 0).toBe(a === b)
        expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c))
      }),
    )
  })
})
