// One run at a time in a state directory. By hand, since node has no flock, and proper-lockfile 4.1.2 knows of a holder
// only when its folder was last touched: a killed run keeps others out until that is old enough, and one that was stopped
// for longer (Ctrl-Z, a laptop's lid) goes on writing beside its successor until a timer tells it. Ours names the process,
// so that a dead one is seen at once, and looks before each change whether the lock is still its own;
// test/real/lock.test.ts does both to it.
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { Disk } from './disk.js'
import { stateError } from './disk-errors.js'
import { type Fence, openFence } from './fence.js'
import { HIDDEN, LAST_RUN } from './layout.js'

type LockWorld = Pick<World, 'clock' | 'files' | 'log' | 'random' | 'self'>

export interface LockOptions {
  /** How long to wait for another run; default 60. */
  readonly waitSeconds?: number
  /** What the holder does, for those who wait: `dns01 reconcile`. */
  readonly command: string
  readonly signal?: AbortSignal
  /** Asked at the end: whether the lock is to be left as .dns01/last-run, which tells what ran and when (history.ts). */
  readonly leave?: () => boolean
  /** Hears of the holder whose lock was taken over, since it had ended without giving it back. */
  readonly tookOver?: (holder: Pick<Holder, 'command' | 'since'>) => void
}

/** Our own choice: most runs end within it; cron's next one comes in hours. */
const defaultWaitSeconds = 60
/** Our own choice: a wait ends soon after the holder, for five looks a second at one small file. */
const lookAgainSeconds = 0.2
/** How often a holder shows that it lives, and the silence after which another machine may take its lock. */
const beatEverySeconds = 60
const deadAfterSeconds = 600

/** A takeover needs ten minutes of silence, so who found the lock to be his own a moment ago need not look again. */
const lookBeforeChangeSeconds = 2

/** In the hidden folder: acmetool would correct the mode of a visible file, and remove one in tmp/. */
const LOCK = `${HIDDEN}/lock`

const holderSchema = v.object({
  token: v.string(),
  pid: v.number(),
  host: v.string(),
  command: v.string(),
  since: v.string(),
  /**
   * Of the process and the machine's boot, so that a pid used again is not taken for the holder; '' where /proc is
   * not.
   */
  startTicks: v.string(),
  boot: v.string(),
  /** Elsewhere the pid is another's; '' where there are no namespaces. */
  pidNamespace: v.optional(v.string(), ''),
})
type Holder = v.InferOutput<typeof holderSchema>

/** What stands at the lock's place; a file that we did not write has no holder. */
interface Standing {
  readonly holder: Holder | undefined
  readonly token: string
  readonly touchedAt: Date
}

/**
 * Runs `run` as the only one who changes this state directory. Waits for another run, then throws LOCKED with who holds
 * it since when. A dead holder's lock is taken over, and said so. `run` must look again at what was read before.
 * @throws Dns01Error LOCKED, STATE, or what `run` throws
 */
export async function withLock<T>(
  world: LockWorld,
  state: { readonly root: string; readonly fence?: Fence },
  options: LockOptions,
  run: () => Promise<T>,
): Promise<T> {
  const disk = new Disk(world, state.root)
  await disk.makeFolder(HIDDEN)
  const place = join(state.root, LOCK)
  const me = identify(world, options.command)
  await waitForLock(world, place, me, options)
  const fence = state.fence ?? openFence()
  const raised = raiseFence(world, place, me, fence)
  const stopBeating = keepBeating(world, place, me, raised)
  try {
    await sweepClaims(world, place)
    return await run()
  } finally {
    await stopBeating()
    await release(world, place, me, options.leave?.() ? join(state.root, LAST_RUN) : undefined)
    raised.remove()
  }
}

/** The fence of one holder of the lock. */
interface RaisedFence {
  /** Looks whether the lock is still ours. @throws Dns01Error LOCKED */
  readonly look: () => void
  readonly isDown: () => boolean
  /** Lets everything pass again: the lock was given back. */
  readonly remove: () => void
}

/**
 * A look at most every two seconds of the wall clock, which goes on while a process is stopped or the machine sleeps.
 */
function raiseFence(world: LockWorld, place: string, me: Holder, fence: Fence): RaisedFence {
  let seenAt = world.clock.now().getTime()
  const see = (): void => {
    fence.lost.signal.throwIfAborted()
    const standing = look(world, place)
    if (standing?.token !== me.token) {
      fence.lost.abort(lostTo(standing))
      fence.lost.signal.throwIfAborted()
    }
    seenAt = world.clock.now().getTime()
  }
  fence.check = () => {
    const sinceMs = Math.abs(world.clock.now().getTime() - seenAt)
    if (sinceMs > lookBeforeChangeSeconds * 1000 || fence.lost.signal.aborted) see()
  }
  return {
    look: see,
    isDown: () => fence.lost.signal.aborted,
    remove: () => {
      fence.check = () => {}
    },
  }
}

const lostTo = (standing: Standing | undefined): Dns01Error =>
  new Dns01Error(
    'LOCKED',
    `this run was stopped for so long that its lock was taken over${standing?.holder ? ` by ${describe(standing.holder)}` : ''}; it stops here`,
    { hint: 'the other run does the work' },
  )

async function waitForLock(world: LockWorld, place: string, me: Holder, options: LockOptions): Promise<void> {
  const { clock, log } = world
  const waitSeconds = options.waitSeconds ?? defaultWaitSeconds
  const signal = options.signal ?? clock.deadline(waitSeconds + deadAfterSeconds)
  const startedAt = clock.now().getTime()
  for (let said = ''; ; ) {
    const holder = await claim(world, place, me, options.tookOver)
    if (holder === 'mine') return
    if (clock.now().getTime() - startedAt >= waitSeconds * 1000) throw locked(place, holder, waitSeconds)
    if (waitSeconds > 0 && holder && holder.token !== said) log.notice(`waiting for ${describe(holder)}`)
    said = holder?.token ?? said
    await clock.sleep(Math.min(lookAgainSeconds, waitSeconds), signal)
  }
}

/** As it is told to those who wait, and to who reads cron's mail. */
const describe = ({ command, pid, host, since }: Holder): string => `${command} (pid ${pid} on ${host}, since ${since})`

/** LOCKED is no failure for cron: the other run does the work. */
function locked(place: string, holder: Holder | undefined, waitSeconds: number): Dns01Error {
  const who = holder ? describe(holder) : `somebody who left no name in ${place}`
  return new Dns01Error('LOCKED', `the state directory is locked by ${who}; waited ${waitSeconds} s`, {
    hint: holder
      ? 'that run does the work; wait longer with --lock-wait'
      : `if no dns01 runs, remove ${place}; it is taken over after ${deadAfterSeconds / 60} minutes`,
  })
}

/**
 * One try. Makes `place` ours if it is free (a hard link is made by one only), or if its holder is dead. For that, the
 * right to replace exactly this dead holder is a lock of its own, named by the holder's token, claimed in the same way:
 * so only one of many who see the same dead holder gets it, and who dies while at it is replaced likewise.
 * @returns 'mine', or who holds it (undefined: unknown)
 */
async function claim(
  world: LockWorld,
  place: string,
  me: Holder,
  tookOver?: LockOptions['tookOver'],
): Promise<'mine' | Holder | undefined> {
  const { files, log } = world
  let standing = look(world, place)
  if (!standing) {
    if (await withClaim(world, place, me, mine => ifFree('locking', place, files.hardLink(mine, place)))) return 'mine'
    standing = look(world, place)
  }
  if (!standing || !isDead(world, standing)) return standing?.holder
  const { holder, token } = standing
  const right = join(dirname(place), `lock.${token}`)
  const successor = await claim(world, right, me)
  if (successor !== 'mine') return successor
  try {
    const now = look(world, place)
    if (now?.token !== token) return now?.holder
    const replace = (mine: string): Promise<boolean> => ifFree('taking over the lock', place, files.rename(mine, place))
    if (!(await withClaim(world, place, me, replace))) return undefined
    log.warn(
      `took over the lock of ${holder ? describe(holder) : 'an unknown program'}, which ended without giving it back`,
    )
    if (holder) tookOver?.(holder)
    return 'mine'
  } finally {
    await files.remove(right).catch(() => {})
  }
}

/** What withClaim() writes; a lock itself, and the right to replace one, have other names. */
const CLAIM = /^lock\.[0-9a-f]{24}\.[0-9a-f]{8}$/

/**
 * Writes who we are under a name of our own, synced, for `use` to put at the lock's place; removes what `use` left. Who
 * has just got the lock may sweep it away (sweepClaims): then it is as if the place were taken.
 */
async function withClaim(
  world: LockWorld,
  place: string,
  me: Holder,
  use: (mine: string) => Promise<boolean>,
): Promise<boolean> {
  const { files } = world
  const mine = join(dirname(place), `lock.${me.token}.${hex(world.random(4))}`)
  await doing('locking', place, files.writeNew(mine, new TextEncoder().encode(`${JSON.stringify(me)}\n`), 0o600))
  try {
    return await use(mine)
  } finally {
    await files.remove(mine).catch(() => {})
  }
}

/** Whether it was put there; false when the place was taken (EEXIST), or the claim was swept away (ENOENT). */
const ifFree = (what: string, place: string, put: Promise<void>): Promise<boolean> =>
  put.then(
    () => true,
    error => {
      if (['EEXIST', 'ENOENT'].includes((error as { code?: string }).code ?? '')) return false
      throw stateError(what, place, error)
    },
  )

const doing = <T>(what: string, place: string, promise: Promise<T>): Promise<T> =>
  promise.catch(error => {
    throw stateError(what, place, error)
  })

function look({ files }: LockWorld, place: string): Standing | undefined {
  try {
    const info = files.info(place)
    if (!info) return undefined
    const text = Buffer.from(files.readPlain(place)).toString('utf8')
    const holder = parseHolder(text)
    return { holder, token: holder?.token ?? `unknown-${info.changedAt.getTime()}`, touchedAt: info.changedAt }
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw stateError('reading the lock', place, error)
  }
}

/** undefined for what we did not write: half a file after a kill, or a person's `touch`. */
function parseHolder(text: string): Holder | undefined {
  try {
    const parsed = v.safeParse(holderSchema, JSON.parse(text))
    return parsed.success && /^[0-9a-f]+$/.test(parsed.output.token) ? parsed.output : undefined
  } catch {
    return undefined
  }
}

/**
 * On this machine the process tells; of another machine, or of a container with process ids of its own, only the age of
 * its last sign of life. A time far ahead is not a sign of life: somebody had set the clock wrong.
 */
function isDead(world: LockWorld, { holder, touchedAt }: Standing): boolean {
  const { host, pidNamespace } = world.self
  if (!holder || holder.host !== host || holder.pidNamespace !== pidNamespace)
    return Math.abs(world.clock.now().getTime() - touchedAt.getTime()) > deadAfterSeconds * 1000
  if (holder.boot !== bootId(world) || !world.self.alive(holder.pid)) return true
  return holder.startTicks !== '' && holder.startTicks !== startTicks(world, holder.pid)
}

const identify = (world: LockWorld, command: string): Holder => ({
  token: hex(world.random(12)),
  pid: world.self.pid,
  host: world.self.host,
  command,
  since: world.clock.now().toISOString(),
  startTicks: startTicks(world, world.self.pid),
  boot: bootId(world),
  pidNamespace: world.self.pidNamespace,
})

/** Tokens and claims are hex, so that CLAIM tells them from anything else. */
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** proc(5): changes with every boot of the machine. */
const bootId = (world: LockWorld): string => readProc(world, '/proc/sys/kernel/random/boot_id').trim()

/**
 * proc(5): field 22 of stat, counted after the command, which stands in parentheses and may hold spaces and
 * parentheses.
 */
const startTicks = (world: LockWorld, pid: number): string =>
  readProc(world, `/proc/${pid}/stat`).split(') ').at(-1)?.split(' ')[19] ?? ''

/** '' where there is no /proc, as on macOS: then only the pid and the age of the lock tell. */
function readProc({ files }: LockWorld, path: string): string {
  try {
    return Buffer.from(files.read(path)).toString('latin1')
  } catch {
    return ''
  }
}

/**
 * Puts a fresh copy of our lock in its place now and then, unless it is lost; returns how to end that. A failure is left
 * to the next time.
 */
function keepBeating(world: LockWorld, place: string, me: Holder, fence: RaisedFence): () => Promise<void> {
  let ended = false
  let beating = Promise.resolve()
  let pause: AbortSignal
  const next = (): void => {
    pause = world.clock.deadline(beatEverySeconds)
    pause.addEventListener('abort', onPauseOver, { once: true })
  }
  const onPauseOver = (): void => {
    beating = beat()
  }
  const beat = async (): Promise<void> => {
    if (ended) return
    try {
      fence.look()
      await withClaim(world, place, me, async mine => {
        fence.look()
        if (!ended) await world.files.rename(mine, place)
        return true
      })
    } catch (error) {
      world.log.debug(`the lock could not be renewed: ${messageOf(error)}`)
    }
    if (!ended && !fence.isDown()) next()
  }
  next()
  return () => {
    ended = true
    pause.removeEventListener('abort', onPauseOver)
    return beating // a copy put there after the lock was given back would lock everybody out
  }
}

/**
 * Gives back what is still ours: after a long standstill somebody may have taken it over. To leave it costs what removing it costs,
 * one change and no wait for the disk; where a folder stands in its place it is removed.
 */
async function release(world: LockWorld, place: string, me: Holder, leaveAs: string | undefined): Promise<void> {
  if (look(world, place)?.token !== me.token) return
  const { files } = world
  const left = leaveAs === undefined ? Promise.reject() : files.rename(place, leaveAs)
  await doing(
    'giving back the lock',
    place,
    left.catch(() => files.remove(place)),
  )
}

/**
 * Claims of runs that were killed between two steps. Those of who waits now are alive and stay. A claim that is empty
 * or half-written was left by a kill between making and writing it, or its writer is just at it: he finds it gone,
 * and tries again.
 */
async function sweepClaims(world: LockWorld, place: string): Promise<void> {
  for (const { name } of world.files.list(dirname(place))) {
    const path = join(dirname(place), name)
    const standing = name.startsWith('lock.') ? look(world, path) : undefined
    if (!standing) continue
    const unwritten = !standing.holder && CLAIM.test(name)
    if (unwritten || isDead(world, standing)) await world.files.remove(path).catch(() => {})
  }
}
