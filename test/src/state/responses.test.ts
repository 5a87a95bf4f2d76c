import { describe, expect, test } from 'vitest'
import { parseResponses, responses } from '../../../src/state/responses.js'

const read = (text: string) => responses(parseResponses(text, 'r').answers)

describe('responses', () => {
  test.each([
    ['a: x', 'x', true],
    ['a: ""', '', true],
    ['a: 2048', '2048', true],
    ['a: yes', '', true],
    ['a: false', '', false],
    ['"a": "false"', 'false', true],
    ['b: x', undefined, undefined],
  ])('%j', (text, asText, yes) => {
    expect(read(text).text('a')).toBe(asText)
    expect(read(text).yes('a')).toBe(yes)
  })

  test.each(['a: 1.5', 'a: [x]', 'a:', 'a: {b: c}'])('%j is left out with a warning', text => {
    const { answers, warnings } = parseResponses(`${text}\nb: 1\n`, 'conf/responses')
    expect([...answers]).toEqual([['b', '1']])
    expect(warnings).toEqual([expect.stringContaining('conf/responses: the answer to a must be')])
  })

  test.each(['a: [', '- a', 'text'])('%j as a whole', text => {
    expect(parseResponses(text, 'f')).toMatchObject({
      answers: new Map(),
      warnings: [expect.stringMatching(/^f: .*it is ignored$/)],
    })
  })

  test.each([
    ['"acme-enter-emial": a@b.test', 'f:2: nothing asks for acme-enter-emial; did you mean "acme-enter-email"?'],
    ['dns01-quickstart-choose-provder: x', expect.stringContaining('did you mean "dns01-quickstart-choose-provider"?')],
    [
      'acmetool-quickstart-nothing-like-it: x',
      expect.stringMatching(/^f:2: nothing asks for .*; known are: acme-enter/),
    ],
  ])('says with its line that nothing asks for %s', (text, warning) => {
    expect(parseResponses(`# x\n${text}\n`, 'f').warnings).toEqual([warning])
  })

  test.each([
    'acme-enter-email: a@b.test',
    '"acme-agreement:https://ca.test/terms": true',
    'acmetool-quickstart-choose-method: redirector',
    'acmetool-quickstart-webroot-path-unlikely: true',
    'acmetool-quickstart-complete: true',
    'something-else: true',
  ])('says nothing of %s', text => expect(parseResponses(`${text}\n`, 'f').warnings).toEqual([]))

  test('does not parse what is nested too deeply', () =>
    expect(parseResponses('['.repeat(5000), 'f').warnings).toEqual([expect.stringContaining('nested deeper than 50')]))

  test('is empty when there is nothing', () =>
    expect(parseResponses('# x\n', 'f')).toMatchObject({ answers: new Map(), warnings: [] }))

  test('knows consent to these terms, and to others of the same host', () => {
    const given = read(
      '"acme-agreement:https://ca.test/terms/1": true\n"acme-agreement:https://ca.test/terms/0": false\n',
    )
    expect(given.agreedTo('https://ca.test/terms/1')).toBe(true)
    expect(given.agreedTo('https://ca.test/terms/0')).toBe(false)
    expect(given.agreedTo('https://ca.test/terms/2')).toBe(false)
    expect(given.agreedOnHost('https://ca.test/terms/2')).toBe('https://ca.test/terms/1')
    expect(given.agreedOnHost('https://other.test/terms/1')).toBeUndefined()
    expect(given.agreedOnHost('not a URL')).toBeUndefined()
  })
})
