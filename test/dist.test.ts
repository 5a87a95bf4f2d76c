import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { faultOf, lazyImports } from './dist-imports.js'
import { newFolder } from './folder.js'
import { startProgram } from './real/servers/dns01.js'

const require = createRequire(import.meta.url)
const root = join(import.meta.dirname, '..')
const temporary = newFolder('dist')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => statSync(join(folder, file)).isFile())

const isRoot = process.getuid?.() === 0
const asNobody = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []

describe('what users get', () => {
  test('runs alone, in a folder without node_modules, and has every provider', async () => {
    const alone = join(temporary, 'alone')
    cpSync(join(root, 'dist'), alone, { recursive: true })
    const main = join(alone, 'main.js')
    expect(await startProgram([main, '--version']).result).toMatchObject({ exit: 0, stdout: `dns01 ${version}\n` })
    for (const file of files(join(root, 'providers')).filter(file => !file.includes('/'))) {
      const provider = require(join(alone, 'providers', file.replace(/ts$/, 'js')))
      expect(provider.default).toHaveProperty('open')
    }
  })

  test('keeps what was compiled where its owner runs it, and runs without', async () => {
    const folder = join(temporary, 'compiled')
    cpSync(join(root, 'dist'), folder, { recursive: true, filter: path => basename(path) !== 'cache' })
    execFileSync('chmod', ['-R', 'a+rX', temporary]) // whatever umask it was built with
    const cache = join(folder, 'cache')
    const run = (...as: string[]) => startProgram([...as, join(folder, 'main.js'), 'providers', 'route53']).result
    const { stdout } = await run(...(isRoot ? asNobody : []))
    expect(stdout).toContain('all records of a zone go in one change')
    expect(existsSync(cache)).toBe(!isRoot)
    for (let i = 0; i < 2; i++) expect(await run()).toMatchObject({ exit: 0, stdout, stderr: '' })
    const [file = ''] = readdirSync(cache)
    writeFileSync(join(cache, file), readFileSync(join(cache, file)).fill(0, 5000, 5010))
    for (let i = 0; i < 2; i++) expect(await run()).toMatchObject({ exit: 0, stdout, stderr: '' })
    expect(await run(...asNobody)).toMatchObject({ exit: 0, stdout, stderr: '' })
  })

  test('every package and file that is loaded when first needed is there, with the names that are taken from it', async () => {
    const folder = join(temporary, 'lazy')
    cpSync(join(root, 'dist'), folder, { recursive: true })
    const faults: string[] = []
    let looked = 0
    // main.js runs the program when it is loaded; the other tests see it.
    for (const file of files(folder).filter(file => file.endsWith('.js') && file !== 'main.js')) {
      for (const lazy of lazyImports(readFileSync(join(folder, file), 'utf8'))) {
        const fault = faultOf(lazy, require(join(folder, dirname(file), lazy.path)))
        if (fault) faults.push(`${file}: ${lazy.line}: ${fault}`)
        looked++
      }
    }
    expect(faults).toEqual([])
    expect(looked).toBeGreaterThan(20)
  })

  test.each([
    ['const { A: B, C } = await Promise.resolve().then(() => require("./x.js"));', { A: 1, C: 1 }, undefined],
    ['const { A, D } = await Promise.resolve().then(() => require("./x.js"));', { A: 1, C: 1 }, 'it has no D'],
    [
      'const { A } = await Promise.resolve().then(() => require("./x.js"));',
      { default: { A: 1 } },
      expect.stringContaining('take .default'),
    ],
    [
      'const all = await Promise.resolve().then(() => require("./x.js"));',
      { default: { A: 1 } },
      expect.stringContaining('take .default'),
    ],
    [
      'const { A } = (await Promise.resolve().then(() => require("./x.js"))).default;',
      { default: { A: 1 } },
      undefined,
    ],
    [
      'const { B } = (await Promise.resolve().then(() => require("./x.js"))).default;',
      { default: { A: 1 } },
      'it has no default.B',
    ],
    ['return (await Promise.resolve().then(() => require("./x.js"))).serve(1);', { serve: 1 }, undefined],
    ['return (await Promise.resolve().then(() => require("./x.js"))).serve(1);', { other: 1 }, 'it has no serve'],
  ])('the look at lazy imports tells what fails at run time: %s from %j', (line, module, fault) => {
    expect(lazyImports(`first();\n  ${line}\n`).map(lazy => faultOf(lazy, module))).toEqual([fault])
  })

  // Node itself wants 18 or so.
  test.each(['status', 'want a.test --no-reconcile'])(
    'with few file handles works or ends in words, and with enough of them ends well: %s',
    async words => {
      const exits: number[] = []
      for (const limit of [19, 21, 23, 25, 27, 29, 32, 36, 48, 200]) {
        const state = mkdtempSync(join(temporary, 'state-'))
        const line = `ulimit -n ${limit}; exec "$0" "$1" --state ${state} ${words}`
        const result = await startProgram(['sh', '-c', line, process.execPath, join(root, 'dist/main.js')]).result
        expect(result.stderr, `${limit}`).not.toMatch(/^ +at |bug in dns01/m)
        if (result.exit === 4) expect(result.stderr, `${limit}`).toContain('(ulimit -n)')
        exits.push(result.exit)
      }
      expect([4, 0]).toEqual(expect.arrayContaining(exits))
      expect(exits.at(-1)).toBe(0)
    },
  )

  const npm = (cwd: string, ...argv: string[]) =>
    startProgram(['npm', ...argv], { cwd, env: { HOME: temporary, npm_config_cache: join(temporary, 'cache') } }).result

  test('is one package that installs without others and without a warning', async () => {
    const packed = await npm(temporary, 'pack', root, '--ignore-scripts', '--json')
    const [{ files }] = JSON.parse(packed.stdout)
    expect(files.map((file: { path: string }) => file.path)).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'dist/main.js', 'dist/LICENSES.txt', 'dist/sbom.cdx.json']),
    )
    expect(files.filter(({ path }: { path: string }) => path.startsWith('dist/cache'))).toEqual([])
  })

  // As the README has it; `npm install -g .` would be a link into the clone, and end with it.
  test('installed from a clone is a copy, which goes on without the clone and for every user', async () => {
    const clone = join(temporary, 'clone')
    for (const path of ['dist', 'hooks', 'package.json', 'README.md', 'LICENSE'])
      cpSync(join(root, path), join(clone, path), { recursive: true })
    const { stdout: line } = await startProgram([
      'sed',
      '-n',
      's/^npm ci && \\([^#]*\\).*/\\1/p',
      join(root, 'README.md'),
    ]).result
    expect(line.trim()).toBe('npm install -g "$(npm pack --silent)"')
    const prefix = join(temporary, 'prefix')
    const installed = await startProgram(['sh', '-c', line], {
      cwd: clone,
      env: {
        HOME: temporary,
        npm_config_cache: join(temporary, 'cache'),
        npm_config_offline: 'true',
        npm_config_prefix: prefix,
        npm_config_ignore_scripts: 'true', // prepack has built it
      },
    }).result
    expect(installed).toMatchObject({ exit: 0, stderr: '' })
    expect(installed.stdout).toContain('added 1 package')
    renameSync(clone, `${clone}-moved`)
    chmodSync(temporary, 0o755)
    const run = startProgram([...asNobody, join(prefix, 'bin/dns01'), '--version'], { cwd: '/' })
    expect(await run.result).toMatchObject({ exit: 0, stdout: `dns01 ${version}\n`, stderr: '' })
  })

  // dns2 says that it wants node 22 and runs on 20 (its own tests do): without that line of the lock npm is silent. npm writes
  // it again when dns2 is installed anew. esbuild needs no install script: `allowScripts` in package.json says so.
  test('can be built from a clone without a warning of npm', async () => {
    const clone = join(temporary, 'lock')
    for (const path of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(root, path), join(clone, path))
    const { exit, stderr } = await npm(clone, 'ci', '--dry-run', '--offline')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  })

  /** What esbuild has put in, by the comments that it writes before each file. */
  const bundledPackages = (): Set<string> => {
    const built = files(join(root, 'dist')).filter(file => file.endsWith('.js'))
    const texts = built.map(file => readFileSync(join(root, 'dist', file), 'utf8'))
    const paths = texts.flatMap(text =>
      [...text.matchAll(/^ *\/\/ (node_modules\/\S+)$/gm)].map(([, path = '']) => path),
    )
    return new Set(paths.map(path => path.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? ''))
  }

  interface Component {
    readonly name: string
    readonly version: string
    readonly purl: string
    readonly 'bom-ref': string
    readonly hashes: readonly object[]
  }
  const components = (): Component[] => JSON.parse(readFileSync(join(root, 'dist/sbom.cdx.json'), 'utf8')).components

  test('keeps the licences of what is bundled', () => {
    const text = readFileSync(join(root, 'dist/LICENSES.txt'), 'utf8')
    const lacking = components().filter(({ name, version }) => !text.includes(`${name} ${version} (`))
    expect(lacking).toEqual([])
  })

  test('lists for scanners what is bundled, the packages that the program is made of in the versions of package.json', () => {
    const listed = components()
    const folders = new Set(listed.map(component => component['bom-ref']))
    expect([...bundledPackages()].filter(folder => !folders.has(folder))).toEqual([])
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const name of ['acme-client', 'dns2', '@aws-sdk/client-route-53', 'yargs', 'p-retry', 'dotenv'])
      expect(listed).toContainEqual(expect.objectContaining({ name, version: devDependencies[name] }))
    expect(listed.map(({ name }) => name)).not.toContain('axios') // a stand-in
  })

  test('lists them as npm does', async () => {
    const clone = join(temporary, 'sbom')
    for (const path of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(root, path), join(clone, path))
    const { stdout } = await npm(clone, 'sbom', '--sbom-format=cyclonedx', '--package-lock-only')
    const theirs = new Map<string, Component>(JSON.parse(stdout).components.map((one: Component) => [one.purl, one]))
    const differing = components().filter(one => theirs.get(one.purl)?.hashes[0] === undefined)
    expect(differing).toEqual([])
    for (const one of components()) expect(one.hashes).toEqual(theirs.get(one.purl)?.hashes)
  })
})
