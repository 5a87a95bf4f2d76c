import { describe, expect, test } from 'vitest'
import { startProgram } from './servers/dns01.js'
import { need } from './servers/need.js'
import { startServer } from './servers/process.js'

// What the other tests cannot show, since they succeed: how starting a server or a program fails.

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('need', () => {
  test('names the Debian package of a program that is missing', () => {
    expect(need('sh')).toMatch(/\/sh$/)
    expect(() => need('no-such-program')).toThrow('apt-get install no-such-program')
  })
})

describe('startServer', () => {
  test('a program that ends before it is ready is an error with its output', async () => {
    const failing = startServer(['sh', '-c', 'echo no room; exit 3'], { ready: /never/ })
    await expect(failing).rejects.toThrow(/ended with 3:\nno room/)
  })

  test('a program that never gets ready is stopped', async () => {
    const slow = startServer(['sh', '-c', 'echo my pid $$; exec sleep 60'], { ready: /never/, timeoutSeconds: 0.3 })
    const message = await slow.then(String, String)
    expect(message).toMatch(/no \/never\/ within 0.3 s/)
    expect(lives(Number(message.match(/my pid (\d+)/)?.[1]))).toBe(false)
  })

  test('stop() ends a program that ignores SIGTERM', async () => {
    const server = await startServer(['sh', '-c', "trap '' TERM; echo ready; while :; do sleep 0.1; done"], {
      ready: /ready/,
    })
    await server.stop()
    expect(lives(server.pid)).toBe(false)
  })
})

describe('startProgram', () => {
  test('gives status, output and signal', async () => {
    const program = startProgram(['sh', '-c', 'cat; echo oops >&2; exit 3'], { stdin: 'hello' })
    expect(await program.result).toMatchObject({ exit: 3, stdout: 'hello', stderr: 'oops\n' })
    const killed = startProgram(['sleep', '60'])
    killed.kill('SIGTERM')
    expect((await killed.result).exit).toBe(143)
  })

  test('hands no variable of ours on but where it may write, and fails when it takes too long', async () => {
    const { stdout } = await startProgram(['env'], { env: { ONE: '1' } }).result
    expect(
      stdout.split('\n').filter(line => !/^(PATH|HOME|LANG|TMPDIR|XDG_STATE_HOME|ONE|PWD|_|SHLVL)=/.test(line)),
    ).toEqual([''])
    await expect(startProgram(['sleep', '60'], { timeoutSeconds: 0.2 }).result).rejects.toThrow('still running')
  })
})
