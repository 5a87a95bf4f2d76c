import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { decide, type Situation, type ToldAbout } from '../../../src/notify/decide.js'
import type { Outcome } from '../../../src/renew/outcome.js'
import type { TargetStatus } from '../../../src/renew/status.js'

const now = new Date('2026-06-01T12:00:00Z')
const day = 86_400_000
const inDays = (days: number): Date => new Date(now.getTime() + days * day)

/** Of 90 days, so many of which are left; renewed when 30 are left. */
const target = (daysLeft: number, more: Partial<TargetStatus> = {}): TargetStatus => ({
  ...{
    file: 'a',
    names: ['a.example' as never],
    ca: 'https://ca.example/dir',
    missing: [],
    recordsEnd: [],
    unlinked: [],
  },
  ...{
    urgency: 'due',
    notAfter: inDays(daysLeft),
    renewAt: inDays(daysLeft - 30),
    ...(daysLeft < 30 && { due: 'renewal is due' }),
  },
  ...more,
})
const failedNow = (code: 'REFUSED' | 'UNAVAILABLE', subject = 'a', names = ['a.example']): Outcome => ({
  ...{ subject, names: names as never, result: 'failed', error: new Dns01Error(code, `${subject}: no`) },
})
const failure = (code: string) => ({
  code,
  message: 'no',
  since: inDays(-1),
  last: inDays(-1),
  times: 1,
  nextTry: inDays(1),
})
const after = (parts: Partial<Situation>): Situation => ({ now, outcomes: [], targets: [], complete: true, ...parts })

/** What is told, shortly; and what was told then. */
function told(before: ToldAbout, situation: Partial<Situation>, daysLeft: readonly number[] = []) {
  const { notices, told } = decide(before, after(situation), daysLeft)
  const about = notices.map(one => {
    if (one.kind === 'failed') return `failed ${one.outcome.subject}`
    return one.kind === 'well' ? `well ${one.about}` : `few-days ${one.target.file}`
  })
  return { about, told }
}

describe('a failure', () => {
  test('is told the first time, and not again while it lasts', () => {
    const first = told({}, { outcomes: [failedNow('UNAVAILABLE')], targets: [target(29)] })
    expect(first).toEqual({ about: ['failed a'], told: { 'target a': { since: now, code: 'UNAVAILABLE' } } })
    expect(told(first.told, { outcomes: [failedNow('UNAVAILABLE')], targets: [target(28)] }).about).toEqual([])
    expect(told(first.told, { targets: [target(28, { failure: failure('UNAVAILABLE') })] })).toEqual({
      about: [],
      told: first.told,
    })
  })

  test('that waits for its next try is told where it was not yet', () => {
    expect(told({}, { targets: [target(28, { failure: failure('REFUSED') })] }).about).toEqual(['failed a'])
  })

  test.each([
    ['UNAVAILABLE', 'REFUSED', ['failed a']],
    ['REFUSED', 'UNAVAILABLE', []],
    ['REFUSED', 'REFUSED', []],
    ['what a newer version writes', 'REFUSED', []],
  ] as const)('told as %s is, as %s, told again: %j', (code, becomes, about) => {
    const before = { 'target a': { since: inDays(-3), code } }
    const now = told(before, { outcomes: [failedNow(becomes)], targets: [target(28)] })
    expect(now.about).toEqual(about)
    expect(told(now.told, { outcomes: [failedNow('UNAVAILABLE')], targets: [target(28)] }).about).toEqual([])
    expect(told(now.told, { outcomes: [failedNow('REFUSED')], targets: [target(28)] }).about).toEqual([])
  })

  test('of a hook, of target files and of the run as a whole is told by itself', () => {
    const wrong = (file: string): Outcome => ({
      ...failedNow('REFUSED', 'desired', []),
      error: new Dns01Error('CONFIG', `desired/${file}:2: no`),
    })
    const outcomes = [
      failedNow('REFUSED', '/etc/hooks/reload', []),
      wrong('a'),
      wrong('b'),
      failedNow('REFUSED', 'the run', []),
    ]
    const { about, told: then } = told({}, { outcomes })
    expect(about).toEqual(['failed /etc/hooks/reload', 'failed desired', 'failed desired', 'failed the run'])
    expect(told(then, { outcomes: outcomes.slice(0, 2) }).about).toEqual(['well desired/b:2', 'well the run'])
  })

  test('is not what waits, went well, or left a record behind', () => {
    const results = ['waits', 'issued', 'linked', 'left'] as const
    const outcomes = results.map(result => ({ ...failedNow('UNAVAILABLE'), result }))
    expect(told({}, { outcomes, targets: [target(28)] }).about).toEqual([])
  })
})

describe('that it is well again', () => {
  const before = { 'target a': { since: inDays(-3), code: 'REFUSED' } }

  test('is told once, of what was told', () => {
    expect(told(before, { targets: [target(89)] })).toEqual({ about: ['well a'], told: {} })
    expect(told({}, { targets: [target(89)] }).about).toEqual([])
  })

  test.each<[string, Partial<Situation>]>([
    ['while it is due', { targets: [target(28)] }],
    ['where there is no certificate', { targets: [target(28, { notAfter: undefined, due: undefined })] }],
    [
      'while a server shows another one',
      { targets: [target(89, { served: [{ place: ':443', state: 'failed', text: 'an older one' }] })] },
    ],
    ['by a run that broke', { targets: [target(89)], complete: false }],
    [
      'while something else is served',
      { targets: [target(89, { served: [{ place: 'a.example:443', state: 'failed', text: 'an older one' }] })] },
    ],
  ])('is not told %s', (_, situation) => {
    expect(told(before, situation)).toEqual({ about: [], told: before })
  })

  test('is not told of what nobody asks for any more, which is forgotten', () => {
    expect(told(before, {})).toEqual({ about: [], told: {} })
  })
})

describe('that little is left', () => {
  test.each<[number, Partial<TargetStatus>, boolean]>([
    [10.5, {}, false],
    [9.9, {}, true],
    [9.9, { due: undefined }, false],
    [1.1, { renewAt: inDays(1.1 - 3) }, false], // of six days
    [0.9, { renewAt: inDays(0.9 - 3) }, true],
    [0.2, { renewAt: inDays(0.2 - 0.5) }, false], // of 24 hours
    [0.1, { renewAt: inDays(0.1 - 0.5) }, true],
    [-0.1, {}, true],
    [9, { notAfter: undefined }, false],
  ])('%d days, %j: %s', (left, more, isTold) => {
    const { about, told: then } = told({}, { targets: [target(left, more)] })
    expect(about).toEqual(isTold ? ['few-days a'] : [])
    expect(told(then, { targets: [target(left, more)] }).about).toEqual([])
  })

  test('is told at each of the days that are set, and when it has ended, but not before half of the margin is over', () => {
    const days = [20, 7, 1]
    let before: ToldAbout = {}
    const heard = [19, 16, 15, 14, 7, 6.5, 1.5, 0.5, -0.5, -2].flatMap(left => {
      const result = told(before, { targets: [target(left)] }, days)
      before = result.told
      return result.about.length > 0 ? [left] : []
    })
    expect(heard).toEqual([15, 7, 0.5, -0.5])
  })

  test('is not told beside a failure that is told now, whose text says it; but that it has ended, is', () => {
    const outcomes = [failedNow('REFUSED')]
    const both = told({}, { outcomes, targets: [target(5)] })
    expect(both.about).toEqual(['failed a'])
    expect(told(both.told, { outcomes, targets: [target(4)] }).about).toEqual([])
    expect(told(both.told, { outcomes, targets: [target(-1)] }).about).toEqual(['few-days a'])
    expect(told({}, { outcomes, targets: [target(-1)] }).about).toEqual(['failed a', 'few-days a'])
  })
})
