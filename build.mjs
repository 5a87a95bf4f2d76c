// Builds dist/: main.js (what node is given), cli.js (the program), providers/NAME.js (one for each file of providers/), provider.js
// and provider-contract.js (the plugin API) with their types/, chunks/ (what they share), LICENSES.txt. Everything is bundled: it
// starts in half the time that node_modules takes, and who installs dns01 gets no other package. Prints errors only.
import './node-version.mjs'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { build } from 'esbuild'
import { importFile, toCommonJs } from './build/commonjs.mjs'
import { licensesText, packagesOf, sbomText } from './build/packages.mjs'
import { standIns } from './build/stand-ins.mjs'

const root = import.meta.dirname
const dist = join(root, 'dist')
process.chdir(root)

/** Sh runs the second line, and node takes it for a string and a comment. `--`, because node 20 to 24 search the whole command
 *  line for flags of their own: of `dns01 --env-file FILE` they read FILE, NODE_OPTIONS in it included, before our first
 *  line runs. Not `#!/usr/bin/env -S node --`: BusyBox (Alpine) has no -S. */
const shebang = `#!/bin/sh\n':' //; exec node -- "$0" "$@"\n`

process.umask(0o022) // whoever builds it: others run it, too

/** The address for reports is only known once the owner of the repository has replaced `owner.invalid` in package.json. */
const { name, version, license, bugs } = JSON.parse(readFileSync('package.json', 'utf8'))

/** What others import as dns01/provider and dns01/provider-contract (`exports` of package.json), shared with the program: an
 *  error that a provider throws is of the class that the program knows. */
const api = { provider: 'src/provider/api.ts', 'provider-contract': 'src/contract/index.ts' }

const providers = readdirSync('providers').filter(file => file.endsWith('.ts'))
const define = {
  DNS01_VERSION: JSON.stringify(version),
  DNS01_BUGS: JSON.stringify(bugs.includes('.invalid/') ? '' : bugs),
}
const common = {
  outdir: dist,
  bundle: true,
  platform: 'node',
  mainFields: ['module', 'main'],
  legalComments: 'none',
  logLevel: 'error',
  logOverride: { 'import-is-undefined': 'error' }, // a name that a stand-in lacks
  write: false,
}
const orEnd = () => process.exit(1) // esbuild has printed why
const result = await build({
  ...common,
  entryPoints: {
    cli: 'src/cli/main.ts',
    ...api,
    ...Object.fromEntries(providers.map(file => [`providers/${basename(file, '.ts')}`, `providers/${file}`])),
  },
  splitting: true,
  format: 'esm', // esbuild splits nothing else; build/commonjs.mjs turns it
  target: 'node20.19',
  chunkNames: 'chunks/[name]-[hash]',
  define,
  plugins: [standIns()],
  metafile: true,
}).catch(orEnd)

const foreign = Object.values(result.metafile.outputs)
  .flatMap(output => output.imports)
  .filter(({ external, path }) => external && !isBuiltin(path))
  .map(({ path }) => path)
if (foreign.length > 0) {
  console.error(`not bundled, so it would be missing at the user's: ${foreign.join(', ')}`)
  process.exit(1)
}
const packages = packagesOf(Object.keys(result.metafile.inputs))
const files = await Promise.all(result.outputFiles.map(file => toCommonJs(file, dist)))
write([
  ...files,
  ...(await mainFile(files)),
  importFile(dist),
  { path: join(dist, 'package.json'), contents: Buffer.from('{ "type": "commonjs" }\n') },
  ...declarations(),
  { path: join(dist, 'LICENSES.txt'), contents: Buffer.from(licensesText(packages)) },
  { path: join(dist, 'sbom.cdx.json'), contents: Buffer.from(sbomText(packages, { name, version, license })) },
])

/** Each file is replaced whole and only when it changed, so that a dns01 that runs meanwhile goes on undisturbed. */
function write(wanted) {
  for (const { path, contents } of wanted) {
    if (existsSync(path) && readFileSync(path).equals(contents)) continue
    mkdirSync(dirname(path), { recursive: true })
    const temporary = `${path}.${process.pid}.tmp`
    writeFileSync(temporary, contents)
    renameSync(temporary, path)
  }
  const paths = new Set(wanted.map(file => file.path))
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !paths.has(path) && !path.endsWith('.tmp')) rmSync(path, { force: true })
  }
  chmodSync(join(dist, 'main.js'), 0o755)
}

/** The one file that an old Node must be able to read. It knows which build it belongs to: what V8 made of another is of no use. */
async function mainFile(files) {
  const hash = createHash('sha256')
  for (const { contents } of files) hash.update(contents)
  const { outputFiles } = await build({
    ...common,
    entryPoints: { main: 'src/main.ts' },
    format: 'cjs',
    target: 'node12',
    define: { ...define, THIS_BUILD: JSON.stringify(hash.digest('hex').slice(0, 16)) },
  }).catch(orEnd)
  return outputFiles.map(({ path, contents }) => ({ path, contents: Buffer.concat([Buffer.from(shebang), contents]) }))
}

/** The types of `api`, as dist/types/…/*.d.ts: those that it names, and no others. */
function declarations() {
  const folder = mkdtempSync(join(tmpdir(), 'dns01-types-'))
  try {
    const options = ['--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--rootDir', 'src', '--outDir', folder]
    const language = ['--target', 'ES2023', '--module', 'NodeNext', '--types', 'node', '--skipLibCheck', '--strict']
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, ...language, ...Object.values(api)], {
      encoding: 'utf8',
    })
    if (status !== 0) {
      console.error(stdout)
      process.exit(1)
    }
    const entries = Object.values(api).map(path => join(folder, relative('src', path).replace(/ts$/, 'd.ts')))
    const wanted = new Set(entries)
    for (const path of wanted) {
      const imports = readFileSync(path, 'utf8').matchAll(/from '(\.[^']+)\.js'/g)
      for (const [, name] of imports) wanted.add(join(dirname(path), `${name}.d.ts`))
    }
    return [...wanted].map(path => ({
      path: join(dist, 'types', relative(folder, path)),
      contents: readFileSync(path),
    }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
