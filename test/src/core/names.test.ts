import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeOf, Dns01Error } from '../../../src/core/errors.js'
import {
  accountChallengeName,
  ancestors,
  asChallengeName,
  challengeName,
  isAccountChallengeName,
  isWithin,
  longestMatch,
  type Name,
  parseName,
  parseNames,
  persistName,
  withoutChallengeLabel,
  withoutWildcard,
} from '../../../src/core/names.js'

const thrownBy = (act: () => unknown): Dns01Error => {
  try {
    act()
  } catch (error) {
    if (error instanceof Dns01Error) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const label63 = 'a'.repeat(63)
/** 253 bytes: three labels of 63, one of 61. */
const name253 = [label63, label63, label63, 'a'.repeat(61)].join('.')

describe('parseNames', () => {
  test.each([
    [
      ['a.example', 'b.example'],
      ['a.example', 'b.example'],
    ],
    [['a.example,b.example'], ['a.example', 'b.example']],
    [
      ['a.example,', 'b.example , *.b.example'],
      ['a.example', 'b.example', '*.b.example'],
    ],
  ])('%j: a comma separates names', (words, names) => {
    expect(parseNames(words)).toEqual(names)
  })

  test('a comma alone is not a name', () => {
    expect(thrownBy(() => parseNames([','])).message).toContain('"," is not a host name')
  })
})

describe('parseName', () => {
  test.each([
    ['www.example.com', 'www.example.com'],
    ['WWW.Example.COM', 'www.example.com'],
    ['www.example.com.', 'www.example.com'],
    ['*.example.com', '*.example.com'],
    ['*.Example.com.', '*.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.BÜCHER.example.', '*.xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['_acme-challenge.host.example', '_acme-challenge.host.example'],
    ['my_host.corp', 'my_host.corp'],
    ['printer', 'printer'],
    ['0x7f.1.example', '0x7f.1.example'],
    ['9.8.example', '9.8.example'],
    [name253, name253],
    [`${name253}.`, name253],
  ])('%j is %s', (text, name) => {
    expect(parseName(text)).toBe(name)
  })

  test.each([
    ['', 'it is empty'],
    ['a..b', 'it has an empty label'],
    ['.a', 'it has an empty label'],
    ['.', 'it has an empty label'],
    ['*.', 'it has an empty label'],
    ['a.b..', 'it has an empty label'],
    ['a/b', 'it has the character "/"'],
    ['../../etc/passwd', 'it has the character "/"'],
    ['a b', 'it has the character " "'],
    [' a', 'it has the character " "'],
    ['a\tb', 'it has the character "\\t"'],
    ['a\u0000b', 'it has the character "\\u0000"'],
    ['a\nb', 'it has the character "\\n"'],
    ['a\\b', 'it has the character "\\\\"'],
    ['user@host', 'it has the character "@"'],
    ['%2e%2e', 'it has the character "%"'],
    ['*.*.x', '"*" may stand only once'],
    ['*', '"*" may stand only once'],
    ['a.*.x', '"*" may stand only once'],
    ['w*.x', '"*" may stand only once'],
    [`${'a'.repeat(64)}.example`, 'the label "aaaaaaaaaaaa…" is 64 bytes long, at most 63'],
    [`${'ü'.repeat(60)}.example`, 'bytes long, at most 63'],
    [`a${name253}`, 'bytes long, at most 63'],
    [['a', label63, label63, label63, 'a'.repeat(60)].join('.'), 'it is 254 bytes long, at most 253 are allowed'],
    ['-a.example', 'the label "-a" may hold letters, digits and inner hyphens only'],
    ['a-.example', 'the label "a-" may hold letters, digits and inner hyphens only'],
    ['a,b', 'the label "a,b" may hold letters, digits and inner hyphens only'],
    ['xn--a.example', 'it is not a valid international name'],
    ['www.example.com:443', 'it has the character ":"'],
  ])('refuses %j: %s', (text, why) => {
    const error = thrownBy(() => parseName(text))
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain(why)
    expect(error.message.startsWith(JSON.stringify(text))).toBe(true)
  })

  test.each([
    '192.0.2.1',
    '192.0.2.1.',
    '*.192.0.2.1',
    '999.1.1.1',
    '2001:db8::1',
    '::1',
    '[2001:db8::1]',
    '::ffff:192.0.2.1',
    '１２７.0.0.1',
  ])('refuses the address %s and says what to do', text => {
    const error = thrownBy(() => parseName(text))
    expect(error.message).toContain('it is an IP address')
    expect(error.hint).toBe('DNS-01 proves names; give the host a name')
  })

  test.each([
    ['https://www.a.example', 'it appears to be a URL', 'www.a.example'],
    ['https://user@www.a.example:8443/path?x', 'it appears to be a URL', 'www.a.example'],
    ['a.example/path', 'it has the character "/"', 'a.example'],
    ['a.example:443', 'it has the character ":"', 'a.example'],
  ])('%s is told to be more than a name, and which the name is', (text, why, host) => {
    const { message, hint } = thrownBy(() => parseName(text))
    expect(message).toContain(why)
    expect(hint).toContain(`give the host name alone: ${host}`)
  })

  const letters = fc.constantFrom(...'aZ09-_.*ü。ß１:/ \u0000x'.split(''))
  const anything = fc.oneof(fc.string(), fc.string({ unit: letters, maxLength: 300 }), fc.string({ unit: 'grapheme' }))

  test('of any text: a canonical name that parses to itself, or USAGE', () => {
    fc.assert(
      fc.property(anything, text => {
        let name: Name
        try {
          name = parseName(text)
        } catch (error) {
          return codeOf(error) === 'USAGE'
        }
        expect(parseName(name)).toBe(name)
        expect(parseName(name.toUpperCase())).toBe(name)
        expect(parseName(`${name}.`)).toBe(name)
        expect(name).toMatch(/^(\*\.)?([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/)
        expect(name.length).toBeLessThanOrEqual(253)
        return true
      }),
      { numRuns: 2000 },
    )
  })
})

describe('challengeName', () => {
  test.each([
    ['www.example.com', '_acme-challenge.www.example.com'],
    ['*.example.com', '_acme-challenge.example.com'],
  ])('of %s is %s (RFC 8555 §8.4)', (name, challenge) => {
    expect(challengeName(parseName(name))).toBe(challenge)
  })

  test('a name that leaves no room for _acme-challenge is refused', () => {
    const longest = name253.slice('_acme-challenge.'.length)
    expect(challengeName(parseName(longest))).toHaveLength(253)
    expect(thrownBy(() => challengeName(parseName(`${longest.slice(1)}.aa`.slice(0, 253)))).message).toContain(
      'is longer than 253 bytes',
    )
  })
})

test('the name of dns-account-01 is 18 bytes longer, and dns-persist-01 has one of its own', () => {
  const label = '_ujmmovf2vn55tgye'
  const name = parseName('*.www.example.com')
  expect(accountChallengeName(name, label)).toBe('_ujmmovf2vn55tgye._acme-challenge.www.example.com')
  expect(persistName(name)).toBe('_validation-persist.www.example.com')
  const longest = parseName(name253.slice('_acme-challenge.'.length + 18))
  expect(accountChallengeName(longest, label)).toHaveLength(253)
  const longer = parseName(name253.slice('_acme-challenge.'.length))
  expect(challengeName(longer)).toHaveLength(253)
  expect(thrownBy(() => accountChallengeName(longer, label)).message).toContain('is longer than 253 bytes')
  expect(thrownBy(() => persistName(parseName(name253))).message).toContain('is longer than 253 bytes')
})

test.each([
  ['www.example.com', '_acme-challenge.www.example.com', 'www.example.com', false],
  ['_acme-challenge.www.example.com', '_acme-challenge.www.example.com', 'www.example.com', false],
  ...[
    [
      '_ujmmovf2vn55tgye._acme-challenge.x.test',
      '_ujmmovf2vn55tgye._acme-challenge.x.test',
      '_ujmmovf2vn55tgye.x.test',
      true,
    ] as const,
  ],
  ...[
    [
      '_other._acme-challenge.x.test',
      '_acme-challenge._other._acme-challenge.x.test',
      '_other._acme-challenge.x.test',
      false,
    ] as const,
  ],
] as const)('%s as a challenge name', (name, challenge, bare, byAccount) => {
  expect(asChallengeName(name as Name)).toBe(challenge)
  expect(withoutChallengeLabel(challenge as Name)).toBe(bare)
  expect(isAccountChallengeName(name as Name)).toBe(byAccount)
})

test('withoutWildcard takes off only the first label of a wildcard', () => {
  expect(withoutWildcard(parseName('*.a.example'))).toBe('a.example')
  expect(withoutWildcard(parseName('a.example'))).toBe('a.example')
})

test.each([
  ['a.example.test', 'example.test', true],
  ['example.test', 'example.test', true],
  ['evilexample.test', 'example.test', false],
  ['example.test', 'a.example.test', false],
  ['anything.at.all', '', true],
])('isWithin(%s, %s) is %s', (name, zone, within) => {
  expect(isWithin(name as Name, zone as Name)).toBe(within)
})

test('ancestors go from the name to the top, without the root', () => {
  expect(ancestors(parseName('a.b.c'))).toEqual(['a.b.c', 'b.c', 'c'])
})

test.each([
  ['x.a.b.test', 'a.b.test'],
  ['a.b.test', 'a.b.test'],
  ['xa.b.test', 'b.test'],
  ['other.org', undefined],
])('longestMatch(%s) is %s', (name, match) => {
  expect(longestMatch(parseName(name), ['test.org', 'b.test', 'a.b.test'].map(parseName))).toBe(match)
})
