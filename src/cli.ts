import yargs from 'yargs'
import type { Command, CommandArgs } from './commands/command.js'
import { COMMANDS } from './commands/index.js'
import { Dns01Error } from './errors.js'
import { SEVERITIES, type Severity } from './real-log.js'
import { didYouMean } from './suggest.js'

/** The command line, parsed. */
export interface Invocation {
  readonly command: Command
  readonly args: CommandArgs
  readonly flags: GlobalFlags
}

export interface GlobalFlags {
  readonly state: string | undefined
  readonly hooks: readonly string[]
  readonly batch: boolean
  readonly stdio: boolean
  readonly json: boolean
  readonly responseFile: string | undefined
  readonly envFile: string | undefined
  readonly severity: Severity
  readonly lockWaitSeconds: number
  readonly parallel: number
}

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
  'xlog.severity': { type: 'string', describe: `least severity to log: ${SEVERITIES.join(' ')} (NOTICE)` },
  'lock-wait': { type: 'string', describe: 'seconds to wait for another run (60)' },
  parallel: { type: 'string', describe: 'targets worked on at the same time (40)' },
} as const

/**
 * Parses the command line; with no command: reconcile. Help is text to print.
 * @throws Dns01Error USAGE, with a suggestion for what was mistyped
 */
export async function parseCommandLine(argv: readonly string[]): Promise<Invocation | string> {
  let chosen: Invocation | undefined
  const choose = (command: Command) => (args: CommandArgs) => {
    chosen = { command, args, flags: globalFlags(args) }
  }
  const parser = yargs()
    .scriptName('dns01')
    .locale('en')
    .usage('$0 [flags] [command]\n\nTLS certificates by DNS-01. Without a command: reconcile.')
    .options(GLOBAL)
    .parserConfiguration({ 'dot-notation': false, 'parse-numbers': false, 'parse-positional-numbers': false })
    .exitProcess(false)
    .showHelpOnFail(false)
    .version(false)
    .alias('help', 'h')
    .wrap(110)
    .strict()
    .fail((message, error) => {
      throw error ?? usageError(message, argv)
    })
  for (const command of COMMANDS)
    parser.command(command.command, command.describe, command.options ?? {}, choose(command))
  let help = ''
  await parser.parse([...argv], (_error: unknown, _args: unknown, output: string) => {
    help = output
  })
  if (help !== '') return help
  if (!chosen)
    choose(named('reconcile'))(
      await yargs()
        .options(GLOBAL)
        .help(false)
        .version(false)
        .parserConfiguration({ 'dot-notation': false })
        .parse([...argv]),
    )
  return chosen as unknown as Invocation
}

const nameOf = ({ command }: Command): string => command.split(' ')[0] as string

const named = (name: string): Command => COMMANDS.find(command => nameOf(command) === name) as Command

/** yargs tells what is unknown; we add what it may have meant, flag or command. */
function usageError(message: string, argv: readonly string[]): Dns01Error {
  const [first = ''] = message.split('\n')
  const unknown = first.match(/^Unknown (?:argument|command)s?: ([^,]+)/)?.[1]
  if (unknown === undefined) return new Dns01Error('USAGE', first, { hint: 'dns01 --help shows commands and flags' })
  const isFlag = argv.some(word => word.replace(/=.*/, '').replace(/^-+/, '') === unknown && word.startsWith('-'))
  const choices = isFlag ? Object.keys(GLOBAL) : COMMANDS.map(nameOf)
  return new Dns01Error('USAGE', isFlag ? `there is no flag --${unknown}` : `there is no command "${unknown}"`, {
    hint: didYouMean(unknown, choices),
  })
}

function globalFlags(args: CommandArgs): GlobalFlags {
  const text = (name: string): string | undefined => {
    const value = args[name]
    if (Array.isArray(value)) throw new Dns01Error('USAGE', `--${name} is given ${value.length} times`)
    return value === undefined ? undefined : String(value)
  }
  const number = (name: string, otherwise: number, least: number): number => {
    const value = Number(text(name) ?? otherwise)
    if (!Number.isFinite(value) || value < least)
      throw new Dns01Error('USAGE', `--${name} wants a number from ${least}, not "${text(name)}"`)
    return value
  }
  return {
    state: text('state'),
    hooks: args.hooks === undefined ? [] : [args.hooks].flat().map(String),
    batch: args.batch === true,
    stdio: args.stdio === true,
    json: args.json === true,
    responseFile: text('response-file'),
    envFile: text('env-file'),
    severity: severity(text('xlog.severity'), Number(args.verbose ?? 0), args.quiet === true),
    lockWaitSeconds: number('lock-wait', 60, 0),
    parallel: Math.floor(number('parallel', 40, 1)),
  }
}

/** acmetool takes severities in any case. */
function severity(said: string | undefined, verbose: number, quiet: boolean): Severity {
  if (said === undefined)
    return quiet ? 'ERROR' : ((['NOTICE', 'INFO', 'DEBUG', 'TRACE'] as const)[Math.min(verbose, 3)] as Severity)
  const found = SEVERITIES.find(one => one === said.toUpperCase())
  if (!found)
    throw new Dns01Error('USAGE', `--xlog.severity: there is no severity "${said}"`, {
      hint: didYouMean(said.toUpperCase(), SEVERITIES),
    })
  return found
}
