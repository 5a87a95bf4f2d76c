// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the made-up sources hold templates
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOnly, faults, importsOf, LEVELS, levelOf, STORY } from './architecture.js'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => `${folder}/${file}`)

const ours = [...sources('src'), ...sources('providers')]

describe('our sources', () => {
  test('keep to the import rule, and take the outside from World', () => {
    expect(ours.flatMap(path => faults(path, read(path)))).toEqual([])
  })

  test('stay below 600 lines a file', () => {
    const long = [...ours, ...sources('test')].filter(path => read(path).split('\n').length > 600)
    expect(long, 'split them').toEqual([])
  })

  test('the table names no file that is gone', () => {
    const units = new Set(ours.map(path => path.split('/')[1]?.replace(/\.ts$/, '')))
    expect([...Object.keys(LEVELS), ...STORY].filter(unit => !units.has(unit))).toEqual([])
  })
})

describe('package', () => {
  test('the lock holds no addresses, and every version is exact', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*\.tgz/)
    const { dependencies = {}, devDependencies } = JSON.parse(read('package.json'))
    const versions = Object.values({ ...dependencies, ...devDependencies })
    expect(versions.filter(version => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([])
  })
})

describe('the rule', () => {
  const refused: [string, string, RegExp][] = [
    ['src/names.ts', "import { x } from './plan.js'", /never up/],
    ['src/acme/client.ts', "import type { X } from '../state/disk.js'", /sideways/],
    ['src/x509/csr.ts', "import { X } from '../state/disk.js'", /sideways/],
    ['src/dns/zone.ts', "import { cli } from '../cli.js'", /never up/],
    ['src/publisher.ts', "import { plan } from './plan.js'", /sideways/],
    ['src/plan.ts', "export * from './issue.js'", /sideways/],
    ['src/commands/want.ts', "import '../cli.js'", /never up/],
    ['src/plan.ts', "const x = await import('./commands/want.js')", /never up/],
    ['src/plan.ts', "import {\n  a,\n  type B,\n} from '../test/fakes/x.js'", /never up/],
    ['providers/foo.ts', "import { ask } from '../src/dns/query.js'", /a provider knows/],
    ['providers/foo.ts', "import bar from './bar.js'", /a provider knows/],
    ['providers/foo.ts', "import { readFileSync } from 'node:fs'", /take it from World/],
    ['src/novel.ts', '', /has no level: add it/],
    ['src/plan.ts', "import { Resolver } from 'node:dns/promises'", /take it from World/],
    ['src/plan.ts', "import { setTimeout } from 'node:timers/promises'", /take it from World/],
    ['src/plan.ts', "import yargs from 'yargs/yargs'", /only src\/cli\.ts and/],
    ['src/plan.ts', "const sdk = await import('@aws-sdk/client-route-53')", /only providers\/route53 may/],
    ['src/plan.ts', 'const now = Date.now()', /Date\.now/],
    ['src/plan.ts', 'const now = new Date()', /new Date\(\)/],
    ['src/plan.ts', 'const now = new Date', /new Date\(\)/],
    ['src/plan.ts', 'const text = `at ${Date.now()} it ${`${new Date( )}`}`', /Date\.now.*new Date/s],
    ['src/plan.ts', 'const x = Math.random()', /Math\.random/],
    ['src/plan.ts', "import { randomBytes } from 'node:crypto'", /randomBytes/],
    ['src/plan.ts', 'setInterval(work, 5)', /setTimeout/],
    ['src/plan.ts', 'const { PATH } = process.env', /uses process/],
    ['src/plan.ts', 'await fetch(url)', /fetch\(/],
    ['src/acme/client.ts', "const pair = await generateKeyPair('ec', {})", /makes a key/],
  ]
  test.each(refused)('refuses in %s: %s', (path, source, fault) => {
    expect(faults(path, source).join('\n')).toMatch(fault)
  })

  const accepted: [string, string][] = [
    ['src/plan.ts', "import type { World } from './world.js'\nimport { x } from './acme/order.js'"],
    ['src/state/state-dir.ts', "import { parseKey } from '../x509/keys.js'"],
    ['src/dns/zone.ts', "import { ask } from './query.js'"],
    ['src/real-run.ts', "import { spawn } from 'node:child_process'\nsetTimeout(() => process.pid, Date.now())"],
    ['src/main.ts', 'process.exit(0)'],
    ['src/x509/keys.ts', "generateKeyPair('rsa', {})"],
    ['providers/foo.ts', "import { refused } from '../src/provider.js'\nimport { x } from './foo/helper.js'"],
    ['providers/foo/helper.ts', "import { refused } from '../../src/provider.js'"],
    ['src/plan.ts', 'const at = new Date(value)\nawait world.fetch(url)\nworld.clock.sleep(1)'],
    ['src/plan.ts', "// Date.now() and process\n/* fetch( */ const text = 'new Date()' + `Math.random ${text}`"],
    ['src/plan.ts', 'const quote = /[\'"`/]/\nconst word = "process"'],
    ['src/plan.ts', "const f = ({ fetch }: Pick<World, 'fetch'>) => fetch(url)"],
    ['src/plan.ts', 'order.status = { process: 1 }.process'],
  ]
  test.each(accepted)('accepts in %s: %s', (path, source) => {
    expect(faults(path, source)).toEqual([])
  })

  test('finds imports in every form, and none in comments or text', () => {
    const source = `import a, { b } from './a.js'
import * as c from "./c.js"
export { d } from './d.js'
export * as e from './e.js'
import type { F } from './f.js'
import './g.js'
// import './no.js'
/* export * from './no.js' */
const h = await import('./h.js')
type I = import('./i.js').I`
    expect(importsOf(source).sort()).toEqual('acdefghi'.split('').map(letter => `./${letter}.js`))
  })

  test('sees code between the texts of a template, and after a brace inside of it', () => {
    expect(codeOnly('`a ${ f({ x: `b ${g}` }) } c` + d')).toMatch(/^` \( f\(\{ x: ` \(g\) ` \}\) \) ` \+ d$/)
  })

  test('real-… files are level 4, story files 2', () => {
    expect([levelOf('src/real-files.ts'), levelOf('src/plan.ts'), levelOf('src/dns/zone.ts')]).toEqual([4, 2, 1])
  })
})
