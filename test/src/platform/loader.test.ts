import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLoader } from '../../../src/platform/loader.js'
import { newFolder } from '../../folder.js'

const { cache } = createRequire(import.meta.url)
let folder = ''
beforeEach(() => {
  folder = newFolder('loader')
  mkdirSync(join(folder, 'chunks'))
  write(
    'a.js',
    'exports.b = require("./chunks/b.js"); exports.where = __dirname; exports.lazy = () => require("./c.js").c',
  )
  write(
    'chunks/b.js',
    'const { sep } = require("node:path"); module.exports = { sep, again: () => require("../a.js") }',
  )
  write('c.js', 'exports.c = 3')
  write('wrong.js', '\n\nthrow new Error("third line")')
})
afterEach(() => {
  for (const path of Object.keys(cache)) if (path.startsWith(folder)) delete cache[path]
})

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
const kept = (): string[] => readdirSync(join(folder, 'cache'))
const keptFile = (): string => join(folder, 'cache', kept()[0] as string)

interface A {
  readonly b: { readonly sep: string; again(): unknown }
  readonly where: string
  lazy(): number
}

/** A run of the program: loads, works, and keeps. */
function run(work: (a: A) => void = () => {}, build = 'build1'): void {
  for (const path of Object.keys(cache)) if (path.startsWith(folder)) delete cache[path]
  const loader = openLoader(folder, build)
  work(loader.load(join(folder, 'a.js')) as A)
  loader.keep()
}

test('files find each other, their folder and node as with require(), each once', () => {
  const loader = openLoader(folder, 'build1')
  const a = loader.load(join(folder, 'a.js')) as A
  expect(a).toMatchObject({ b: { sep: '/' }, where: folder })
  expect(a.lazy()).toBe(3)
  expect(a.b.again()).toBe(a)
  expect(createRequire(import.meta.url)(join(folder, 'a.js'))).toBe(a)
})

test('what imports is loaded by node: code that V8 has kept could not', async () => {
  write('import.js', 'module.exports = url => import(url)')
  write('a.js', 'exports.os = () => require("./import.js")("node:os")')
  const once = async () => {
    let os: Promise<unknown> | undefined
    run(a => (os = (a as unknown as { os(): Promise<unknown> }).os()))
    return os
  }
  expect(await once()).toHaveProperty('EOL')
  expect(await once()).toHaveProperty('EOL')
})

test('a file that throws is not loaded, and its stack has the line', () => {
  const loader = openLoader(folder, 'build1')
  const load = () => loader.load(join(folder, 'wrong.js'))
  expect(load).toThrow(expect.objectContaining({ stack: expect.stringContaining(`${folder}/wrong.js:3:`) }))
  expect(load).toThrow('third line')
})

test('what was compiled is kept once, and added to by a run that loads more', () => {
  run()
  const { ino } = statSync(keptFile())
  run()
  expect(statSync(keptFile()).ino).toBe(ino)
  run(a => a.lazy())
  const grown = statSync(keptFile())
  expect(grown.ino).not.toBe(ino)
  run()
  run(a => expect(a.lazy()).toBe(3))
  expect(statSync(keptFile()).ino).toBe(grown.ino)
})

test('nobody else can write what is kept, whatever the umask', () => {
  const umask = process.umask(0)
  try {
    run()
  } finally {
    process.umask(umask)
  }
  expect([join(folder, 'cache'), keptFile()].map(path => statSync(path).mode & 0o022)).toEqual([0, 0])
})

test('another build takes nothing of this one, and its file goes', () => {
  run()
  const [before] = kept()
  write('c.js', 'exports.c = 4') // of the same length, which is all that V8 looks at
  run(a => expect(a.lazy()).toBe(4), 'build2')
  expect(kept()).toEqual([before?.replace('build1', 'build2')])
})

test.each<[string, () => void]>([
  ['cut off', () => writeFileSync(keptFile(), readFileSync(keptFile()).subarray(0, -1))],
  ['longer', () => appendFileSync(keptFile(), 'x')],
  ['empty', () => writeFileSync(keptFile(), '')],
  [
    'changed in one bit',
    () => {
      const bytes = readFileSync(keptFile())
      bytes[bytes.length - 20]! ^= 1
      writeFileSync(keptFile(), bytes)
    },
  ],
  ['no JSON', () => writeFileSync(keptFile(), '{]\n')],
])('a kept file that is %s is not used, and made anew', (_how, spoil) => {
  run()
  const good = statSync(keptFile()).size
  spoil()
  const { ino } = statSync(keptFile())
  run(a => expect(a.b.sep).toBe('/'))
  expect(statSync(keptFile())).toMatchObject({ size: good })
  expect(statSync(keptFile()).ino).not.toBe(ino)
})

test('where nothing can be written nothing is kept, and nothing is said', () => {
  write('cache', 'a file in the way')
  run(a => expect(a.lazy()).toBe(3))
  expect(readFileSync(join(folder, 'cache'), 'utf8')).toBe('a file in the way')
})

test('what V8 refuses is kept anew, and the file does not grow by it', () => {
  run()
  const sizes = [1, 2, 3].map(i => {
    write('a.js', readFileSync(join(folder, 'a.js'), 'utf8').trimEnd() + ' '.repeat(i)) // its length is all that V8 compares
    run()
    return (JSON.parse(readFileSync(keptFile(), 'utf8').split('\n', 1)[0] as string) as { runs: string[] }).runs.length
  })
  expect(sizes).toEqual([1, 1, 1])
})
