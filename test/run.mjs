// npm test: installs what is missing, then types, style, unused code, build, and all tests of vitest, to which the
// arguments go. Ends with a line `N passed, N failed, N skipped`; each check before the tests counts as one.
// --pebble system: only the tests that start a Pebble, all with the system's own (Debian: 2.4) instead of the newest.
// --pebble both: everything, and those once more; the last line is the sum.
// npm run test:fast: only the tests that need no server, and of their long series a sample (test/thorough.ts).
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { filesOfOnePebble } from './pebbles.mjs'
import { howToInstall, installNpmPackages, installServers, root, SERVERS } from './setup.mjs'

const total = { passed: 0, failed: 0, skipped: 0 }

const { fast, pebble, words } = choices(process.argv.slice(2))
installNpmPackages()
const missing = fast ? [] : installServers(Object.keys(SERVERS), { systemsPebble: true })
if (missing.length > 0) reportMissing()
if (fast) runTests(['--project=fast', ...words])
else if (pebble !== 'system') {
  check('types', 'tsc', ['--noEmit'])
  check('style', 'biome', ['check', '--error-on-warnings', '.'])
  check('unused code', 'knip', [])
  check('build', process.execPath, ['build.mjs'])
  runTests(words)
}
if (pebble !== undefined) runWithSystemsPebble()
if (missing.length > 0) reportMissing()
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

function choices(args) {
  const { values, tokens } = parseArgs({
    args,
    options: { fast: { type: 'boolean' }, pebble: { type: 'string' } },
    strict: false, // all else is vitest's
    tokens: true,
  })
  const { fast = false, pebble } = values
  if (pebble !== undefined && !['system', 'both'].includes(pebble)) {
    console.error(
      `--pebble ${pebble}: say "system" (only the tests with a Pebble, all with the system's own) or "both"`,
    )
    process.exit(1)
  }
  const ours = new Set(
    tokens.flatMap(({ name, index, inlineValue }) => {
      if (name === 'fast') return [index]
      return name === 'pebble' ? [index, ...(inlineValue ? [] : [index + 1])] : []
    }),
  )
  return { fast, pebble, words: args.filter((_, index) => !ours.has(index)) }
}

/** Whatever the tests before it did: one pass hides nothing of the other. */
function runWithSystemsPebble() {
  console.log("\nonce more with the system's own Pebble: what starts only the newest otherwise")
  const named = words.some(word => !word.startsWith('-'))
  const files = named ? words : [...words, ...filesOfOnePebble()]
  runTests(['--project=real', ...files], { DNS01_PEBBLE: 'system' })
}

function reportMissing() {
  console.log(`\nNOT TESTED for want of ${missing.join(', ')}:\n${howToInstall(missing)}\n`)
}

function check(name, program, args) {
  const began = performance.now()
  const path = program.includes('/') ? program : join(root, 'node_modules/.bin', program)
  const { status, stdout, stderr } = spawnSync(path, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const passed = status === 0
  total[passed ? 'passed' : 'failed']++
  console.log(`${passed ? 'ok' : 'FAILED'}  ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
  if (!passed) console.log(`${stdout}${stderr}`)
}

function runTests(args, more = {}) {
  const report = join(root, 'node_modules/.dns01/report.json')
  rmSync(report, { force: true })
  const env = {
    ...process.env,
    ...(!process.stdout.isTTY && { NO_COLOR: '1' }),
    ...(!fast && { DNS01_THOROUGH: '1' }),
    ...more,
  }
  const vitest = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  const { status } = spawnSync(process.execPath, [...vitest, ...args], { cwd: root, env, stdio: ['ignore', 1, 1] })
  count(status, report)
}

/** A file that cannot even be loaded, and an error outside of any test, are a failed test each. */
function count(status, report) {
  const before = total.failed
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    for (const file of testResults) {
      const failed = file.assertionResults.filter(test => test.status === 'failed').length
      total.failed += failed || (file.status === 'failed' ? 1 : 0)
      total.passed += file.assertionResults.filter(test => test.status === 'passed').length
      total.skipped += file.assertionResults.filter(test => !['passed', 'failed'].includes(test.status)).length
    }
  } catch (error) {
    console.log(`vitest left no report: ${error.message}`)
  }
  if (status !== 0 && total.failed === before) total.failed++
}
