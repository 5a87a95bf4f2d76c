import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Dns01Result, startProgram } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { type Lab, startLab } from './servers/state.js'

/** Room on the small disk, in KiB, when the first run starts. */
const ROOMS = [0, 4, 8, 16, 24, 28, 32, 36, 40, 48, 64]

describe.skipIf(lacking('pebble', 'netns'))('a state directory on a bad disk', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await startLab()
  })
  afterAll(() => lab.stop())

  /** A shell in a mount namespace of its own, with `$conf` to copy and a new folder to stand in. */
  const shell = (name: string, script: string): Promise<Dns01Result> => {
    const cwd = join(dirname(lab.state), name)
    mkdirSync(cwd)
    const env = { ...lab.env, conf: join(lab.state, 'conf') }
    return startProgram(['unshare', '-m', 'sh', '-c', script], { cwd, env }).result
  }

  test('a read-only disk: told, exit 4, nothing is asked of the CA, nothing changes; status looks all the same', async () => {
    const script = `
      mkdir state && cp -a "$conf" state/ && find state | sort >before
      mount --bind state state && mount -o remount,bind,ro state
      dns01 --batch --state state want ro.corp.example; echo "exit $?"
      dns01 --batch --state state reconcile; echo "exit $?"
      dns01 --state state status >/dev/null && echo looked
      find state | sort | cmp - before && echo unchanged`
    const { stdout, stderr } = await shell('read-only', script)
    expect(stdout).toBe('exit 4\nexit 4\nlooked\nunchanged\n')
    expect(stderr).toMatch(/the file system is read-only \(EROFS\)\n.*remount the file system of/)
    expect(stderr).not.toMatch(/^ +at /m)
  })

  test('a full disk: told, exit 4, nothing half-made; with room again the next run does the rest', async () => {
    const results: number[] = []
    for (const room of ROOMS) results.push(await full(room)) // the provider has one port
    expect(results[0]).toBe(4)
    expect(results.at(-1)).toBe(0)
    expect(new Set(results)).toEqual(new Set([0, 4]))
    process.stderr.write(
      `full disk: ${results.filter(exit => exit === 4).length} of ${ROOMS.length} runs out of space, all healed\n`,
    )
  })

  /** Exit status of the run on a disk with so much room; then the disk grows. */
  async function full(room: number): Promise<number> {
    const name = `full${room}.corp.example`
    const script = `
      mkdir state && mount -t tmpfs -o size=1m none state && cp -a "$conf" state/
      free() { df -k --output=avail state | tail -1; }
      head -c $(( ($(free) - ${room}) * 1024 )) /dev/zero >state/.fill
      dns01 --batch --state state want ${name} 2>told; echo "exit $?"
      echo "tmp $(ls -A state/tmp 2>/dev/null | wc -l)"
      for id in state/certs/* state/keys/*; do [ -e "$id" ] && [ ! -e "$id/url" ] && [ ! -e "$id/privkey" ] && echo "half-made $id"; done
      find state -name privkey -type f ! -perm 600
      rm state/.fill
      dns01 --batch --state state want ${name} 2>again || cat again
      [ -s state/live/${name}/fullchain ] && echo live
      ls -A state/tmp state/.dns01/journal 2>/dev/null | grep json
      cat told >&2`
    const { stdout, stderr } = await shell(`full${room}`, script)
    const [, exit] = stdout.match(/^exit (\d)\ntmp 0\nlive\n$/) ?? []
    if (exit === undefined) throw new Error(`room for ${room} KiB: ${stdout}${stderr}`)
    if (exit === '4') expect(stderr).toMatch(/the disk is full \(ENOSPC\)\n.*free some space/)
    expect(stderr).not.toMatch(/^ +at /m)
    return Number(exit)
  }
})
