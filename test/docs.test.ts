// README, docs/ and the other papers: their tables are those of the code, their links lead somewhere, and a reader needs
// nothing that is not in the repository.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PAGES, pageText, TABLES, withTables, writePage } from './docs.js'

const root = join(import.meta.dirname, '..')

/** Cells may be padded; the words count. */
const words = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')

describe('the tables', () => {
  const pages = PAGES.filter(page => pageText(page).includes('<!-- table: '))

  test.each(pages)(
    'of %s say what the code says (DOCS=write npx vitest run test/docs.test.ts writes them)',
    async page => {
      const made = await withTables(pageText(page))
      if (process.env.DOCS === 'write') writePage(page, made)
      expect(words(pageText(page))).toBe(words(made))
    },
  )

  test('are all in some page', () => {
    const held = pages.flatMap(page =>
      [...pageText(page).matchAll(/<!-- table: ([\w ]+) -->/g)].map(([, name]) => name),
    )
    expect(held.sort()).toEqual(Object.keys(TABLES).sort())
  })
})

test('the README is short: 150 lines at most', () => {
  expect(pageText('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150)
})

test('the README lists every page of docs/', () => {
  const listed = [...pageText('README.md').matchAll(/^\| \[[\w.-]+\]\((docs\/[\w./-]+)\)/gm)].map(([, page]) => page)
  expect(listed.sort()).toEqual(PAGES.filter(page => page.startsWith('docs/')).sort())
})

test('the map in docs/architecture.md has the folders of src/, in the order of the import rule', () => {
  const rule = readFileSync(join(root, 'test/architecture.test.ts'), 'utf8').match(
    /const FOLDERS = \[([\s\S]*?)\]/,
  )?.[1]
  const folders = [...(rule ?? '').matchAll(/'([\w-]+)'/g)].map(([, folder]) => folder)
  const mapped = [...pageText('docs/architecture.md').matchAll(/^\| `([\w-]+)\/` \|/gm)].map(([, folder]) => folder)
  expect(folders.length).toBeGreaterThan(10)
  expect(mapped).toEqual(folders)
})

test('the files that docs/architecture.md names are there', () => {
  const named = [...pageText('docs/architecture.md').matchAll(/`((?!dns01|dist)[a-z0-9]+\/[a-z0-9-]+)(\.ts)?`/g)].map(
    ([, path = '']) => path,
  )
  const isThere = (path: string) =>
    ['src/', ''].some(start => ['.ts', ''].some(end => existsSync(join(root, start + path + end))))
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter(path => !isThere(path))).toEqual([])
})

describe('links', () => {
  /** As forges make anchors of headings: lower case, no punctuation, hyphens for spaces. */
  const anchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  const outsideOfBlocks = (page: string): string => pageText(page).replace(/^```[\s\S]*?^```$/gm, '')
  const anchorsOf = (page: string): string[] =>
    [...outsideOfBlocks(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading))
  const links = PAGES.flatMap(page =>
    [...outsideOfBlocks(page).matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: to = '' }) => ({ page, to })),
  ).filter(({ to }) => !/^[a-z]+:/.test(to))

  test('there are some', () => expect(links.length).toBeGreaterThan(50))

  test('lead to files and headings that are there', () => {
    const dead = links.filter(({ page, to }) => {
      const [path = '', heading] = to.split('#')
      const file = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(root, file))) return true
      return heading !== undefined && !anchorsOf(file).includes(heading)
    })
    expect(dead.map(({ page, to }) => `${page}: ${to}`)).toEqual([])
  })

  test('that comments of the code name lead to headings that are there', () => {
    const named = sources().flatMap(({ path, text }) =>
      [...text.replace(/\n\s*(\*|\/\/) ?/g, ' ').matchAll(/(docs\/[a-z0-9-]+\.md)(?:, "([^"]+)")?/g)].map(
        ({ 1: page = '', 2: heading }) => ({ path, page, heading }),
      ),
    )
    expect(named.length).toBeGreaterThan(5)
    const dead = named.filter(
      ({ page, heading }) =>
        !PAGES.includes(page) || (heading !== undefined && !anchorsOf(page).includes(anchor(heading))),
    )
    expect(dead).toEqual([])
  })
})

const sources = (): { readonly path: string; readonly text: string }[] =>
  ['src', 'providers', 'hooks', 'test'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && !/\/fixtures\b/.test(entry.parentPath) && entry.name !== 'docs.test.ts')
      .map(entry => join(entry.parentPath, entry.name))
      .map(path => ({ path: path.slice(root.length + 1), text: readFileSync(path, 'utf8') })),
  )

test('no paper is named that is not in the repository', () => {
  const papers =
    /\b(acmetool-compat|hook-contracts|route53-service|house.style|real-use|security-review|redesign|landscape)\b|\b(product|dependencies)(\.md| §)/i
  const all = [...sources(), ...PAGES.map(path => ({ path, text: pageText(path) }))]
  expect(
    all.filter(({ text }) => papers.test(text)).map(({ path, text }) => `${path}: ${text.match(papers)?.[0]}`),
  ).toEqual([])
})

test('every picture is shown by a page, is small, and does not come with the package', () => {
  const pictures = readdirSync(join(root, 'docs/pictures'))
  const unseen = pictures.filter(name => !PAGES.some(page => pageText(page).includes(`pictures/${name})`)))
  const large = pictures.filter(name => statSync(join(root, 'docs/pictures', name)).size > 100 * 1024)
  expect({ unseen, large }).toEqual({ unseen: [], large: [] })
  expect(pictures.length).toBeGreaterThan(4)
  expect(readFileSync(join(root, 'package.json'), 'utf8')).toContain('"!docs/pictures"')
})
