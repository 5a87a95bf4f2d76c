import { describe, expect, test } from 'vitest'
import { caaVerdict, parseProperty } from '../../../src/dns/caa.js'

const identities = ['ca.test', 'ca-two.test']

describe('may this CA issue?', () => {
  const table: [
    what: string,
    set: string[],
    plain: boolean | undefined,
    wildcard: boolean | undefined,
    says: RegExp,
  ][] = [
    ['issue names it', ['0 issue ca.test'], true, true, /allows ca\.test$/],
    ['in capitals, tag and domain (§4.1, §4.2)', ['0 ISSUE CA.Test'], true, true, /allows ca\.test$/],
    ['its second name', ['0 issue ca-two.test'], true, true, /allows ca-two\.test$/],
    ['one of several', ['0 issue other.test', '0 issue ca.test'], true, true, /allows ca\.test$/],
    ['another CA', ['0 issue other.test'], false, false, /allows only other\.test$/],
    ['nobody (§4.2)', ['0 issue ;'], false, false, /allows nobody/],
    ['no issue property at all (§4.2)', ['0 iodef mailto:a@b.test'], true, true, /restricts no issue/],
    ['issuewild rules wildcards alone (§4.3)', ['0 issue other.test', '0 issuewild ca.test'], false, true, /./],
    ['issuewild forbids wildcards only (§4.3)', ['0 issue ca.test', '0 issuewild ;'], true, false, /./],
    ['issuewild says nothing about other names (§4.3)', ['0 issuewild other.test'], true, false, /./],
    ['an unknown critical property (§4.5)', ['0 issue ca.test', '128 tbs x'], false, false, /critical property "tbs"/],
    ['an unknown property that is not', ['0 issue ca.test', '0 tbs x'], true, true, /allows ca\.test$/],
    ['a critical issue is known', ['128 issue ca.test'], true, true, /allows ca\.test$/],
    ['methods with ours (RFC 8657 §4)', ['0 issue ca.test; validationmethods=http-01,dns-01'], true, true, /allows/],
    ['methods without', ['0 issue ca.test; validationmethods=http-01'], false, false, /lack dns-01/],
    [
      'one account (RFC 8657 §3)',
      ['0 issue ca.test;accounturi=https://ca.test/a/1'],
      true,
      true,
      /account https:\/\/ca\.test\/a\/1 only/,
    ],
    [
      'one account, or any',
      ['0 issue ca.test; accounturi=https://ca.test/a/1', '0 issue ca.test'],
      true,
      true,
      /allows ca\.test$/,
    ],
  ]
  for (const [what, set, plain, wild, says] of table)
    test(`${what}: ${set.join(', ')}`, () => {
      const properties = set.map(parseProperty)
      const verdicts = [false, true].map(wildcard => caaVerdict(properties, { wildcard, identities }))
      expect(verdicts.map(({ allowed }) => allowed)).toEqual([plain, wild])
      expect(verdicts.map(({ why }) => why).join(' | ')).toMatch(says)
    })

  test('whether a CA that does not say its name may issue is unknown, unless nobody may', () => {
    const verdict = (data: string) => caaVerdict([parseProperty(data)], { wildcard: false, identities: [] })
    expect(verdict('0 issue ca.test')).toMatchObject({ allowed: undefined, why: expect.stringContaining('ca.test') })
    expect(verdict('0 issue ;').allowed).toBe(false)
    expect(verdict('0 iodef mailto:a@b.test').allowed).toBe(true)
  })
})
