import { expect, test } from 'vitest'
import type { Line } from '../../../src/core/styled.js'
import { hasColours, painted } from '../../../src/platform/colour.js'

const able = { isTTY: true, hasColors: (_: number, env: { TERM?: string }) => env.TERM !== 'dumb' }

test.each([
  ['a terminal', able, { TERM: 'xterm' }, true],
  ['a pipe', {}, { TERM: 'xterm' }, false],
  ['a terminal that can not', able, { TERM: 'dumb' }, false],
  ['NO_COLOR', able, { TERM: 'xterm', NO_COLOR: '1' }, false],
  ['NO_COLOR that is empty, which is none', able, { TERM: 'xterm', NO_COLOR: '' }, true],
  ['FORCE_COLOR in a pipe', {}, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR that is empty', {}, { FORCE_COLOR: '' }, true],
  ['FORCE_COLOR=0 on a terminal', able, { FORCE_COLOR: '0' }, false],
  ['both', able, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
])('colours: %s', (_, stream, env, wanted) => {
  expect(hasColours(stream, env)).toBe(wanted)
})

const masked = (text: string): string => text.replaceAll('s3cr3t', '***')

test.each<[string, Line, boolean, string]>([
  ['a part has its colour', ['a ', { text: 'ok', style: 'good' }], true, 'a \x1b[32mok\x1b[39m'],
  ['none where there are none', ['a ', { text: 'ok', style: 'good' }], false, 'a ok'],
  ['a stranger brings none', [{ text: '\x1b[31mred', style: 'good' }], true, '\x1b[32m\\x1b[31mred\x1b[39m'],
  ['a stranger in a plain line', '\x1b[31mred', true, '\\x1b[31mred'],
  ['a secret in two parts is hidden', ['s3c', { text: 'r3t', style: 'bad' }], true, '***'],
  ['tabs stay', 'a\tb', true, 'a\tb'],
])('a line: %s', (_, line, colours, written) => {
  expect(painted(line, colours, masked)).toBe(written)
})
