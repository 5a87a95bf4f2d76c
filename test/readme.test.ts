import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandTable, exitTable, flagTable, providerTable } from './readme.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** Cells may be padded in the README; the words count. */
const words = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')

test.each([
  ['exit statuses', exitTable],
  ['commands', commandTable],
  ['flags', flagTable],
  ['providers', providerTable],
])('the table of %s says what the code says', async (_, make) => {
  expect(words(readme)).toContain(words(await make()))
})
