// npm run fuzz [-- --minutes N] [--seed N] [--only NAME]: made-up input for the state directory, the command line and the
// decoders, until the time is up (1 minute unless told). The seed is printed; with it the same inputs come again. Ends
// with 1 when something was found, or when a round hangs, which is named.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { installNpmPackages, root } from './setup.mjs'

/** The slowest round takes half a minute on a busy machine. */
const silenceSeconds = 180

const words = process.argv.slice(2)
const value = (flag, otherwise) => (words.includes(flag) ? words[words.indexOf(flag) + 1] : otherwise)
const run = {
  minutes: Number(value('--minutes', 1)),
  seed: Number(value('--seed', Math.floor(Math.random() * 2 ** 30))),
  only: value('--only', ''),
}
installNpmPackages()
console.log(`seed ${run.seed}, ${run.minutes} minutes`)
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  'test/fuzz/fuzz.test.ts',
  '--disable-console-intercept',
  '--reporter=dot',
]
// What is killed here cannot clean up.
const temporary = mkdtempSync(join(tmpdir(), 'dns01-fuzz-'))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
const child = spawn(process.execPath, [join(root, vitest[0]), ...vitest.slice(1)], {
  cwd: root,
  env: { ...process.env, TMPDIR: temporary, DNS01_FUZZ: JSON.stringify(run) },
  stdio: ['ignore', 'pipe', 'ignore'],
  detached: true, // a group of its own, with the workers of vitest in it
})
const stop = () => process.kill(-child.pid, 'SIGKILL')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    stop()
    process.exit(130)
  })
}

let round = 'the start'
let timer
const rewind = () => {
  clearTimeout(timer)
  timer = setTimeout(() => {
    console.log(`HANGS: ${round}`)
    stop()
  }, silenceSeconds * 1000)
}
rewind()
createInterface({ input: child.stdout }).on('line', line => {
  rewind()
  const [, kind, text] = line.match(/^(round|say): (.*)$/) ?? []
  if (kind === 'round') round = text
  if (kind === 'say') console.log(JSON.parse(text))
})
child.once('close', code => {
  clearTimeout(timer)
  process.exitCode = code === 0 ? 0 : 1
})
