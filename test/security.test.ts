import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FUZZERS } from './fuzz/main.js'

const root = new URL('../', import.meta.url)
const page = readFileSync(new URL('SECURITY.md', root), 'utf8')

/** Rows of the tables, without their heads. */
const rows = page.split('\n').filter(line => line.startsWith('| ') && !/^\| (---|What|It can|They can)/.test(line))

interface Named {
  readonly file: string
  readonly title: string
}

/** `FILE` "TITLE", "TITLE"; `FILE` "TITLE" */
const namedIn = (row: string): Named[] =>
  [...row.matchAll(/`((?:test|src)\/[^`]+)`((?:,? "[^"]+")+)/g)].flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => ({ file, title })),
  )

/** As a text of the source, or as one of the fuzzers, which have their names from a list. */
function exists({ file, title }: Named): boolean {
  const path = new URL(file, root)
  if (file === 'test/fuzz/fuzz.test.ts') return FUZZERS.some(({ name }) => name === title)
  return (
    existsSync(path) &&
    [`'${title}'`, `"${title}"`, `\`${title}\``].some(text => readFileSync(path, 'utf8').includes(text))
  )
}

test('every promise of SECURITY.md names tests, and they exist', () => {
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.filter(row => namedIn(row).length === 0)).toEqual([])
  expect(rows.flatMap(namedIn).filter(named => !exists(named))).toEqual([])
})
