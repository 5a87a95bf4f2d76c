/**
 * The World's `run`: child processes, which may hang, flood us with output or leave children of their own. None of that may
 * hold up a run, which holds the lock.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { RunOptions, RunResult, World } from '../core/world.js'

/** What a child may cost us at most. */
export interface RunLimits {
  readonly outputBytes: number
  /** Of what is told as one line. */
  readonly lineCharacters: number
  /** From TERM to KILL. */
  readonly graceSeconds: number
  /** How long we read on after the child has ended: a grandchild may hold the pipes open for ever. */
  readonly drainSeconds: number
}

export const runLimits: RunLimits = {
  outputBytes: 1024 * 1024,
  lineCharacters: 64 * 1024,
  graceSeconds: 5,
  drainSeconds: 0.2,
}

/** Process groups of children that have not ended. */
const groups = new Set<number>()

/**
 * A second Ctrl-C ends us at once: what ignores TERM must not go on behind our back. An exit listener is where nobody can
 * forget it.
 */
process.on('exit', () => {
  for (const group of groups) signalGroup(group, 'SIGKILL')
})

/** Children may not leave files that everybody can write, whatever our own mask is. */
const childUmask = 0o022

/**
 * Runs a program without a shell, as leader of a process group of its own, and is done when *it* ends, not when the
 * last holder of its pipes does. After the time limit, or when the signal is aborted, the whole group gets TERM, then KILL.
 * Rejects with the signal's reason; a program that cannot be started is a result (exit -1).
 * By hand: execa 9.6.1, told to end `sh -c 'sleep 8 & …'` after 0.5 s, still waits after 3 s, and the sleep goes on (`node
 * test/bench/libraries.mjs`); node's own `timeout` ends the first process alone, too. A hook that hangs would hold the run's lock.
 */
export const openRun =
  (limits: RunLimits = runLimits): World['run'] =>
  async (argv, options) => {
    options.signal.throwIfAborted()
    const child = start(argv, options)
    const ended = endOf(child)
    if (child.pid !== undefined) groups.add(child.pid)
    const output = listen(child, limits, options.line)
    child.stdin.on('error', () => {}) // EPIPE: it need not read what we give
    child.stdin.end(options.input)

    const stop = stopReason(options)
    const first = await Promise.race([ended, stop.happened])
    if (first.why !== 'ended') await endGroup(child, ended, limits.graceSeconds)
    if (child.pid !== undefined) groups.delete(child.pid)
    await output.drained()
    stop.forget()
    if (first.why === 'ended') return result(argv, first, output.text())
    if (first.why === 'aborted') throw options.signal.reason
    const problem = `it had not ended after ${options.timeoutSeconds} s and was stopped with all its children`
    return { exit: 128 + constants.signals.SIGTERM, output: output.text(), problem, late: true }
  }

type Ended = { why: 'ended'; code: number | null; signal: NodeJS.Signals | null; failure?: NodeJS.ErrnoException }

/** The mask belongs to the whole process; spawn() forks before it returns, so nothing of ours runs in between. */
function start([file = '', ...args]: readonly string[], options: RunOptions): ChildProcessWithoutNullStreams {
  const ours = process.umask(childUmask)
  try {
    return spawn(file, args, { cwd: options.cwd, env: { ...options.env }, detached: true, stdio: 'pipe' })
  } finally {
    process.umask(ours)
  }
}

const endOf = (child: ChildProcessWithoutNullStreams): Promise<Ended> =>
  new Promise(resolve => {
    child.once('exit', (code, signal) => resolve({ why: 'ended', code, signal }))
    child.once('error', failure => resolve({ why: 'ended', code: null, signal: null, failure }))
  })

function result(argv: readonly string[], { code, signal, failure }: Ended, output: string): RunResult {
  if (failure) return { exit: -1, output, problem: `cannot start ${argv[0]}: ${startProblem(failure)}` }
  if (signal) return { exit: 128 + constants.signals[signal], output, problem: `it was ended by ${signal}` }
  return { exit: code ?? -1, output }
}

const startProblem = (failure: NodeJS.ErrnoException): string =>
  ({
    ENOENT: 'no such file, or the interpreter of its first line is missing (ENOENT)',
    EACCES: 'this user may not execute it (EACCES)',
    ENOEXEC: 'it is neither a program nor a script with a #! line (ENOEXEC)',
    E2BIG: 'arguments and environment are too long (E2BIG)',
  })[failure.code ?? ''] ?? failure.message

function stopReason({ timeoutSeconds, signal }: RunOptions): {
  happened: Promise<{ why: 'timeout' | 'aborted' }>
  forget(): void
} {
  let forget = () => {}
  const happened = new Promise<{ why: 'timeout' | 'aborted' }>(resolve => {
    const timer = setTimeout(() => resolve({ why: 'timeout' }), timeoutSeconds * 1000)
    const aborted = () => resolve({ why: 'aborted' })
    signal.addEventListener('abort', aborted, { once: true })
    forget = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
  })
  return { happened, forget }
}

const pause = (seconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, seconds * 1000))

/** TERM to the group; KILL to what is left of it after the grace. Resolves when the child itself is gone. */
async function endGroup(
  child: ChildProcessWithoutNullStreams,
  ended: Promise<Ended>,
  graceSeconds: number,
): Promise<void> {
  const group = child.pid
  if (group === undefined) return
  signalGroup(group, 'SIGTERM')
  for (let waited = 0; waited < graceSeconds && signalGroup(group, 0); waited += 0.05) await pause(0.05)
  signalGroup(group, 'SIGKILL')
  await ended
}

/** Whether anybody was left in the group to get it. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false // ESRCH
  }
}

/** Collects stdout and tells the lines of both streams. */
function listen(child: ChildProcessWithoutNullStreams, limits: RunLimits, line?: (text: string) => void) {
  const chunks: Buffer[] = []
  let bytes = 0
  child.stdout.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, limits.outputBytes - bytes)
    bytes += kept.length
    if (kept.length > 0) chunks.push(kept)
  })
  const flushes = [child.stdout, child.stderr].map(stream =>
    tellLines(stream, limits.lineCharacters, line ?? (() => {})),
  )
  const closed = Promise.all(
    [child.stdout, child.stderr].map(s => new Promise<void>(resolve => s.once('close', resolve))),
  )
  return {
    text: () => Buffer.concat(chunks).toString('utf8'),
    drained: async (): Promise<void> => {
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>(resolve => {
        timer = setTimeout(resolve, limits.drainSeconds * 1000)
      })
      await Promise.race([closed, enough])
      clearTimeout(timer)
      child.stdout.destroy()
      child.stderr.destroy()
      for (const flush of flushes) flush()
    },
  }
}

/** Calls `line` for each line; the returned function tells the rest that had no newline. A line too long is told in pieces. */
function tellLines(stream: Readable, lineCharacters: number, line: (text: string) => void): () => void {
  const decoder = new TextDecoder()
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const text of lines) line(text.replace(/\r$/, ''))
    if (rest.length > lineCharacters) {
      line(rest)
      rest = ''
    }
  })
  return () => {
    if (rest !== '') line(rest)
    rest = ''
  }
}
