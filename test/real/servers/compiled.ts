import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { temporaryFolder } from './process.js'

const programs = new Map<string, Promise<string>>()

/** The path of a program of the tests as one file that node runs; `source` is below test/. Built once by each process. */
export function compiled(source: string): Promise<string> {
  const known = programs.get(source) ?? compile(source)
  programs.set(source, known)
  return known
}

async function compile(source: string): Promise<string> {
  const outfile = join(temporaryFolder('program').path, basename(source).replace(/\.ts$/, '.mjs'))
  await build({
    entryPoints: [join(import.meta.dirname, '../..', source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);" },
    logLevel: 'error',
  })
  return outfile
}
