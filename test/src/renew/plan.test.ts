import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/core/target.js'
import { best, byName, type Due, firstWave, plan, renewAt, satisfies, whyDue } from '../../../src/renew/plan.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { aboutLinear, growth } from '../../fakes/growth.js'
import { certificate, day, names, target } from '../../fakes/held.js'

const now = day('2026-06-01')
const noLinks = new Map<string, string>()

describe('renewAt: margin days before the end, but in the last third or half of the lifetime at the earliest', () => {
  test.each([
    ['90 days, margin 30', '2026-01-01', '2026-04-01', 30, '2026-03-02T00:00:00.000Z'],
    ['90 days, margin 10', '2026-01-01', '2026-04-01', 10, '2026-03-22T00:00:00.000Z'],
    ['90 days, margin 60 is capped', '2026-01-01', '2026-04-01', 60, '2026-03-02T00:00:00.000Z'],
    ['10 days', '2026-01-01', '2026-01-11', 30, '2026-01-07T16:00:00.000Z'],
    ['less than 10 days: their half', '2026-01-01', '2026-01-07', 30, '2026-01-04T00:00:00.000Z'],
    ['6 days, margin 1', '2026-01-01', '2026-01-07', 1, '2026-01-06T00:00:00.000Z'],
    ['1 day', '2026-01-01', '2026-01-02', 30, '2026-01-01T12:00:00.000Z'],
    ['without a well-defined end: 825 days count', '2026-01-01', '9999-12-31', 30, '2028-03-06T00:00:00.000Z'],
    ['margin 0', '2026-01-01', '2026-04-01', 0, '2026-04-01T00:00:00.000Z'],
  ])('%s', (_, from, to, marginDays, at) => {
    expect(renewAt({ notBefore: day(from), notAfter: day(to) }, marginDays).toISOString()).toBe(at)
  })
})

describe('satisfies', () => {
  const wanted = target('t', ['a.test', 'b.test'])
  test.each<[string, Certificate, Target, boolean]>([
    ['all names', certificate('c', ['a.test', 'b.test']), wanted, true],
    ['more names', certificate('c', ['x.test', 'b.test', 'a.test']), wanted, true],
    ['a name is missing', certificate('c', ['a.test']), wanted, false],
    ['a wildcard is not the name itself', certificate('c', ['a.test', '*.test']), wanted, false],
    ['not downloaded', certificate('c', ['a.test', 'b.test'], { complete: false }), wanted, false],
    ['without its key', certificate('c', ['a.test', 'b.test'], { hasKey: false }), wanted, false],
    ['revoked', certificate('c', ['a.test', 'b.test'], { revoked: true }), wanted, false],
    ['to be revoked', certificate('c', ['a.test', 'b.test'], { revokeWanted: true }), wanted, false],
    ['self-signed', certificate('c', ['a.test', 'b.test'], { facts: { selfSigned: true } }), wanted, false],
    [
      'another kind of key, where one is required',
      certificate('c', ['a.test', 'b.test']),
      target('t', ['a.test'], { requiredKeyType: 'rsa' }),
      false,
    ],
    [
      'that kind of key',
      certificate('c', ['a.test'], { facts: { keyType: 'rsa' } }),
      target('t', ['a.test'], { requiredKeyType: 'rsa' }),
      true,
    ],
    [
      'another kind of key than new ones get, where none is required',
      certificate('c', ['a.test'], { facts: { keyType: 'rsa' } }),
      target('t', ['a.test']),
      true,
    ],
    [
      'its dates do not matter here',
      certificate('c', ['a.test', 'b.test'], { facts: { notAfter: day('2020-01-01') } }),
      wanted,
      true,
    ],
  ])('%s', (_, held, wants, does) => {
    expect(satisfies(held, wants)).toBe(does)
  })

  test('what could not be read serves nobody', () => {
    const { facts: _, ...unread } = certificate('c', ['a.test'])
    expect(satisfies(unread, target('t', ['a.test']))).toBe(false)
  })
})

describe('best', () => {
  const wanted = target('t', ['a.test'])
  const old = certificate('old', ['a.test'], { facts: { notAfter: day('2026-07-01') } })
  const fresh = certificate('fresh', ['a.test'], { facts: { notAfter: day('2026-08-01') } })
  const twin = certificate('twin', ['a.test'], { facts: { notAfter: day('2026-08-01') } })
  const years = { notBefore: day('2024-01-01'), notAfter: day('9999-12-31') }
  const endless = certificate('endless', ['a.test'], { facts: years })
  const bestOf = (held: Certificate[], links: ReadonlyMap<string, string> = noLinks, wants = wanted) =>
    best(wants, byName(held), links, now)?.id

  test.each<[string, Certificate[], ReadonlyMap<string, string>, string | undefined]>([
    ['none', [], noLinks, undefined],
    ['the one that ends last', [old, fresh], noLinks, 'fresh'],
    ['also when the other is live', [old, fresh], new Map([['a.test', 'old']]), 'fresh'],
    ['of equals, the live one', [fresh, twin], new Map([['a.test', 'twin']]), 'twin'],
    ['of equals, none live, the smaller id', [twin, fresh], noLinks, 'fresh'],
    ['one that does not say when it ends counts as one of 825 days', [endless, fresh], noLinks, 'fresh'],
    ['never one that does not satisfy', [old, { ...fresh, revoked: true }], noLinks, 'old'],
  ])('%s', (_, held, links, id) => {
    expect(bestOf(held, links)).toBe(id)
    expect(bestOf([...held].reverse(), links)).toBe(id)
  })

  test('a label has a live link of its own', () => {
    const labelled = target('t', ['a.test'], { label: 'rsa' })
    expect(bestOf([fresh, twin], new Map([['a.test', 'twin']]), labelled)).toBe('fresh')
    expect(bestOf([fresh, twin], new Map([['a.test:rsa', 'twin']]), labelled)).toBe('twin')
  })

  test('a target without names has none', () => {
    expect(bestOf([fresh], noLinks, target('t', []))).toBeUndefined()
  })
})

describe('whyDue', () => {
  const wanted = target('t', ['a.test', 'b.test'])
  const held = certificate('c', ['a.test', 'b.test'])
  const until = (notAfter: string) => certificate('c', ['a.test', 'b.test'], { facts: { notAfter: day(notAfter) } })
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
  ])('%s', (_, wants, has, force, why) => {
    expect(whyDue(wants, has, { now, force: force && names(...force) })).toBe(why)
  })
})

describe('a partial target', () => {
  const wants = target('t', ['a.test', 'b.test', 'c.test'], { partial: true })
  const old = certificate('old', ['a.test', 'b.test', 'c.test'], { facts: { notAfter: day('2026-06-10') } })
  const some = certificate('some', ['a.test', 'b.test'])
  const one = certificate('one', ['a.test'], { facts: { notAfter: day('2026-08-20') } })
  const stranger = certificate('stranger', ['x.test'])
  const of = (held: Certificate[], force?: string[]) => {
    const made = plan(
      { targets: [wants], certificates: held, links: noLinks },
      { now, force: force && names(...force) },
    )
    const [due] = made.issue
    return [
      due && `${due.live ? 'live' : 'not live'}, for ${due.lacking.join(' ')}`,
      made.link.map(({ link, certificateId }) => `${link} ${certificateId}`),
    ]
  }

  test.each<[string, Certificate[], string | undefined, string[]]>([
    ['none', [], 'not live, for a.test b.test c.test', []],
    ['of another', [stranger], 'not live, for a.test b.test c.test', []],
    ['some names', [some], 'not live, for c.test', ['a.test some', 'b.test some']],
    ['most names win, not the latest', [one, some], 'not live, for c.test', ['a.test some', 'b.test some']],
    [
      'an older certificate serves the missing name as long as it is valid',
      [old, some],
      'live, for c.test',
      ['a.test some', 'b.test some', 'c.test old'],
    ],
    ['all names, but due', [old], 'live, for a.test b.test c.test', ['a.test old', 'b.test old', 'c.test old']],
    [
      'some names, and due',
      [certificate('some', ['a.test', 'b.test'], { facts: { notAfter: day('2026-06-10') } })],
      'not live, for a.test b.test c.test',
      ['a.test some', 'b.test some'],
    ],
    [
      'all names',
      [certificate('all', ['a.test', 'b.test', 'c.test'])],
      undefined,
      ['a.test all', 'b.test all', 'c.test all'],
    ],
  ])('that has %s', (_, held, due, links) => {
    expect(of(held)).toEqual([due, links])
    expect(of([...held].reverse())).toEqual([due, links])
  })

  test('that is forced asks for all', () => {
    expect(of([some], ['a.test'])[0]).toBe('not live, for a.test b.test c.test')
  })
})

describe('plan', () => {
  const held = (targets: Target[], certificates: Certificate[] = [], links: [string, string][] = []) => ({
    targets,
    certificates,
    links: new Map(links),
  })
  const linksOf = (...args: Parameters<typeof held>) =>
    plan(held(...args), { now }).link.map(({ link, certificateId }) => `${link} ${certificateId}`)

  test('nothing to do when all is live and fresh', () => {
    const made = plan(held([target('t', ['a.test'])], [certificate('c', ['a.test'])], [['a.test', 'c']]), { now })
    expect(made).toEqual({ revoke: [], resume: [], issue: [], link: [] })
  })

  test('issues for what is due, by priority, then number of names', () => {
    const targets = [
      target('one', ['a.test']),
      target('two', ['b.test', 'c.test']),
      target('urgent', ['d.test'], { priority: 5 }),
    ]
    const made = plan(held(targets), { now })
    expect(made.issue.map(due => [due.target.file, due.why])).toEqual([
      ['urgent', 'no certificate yet'],
      ['two', 'no certificate yet'],
      ['one', 'no certificate yet'],
    ])
  })

  test('onlyFiles limits the issuing, not the linking', () => {
    const targets = [target('a', ['a.test']), target('b', ['b.test']), target('c', ['c.test'])]
    const made = plan(held(targets, [certificate('c1', ['c.test'])]), { now, onlyFiles: ['b'] })
    expect(made.issue.map(due => due.target.file)).toEqual(['b'])
    expect(made.link).toEqual([{ link: 'c.test', certificateId: 'c1' }])
  })

  test('orders that were interrupted are resumed, revocations asked for are made', () => {
    const half = certificate('half', ['a.test'], { complete: false })
    const wanted = certificate('wanted', ['b.test'], { revokeWanted: true })
    const done = certificate('done', ['c.test'], { revokeWanted: true, revoked: true })
    const neverCame = certificate('neverCame', ['d.test'], { revokeWanted: true, complete: false })
    const made = plan(held([], [half, wanted, done, neverCame]), { now })
    expect(made.resume.map(c => c.id)).toEqual(['half', 'neverCame'])
    expect(made.revoke.map(c => c.id)).toEqual(['wanted'])
  })

  test('every name of a target gets a link; one that is right is left alone', () => {
    expect(
      linksOf([target('t', ['a.test', 'b.test'])], [certificate('c', ['a.test', 'b.test'])], [['b.test', 'c']]),
    ).toEqual(['a.test c'])
  })

  test('links move to the newer certificate', () => {
    const newer = certificate('new', ['a.test'], { facts: { notAfter: day('2026-08-20') } })
    expect(linksOf([target('t', ['a.test'])], [certificate('old', ['a.test']), newer], [['a.test', 'old']])).toEqual([
      'a.test new',
    ])
  })

  test('an expired certificate is linked too when there is no better one', () => {
    const expired = certificate('c', ['a.test'], { facts: { notAfter: day('2026-05-02') } })
    expect(linksOf([target('t', ['a.test'])], [expired])).toEqual(['a.test c'])
  })

  test('the certificate of one target serves another whose names are all in it', () => {
    const targets = [target('big', ['a.test', 'b.test']), target('small', ['a.test'])]
    const made = plan(
      held(
        targets,
        [certificate('c', ['a.test', 'b.test'])],
        [
          ['a.test', 'c'],
          ['b.test', 'c'],
        ],
      ),
      { now },
    )
    expect(made.issue).toEqual([])
    expect(made.link).toEqual([])
  })

  test('labels have links of their own', () => {
    const targets = [target('ec', ['a.test']), target('rsa', ['a.test'], { label: 'rsa', requiredKeyType: 'rsa' })]
    const certificates = [
      certificate('c1', ['a.test']),
      certificate('c2', ['a.test'], { facts: { keyType: 'rsa', notAfter: day('2026-07-01') } }),
    ]
    expect(linksOf(targets, certificates)).toEqual(['a.test c1', 'a.test:rsa c2'])
  })

  test('a name that two targets want belongs to the one in front', () => {
    const targets = [target('small', ['a.test'], { requiredKeyType: 'rsa' }), target('big', ['a.test', 'b.test'])]
    const certificates = [
      certificate('rsa', ['a.test'], { facts: { keyType: 'rsa' } }),
      certificate('big', ['a.test', 'b.test']),
    ]
    expect(linksOf(targets, certificates)).toEqual(['a.test big', 'b.test big'])
  })

  test('a link that no target claims is not touched', () => {
    expect(linksOf([], [certificate('c', ['a.test'])], [['a.test', 'other']])).toEqual([])
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
