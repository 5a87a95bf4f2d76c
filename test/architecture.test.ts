// The import rule: the list of folders below is the tree of src/, and a file imports from its own folder and from those
// below its own in the list. That the outside (clock, chance, network, disk, processes) comes in by World alone, and that
// no function or factory has more than 80 lines of code, is held by biome.json and test/outside.grit.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** From the top down. `main.ts` stands above all of them. */
const FOLDERS = [
  'cli',
  'contract',
  'platform',
  'commands',
  'notify',
  'report',
  'quickstart',
  'probe',
  'hook',
  'manage',
  'renew',
  'limits',
  'publish',
  'provider',
  'state',
  'acme',
  'dns',
  'served',
  'x509',
  'config',
  'core',
]

/** Each of these libraries is wrapped in one place of ours, so that it can be changed there. */
const LIBRARIES: Readonly<Record<string, RegExp>> = {
  '@aws-sdk/client-route-53': /^providers\/route53\//,
  '@clack/prompts': /^src\/platform\/prompt/,
  'acme-client': /^src\/acme\/jws\.ts$/,
  dns2: /^src\/dns\/|^src\/platform\/dns/,
  'fast-string-truncated-width': /^src\/core\/text-width\.ts$/,
  dotenv: /^src\/config\/env-file\.ts$/,
  jose: /^src\/acme\/jws\.ts$/,
  nodemailer: /^src\/platform\/mail\.ts$/,
  'p-retry': /^src\/core\/retry\.ts$/,
  yargs: /^src\/cli\/|^src\/commands\/command\.ts$/,
}

const filesOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => `${folder}/${file}`)

const ours = [...filesOf('src'), ...filesOf('providers')]

/** What a file imports, types included: our own files as paths from the root, packages by their names. */
const importsOf = (path: string): string[] =>
  [
    ...read(path).matchAll(
      /^(?:import|export)\b(?:[\w$*{}\s,]*\bfrom)?\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"`]([^'"`\n$]+)['"`]/gm,
    ),
  ]
    .map(([, fixed, lazy]) => fixed ?? lazy ?? '')
    .map(name => (name.startsWith('.') ? join(dirname(path), name).replace(/\.js$/, '.ts') : name))

const arrows = ours.flatMap(from => importsOf(from).map(to => ({ from, to })))
const floor = (path: string): number =>
  path === 'src/cli/main.ts' ? -1 : FOLDERS.indexOf(path.match(/^src\/([\w-]+)\//)?.[1] ?? '')

describe('the folders of src/', () => {
  test('are those of the list', () => {
    expect(readdirSync(join(root, 'src')).sort()).toEqual([...FOLDERS, 'main.ts'].sort())
  })

  test('import only from those below them', () => {
    const up = arrows.filter(
      ({ from, to }) => from.startsWith('src/') && to.startsWith('src/') && floor(to) < floor(from),
    )
    expect(up.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
  })

  test('import nothing else of this repository but its version', () => {
    const strangers = arrows.filter(
      ({ from, to }) => from.startsWith('src/') && /^(providers|test|hooks)\b|^\.\./.test(to),
    )
    expect(strangers).toEqual([])
  })
})

test('a provider knows the plugin API and its own folder only', () => {
  const strangers = arrows.filter(({ from, to }) => {
    const own = from.match(/^providers\/[\w-]+/)?.[0]
    return (
      own &&
      /^(src|providers|test)\//.test(to) &&
      !/^src\/provider\/(api|shipped)\.ts$/.test(to) &&
      !to.startsWith(`${own}/`)
    )
  })
  expect(strangers).toEqual([])
})

test.each(Object.entries(LIBRARIES))('%s is imported in its one place', (library, place) => {
  const users = arrows.filter(({ to }) => to === library || to.startsWith(`${library}/`)).map(({ from }) => from)
  expect(users.length).toBeGreaterThan(0)
  expect(users.filter(path => !place.test(path))).toEqual([])
})

test('no file is longer than 600 lines', () => {
  expect([...ours, ...filesOf('test')].filter(path => read(path).split('\n').length > 600)).toEqual([])
})

test('the lock file holds no addresses, and every version is exact', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*\.tgz/)
  const { dependencies = {}, devDependencies } = JSON.parse(read('package.json'))
  const versions = Object.values({ ...dependencies, ...devDependencies })
  expect(versions.filter(version => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([])
})
