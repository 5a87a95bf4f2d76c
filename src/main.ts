// The file that node is given. It only looks at the version of Node, and then loads the program: a file that an old Node
// cannot read would otherwise end it before a word is said, for whatever is imported statically is read first.
import '../node-version.mjs'

import('./cli/main.js').catch(error => {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error
  process.stderr.write(`dns01 cannot be loaded: ${error.message}\n  raise the limit of open files (ulimit -n)\n`)
  process.exit(4) // STATE in the table of exits
})
