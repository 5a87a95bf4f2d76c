import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { commandLine } from './process.js'

const root = join(import.meta.dirname, '../../..')

const ownProgram = join(root, 'dist/main.js')

/** The built program, as users get it; or DNS01_PROGRAM, the main.js of another build, to measure or to test that. */
export const dns01Program = process.env.DNS01_PROGRAM || ownProgram

export interface Dns01Options {
  /** Added to PATH, HOME, LANG, TMPDIR and XDG_STATE_HOME (test/untouched.ts); nothing else is handed on from the test's own environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly netns?: string | undefined
  readonly cwd?: string
  readonly stdin?: string
  /** Then it is killed, and the run is an error; default 60. */
  readonly timeoutSeconds?: number
}

export interface Dns01Result {
  /** 128+n after signal n. */
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

export interface RunningDns01 {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  readonly result: Promise<Dns01Result>
}

/** Runs the built dns01 as a child process; any exit status is a result. Builds it first when a source is newer. */
export const runDns01 = (args: readonly string[], options: Dns01Options = {}): Promise<Dns01Result> =>
  startDns01(args, options).result

/** The same, for tests that send signals meanwhile. */
export function startDns01(args: readonly string[], options: Dns01Options = {}): RunningDns01 {
  buildIfOlder()
  return startProgram([process.execPath, '--', dns01Program, ...args], options)
}

/** Any other program in the same manner. */
export function startProgram(argv: readonly string[], options: Dns01Options = {}): RunningDns01 {
  const { timeoutSeconds = 60 } = options
  const [command, ...args] = commandLine(argv, options.netns)
  const { PATH, TMPDIR, XDG_STATE_HOME } = process.env
  const env = { PATH, TMPDIR, XDG_STATE_HOME, HOME: '/nonexistent', LANG: 'C.UTF-8', ...options.env }
  const began = performance.now()
  const child = spawn(command, args, { cwd: options.cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (output.stderr += text))
  child.stdin.on('error', () => {}) // it may end without having read
  child.stdin.end(options.stdin ?? '')
  const result = new Promise<Dns01Result>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${argv.join(' ')}: still running after ${timeoutSeconds} s\n${output.stdout}${output.stderr}`))
    }, timeoutSeconds * 1000)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const seconds = (performance.now() - began) / 1000
      resolve({ exit: signal === null ? (code ?? 1) : 128 + signalNumber(signal), ...output, seconds })
    })
  })
  return { pid: child.pid ?? 0, kill: signal => void child.kill(signal), result }
}

const signalNumber = (signal: string): number => ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 })[signal] ?? 0

let built = false

/** Builds dist/ when a source is newer, once for each test file. */
export function buildIfOlder(): void {
  if (built || dns01Program !== ownProgram) return
  const newest = Math.max(
    ...['src', 'providers', 'build', 'build.mjs', 'node-version.mjs', 'package.json'].map(path =>
      newestChange(join(root, path)),
    ),
  )
  if (!existsSync(dns01Program) || statSync(dns01Program).mtimeMs < newest) {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'build.mjs')], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`build.mjs failed:\n${stderr}`)
    utimesSync(dns01Program, new Date(), new Date()) // a build replaces only what changed
  }
  built = true
}

function newestChange(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map(name => newestChange(join(path, name))))
}
