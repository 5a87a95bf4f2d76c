import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { RunOptions } from '../../../src/core/world.js'
import { openRun, runLimits } from '../../../src/platform/process.js'
import { newFolder } from '../../folder.js'

const run = openRun({ ...runLimits, graceSeconds: 0.4 })
const options = (more: Partial<RunOptions> = {}): RunOptions => ({
  env: { PATH: process.env.PATH },
  cwd: '/',
  input: '',
  timeoutSeconds: 20,
  signal: new AbortController().signal,
  ...more,
})
const sh = (script: string, more: Partial<RunOptions> = {}) => run(['/bin/sh', '-c', script], options(more))

let folder: string
beforeAll(() => {
  folder = newFolder('run')
})

/** Whether a process runs; one that only waits to be collected by its parent does not. */
const runs = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !what(); i++) await new Promise(resolve => setTimeout(resolve, 20))
  expect(what()).toBe(true)
}

describe('what it gives the child', () => {
  test('arguments as they are, without a shell', async () => {
    const { output } = await run(['/usr/bin/printf', '%s|', 'a b', '$HOME', '', '*'], options())
    expect(output).toBe('a b|$HOME||*|')
  })

  test('just this environment', async () => {
    const { output } = await run(['/usr/bin/env'], options({ env: { A: '1', B: undefined } }))
    expect(output).toBe('A=1\n')
  })

  test('this folder and this input', async () => {
    expect((await sh('pwd; cat', { cwd: folder, input: 'the input' })).output).toBe(`${folder}\nthe input`)
  })

  test('an empty pipe when there is no input, so that a read ends', async () => {
    expect(await sh('read x; echo "read said $?"')).toMatchObject({ exit: 0, output: 'read said 1\n' })
  })

  test('umask 022, and ours is as it was', async () => {
    const before = process.umask(0o002)
    try {
      await sh(`: > ${folder}/made`)
      expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o644)
      expect(process.umask()).toBe(0o002)
    } finally {
      process.umask(before)
    }
  })

  test('more input than a program reads is not an error', async () => {
    expect((await sh('exit 3', { input: 'x'.repeat(1_000_000) })).exit).toBe(3)
  })
})

describe('what it takes from the child', () => {
  test('the exit status', async () => {
    expect(await sh('exit 42')).toEqual({ exit: 42, output: '' })
  })

  test('128+n after a signal', async () => {
    expect(await sh('kill -9 $$')).toMatchObject({ exit: 137, problem: 'it was ended by SIGKILL' })
  })

  test('why it could not be started', async () => {
    expect(await run([join(folder, 'nobody')], options())).toMatchObject({
      exit: -1,
      problem: expect.stringContaining(`cannot start ${folder}/nobody: no such file`),
    })
    expect(await run([folder], options())).toMatchObject({ exit: -1, problem: expect.stringContaining('EACCES') })
  })

  test('the lines of both streams as they come, also the last without a newline, and stdout alone as output', async () => {
    const lines: string[] = []
    const { output } = await sh('printf "one\\r\\ntw"; printf "o\\nend"; echo oops >&2', {
      line: text => lines.push(text),
    })
    expect(lines.sort()).toEqual(['end', 'one', 'oops', 'two'])
    expect(output).toBe('one\r\ntwo\nend')
  })

  test('a character cut in two by the pipe is one character', async () => {
    const lines: string[] = []
    await sh("printf '\\303'; sleep 0.05; printf '\\274\\n'", { line: text => lines.push(text) })
    expect(lines).toEqual(['ü'])
  })

  test('at most 1 MiB of output, and a line without end in pieces', async () => {
    const lines: string[] = []
    const { output, exit } = await sh("head -c 3000000 /dev/zero | tr '\\0' x", { line: text => lines.push(text) })
    expect(exit).toBe(0)
    expect(output.length).toBe(runLimits.outputBytes)
    expect(Math.max(...lines.map(line => line.length))).toBeLessThan(300_000)
    expect(lines.join('').length).toBe(3_000_000)
  })
})

describe('when it ends', () => {
  test('a grandchild that holds the pipes does not hold us', async () => {
    const { output } = await sh('sleep 30 & echo $!; exit 0')
    const grandchild = Number(output)
    expect(runs(grandchild)).toBe(true)
    process.kill(grandchild)
  })

  test('after the time limit the whole group is ended', async () => {
    const { exit, problem, output, late } = await sh('sleep 30 & echo $!; wait', { timeoutSeconds: 0.3 })
    expect(late).toBe(true)
    expect(exit).toBe(143)
    expect(problem).toContain('not ended after 0.3 s')
    await until(() => !runs(Number(output)))
  })

  test('what ignores TERM gets KILL, the grandchild too', async () => {
    const deaf =
      'trap "" TERM; sh -c \'trap "" TERM; while :; do sleep 0.1; done\' & echo $!; while :; do sleep 0.1; done'
    const { exit, output } = await sh(deaf, { timeoutSeconds: 0.3 })
    expect(exit).not.toBe(0)
    await until(() => !runs(Number(output)))
  })

  test('a script that says 0 when it is stopped has still not done its work', async () => {
    const { exit } = await sh('trap "exit 0" TERM; while :; do sleep 0.05; done', { timeoutSeconds: 0.3 })
    expect(exit).not.toBe(0)
  })

  test('an aborted signal ends the group and comes out as its reason', async () => {
    const stop = new AbortController()
    const file = join(folder, 'grandchild')
    const running = sh(`sleep 30 & echo $! > ${file}.new; mv ${file}.new ${file}; wait`, { signal: stop.signal })
    await until(() => existsSync(file))
    stop.abort(new Error('the user pressed Ctrl-C'))
    await expect(running).rejects.toThrow('the user pressed Ctrl-C')
    await until(() => !runs(Number(readFileSync(file, 'utf8'))))
  })

  test('nothing is started when the signal is already aborted', async () => {
    const started = sh(`: > ${folder}/never`, { signal: AbortSignal.abort(new Error('too late')) })
    await expect(started).rejects.toThrow('too late')
    expect(existsSync(join(folder, 'never'))).toBe(false)
  })
})
