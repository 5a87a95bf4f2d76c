import { appendFileSync, readlinkSync } from 'node:fs'
import { realClock } from '../../src/platform/clock.js'
import { openFiles } from '../../src/platform/files.js'
import { Disk } from '../../src/state/disk.js'
import { openFence } from '../../src/state/fence.js'
import { withLock } from '../../src/state/lock.js'
import { fakeLog } from './log.js'
import { fakeWorld } from './world.js'

/**
 * A program that takes the lock of ROOT, writes `in PID` and `out PID` to LOG, and stays for SECONDS between; meanwhile it
 * writes its name to conf/last of ROOT all the time. LOCK_HOST is the machine it takes itself to be on.
 */
const [root = '', log = '', seconds = '0', waitSeconds = '60'] = process.argv.slice(2)

const say = (text: string): void => appendFileSync(log, `${text}\n`)
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
const world = fakeWorld({
  clock: realClock,
  files: openFiles(),
  random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
  self: {
    pid: process.pid,
    pidNamespace: readlinkSync('/proc/self/ns/pid'),
    host: process.env.LOCK_HOST ?? 'here',
    alive,
  },
  log: { ...fakeLog(), warn: say, notice: say, debug: say },
})

const fence = openFence()
const disk = new Disk(world, root, { fence })
const me = process.env.LOCK_NAME ?? String(process.pid)
const until = Date.now() + Number(seconds) * 1000

await withLock(world, { root, fence }, { command: 'test', waitSeconds: Number(waitSeconds) }, async () => {
  say(`in ${me}`)
  do {
    await disk.writeFile('conf/last', me)
    await realClock.sleep(Math.min(Number(seconds), 0.05), new AbortController().signal)
  } while (Date.now() < until)
  say(`out ${me}`)
}).catch(error => {
  say(`${error.code} ${error.message}`)
  process.exitCode = 5
})
