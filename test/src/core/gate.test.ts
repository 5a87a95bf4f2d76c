import { describe, expect, test } from 'vitest'
import { Dns01Error, linesOf } from '../../../src/core/errors.js'
import { brief, issueText, openMasks, shown, shownJson } from '../../../src/core/gate.js'

test.each([
  ['plain ü 字 🙂', 'plain ü 字 🙂'],
  ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
  ['a\r\nb\tc', 'a\\r\\nb\\tc'],
  ['nul\0 bel\x07 del\x7f csi\x9b', 'nul\\x00 bel\\x07 del\\x7f csi\\x9b'],
  ['\u202egnp.exe', '\\u202egnp.exe'],
  ['a\u2066b\u2069c\u200bd\ufeff', 'a\\u2066b\\u2069c\\u200bd\\ufeff'],
  ['two\u2028lines\u2029', 'two\\u2028lines\\u2029'],
  ['half \ud83d', 'half \\ud83d'],
  ['tag \u{e0041}', 'tag \\u{e0041}'],
])('%j is shown as %j', (text, expected) => expect(shown(text)).toBe(expected))

test('JSON that is safe to look at has the same values', () => {
  const value = { 'k\x9b': 'a\x1b\x7f\x9b\u202e\u{e0041}\n🙂', list: ['\u2028'] }
  const text = shownJson(JSON.stringify(value, undefined, 2))
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
  expect(JSON.parse(text)).toEqual(value)
})

test.each([
  ['x'.repeat(2000), 'x'.repeat(2000)],
  ['x'.repeat(2001), `${'x'.repeat(2000)}… (1 more characters)`],
  [`${'x'.repeat(1999)}🙂`, `${'x'.repeat(1999)}… (1 more characters)`],
])('a text is cut at 2,000 characters, none of them in half', (text, expected) => expect(brief(text)).toBe(expected))

test('of what valibot refuses, a hundred characters are told', () => {
  const received = `"${'x'.repeat(3_000_000)}"`
  expect(issueText({ message: `Expected "a" but received ${received}`, received }).length).toBeLessThan(200)
})

describe('an error', () => {
  const error = new Dns01Error('REFUSED', 'the CA said "a\nfake: b\x1b[2J"', { hint: ['copy:\x1b', "A='…'\nB"] })

  test('is one line, whatever came back', () => expect(error.message).toBe('the CA said "a\\nfake: b\\x1b[2J"'))

  test('has a hint of the lines that we gave it', () => expect(error.hint).toBe("copy:\\x1b\n  A='…'\\nB"))

  test('is told as message and hint', () => {
    expect(linesOf(error)).toEqual(['the CA said "a\\nfake: b\\x1b[2J"', 'copy:\\x1b', "A='…'\\nB"])
    expect(linesOf(new Dns01Error('STATE', 'full'))).toEqual(['full'])
  })

  test('that is a bug is told with its stack', () => {
    const lines = linesOf(new TypeError('oops'))
    expect(lines[0]).toBe('TypeError: oops')
    expect(lines[1]).toMatch(/^at .*gate\.test/)
    expect(linesOf('just text')).toEqual(['just text'])
  })
})

describe('a secret is hidden', () => {
  const secret = 'p/q+r "s"=tü~1(x)'
  const bytes = Buffer.from(secret)
  const forms: [string, string][] = [
    ['raw', secret],
    ['encodeURIComponent', encodeURIComponent(secret)],
    ['percent-encoded to the letter of RFC 3986', encodeURIComponent(secret).replace('(', '%28').replace(')', '%29')],
    ['percent-encoded in lower case', encodeURIComponent(secret).toLowerCase().replaceAll('%2b', '%2b')],
    ['in a form', encodeURIComponent(secret).replaceAll('%20', '+')],
    ['JSON', JSON.stringify({ secret })],
    ['base64', bytes.toString('base64')],
    ['base64url', bytes.toString('base64url')],
    ['base64 without padding', bytes.toString('base64').replace(/=+$/, '')],
  ]
  test.each(forms)('%s', (_, form) => {
    const { add, masked } = openMasks()
    add(secret)
    const text = masked(`before ${form} after`)
    expect(text).toContain('***')
    expect(text).not.toContain('p/q')
    expect(text).toMatch(/^before .* after$/)
  })

  test.each(['', 'u', 'us', 'use', 'user:'])('within base64, after %j', before => {
    const { add, masked } = openMasks()
    add('correct-horse-battery')
    for (const after of ['', '!', '!!', 'and more']) {
      const text = masked(Buffer.from(`${before}correct-horse-battery${after}`).toString('base64'))
      expect(text).toContain('***')
      expect(Buffer.from(text, 'base64').toString()).not.toMatch(/orrec|horse|batter/)
    }
  })

  test.each([
    ['each line of one that has several', ['first-half\nother-half'], 'other-half, then first-half', '***, then ***'],
    ['one that begins another, to its end', ['hush', 'hush-hush-hush'], 'it is hush-hush-hush', 'it is ***'],
    ['half a character in it', ['half\ud83d'], 'half\ud83d', '***'],
    ['characters that mean more in a pattern', ['a+b$&(c'], 'a+b$&(c', '***'],
    ['not what is too short to be one', ['', 'abc'], 'abc', 'abc'],
  ])('%s', (_, secrets, text, expected) => {
    const { add, masked } = openMasks()
    for (const secret of secrets) add(secret)
    expect(masked(text)).toBe(expected)
  })
})
