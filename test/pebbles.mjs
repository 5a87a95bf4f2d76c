// Which test files are to run once more with the system's own Pebble (Debian: 2.4): those that need one and do not start both.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// not import.meta.dirname: run.mjs imports this, and must get as far as its message under an old Node
const root = fileURLToPath(new URL('..', import.meta.url))

/** They have one of each beside each other. */
const startBoth = ['test/real/second-ca.test.ts']

/** What is done with a certificate once it is there, or on the machine around it: the same whoever has signed it. */
export const notOfTheCa = [
  'deploy',
  'formats',
  'notify',
  'progress',
  'quickstart-user',
  'reload',
  'served',
  'snippet',
  'tutorials',
].map(name => `test/real/${name}.test.ts`)

/** Who needs a Pebble says lacking('pebble', …), and who starts each of them asks for pebbles(). Paths from the root of the repository. */
export function filesOfOnePebble() {
  const inReal = readdirSync(join(root, 'test/real')).map(name => `test/real/${name}`)
  return [...inReal, 'test/scripts.test.ts'].filter(path => {
    if (!path.endsWith('.test.ts') || [...startBoth, ...notOfTheCa].includes(path)) return false
    const text = readFileSync(join(root, path), 'utf8')
    return text.includes("'pebble'") && !text.includes('pebbles()')
  })
}
