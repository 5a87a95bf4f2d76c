import { describe, expect, test } from 'vitest'
import { plain } from '../../../src/core/styled.js'
import { daysBar, styleOfLeft } from '../../../src/report/days-bar.js'
import { aTarget, statusNow } from '../../fakes/status.js'

describe('the bar of a certificate', () => {
  test.each([
    ['of today', { began: 0, ends: 90, renewed: 60 }, '━━━┿━━━━━━', 'good'],
    ['with two thirds left', { began: -30, ends: 60, renewed: 30 }, '━━━┿━━━───', 'good'],
    ['that is due now', { began: -60, ends: 30, renewed: 0 }, '━━━┿──────', 'warn'],
    ['that is late', { began: -80, ends: 10, renewed: -20 }, '━━─┿──────', 'bad'],
    ['that ends in an hour', { began: -89.96, ends: 0.04, renewed: -30 }, '━──┿──────', 'bad'],
    ['that has ended', { began: -93, ends: -3, renewed: -33 }, '───┿──────', 'bad'],
    ['of the future', { began: 10, ends: 100, renewed: 70 }, '━━━┿━━━━━━', 'good'],
    ['that is renewed at its last moment', { began: -5, ends: 5, renewed: 5 }, '┿━━━━─────', 'good'],
    ['that is renewed at its first moment', { began: -5, ends: 5, renewed: -5 }, '━━━━━────┿', 'warn'],
  ] as const)('%s', (_, days, bar, style) => {
    const target = aTarget(['a.example'], days)
    expect(plain(daysBar(target, statusNow, 10, true))).toBe(bar)
    expect(styleOfLeft(target, statusNow)).toBe(style)
  })

  test('is empty where there is none', () => {
    expect(plain(daysBar(aTarget(['a.example'], undefined), statusNow, 10, true))).toBe(' '.repeat(10))
  })
})
