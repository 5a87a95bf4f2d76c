import { appendFileSync } from 'node:fs'
import { realClock } from '../../src/real-clock.js'
import { openFiles } from '../../src/real-files.js'
import { withLock } from '../../src/state/lock.js'
import type { World } from '../../src/world.js'

/** A program that takes the lock of ROOT, writes `in PID` and `out PID` to LOG, and stays for SECONDS between. */
const [root = '', log = '', seconds = '0', waitSeconds = '60'] = process.argv.slice(2)

const say = (text: string): void => appendFileSync(log, `${text}\n`)
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
const world = {
  clock: realClock,
  files: openFiles(),
  random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
  self: { pid: process.pid, host: 'here', uid: 0, gid: 0, program: [], alive },
  log: { warn: say, notice: say, debug: say },
} as unknown as World

await withLock(world, { root }, { command: 'test', waitSeconds: Number(waitSeconds) }, async () => {
  say(`in ${process.pid}`)
  await realClock.sleep(Number(seconds), new AbortController().signal)
  say(`out ${process.pid}`)
}).catch(error => {
  say(`${error.code} ${error.message}`)
  process.exitCode = 5
})
