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
  return { path, contents: Buffer.from(code.includes('import_meta_url') ? `${ownUrl}${whole}` : whole) }
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
