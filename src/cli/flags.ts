/**
 * The flags that every command has, in a table that both parsers read. Many are acmetool's, so that command lines written for
 * it go on working.
 */

import type { ParseArgsConfig } from 'node:util'
import type { CommandArgs } from '../commands/command.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { SEVERITIES, type Severity } from '../platform/log.js'
import type { SinkFlags } from '../platform/log-sinks.js'

/** What the flags say that every command has. */
export interface GlobalFlags extends SinkFlags {
  readonly state: string | undefined
  readonly hooks: readonly string[]
  readonly batch: boolean
  readonly stdio: boolean
  readonly responseFile: string | undefined
  readonly envFile: string | undefined
  readonly lockWaitSeconds: number
  readonly parallel: number
  /** Flags of acmetool that were given and mean nothing here. */
  readonly idle: readonly string[]
}

const severityFlag = (of: string) => ({ type: 'string', describe: `least severity for ${of} (TRACE)` }) as const

export const GLOBAL = {
  state: { type: 'string', describe: 'state directory (ACME_STATE_DIR; /var/lib/acme)' },
  hooks: { type: 'string', array: true, nargs: 1, describe: 'folder with hooks (ACME_HOOKS_DIR); may be repeated' },
  batch: { type: 'boolean', describe: 'ask nothing; for cron' },
  stdio: { type: 'boolean', describe: 'plain questions on standard input' },
  'response-file': { type: 'string', describe: 'answers to questions, YAML (conf/responses)' },
  'env-file': { type: 'string', describe: 'settings and secrets, NAME=value (DNS01_ENV_FILE; /etc/dns01/env)' },
  json: { type: 'boolean', describe: 'one JSON document on stdout, the log as JSON lines on stderr' },
  verbose: { alias: 'v', type: 'count', describe: 'more log: -v INFO, -vv DEBUG, -vvv TRACE' },
  quiet: { alias: 'q', type: 'boolean', describe: 'log errors only' },
  'lock-wait': { type: 'string', describe: 'seconds to wait for another run (60)' },
  parallel: { type: 'string', describe: 'targets worked on at the same time (40)' },
  'xlog.severity': { type: 'string', describe: `least severity to log anywhere: ${SEVERITIES.join(' ')} (NOTICE)` },
  'xlog.file': { type: 'string', describe: 'append the log to this file, too' },
  'xlog.fileseverity': severityFlag('the file'),
  'xlog.stderr': { type: 'boolean', describe: 'log to standard error (yes); --no-xlog.stderr' },
  'xlog.stderrseverity': severityFlag('standard error'),
  'xlog.syslog': { type: 'boolean', describe: 'log to syslog by logger(1), too; --xlog.journal is the same' },
  'xlog.syslogseverity': severityFlag('syslog'),
  'xlog.facility': { type: 'string', describe: 'facility for syslog (daemon)' },
} as const

/** acmetool's flags for what dns01 is not: taken, so that no command line breaks, and told to be idle. */
export const IDLE = {
  'service.uid': { type: 'string', hidden: true },
  'service.gid': { type: 'string', hidden: true },
  'service.daemon': { type: 'boolean', hidden: true },
  'service.fork': { type: 'boolean', hidden: true },
  'service.chroot': { type: 'string', hidden: true },
  'service.pidfile': { type: 'string', hidden: true },
  'service.stderr': { type: 'boolean', hidden: true },
  'service.debugserveraddr': { type: 'string', hidden: true },
  'service.cpuprofile': { type: 'string', hidden: true },
} as const

/** Other spellings of flags above. */
export const ALIASES = {
  'xlog.journal': { type: 'boolean', hidden: true },
  'xlog.journalseverity': { type: 'string', hidden: true },
} as const

/** The same flags as yargs is told, for node's parseArgs(). */
export const inNodesWords = (
  flags: Readonly<Record<string, { readonly type?: unknown; readonly array?: boolean; readonly alias?: unknown }>>,
): NonNullable<ParseArgsConfig['options']> =>
  Object.fromEntries(
    Object.entries(flags).map(([name, { type, array = false, alias }]) => [
      name,
      {
        type: type === 'string' ? 'string' : 'boolean',
        multiple: array || type === 'count',
        ...(typeof alias === 'string' && { short: alias }),
      },
    ]),
  )

/** @throws Dns01Error USAGE for a value that is none, or a flag that is given several times and may not be */
export function globalFlags(args: CommandArgs): GlobalFlags {
  const text = (name: string): string | undefined => {
    const value = args[name]
    if (value === '') throw new Dns01Error('USAGE', `--${name} wants a value`)
    return value === undefined ? undefined : String(value)
  }
  const number = (name: string, otherwise: number, least: number): number => {
    const value = Number(text(name) ?? otherwise)
    if (!Number.isFinite(value) || value < least)
      throw new Dns01Error('USAGE', `--${name} must be a number of at least ${least}, not "${text(name)}"`)
    return value
  }
  const severity = (name: string, otherwise: Severity): Severity => parseSeverity(name, text(name)) ?? otherwise
  return {
    state: text('state'),
    hooks: args.hooks === undefined ? [] : [args.hooks].flat().map(String),
    batch: args.batch === true,
    stdio: args.stdio === true,
    json: args.json === true,
    responseFile: text('response-file'),
    envFile: text('env-file'),
    severity: severity('xlog.severity', shorthand(Number(args.verbose ?? 0), args.quiet === true)),
    stderr: args['xlog.stderr'] !== false,
    stderrSeverity: severity('xlog.stderrseverity', 'TRACE'),
    file: args['xlog.file'] === '' ? undefined : text('xlog.file'),
    fileSeverity: severity('xlog.fileseverity', 'TRACE'),
    syslog: args['xlog.syslog'] === true || args['xlog.journal'] === true,
    syslogSeverity: severity('xlog.syslogseverity', severity('xlog.journalseverity', 'TRACE')),
    facility: text('xlog.facility') ?? 'daemon',
    lockWaitSeconds: number('lock-wait', 60, 0),
    parallel: Math.floor(number('parallel', 40, 1)),
    idle: Object.keys(IDLE).filter(name => args[name] !== undefined),
  }
}

const shorthand = (verbose: number, quiet: boolean): Severity =>
  quiet ? 'ERROR' : ((['NOTICE', 'INFO', 'DEBUG', 'TRACE'] as const)[Math.min(verbose, 3)] as Severity)

/** acmetool takes names in any case, and syslog's numbers, 0 to 7. */
function parseSeverity(name: string, said: string | undefined): Severity | undefined {
  if (said === undefined) return undefined
  const found = /^[0-7]$/.test(said) ? SEVERITIES[Number(said)] : SEVERITIES.find(one => one === said.toUpperCase())
  if (!found)
    throw new Dns01Error('USAGE', `--${name}: there is no severity "${said}"`, {
      hint: didYouMean(said.toUpperCase(), SEVERITIES),
    })
  return found
}

/**
 * A flag given twice is a slip, as in acmetool; only those that gather values may be.
 * @throws Dns01Error USAGE
 */
export function refuseRepeated(argv: readonly string[], mayRepeat: readonly string[]): void {
  const seen = new Set<string>()
  for (const word of argv) {
    if (word === '--') return
    const name = word.match(/^--(?:no-)?([a-z][\w.-]*)/)?.[1]
    if (name === undefined || mayRepeat.includes(name)) continue
    if (seen.has(name)) throw new Dns01Error('USAGE', `--${name} is given several times`)
    seen.add(name)
  }
}
