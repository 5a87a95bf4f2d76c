/**
 * Loads the files of the built program, and keeps beside them what V8 has made of them: compiling is a third of what a start
 * takes, and always comes to the same.
 */

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { Script } from 'node:vm'

export interface Loader {
  /** What the file exports; an absolute path. */
  load(path: string): unknown
  /** Keeps what was compiled, if this run loaded files that no run before loaded together. Never throws. */
  keep(): void
}

/** V8's code for each file, by its path below the folder. `runs`: which files were loaded together. */
interface Kept {
  readonly runs: readonly string[]
  readonly codes: ReadonlyMap<string, Buffer>
}

/**
 * The folder `cache` below that of the program has one file for each version of Node that has run it. It is as Python's
 * __pycache__: who may write there may change the program itself, so it is trusted as that is; and only the owner of the
 * program writes it, so that none of another's files are left in what he will want to remove. Where nothing can be written
 * (another user, a read-only system), all is compiled each time.
 *
 * Node's own module.enableCompileCache() comes with Node 22.1; it would keep the code in a folder of /tmp unless told, and
 * never adds to it what later runs needed. `build`: code of another build is none of ours.
 */
export function openLoader(folder: string, build: string): Loader {
  const place = join(folder, 'cache')
  const file = join(place, `${build}-${process.version}-${process.arch}`)
  const kept = readKept(file)
  const scripts = new Map<string, Script>()
  const importFile = join(folder, 'import.js') // build/commonjs.mjs
  const ownRequire = createRequire(join(folder, 'main.js'))

  function load(path: string): unknown {
    const known = ownRequire.cache[path]
    if (known) return known.exports
    const module = new Module(path)
    module.filename = path
    ownRequire.cache[path] = module // where node's own require() and import find it, too: a provider of others has the same API
    try {
      const requireFrom = (name: string): unknown => {
        const isFile = /^\.{0,2}\//.test(name)
        const found = isFile ? resolve(dirname(path), name) : name
        return isFile && found !== importFile ? load(found) : ownRequire(found)
      }
      compile(path)(module.exports, requireFrom, module, path, dirname(path))
    } catch (error) {
      delete ownRequire.cache[path]
      throw error
    }
    module.loaded = true
    return module.exports
  }

  function compile(path: string): (...args: unknown[]) => void {
    const name = relative(folder, path)
    // on one line, so that a stack has the lines of the file
    const text = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(path, 'utf8')}\n})`
    const script = new Script(text, { filename: path, cachedData: kept.codes.get(name) })
    scripts.set(name, script)
    return script.runInThisContext()
  }

  return {
    load,
    keep() {
      try {
        const run = [...scripts.keys()].sort().join(' ')
        const isUsed = [...scripts.values()].every(script => script.cachedDataRejected === false)
        if ((isUsed && kept.runs.includes(run)) || statSync(folder).uid !== process.getuid?.()) return
        const fresh = [...scripts].map(([name, script]): [string, Buffer] => [name, script.createCachedData()])
        // each once: V8 refuses what it kept under other flags, and then two callers would write it anew for ever
        write(place, file, { runs: [...new Set([...kept.runs, run])], codes: new Map([...kept.codes, ...fresh]) })
        for (const old of readdirSync(place)) if (!old.startsWith(build)) rmSync(join(place, old))
      } catch {
        // the next run compiles again
      }
    },
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A line of JSON, then the codes. V8 trusts what it is given, so what a disk has spoilt must not come to it. */
function readKept(file: string): Kept {
  try {
    const bytes = readFileSync(file)
    const end = bytes.indexOf('\n')
    const { runs, sizes, sha256 } = JSON.parse(bytes.toString('utf8', 0, end))
    const all = bytes.subarray(end + 1)
    if (digest(all) !== sha256) return nothing
    let at = 0
    const codes = new Map<string, Buffer>()
    for (const [name, size] of sizes) {
      codes.set(name, all.subarray(at, at + size))
      at += size
    }
    return { runs, codes }
  } catch {
    return nothing
  }
}

const nothing: Kept = { runs: [], codes: new Map() }

function write(place: string, file: string, { runs, codes }: Kept): void {
  const all = Buffer.concat([...codes.values()])
  const sizes = [...codes].map(([name, code]) => [name, code.length])
  const head = `${JSON.stringify({ runs, sizes, sha256: digest(all) })}\n`
  mkdirSync(place, { recursive: true, mode: 0o755 })
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, Buffer.concat([Buffer.from(head), all]), { mode: 0o644 })
  renameSync(temporary, file)
}
