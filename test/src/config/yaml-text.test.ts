import { describe, expect, test, vi } from 'vitest'
import { LineCounter } from 'yaml'
import { mostLevels, parseYaml, tooDeepAt } from '../../../src/config/yaml-text.js'

const lists = (levels: number): string => `${'['.repeat(levels)}x${']'.repeat(levels)}`
const maps = (levels: number): string => `${'{a: '.repeat(levels)}x${'}'.repeat(levels)}`
const indented = (levels: number): string => {
  const lines = Array.from({ length: Math.min(levels, 1000) }, (_, i) => `${' '.repeat(i)}a:`)
  return [...lines, `${' '.repeat(lines.length)}x`, ''].join('\n')
}

describe('what is nested too deeply is not parsed', () => {
  test.each<[string, (levels: number) => string]>([
    ['lists in brackets', lists],
    ['maps in brackets', maps],
    ['maps by indentation', indented],
    ['lists in one line', levels => `${'- '.repeat(levels)}x\n`],
    ['keys that are maps', levels => `${'? '.repeat(levels)}x\n`],
    ['brackets over lines', levels => '[\n'.repeat(levels) + ']\n'.repeat(levels)],
  ])('%s', (_, make) => {
    expect(tooDeepAt(make(mostLevels - 2))).toBeUndefined()
    expect(parseYaml(make(mostLevels - 2)).errors).toEqual([])
    expect(parseYaml(make(mostLevels + 1)).errors.map(error => error.message)).toEqual(['nested deeper than 50 levels'])
    expect(parseYaml(make(100_000)).errors).toHaveLength(1)
  })

  test('keys of keys on one line are refused before they are gone into', () => {
    expect(parseYaml(`x:\n ${'<<: '.repeat(3000)}`).errors).toHaveLength(1)
    for (const key of ['<<: ', '<<:\n ', '"a":', '? ', '?\n '])
      expect(parseYaml(`a: &a [${key.repeat(3000)}x, x]`).errors, key).toHaveLength(1)
    const json = JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, [i]])), null, 1)
    expect([tooDeepAt(json), tooDeepAt(json.replaceAll('\n', ''))]).toEqual([undefined, undefined])
    expect(tooDeepAt(`{${'a: 1, '.repeat(100)}}\n`)).toBeUndefined()
  })

  test('many things one after the other are not deep', () => {
    expect(tooDeepAt('a:\n  - b\n'.repeat(1000))).toBeUndefined()
    expect(tooDeepAt('- [a, {b: c}]\n'.repeat(1000))).toBeUndefined()
    expect(tooDeepAt(`a: "${']'.repeat(100)}"\n`)).toBeUndefined()
    expect(tooDeepAt('\r\n\r\n'.repeat(100))).toBeUndefined()
  })

  test('the error has its line', () => {
    const lines = new LineCounter()
    const [error] = parseYaml(`a: 1\nb: ${lists(60)}\n`, { lineCounter: lines }).errors
    expect(lines.linePos(error?.pos[0] ?? 0).line).toBe(2)
  })
})

describe('an alias inside the node that it names', () => {
  test.each([
    '&a {b: *a}',
    'satisfy: &a\n  <<: *a\n',
    'x: &a [[*a]]',
    'b: &b {a: &a [*b]}',
    '? &a [*a]\n: 1',
    'a: &a 1\nb: &a [*a]\n',
  ])('is an error, since it would have no end: %j', text =>
    expect(parseYaml(text).errors.map(({ message }) => message)).toEqual([expect.stringMatching(/^\*[ab] is inside/)]),
  )

  test.each(['a: &a [x]\nb: [*a, *a]\n', 'a: *nowhere', '"*a"', '- &a x\n- [*a]\n'])('is none of these: %j', text =>
    expect(parseYaml(text).errors).toEqual([]),
  )
})

test('the library says nothing by itself: its warnings would show texts of the file as they are', () => {
  const warned = vi.spyOn(process, 'emitWarning')
  parseYaml('? [a, "\\e[2J"]\n: 1\n').toJS()
  expect(warned).not.toHaveBeenCalled()
})
