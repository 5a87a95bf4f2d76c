import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/core/target.js'
import { type Due, firstWave, whyDue } from '../../../src/renew/due.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { aboutLinear, growth } from '../../fakes/growth.js'
import { certificate, day, names, target } from '../../fakes/held.js'

const now = day('2026-06-01')

describe('whyDue', () => {
  const wanted = target('t', ['a.test', 'b.test'])
  const held = certificate('c', ['a.test', 'b.test'])
  const until = (notAfter: string) => certificate('c', ['a.test', 'b.test'], { facts: { notAfter: day(notAfter) } })
  /** The CA wants it between 30 May and 2 June; this instant of it was chosen. */
  const askedFor = (chosen: string, explanationUrl?: string, hours = 0): Certificate => ({
    ...held,
    renewal: {
      window: {
        start: day('2026-05-30'),
        end: day('2026-06-02'),
        chosen: new Date(day(chosen).getTime() + hours * 3_600_000),
        asked: day('2026-05-20'),
        explanationUrl,
      },
    },
  })
  test.each<[string, Target, Certificate | undefined, string[] | undefined, string | undefined]>([
    ['nothing held', wanted, undefined, undefined, 'no certificate yet'],
    ['fresh', wanted, held, undefined, undefined],
    ['expired', wanted, until('2026-05-31'), undefined, 'expired 2026-05-31'],
    ['expires this moment', wanted, until('2026-06-01'), undefined, 'expired 2026-06-01'],
    ['in the last third', wanted, until('2026-06-10'), undefined, 'renewal due since 2026-05-27T16:00Z'],
    [
      'due this moment',
      target('t', ['a.test'], { marginDays: 10 }),
      until('2026-06-11'),
      undefined,
      'renewal due since 2026-06-01T00:00Z',
    ],
    ['forced by one of its names', wanted, held, ['b.test'], 'renewal forced'],
    ['another name is forced', wanted, held, ['c.test'], undefined],
    [
      'partial, and a name is missing',
      target('t', ['a.test', 'y.test', 'z.test'], { partial: true }),
      held,
      undefined,
      'not in the certificate yet: y.test, z.test',
    ],
    [
      'partial, a name is missing, and the rest is due',
      target('t', ['a.test', 'z.test'], { partial: true }),
      until('2026-06-10'),
      undefined,
      'renewal due since 2026-05-27T16:00Z',
    ],
    [
      'partial, and a name that is asked for besides is missing',
      target('t', ['a.test'], { partial: true, requestNames: names('a.test', 'z.test') }),
      held,
      undefined,
      undefined,
    ],
    [
      'a requested name is missing, but only the others are to be satisfied',
      target('t', ['a.test'], { requestNames: names('a.test', 'z.test') }),
      held,
      undefined,
      undefined,
    ],
    [
      'the CA asks for it before our own time, and says why',
      wanted,
      askedFor('2026-05-31', 'https://ca.test/why'),
      undefined,
      'renewal due since 2026-05-30T18:00Z: the CA asks for renewal between 2026-05-30T00:00Z and 2026-06-02T00:00Z (asked 2026-05-20T00:00Z), earlier than 2026-06-30T00:00Z; why: https://ca.test/why',
    ],
    [
      'the CA asks for it, in the next run but one',
      wanted,
      askedFor('2026-06-01', undefined, 13),
      undefined,
      undefined,
    ],
    [
      'the CA asks for it before the next run',
      wanted,
      askedFor('2026-06-01', undefined, 5),
      undefined,
      expect.stringContaining('the CA asks for renewal'),
    ],
  ])('%s', (_, wants, has, force, why) => {
    expect(whyDue(wants, has, { now, force: force && names(...force) })).toEqual(why)
  })
})

describe('firstWave', () => {
  const due = (wants: Target): Due => ({
    target: wants,
    why: 'no certificate yet',
    forced: false,
    live: false,
    lacking: wants.names,
  })
  const wave = (...wants: Target[]) => {
    const { now: first, later } = firstWave(wants.map(due))
    return [first.map(d => d.target.file), later.map(d => d.target.file)]
  }
  const big = target('big', ['a.test', 'b.test'])

  test.each<[string, Target[], string[], string[]]>([
    ['nothing due', [], [], []],
    ['different names go together', [big, target('c', ['c.test'])], ['big', 'c'], []],
    ['one covered by another waits', [big, target('a', ['a.test'])], ['big'], ['a']],
    ['two that want the same: the second waits', [target('x', ['a.test']), target('y', ['a.test'])], ['x'], ['y']],
    ['names that overlap only', [big, target('bc', ['b.test', 'c.test'])], ['big', 'bc'], []],
    ['another CA', [big, target('a', ['a.test'], { ca: 'https://other.example' })], ['big', 'a'], []],
    ['another required key', [big, target('a', ['a.test'], { requiredKeyType: 'rsa' })], ['big', 'a'], []],
    ['the required key', [big, target('a', ['a.test'], { requiredKeyType: 'ecdsa' })], ['big'], ['a']],
    ['the smaller one in front', [target('a', ['a.test'], { priority: 1 }), big], ['a', 'big'], []],
    [
      'covered by what is asked for besides',
      [target('wide', ['a.test'], { requestNames: names('a.test', 'b.test') }), target('b', ['b.test'])],
      ['wide'],
      ['b'],
    ],
    [
      'covered by one that waits itself is not covered',
      [big, target('a', ['a.test'], { requestNames: names('a.test', 'z.test') }), target('z', ['z.test'])],
      ['big', 'z'],
      ['a'],
    ],
  ])('%s', (_, wants, first, later) => {
    expect(wave(...wants)).toEqual([first, later])
  })

  test('ten times as many targets take about ten times as long', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => due(target(`t${i}`, [`h${i}.test`, `i${i}.test`])))
    expect(firstWave(many).now).toHaveLength(10_000)
    expect(await growth(size => firstWave(many.slice(0, size)))).toBeLessThan(aboutLinear)
  })
})
