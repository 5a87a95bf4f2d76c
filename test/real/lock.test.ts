import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { newFolder } from '../folder.js'
import { compiled } from './servers/compiled.js'
import { lacking, need } from './servers/need.js'

/** The lock between real processes, some of them killed. */

let program: string
let folder: string
let log: string
const running = new Set<ChildProcess>()

beforeAll(async () => {
  program = await compiled('fakes/lock-process.ts')
})
beforeEach(() => {
  folder = newFolder('lock')
  log = join(folder, 'log')
  writeFileSync(log, '')
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

interface How {
  readonly waitSeconds?: number
  readonly env?: Record<string, string>
  /** Program and arguments that it is started by. */
  readonly by?: readonly string[]
}

const start = (
  seconds: number,
  { waitSeconds = 60, env = {}, by = [] }: How = {},
): { child: ChildProcess; ended: Promise<number | null> } => {
  const [command = '', ...args] = [...by, process.execPath, program, folder, log, String(seconds), String(waitSeconds)]
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  running.add(child)
  const ended = new Promise<number | null>(resolve => child.on('exit', code => resolve(code)))
  return { child, ended: ended.finally(() => running.delete(child)) }
}
const lines = (): string[] => readFileSync(log, 'utf8').split('\n').filter(Boolean)
const until = async (there: () => boolean): Promise<void> => {
  while (!there()) await new Promise(resolve => setTimeout(resolve, 10))
}

test('lets one in at a time, also when all find a dead holder’s lock, and only one takes that over', async () => {
  const dead = start(0)
  await dead.ended
  mkdirSync(join(folder, '.dns01'), { recursive: true })
  const holder = {
    token: 'abc',
    pid: dead.child.pid,
    host: 'here',
    command: 'gone',
    since: 'then',
    startTicks: '1',
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    pidNamespace: readlinkSync('/proc/self/ns/pid'),
  }
  writeFileSync(join(folder, '.dns01/lock'), JSON.stringify(holder))
  writeFileSync(log, '')
  expect(await Promise.all(Array.from({ length: 6 }, () => start(0.02).ended))).toEqual([0, 0, 0, 0, 0, 0])
  const moves = lines().filter(line => /^(in|out) /.test(line))
  expect(moves).toHaveLength(12)
  for (let i = 0; i < 12; i += 2) expect(moves[i]?.replace('in', 'out')).toBe(moves[i + 1])
  expect(lines().filter(line => line.startsWith('took over'))).toEqual([expect.stringContaining('gone')])
  expect(readdirSync(join(folder, '.dns01'))).toEqual([])
}, 30_000)

test('the lock is taken over from a process that was killed, and not from one that lives', async () => {
  const first = start(60)
  await until(() => lines().includes(`in ${first.child.pid}`))
  expect(await start(0, { waitSeconds: 0.3 }).ended).toBe(5)
  expect(lines().at(-1)).toMatch(
    new RegExp(
      `^LOCKED the state directory is locked by test \\(pid ${first.child.pid} on here, since .*waited 0.3 s$`,
    ),
  )
  first.child.kill('SIGKILL')
  await first.ended
  expect(await start(0).ended).toBe(0)
  expect(lines().filter(line => line.startsWith('took over'))).toEqual([
    expect.stringContaining(`pid ${first.child.pid} on here`),
  ])
}, 30_000)

/** The lock as if its holder had been silent for eleven minutes. */
const grownOld = (): void => {
  const then = new Date(Date.now() - 660_000)
  utimesSync(join(folder, '.dns01/lock'), then, then)
}
const last = (): string => readFileSync(join(folder, 'conf/last'), 'utf8')

test('a lock that was taken over from a stopped process keeps it from writing when it wakes', async () => {
  const first = start(60, { env: { LOCK_HOST: 'there', LOCK_NAME: 'first' } })
  await until(() => lines().includes('in first'))
  first.child.kill('SIGSTOP')
  expect(await start(0, { waitSeconds: 0.3 }).ended).toBe(5)
  grownOld()
  expect(await start(0, { env: { LOCK_NAME: 'second' } }).ended).toBe(0)
  await new Promise(resolve => setTimeout(resolve, 2100)) // it looks when it has not looked for two seconds
  first.child.kill('SIGCONT')
  expect(await first.ended).toBe(5)
  expect(lines().at(-1)).toMatch(/^LOCKED this run was stopped for so long that its lock was taken over/)
  expect(last()).toBe('second')
  expect(readdirSync(join(folder, '.dns01'))).toEqual([])
  expect(readdirSync(join(folder, 'tmp'))).toEqual([])
}, 60_000)

test.skipIf(lacking('unshare', 'netns'))(
  'of another container with the same host name is judged by its age',
  async () => {
    const by = [need('unshare'), '--pid', '--fork', '--mount-proc', '--kill-child']
    const first = start(60, { by, env: { LOCK_NAME: 'first' } })
    await until(() => lines().includes('in first'))
    expect(await start(0, { by, waitSeconds: 0.3 }).ended).toBe(5)
    expect(await start(0, { waitSeconds: 0.3 }).ended).toBe(5)
    expect(lines().at(-1)).toMatch(/^LOCKED the state directory is locked by test \(pid 1 on here/)
    first.child.kill('SIGKILL')
    await first.ended
    expect(await start(0, { by, waitSeconds: 0.3 }).ended).toBe(5)
    grownOld()
    expect(await start(0, { by, env: { LOCK_NAME: 'second' } }).ended).toBe(0)
    expect(last()).toBe('second')
  },
  60_000,
)
