import { describe, expect, test } from 'vitest'
import { stagingDirectories } from '../../../src/core/staging.js'
import type { Target } from '../../../src/core/target.js'
import { best, byName, satisfies } from '../../../src/renew/best-certificate.js'
import { renewAt } from '../../../src/renew/renewal-date.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { certificate, day, target } from '../../fakes/held.js'

const staging = 'acme-staging-v02.api.letsencrypt.org%2fdirectory/KEY'
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
    ["of a CA's test system", certificate('c', ['a.test', 'b.test'], { accountId: staging }), wanted, false],
    [
      'of the test system that is asked',
      certificate('c', ['a.test', 'b.test'], { accountId: staging }),
      { ...wanted, ca: stagingDirectories[0] as string },
      true,
    ],
    [
      'of the test system that is asked in the place of another',
      certificate('c', ['a.test', 'b.test'], { accountId: staging }),
      { ...wanted, fallback: stagingDirectories },
      true,
    ],
    [
      'of a real CA, where its test system is asked',
      certificate('c', ['a.test', 'b.test']),
      { ...wanted, ca: stagingDirectories[0] as string },
      true,
    ],
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

  const csr = { path: 'x', names: [], keyId: 'key-c', keyType: 'ecdsa', der: '' } as const
  test.each([
    ['its key, not here', certificate('c', ['a.test'], { hasKey: false }), csr.keyId, true],
    ['its key, which is here, too', certificate('c', ['a.test']), csr.keyId, true],
    ['another key', certificate('c', ['a.test']), 'other', false],
  ])('a target with a request of somebody else: %s', (_, held, keyId, does) => {
    expect(satisfies(held, target('t', ['a.test'], { csr: { ...csr, keyId } }))).toBe(does)
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
  const short = { notBefore: day('2026-05-31'), notAfter: day('2026-06-06') }
  const shortlived = certificate('shortlived', ['a.test'], { facts: short })
  const due = certificate('due', ['a.test'], { facts: { notBefore: day('2026-03-25'), notAfter: day('2026-06-23') } })
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
    ['one that is not due before one that ends later and is', [due, shortlived], noLinks, 'shortlived'],
    ['of two that are not due, the one that ends last', [fresh, shortlived], noLinks, 'fresh'],
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
