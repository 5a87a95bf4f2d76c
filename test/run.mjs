// npm test: installs what is missing, then types, style, unused code, build, and all tests of vitest, to which the
// arguments go. Ends with a line `N passed, N failed, N skipped`; each check before the tests counts as one.
// npm run test:fast: only the tests that need no server, and of their long series a sample (test/thorough.ts).
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { howToInstall, installNpmPackages, installServers, root, SERVERS } from './setup.mjs'

const total = { passed: 0, failed: 0, skipped: 0 }

const words = process.argv.slice(2)
const fast = words.includes('--fast')
installNpmPackages()
const missing = fast ? [] : installServers(Object.keys(SERVERS))
if (missing.length > 0) reportMissing()
if (fast) runTests(['--project=fast', ...words.filter(word => word !== '--fast')])
else {
  check('types', 'tsc', ['--noEmit'])
  check('style', 'biome', ['check', '--error-on-warnings', '.'])
  check('unused code', 'knip', [])
  check('build', process.execPath, ['build.mjs'])
  runTests(words)
}
if (missing.length > 0) reportMissing()
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

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

function runTests(args) {
  const report = join(root, 'node_modules/.dns01/report.json')
  rmSync(report, { force: true })
  const env = {
    ...process.env,
    ...(!process.stdout.isTTY && { NO_COLOR: '1' }),
    ...(!fast && { DNS01_THOROUGH: '1' }),
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
