// Every command line of dns01 that a page shows is one that the parser takes. test/real/docs.test.ts runs those that ask nobody.
import { expect, test } from 'vitest'
import { parseHookLine } from '../src/cli/hook-args.js'
import { parseCommandLine } from '../src/cli/parse.js'
import { filledIn, shownInBlocks, shownInText } from './docs-lines.js'

test('there are many', () => {
  expect(shownInBlocks.length).toBeGreaterThan(20)
  expect(shownInText.length).toBeGreaterThan(20)
})

test.each([...shownInBlocks, ...shownInText])('$where: a command, flags and words that exist', async ({ words }) => {
  const line = words.length === 1 ? ['help', ...words] : filledIn(words) // a word alone only names the command
  const taken = parseHookLine(line) ?? (words[0] === '--version' ? 'the version' : await parseCommandLine(line))
  expect(taken).toBeTruthy()
})
