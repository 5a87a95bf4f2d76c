import { describe, expect, test } from 'vitest'
import { loadEnv } from '../../../src/config/env-file.js'
import { withVariables } from '../../../src/quickstart/env-text.js'
import { MemoryFiles } from '../../fakes/memory-files.js'

const parsed = async (text: string) => {
  const files = new MemoryFiles()
  files.put('/etc/dns01/env', text, 0o600)
  return loadEnv(files, {}, undefined)
}

describe('a variable in the env file', () => {
  test.each([
    'plain',
    'a b',
    'abc#def',
    "it's",
    'base64+/==',
    '$HOME`x`\\n',
    '{"token": "…"}',
    ' spaces ',
    '<< zone id >>',
  ])('comes back as it was: %j', async value => {
    expect(await parsed(withVariables('', { A_B: value }))).toEqual({ A_B: value })
  })

  test.each(['two\nlines', `'"`, `it's $HOME`])('one that no line can hold is an error: %j', value => {
    expect(() => withVariables('', { A: value })).toThrow(/does not fit into a line/)
  })

  test.each([
    ['at the end', '# c\nB=1', "# c\nB=1\nA='x'\n"],
    ['in its own line', 'A=old\nB=1\n', "A='x'\nB=1\n"],
    ['in its own line, exported', '  export A = old\n', "A='x'\n"],
    ['not in a comment', '#A=old\n', "#A=old\nA='x'\n"],
    ['not in one that begins alike', 'AB=1\n', "AB=1\nA='x'\n"],
  ])('is set %s', (_, before, after) => {
    expect(withVariables(before, { A: 'x' })).toBe(after)
  })
})
