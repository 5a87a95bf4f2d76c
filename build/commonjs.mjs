// From the ES modules that esbuild splits into chunks to CommonJS. On Node 20 what V8 made of an ES module cannot be kept
// (src/platform/loader.ts), and finding and linking forty of them takes 20 ms of every start. Whoever imports the plugin API as an
// ES module can go on doing so: node reads the names that a CommonJS file of esbuild exports.
import { dirname, join, relative } from 'node:path'
import { transform } from 'esbuild'

/** One of esbuild's output files below the folder `dist`. */
export async function toCommonJs({ path, text }, dist) {
  const { code } = await transform(text.replaceAll(known, 'Promise.resolve().then(() => require($1))'), {
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    define: { 'import.meta.url': 'import_meta_url' },
  })
  const importJs = `${relative(dirname(path), dist) || '.'}/import.js`
  const whole = code.replaceAll(unknown, `require("${importJs}")(`)
  const lazy = withLazyBuiltins(whole)
  return { path, contents: Buffer.from(lazy.includes('import_meta_url') ? `${ownUrl}${lazy}` : lazy) }
}

/**
 * Modules of node's that most runs never call, though the files that they load import them: 10 ms of a run that finds nothing to
 * do. They are loaded when something of them is taken.
 */
const SELDOM = ['child_process', 'dgram', 'dns', 'http', 'https', 'net', 'readline', 'readline/promises', 'tls']

/** `var import_node_net = require("node:net")`, as esbuild writes it, becomes a function, and each use of it a call. */
function withLazyBuiltins(code) {
  const seldom = new RegExp(`^var (import_\\w+) = (.*\\brequire\\("node:(?:${SELDOM.join('|')})"\\).*);$`, 'gm')
  let text = code
  for (const [line, name, value] of code.matchAll(seldom)) {
    const uses = new RegExp(`\\b${name}\\.`, 'g')
    text = text.replace(line, `let ${name}_loaded;\nconst ${name} = () => (${name}_loaded ??= ${value});`)
    text = text.replace(uses, `(${name}()).`) // in brackets: new a().B() would make an a
  }
  return text
}

/** import() of our own files and of node's. */
const known = /\bimport\(("(?:\.{1,2}\/|node:)[^"]+")\)/g

/** import() of what the user installs, by a name that is known only then. */
const unknown = /\bimport\(/g

/** What does it: code that V8 has kept (Node 20) cannot import, so this file is loaded by node itself. */
export const importFile = dist => ({
  path: join(dist, 'import.js'),
  contents: Buffer.from('module.exports = url => import(url)\n'),
})

const ownUrl = 'const import_meta_url = require("node:url").pathToFileURL(__filename).href;\n'
