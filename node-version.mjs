// Which Node dns01 needs, said in words instead of a stack: imported first by all that is started by hand, and by the built
// program. Any Node since 12 must be able to read this file and what it says, so: no newer syntax, nothing imported.

/** Of `engines` in package.json (a test holds them together). */
const least = [20, 19]

const version = process.versions.node
const [major, minor] = version.split('.').map(Number)
if (major < least[0] || (major === least[0] && minor < least[1])) {
  process.stderr.write(
    `dns01 needs Node ${least.join('.')} or later; this is ${version} (${process.execPath})
  Debian 12 and Ubuntu 24.04 have 18: take a newer one from https://nodejs.org/en/download, or as a package
  from https://github.com/nodesource/distributions, and see to it that "node" in PATH is that one
`,
  )
  process.exit(3) // CONFIG in the table of exits
}
