import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dns01Options, startProgram } from '../real/servers/dns01.js'
import { need } from '../real/servers/need.js'
import { temporaryFolder } from '../real/servers/process.js'

/** What a program took. */
export interface Measured {
  /** Wall time. */
  readonly seconds: number
  /** User and system, with all its children. */
  readonly cpuSeconds: number
  /** Of the largest process among it and its children. */
  readonly peakMb: number
  readonly stdout: string
}

/**
 * Runs a program by GNU time, which asks the kernel (wait4) for CPU time and memory of it and of its children.
 * @throws when it fails or takes longer than `timeoutSeconds` (600)
 */
export async function measure(argv: readonly string[], options: Dns01Options = {}): Promise<Measured> {
  const folder = temporaryFolder('time')
  const report = join(folder.path, 'report')
  try {
    const timed = [need('time'), '--quiet', '--format', '%U %S %M', '--output', report]
    // When time is killed, what it runs goes, too.
    const tied = [need('setpriv'), '--pdeathsig', 'KILL', ...argv]
    // notes of what a hook call places, which belong to no state directory, go with the folder, too
    const env = { XDG_STATE_HOME: folder.path, ACME_STATE_DIR: join(folder.path, 'state'), ...options.env }
    const result = await startProgram([...timed, ...tied], { timeoutSeconds: 600, ...options, env }).result
    if (result.exit !== 0)
      throw new Error(`${short(argv.join(' '))} ended with ${result.exit}:\n${short(result.stdout + result.stderr)}`)
    const [user = 0, system = 0, peakKb = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number)
    return {
      seconds: result.seconds,
      cpuSeconds: user + system,
      peakMb: peakKb / 1024,
      stdout: result.stdout,
    }
  } finally {
    folder.remove()
  }
}

const short = (text: string): string => (text.length < 1000 ? text : `${text.slice(0, 500)} … ${text.slice(-500)}`)

/** One after the other, as one. */
export async function inSequence(steps: readonly (() => Promise<Measured>)[]): Promise<Measured> {
  const all: Measured[] = []
  for (const step of steps) all.push(await step())
  const sum = (of: (one: Measured) => number) => all.reduce((total, one) => total + of(one), 0)
  return {
    seconds: sum(one => one.seconds),
    cpuSeconds: sum(one => one.cpuSeconds),
    peakMb: Math.max(...all.map(one => one.peakMb)),
    stdout: all.map(one => one.stdout).join(''),
  }
}
