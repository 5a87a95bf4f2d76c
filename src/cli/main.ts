/**
 * Where the program starts: it parses the command line, builds the log and the World from it, runs one command, and turns
 * what went wrong into the exit status. What a command needs is loaded only then, so that a start stays cheap.
 */

import { setMaxListeners } from 'node:events'
import { resolve } from 'node:path'
import { loadEnv } from '../config/env-file.js'
import { codeOf, Dns01Error, errorDocument, exitStatus, linesOf } from '../core/errors.js'
import { isUtf8 } from '../core/text-width.js'
import type { Log } from '../core/world.js'
import { hasColours } from '../platform/colour.js'
import { openFiles } from '../platform/files.js'
import type { TerminalList } from '../platform/live-list.js'
import { openLog, type Sink } from '../platform/log.js'
import { sinksFor } from '../platform/log-sinks.js'
import { openOut } from '../platform/out.js'
import { askingWithout, widthOf } from '../platform/terminal.js'
import type { Context, Out } from '../renew/run.js'
import type { GlobalFlags } from './flags.js'
import type { Invocation } from './parse.js'

/** Where bugs are reported, from package.json; empty while that is a placeholder. */
declare const DNS01_BUGS: string

/** Exit status after a signal: 128 and its number. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  let log = openLog({
    sinks: [{ severity: 'NOTICE', format: json ? 'json' : 'human', write: toStderr }],
    now: () => new Date(),
  })
  let list: TerminalList | undefined
  try {
    const invocation = await parse(argv)
    if (typeof invocation === 'string') {
      process.stdout.write(`${invocation}\n`)
      return 0
    }
    list = await listFor(invocation.flags)
    log = logFor(invocation.flags, list)
    return await runCommand(invocation, argv, { log, list })
  } catch (error) {
    tell(log, error)
    if (json)
      openOut({ json, columns: undefined, masked: log.masked }, toStdout).show(
        { error: errorDocument(error) },
        () => [],
      )
    return exitStatus([error])
  } finally {
    list?.end()
  }
}

async function parse(argv: readonly string[]): Promise<Invocation | string> {
  const hook = argv.includes('hook') ? (await import('./hook-args.js')).parseHookLine(argv) : undefined
  const quick = hook ?? (await import('./cron-args.js')).parseCronLine(argv)
  return quick ?? (await import('./parse.js')).parseCommandLine(argv, process.stdout.columns || undefined)
}

/** Where people are told things. */
interface Terminal {
  readonly log: Log
  readonly list: TerminalList | undefined
}

/** Runs one command; Ctrl-C and SIGTERM stop its waiting, a second one stops everything. */
async function runCommand(
  { command, args, flags }: Invocation,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { log } = terminal
  setMaxListeners(0) // every wait of a run listens to its signal, or to one made of it
  const stopping = new AbortController()
  let stoppedBy: keyof typeof SIGNALS | undefined
  for (const name of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    process.on(name, () => {
      if (stoppedBy) process.exit(128 + SIGNALS[name])
      stoppedBy = name
      log.notice(`${name}: stopping${command.placesRecords ? '; TXT records are removed first' : ''}`)
      stopping.abort(new Dns01Error('UNAVAILABLE', `stopped by ${name}`))
    })
  }
  const context = await contextFor(flags, argv, terminal, stopping.signal)
  const status = await command.run(args, context).then(
    result => (typeof result === 'number' ? result : exitStatus(result)),
    error => {
      if (!stoppedBy) tell(log, error)
      if (flags.json) context.out.show({ error: errorDocument(error) }, () => [])
      return exitStatus([error])
    },
  )
  return stoppedBy ? 128 + SIGNALS[stoppedBy] : status
}

async function contextFor(
  flags: GlobalFlags,
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Context> {
  const { log, list } = terminal
  const { realWorld } = await import('../platform/index.js')
  const fromFiles = await loadEnv(openFiles(), process.env, flags.envFile)
  const stateRoot = resolve(flags.state || fromFiles.ACME_STATE_DIR || '/var/lib/acme')
  const hooks = flags.hooks.length > 0 ? { ACME_HOOKS_DIR: flags.hooks.map(folder => resolve(folder)).join('\n') } : {}
  const envFile = flags.envFile ? { DNS01_ENV_FILE: resolve(flags.envFile) } : {}
  const env = { ...fromFiles, ...hooks, ...envFile, ACME_STATE_DIR: stateRoot }
  Object.assign(process.env, env) // the AWS SDK reads AWS_CONFIG_FILE and its like there, and nowhere else
  const asked =
    flags.batch || flags.json ? undefined : (await import('../platform/prompt.js')).realPrompt(flags.stdio, signal)
  const prompt = asked && list ? askingWithout(list, asked) : asked
  return {
    world: realWorld({ env, log, prompt, program: [process.execPath, '--', process.argv[1] ?? 'dns01'] }),
    stateRoot,
    responseFile: flags.responseFile && resolve(flags.responseFile),
    lockWaitSeconds: flags.lockWaitSeconds,
    parallel: flags.parallel,
    commandLine: ['dns01', ...argv].join(' '),
    batch: flags.batch,
    verbose: ['INFO', 'DEBUG', 'TRACE'].indexOf(flags.severity) + 1,
    signal,
    out: outFor(flags, terminal),
  }
}

function outFor({ json, severity }: GlobalFlags, { log, list }: Terminal): Out {
  const isRead = process.stdout.isTTY && !json && severity !== 'ERROR'
  const columns = isRead ? widthOf(process.stdout) : undefined
  const rows = isRead ? process.stdout.rows : undefined
  const colours = !json && hasColours(process.stdout, process.env)
  return openOut({ json, columns, rows, colours, masked: log.masked }, text => {
    list?.clear()
    process.stdout.write(text)
  })
}

const toStdout = (text: string): void => void process.stdout.write(text)

const toStderr = (line: string): void => void process.stderr.write(`${line}\n`)

/** Progress, on a terminal that can be drawn on (TERM=dumb cannot) and whose user did not ask for quiet. */
async function listFor({ batch, json, severity }: GlobalFlags): Promise<TerminalList | undefined> {
  const { stderr: stream, env } = process
  if (!stream.isTTY || batch || json || severity === 'ERROR' || env.TERM === 'dumb') return undefined
  const { openLiveList } = await import('../platform/live-list.js')
  return openLiveList({ stream, colours: hasColours(stream, env), isUnicode: isUtf8(env), now: () => new Date() })
}

function logFor(flags: GlobalFlags, live: TerminalList | undefined): Log {
  const { json } = flags
  const terminal = process.stderr.isTTY === true
  const format: Sink['format'] = json ? 'json' : process.env.JOURNAL_STREAM ? 'syslog' : terminal ? 'human' : 'acmetool'
  const log = openLog({ sinks: sinksFor(flags, { format, write: toStderr }), live, now: () => new Date() })
  if (flags.idle.length > 0)
    log.notice(
      `--${flags.idle.join(', --')}: accepted for acmetool's sake and ignored: dns01 is not a daemon, and runs as the user who starts it`,
    )
  return log
}

/** An error for people: what happened, what to do; the stack only of a bug. */
function tell(log: Log, error: unknown): void {
  log.error(...linesOf(error), ...(codeOf(error) === 'BUG' ? [reportLine()] : []))
}

function reportLine(): string {
  const where = typeof DNS01_BUGS === 'string' && DNS01_BUGS !== '' ? ` at ${DNS01_BUGS}` : ''
  return `this is a bug in dns01: please report it${where}`
}

/** Into a pipe node writes later: what is not yet written would be lost by process.exit(). */
const flushed = (stream: NodeJS.WriteStream): Promise<void> => new Promise(resolve => stream.write('', () => resolve()))

/** Runs what was typed and ends the process; `atEnd` is done when all is said. */
export async function run(argv: readonly string[], atEnd: () => void): Promise<never> {
  const outputs = [process.stdout, process.stderr]
  for (const stream of outputs) stream.on('error', () => {}) // its reader has gone: `dns01 status | head`
  const status = await main(argv)
  process.exitCode = status
  await Promise.all(outputs.map(flushed))
  atEnd()
  process.exit(status)
}
