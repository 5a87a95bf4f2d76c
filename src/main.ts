// The file that node is given. It only looks at the version of Node, and then loads the program: a file that an old Node
// cannot read would otherwise end it before a word is said, for whatever is imported statically is read first.
import '../node-version.mjs'
import { join } from 'node:path'
import { openLoader } from './platform/loader.js'

declare const DNS01_VERSION: string
declare const THIS_BUILD: string

const argv = process.argv.slice(2)
if (argv[0] === 'version' || argv.includes('--version') || argv.includes('-V')) {
  process.stdout.write(`dns01 ${DNS01_VERSION}\n`)
} else {
  start().catch(error => {
    if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error
    process.stderr.write(`dns01 cannot be loaded: ${error.message}\n  raise the limit of open files (ulimit -n)\n`)
    process.exit(4) // STATE in the table of exits
  })
}

async function start(): Promise<void> {
  const loader = openLoader(__dirname, THIS_BUILD)
  const program = loader.load(join(__dirname, 'cli.js')) as typeof import('./cli/main.js')
  await program.run(argv, () => loader.keep())
}
