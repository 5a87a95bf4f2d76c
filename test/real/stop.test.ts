import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startDns01 } from './servers/dns01.js'
import { temporaryFolder } from './servers/process.js'

/** What is left of our children when we are made to stop. */

const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 300 && !what(); i++) await new Promise(resolve => setTimeout(resolve, 20))
  expect(what()).toBe(true)
}

/** A process that only waits to be collected by its parent does not run. */
const runs = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

test('a second Ctrl-C ends us at once, and with us a hook that ignores TERM', async () => {
  const { path: folder, remove } = temporaryFolder('stop')
  const [state, hooks, pids] = [join(folder, 'state'), join(folder, 'hooks'), join(folder, 'pids')]
  for (const made of [join(state, 'live'), hooks]) mkdirSync(made, { recursive: true, mode: 0o755 })
  symlinkSync(`../certs/${'a'.repeat(52)}`, join(state, 'live/a.example'))
  const deaf = `trap '' TERM INT; sh -c 'echo $$ $PPID >${pids}.new; mv ${pids}.new ${pids}; while :; do sleep 0.1; done'; :`
  writeFileSync(join(hooks, 'deaf'), `#!/bin/sh\n${deaf}\n`, { mode: 0o755 })
  try {
    const running = startDns01(['--state', state, '--hooks', hooks, 'test-notify', 'a.example'])
    await until(() => existsSync(pids))
    running.kill('SIGINT')
    await new Promise(resolve => setTimeout(resolve, 300))
    running.kill('SIGINT')
    expect((await running.result).exit).toBe(130)
    const deafOnes = readFileSync(pids, 'utf8').trim().split(' ').map(Number)
    expect(deafOnes).toHaveLength(2)
    await until(() => !deafOnes.some(runs))
  } finally {
    remove()
  }
})
