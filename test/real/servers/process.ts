import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { accessSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface StartOptions {
  /** What its output shows once it answers. */
  readonly ready: RegExp
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Name of the network namespace it runs in. */
  readonly netns?: string | undefined
  readonly timeoutSeconds?: number
}

export interface RunningServer {
  readonly pid: number
  /** stdout and stderr so far. */
  log(): string
  /** Resolves as soon as the log shows it; rejects after that time. */
  waitFor(text: RegExp, timeoutSeconds?: number): Promise<void>
  /** SIGTERM, after two seconds SIGKILL; resolves when it is gone. */
  stop(): Promise<void>
}

const children = new Set<ChildProcess>()
const folders = new Set<string>()

/** Called at the latest when this process ends; vitest ends its workers by SIGTERM, and a person ends all by Ctrl-C. */
export function atEnd(clean: () => void): void {
  process.on('exit', clean)
  if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(143))
  if (process.listenerCount('SIGINT') === 0) process.once('SIGINT', () => process.exit(130))
}

atEnd(() => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const SETPRIV = '/usr/bin/setpriv'

function exists(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

/** The kernel ends the server when we die, even by SIGKILL (setpriv, util-linux). */
export function commandLine(argv: readonly string[], netns: string | undefined): [string, ...string[]] {
  const tied = exists(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', ...argv] : argv
  return (netns === undefined ? tied : ['ip', 'netns', 'exec', netns, ...tied]) as [string, ...string[]]
}

/** Starts a server in the foreground; resolves when its output shows `ready`, rejects with its output when it ends before. */
export async function startServer(argv: readonly string[], options: StartOptions): Promise<RunningServer> {
  const [command, ...args] = commandLine(argv, options.netns)
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...options.env }
  const child = spawn(command, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let output = ''
  let ended: string | undefined
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
  const gone = new Promise<void>(resolve => {
    const end = (why: string) => {
      ended ??= why
      children.delete(child)
      resolve()
    }
    child.once('error', error => end(error.message))
    child.once('exit', (code, signal) => end(`ended with ${signal ?? code}`))
  })
  const server: RunningServer = {
    pid: child.pid ?? 0,
    log: () => output,
    waitFor: async (text, timeoutSeconds = 20) => {
      const until = Date.now() + timeoutSeconds * 1000
      while (!text.test(output)) {
        if (ended !== undefined) throw new Error(`${argv[0]} ${ended}:\n${output}`)
        if (Date.now() > until) throw new Error(`${argv[0]}: no ${text} within ${timeoutSeconds} s:\n${output}`)
        await sleep(10)
      }
    },
    stop: async () => {
      if (ended !== undefined) return
      child.kill('SIGTERM')
      const kill = setTimeout(() => child.kill('SIGKILL'), 2000)
      await gone
      clearTimeout(kill)
    },
  }
  try {
    await server.waitFor(options.ready, options.timeoutSeconds)
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** Starts it anew, with other ports, when another process was quicker to take one of them. */
export async function untilPortsAreFree<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      if (attempt === 4 || !/address already in use|address in use/i.test(String(error))) throw error
    }
  }
}

/** A new folder, removed at the latest when this process ends. */
export function temporaryFolder(what: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `dns01-${what}-`))
  folders.add(path)
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true })
      folders.delete(path)
    },
  }
}

/** A port that is free for UDP and TCP on 127.0.0.1, below those which the system hands out by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    if ((await isFreeTcp(port)) && (await isFreeUdp(port))) return port
  }
}

const isFreeTcp = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

const isFreeUdp = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })

/** Resolves as soon as 127.0.0.1:PORT accepts TCP connections, rejects after five seconds. */
export async function accepts(port: number, netns: string | undefined): Promise<void> {
  const until = Date.now() + 5000
  while (!(await (netns === undefined ? connects(port) : connectsInside(netns, port)))) {
    if (Date.now() > until) throw new Error(`nothing accepts connections at 127.0.0.1:${port}`)
    await sleep(10)
  }
}

const connects = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

const connectsInside = (netns: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const argv = ['netns', 'exec', netns, 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]
    execFile('ip', argv, error => resolve(error === null))
  })
