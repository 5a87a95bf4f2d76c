import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/core/target.js'
import { plan } from '../../../src/renew/plan.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { certificate, day, names, target } from '../../fakes/held.js'

const now = day('2026-06-01')
const noLinks = new Map<string, string>()

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
