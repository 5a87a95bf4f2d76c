import { describe, expect, test } from 'vitest'
import { byName, type Held } from '../../../src/renew/best-certificate.js'
import { dueByHand } from '../../../src/renew/by-hand.js'
import { dueTargets, type ReconcileOptions } from '../../../src/renew/due.js'
import { certificate, day, names, target } from '../../fakes/held.js'

const now = day('2026-06-01')
const hand = target('hand', ['a.test'], { byHand: true })
const acme = target('acme', ['b.test'])
const ending = (notAfter: string) => certificate('c', ['a.test'], { facts: { notAfter: day(notAfter) } })

const held = (...certificates: Held['certificates']): Held => ({
  targets: [hand, acme],
  certificates,
  links: new Map(),
})
const told = (there: Held, options: ReconcileOptions = {}) =>
  dueByHand(there, { ...options, now }, byName(there.certificates)).map(({ result, subject, error }) => [
    ...[result, subject],
    (error as Error).message,
  ])
const byHand = 'by hand: dns01 csr a.test, then dns01 import-cert'

test('no CA is asked for it', () => {
  expect(dueTargets(held(), { now, force: names('a.test') }).map(({ target }) => target.file)).toEqual(['acme'])
})

describe('what a run says of it', () => {
  test.each<[string, Held, ReconcileOptions, string[][]]>([
    ['none yet: somebody waits for it', held(), {}, [['waits', 'hand', `hand: no certificate yet; ${byHand}`]]],
    ['time enough', held(ending('2026-07-30')), {}, []],
    [
      'due',
      held(ending('2026-06-09')),
      {},
      [['waits', 'hand', `hand: renewal due since 2026-05-27T00:00Z; ${byHand}`]],
    ],
    [
      'a week left',
      held(ending('2026-06-07')),
      {},
      [['failed', 'hand', `hand: renewal due since 2026-05-25T16:00Z; ${byHand}`]],
    ],
    ['over', held(ending('2026-05-31')), {}, [['failed', 'hand', `hand: expired 2026-05-31; ${byHand}`]]],
    [
      'somebody wants it renewed now',
      held(ending('2026-07-30')),
      { force: names('a.test') },
      [['failed', 'hand', `hand: renewal forced; ${byHand}`]],
    ],
    ['a run for another name', held(), { wanted: names('b.test') }, []],
    ['a run for another file', held(), { onlyFiles: ['acme'] }, []],
    ['a run for no file at all', held(), { onlyFiles: [] }, []],
  ])('%s', (_, there, options, expected) => {
    expect(told(there, options)).toEqual(expected)
  })
})
