import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import type { Target } from '../../../src/core/target.js'
import { admit, deferralText } from '../../../src/limits/admission.js'
import { failureOf } from '../../../src/limits/backoff.js'
import { limitsOf } from '../../../src/limits/rate-limits.js'
import type { Due } from '../../../src/renew/due.js'
import type { Failure, Memory } from '../../../src/state/ledger.js'
import { namesKey } from '../../../src/state/ledger-keys.js'
import { aboutLinear, growth } from '../../fakes/growth.js'
import { ago, failure, names, noon as now, target } from '../../fakes/held.js'

const LE = 'https://acme-v02.api.letsencrypt.org/directory'
const server = 'acme-v02.api.letsencrypt.org%2fdirectory'

const due = (wants: Target, more: Partial<Due> = {}): Due => ({
  target: wants,
  why: 'no certificate yet',
  forced: false,
  live: false,
  lacking: wants.names,
  ...more,
})

/** Due for so many days of a margin of thirty. */
const renewal = (file: string, days: number): Due =>
  due(target(file, [`${file}.test`], { ca: LE }), {
    why: 'renewal due',
    live: true,
    renewAt: ago(days * 1440),
    notAfter: ago((days - 30) * 1440),
  })

interface Given {
  readonly failures?: Readonly<Record<string, Failure>>
  readonly validations?: Readonly<Record<string, readonly Date[]>>
  readonly orders?: number
  readonly wanted?: readonly Name[]
  readonly targets?: number
  readonly env?: Readonly<Record<string, string>>
}

function decided(dues: readonly Due[], given: Given = {}) {
  const memory: Memory = {
    failures: new Map(Object.entries(given.failures ?? {})),
    validations: new Map(Object.entries(given.validations ?? {})),
    orders: new Map([[server, Array.from({ length: given.orders ?? 0 }, (_, i) => ago(170 - i / 10))]]),
  }
  const { env = {}, wanted, targets = dues.length } = given
  const made = admit(dues, memory, { now, limitsOf: ca => limitsOf(ca, env), wanted, targets })
  return {
    go: made.admitted.map(({ target: { file }, names: asked, target: { requestNames } }) =>
      asked.length === requestNames.length ? file : `${file}: ${asked.join(' ')}`,
    ),
    wait: made.deferred.map(one => `${one.target.file} ${deferralText(one)}`),
    afterwards: made.afterwards.map(({ target: { file } }) => file),
  }
}

const inLE = (file: string, wants: readonly string[] = [file], more: Partial<Target> = {}): Target =>
  target(file, wants, { ca: LE, ...more })

describe('admit: what failed waits', () => {
  const a = due(inLE('a.test'))
  const b = due(inLE('b.test'))
  const other = due(target('o.test', ['o.test']))

  test.each<[string, Due[], Given, string[], string[]]>([
    ['nothing is remembered', [a, b], {}, ['a.test', 'b.test'], []],
    [
      'one that waits does not hold up another',
      [a, b],
      { failures: { [`${server} a.test`]: failure(2, 1) } },
      ['b.test'],
      ['a.test waits until 2026-06-01T12:09Z: it failed 2 times since 2026-05-29T00:40Z: no'],
    ],
    ['its time has come', [a], { failures: { [`${server} a.test`]: failure(2, 10) } }, ['a.test'], []],
    [
      'the same names at another CA',
      [a],
      { failures: { 'ca.example%2fdirectory a.test': failure(1, 0) } },
      ['a.test'],
      [],
    ],
    [
      'a name more is another set',
      [due(inLE('ab', ['a.test', 'b.test']))],
      { failures: { [`${server} a.test`]: failure(1, 0) } },
      ['ab'],
      [],
    ],
    [
      'the order of names does not matter',
      [due(inLE('ba', ['b.test', 'a.test']))],
      { failures: { [`${server} a.test,b.test`]: failure(1, 0) } },
      [],
      ['ba waits until 2026-06-01T12:01Z: it failed since 2026-05-29T00:40Z: no'],
    ],
    [
      'a CA that failed holds up its targets and no others',
      [a, b, other],
      { failures: { [server]: failure(1, 0, { message: 'too many new orders', notBefore: ago(-60) }) } },
      ['o.test'],
      [
        'a.test waits until 2026-06-01T13:00Z: the CA failed since 2026-05-29T00:40Z: too many new orders',
        'b.test waits until 2026-06-01T13:00Z: the CA failed since 2026-05-29T00:40Z: too many new orders',
      ],
    ],
    [
      'a CA that fails for weeks is tried again after a hundred minutes',
      [a],
      { failures: { [server]: failure(99, 100) } },
      ['a.test'],
      [],
    ],
    [
      'forced',
      [{ ...a, forced: true }],
      { failures: { [server]: failure(9, 0), [`${server} a.test`]: failure(9, 0) } },
      ['a.test'],
      [],
    ],
    [
      'just wanted',
      [a],
      { failures: { [`${server} a.test`]: failure(9, 0) }, wanted: names('a.test') },
      ['a.test'],
      [],
    ],
    [
      'another is wanted',
      [a],
      { failures: { [`${server} a.test`]: failure(1, 0) }, wanted: names('b.test') },
      [],
      ['a.test waits until 2026-06-01T12:01Z: it failed since 2026-05-29T00:40Z: no'],
    ],
  ])('%s', (_, dues, given, go, wait) => {
    expect(decided(dues, given)).toEqual({ go, wait, afterwards: [] })
  })

  test('what failed is told until it succeeds, also when its time has come', () => {
    const memory = {
      failures: new Map([[`${server} a.test`, failure(2, 600)]]),
      validations: new Map(),
      orders: new Map(),
    }
    expect(failureOf(a, memory)).toEqual({ ...failure(2, 600), nextTry: ago(590) })
    expect(failureOf(b, memory)).toBeUndefined()
  })
})

describe('admit: a partial target', () => {
  const wants = inLE('t', ['a.test', 'b.test', 'c.test'], { partial: true })
  const failed = (name: string, times = 2, minutesAgo = 0) => ({
    [namesKey(LE, names(name))]: failure(times, minutesAgo),
  })

  test.each<[string, Due, Given, string[], string[]]>([
    ['asks for all at first', due(wants), {}, ['t'], []],
    ['leaves out names that wait', due(wants), { failures: failed('b.test') }, ['t: a.test c.test'], []],
    ['asks again when their time has come', due(wants), { failures: failed('b.test', 2, 10) }, ['t'], []],
    [
      'waits when it lacks only names that wait',
      due(wants, { lacking: names('b.test') }),
      { failures: failed('b.test') },
      [],
      ['t waits until 2026-06-01T12:10Z: b.test failed 2 times since 2026-05-29T00:40Z: no'],
    ],
    [
      'waits for the first of the names it lacks',
      due(wants, { lacking: names('a.test', 'b.test') }),
      { failures: { ...failed('b.test', 3), ...failed('a.test', 1) } },
      [],
      ['t waits until 2026-06-01T12:01Z: a.test, b.test failed since 2026-05-29T00:40Z: no'],
    ],
    [
      'goes for one it lacks, without the other',
      due(wants, { lacking: names('a.test', 'b.test') }),
      { failures: failed('b.test') },
      ['t: a.test c.test'],
      [],
    ],
    ['forced asks for all', due(wants, { forced: true }), { failures: failed('b.test') }, ['t'], []],
    [
      'leaves out a name that failed as often as the CA allows, even when forced',
      due(wants, { forced: true }),
      { validations: { [`${server} b.test`]: [50, 40, 30, 20, 10].map(ago) } },
      ['t: a.test c.test'],
      [],
    ],
  ])('%s', (_, one, given, go, wait) => {
    expect(decided([one], given)).toEqual({ go, wait, afterwards: [] })
  })
})

describe('admit: never more failed validations than the CA allows', () => {
  const key = `${server} a.test`
  const a = due(inLE('a.test'), { forced: true })
  const both = due(inLE('both', ['a.test', '*.a.test']), { forced: true })
  const full = 'a name failed as often as the CA allows'

  test.each<[string, Due[], readonly number[], string[], string[], string[]]>([
    ['four in the last hour', [a], [59, 30, 20, 10], ['a.test'], [], []],
    ['five', [a], [59, 30, 20, 10, 5], [], [`a.test waits until 2026-06-01T12:01Z: ${full}`], []],
    ['five, one of them an hour ago', [a], [60, 30, 20, 10, 5], ['a.test'], [], []],
    ['seven', [a], [50, 45, 40, 30, 20, 10, 5], [], [`a.test waits until 2026-06-01T12:20Z: ${full}`], []],
    [
      'a name and its wildcard count twice',
      [both],
      [50, 30, 20, 10],
      [],
      [`both waits until 2026-06-01T12:10Z: ${full}`],
      [],
    ],
    ['three leave room for both', [both], [30, 20, 10], ['both'], [], []],
    [
      'targets that share a name go one after the other when they could fail too often together',
      [a, due(inLE('x', ['a.test', 'x.test'])), due(inLE('y', ['y.test']))],
      [30, 20, 10, 5],
      ['a.test', 'y'],
      [],
      ['x'],
    ],
    [
      'and together when they could not',
      [a, due(inLE('x', ['a.test', 'x.test']))],
      [30, 20, 10],
      ['a.test', 'x'],
      [],
      [],
    ],
  ])('%s', (_, dues, minutesAgo, go, wait, afterwards) => {
    expect(decided(dues, { validations: { [key]: minutesAgo.map(ago) } })).toEqual({ go, wait, afterwards })
  })

  test('of a CA whose limits nobody knows, none', () => {
    const validations = { 'ca.example%2fdirectory a.test': [5, 4, 3, 2, 1, 1].map(ago) }
    expect(decided([due(target('a.test', ['a.test']))], { validations }).go).toEqual(['a.test'])
  })
})

describe('admit: what the CA itself asks to be renewed', () => {
  const asked = (file: string, windowBegun = true, more: Partial<Due> = {}): Due => ({
    ...renewal(file, 1),
    replaces: {
      certificate: file,
      certId: `${file}.01`,
      accountId: `${server}/account`,
      names: names(`${file}.test`),
      windowBegun,
    },
    ...more,
  })
  const many = (count: number, make: (file: string) => Due) => Array.from({ length: count }, (_, i) => make(`n${i}`))

  test('is held up neither by the orders of three hours nor by the renewals of a run', () => {
    expect(decided(many(700, asked), { orders: 300 }).go).toHaveLength(700)
  })

  test('leaves the orders and renewals of a run to all others', () => {
    const { go } = decided([...many(700, asked), ...many(100, file => renewal(`own-${file}`, 1))])
    expect(go).toHaveLength(800)
  })

  test('is paced like all others before its window begins', () => {
    const early = (file: string) => asked(file, false)
    expect(decided(many(700, early), { targets: 700 }).go).toHaveLength(100)
    expect(decided(many(5, early), { orders: 299 }).go).toHaveLength(1)
  })

  test('is paced like all others at another CA, that stands in for the one that asked', () => {
    const elsewhere = (file: string) => {
      const one = asked(file)
      return { ...one, replaces: one.replaces && { ...one.replaces, accountId: 'first.example%2fdirectory/account' } }
    }
    expect(decided(many(5, elsewhere), { orders: 299 }).go).toHaveLength(1)
  })

  test('waits for what failed, and for a Retry-After of the CA', () => {
    const failures = { [namesKey(LE, names('n0.test'))]: failure(3, 1) }
    expect(decided([asked('n0')], { failures }).wait).toHaveLength(1)
    expect(
      decided([asked('n0')], { failures: { [server]: failure(1, 1, { notBefore: ago(-60) }) } }).wait,
    ).toHaveLength(1)
  })
})

describe('admit: orders are paced', () => {
  const many = (count: number, make: (file: string) => Due = file => due(inLE(file))) =>
    Array.from({ length: count }, (_, i) => make(`n${i}`))
  const held = (result: ReturnType<typeof decided>) => [result.go.length, result.wait.length, result.wait[0]]

  test('at Let’s Encrypt 300 in three hours, those of earlier runs counted', () => {
    expect(held(decided(many(301)))).toEqual([
      300,
      1,
      'n300 waits until 2026-06-01T15:00Z: 300 orders in three hours are all the CA allows',
    ])
    expect(held(decided(many(5), { orders: 299 }))).toEqual([
      1,
      4,
      'n1 waits until 2026-06-01T12:10Z: 300 orders in three hours are all the CA allows',
    ])
  })

  test('at a CA of which nothing is known, none', () => {
    expect(held(decided(many(2000, file => due(target(file, [`${file}.test`])))))).toEqual([2000, 0, undefined])
  })

  test('as DNS01_ORDERS_PER_3H says, everywhere', () => {
    const unknown = (file: string) => due(target(file, [`${file}.test`]))
    expect(held(decided(many(3, unknown), { env: { DNS01_ORDERS_PER_3H: '2' } })).slice(0, 2)).toEqual([2, 1])
  })

  test.each(['0', '-1', 'many', '2.5'])('DNS01_ORDERS_PER_3H cannot be %s', text => {
    expect(() => limitsOf(LE, { DNS01_ORDERS_PER_3H: text })).toThrow(
      `DNS01_ORDERS_PER_3H must be a number of at least 1, not "${text}"`,
    )
  })

  test('what somebody asked for by name goes first, then what has no certificate, then what ends first', () => {
    const forced = { ...renewal('forced', 1), forced: true }
    const dues = [renewal('later', 16), renewal('sooner', 20), due(inLE('none')), forced]
    expect(decided(dues, { orders: 297 }).go).toEqual(['forced', 'none', 'sooner'])
    expect(decided(dues, { orders: 296 }).go).toEqual(['forced', 'none', 'sooner', 'later'])
  })
})

describe('admit: orders for one target', () => {
  const partial = (file: string): Due => due(inLE(file, [file, `www.${file}`], { partial: true }))
  const orders = (dues: readonly Due[], perThreeHours: string, ca?: string) => {
    const env = perThreeHours === '' ? {} : { DNS01_ORDERS_PER_3H: perThreeHours }
    const memory = { failures: new Map(), validations: new Map(), orders: new Map() }
    const around = { now, limitsOf: () => limitsOf(ca ?? LE, env), targets: dues.length }
    return admit(dues, memory, around).admitted.map(({ mostOrders }) => mostOrders)
  }

  test.each<[string, readonly Due[], string, readonly number[]]>([
    ['one, for what is wanted as a whole', [due(inLE('a.test'))], '300', [1]],
    ['three where names may be left out', [partial('a.test')], '300', [3]],
    ['what the CA leaves, one each first', [partial('a.test'), partial('b.test'), due(inLE('c.test'))], '6', [3, 2, 1]],
    ['one where no more is left', [partial('a.test'), partial('b.test')], '2', [1, 1]],
  ])('%s', (_, dues, perThreeHours, most) => {
    expect(orders(dues, perThreeHours)).toEqual(most)
  })

  test('three at a CA whose limit nobody knows', () => {
    expect(orders([partial('a.test')], '', 'https://ca.example/directory')).toEqual([3])
  })
})

describe('admit: renewals are spread', () => {
  const renewals = (count: number, days: number) =>
    Array.from({ length: count }, (_, i) => renewal(`r${days}-${i}`, days))
  const counts = (dues: readonly Due[], given: Given = {}) => {
    const made = decided(dues, { env: { DNS01_ORDERS_PER_3H: '100000' }, ...given })
    return [made.go.length, made.wait.length]
  }

  test.each<[string, readonly Due[], Given, number, number]>([
    ['a hundred at once', renewals(100, 1), {}, 100, 0],
    ['not more', renewals(101, 1), {}, 100, 1],
    ['a tenth of all targets, if that is more', renewals(5000, 1), { targets: 10_000 }, 1000, 4000],
    ['all that are past half of their margin', renewals(300, 15), {}, 300, 0],
    ['those besides the hundred', [...renewals(300, 15), ...renewals(150, 1)], { targets: 500 }, 400, 50],
    ['all that are forced', renewals(300, 1).map(one => ({ ...one, forced: true })), {}, 300, 0],
    ['all that have no certificate', renewals(300, 1).map(one => ({ ...one, live: false })), {}, 300, 0],
  ])('%s', (_, dues, given, go, wait) => {
    expect(counts(dues, given)).toEqual([go, wait])
  })

  test('those that end first go first; the others say so', () => {
    const { go, wait } = decided([...renewals(100, 1), renewal('old', 2)])
    expect(go[0]).toBe('old')
    expect(wait).toEqual(['r1-99 waits for a later run: it has time: 100 other renewals go first in this run'])
  })
})

test('deciding on ten times as many takes about ten times as long', async () => {
  const dues = Array.from({ length: 10_000 }, (_, i) => renewal(`r${i}`, 1))
  const env = { DNS01_ORDERS_PER_3H: '100000' }
  expect(decided(dues, { env }).go).toHaveLength(1000)
  expect(await growth(size => decided(dues.slice(0, size), { env }))).toBeLessThan(aboutLinear)
})
