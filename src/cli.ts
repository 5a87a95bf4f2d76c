import yargs, { type Argv, type Options } from 'yargs'
import type { Command, CommandArgs } from './commands/command.js'
import { COMMANDS } from './commands/index.js'
import { Dns01Error } from './errors.js'
import { ALIASES, GLOBAL, type GlobalFlags, globalFlags, IDLE, refuseRepeated } from './flags.js'
import { didYouMean } from './suggest.js'

/** The command line, parsed. */
export interface Invocation {
  readonly command: Command
  readonly args: CommandArgs
  readonly flags: GlobalFlags
}

const FLAGS = { ...GLOBAL, ...ALIASES, ...IDLE }

/**
 * Parses the command line; with no command: reconcile. Help is text to print.
 * @throws Dns01Error USAGE, with a suggestion for what was mistyped
 */
export async function parseCommandLine(argv: readonly string[]): Promise<Invocation | string> {
  if (argv.includes('--help-long') || argv.includes('--help-man')) return longHelp()
  let helpAbout: string | undefined
  const parser = yargs()
    .scriptName('dns01')
    .locale('en')
    .usage('$0 [flags] [command]\n\nTLS certificates by DNS-01. Without a command: reconcile.')
    .options(FLAGS)
    .parserConfiguration({ 'dot-notation': false, 'parse-numbers': false, 'parse-positional-numbers': false })
    .exitProcess(false)
    .showHelpOnFail(false)
    .version(false)
    .alias('help', 'h')
    .wrap(110)
    .strict()
    .fail((message, error) => {
      throw error === undefined || error.name === 'YError' ? usageError(message ?? error.message, argv) : error
    })
  for (const command of COMMANDS)
    parser.command(command.command, command.describe, command.options ?? {}, args => {
      throw new Chosen(command, args)
    })
  parser.command('help [about]', 'Show this, or what a command takes.', {}, ({ about }: CommandArgs) => {
    helpAbout = about === undefined ? '' : nameOf(known(String(about)))
  })
  const output = await outputOf(parser, argv)
  if (output instanceof Chosen) return invocation(argv, output)
  if (helpAbout !== undefined) return parseCommandLine([helpAbout, '--help'].filter(word => word !== ''))
  if (output !== '') return output
  const plain = yargs().options(FLAGS).help(false).version(false).parserConfiguration({ 'dot-notation': false })
  return invocation(argv, new Chosen(known('reconcile'), await plain.parse([...argv])))
}

/** Thrown by the handlers, to leave yargs at once: it would go on to lay out a help that nobody reads, for 20 ms. */
class Chosen {
  constructor(
    readonly command: Command,
    readonly args: CommandArgs,
  ) {}
}

/** What yargs would print, or the command that was chosen. */
async function outputOf(parser: Argv, argv: readonly string[]): Promise<string | Chosen> {
  let text = ''
  try {
    await parser.parse([...argv], (_error: unknown, _args: unknown, output: string) => {
      text = output
    })
    return text
  } catch (error) {
    if (error instanceof Chosen) return error
    throw error
  }
}

function invocation(argv: readonly string[], { command, args }: Chosen): Invocation {
  refuseRepeated(argv, mayRepeat(command))
  return { command, args, flags: globalFlags(args) }
}

const nameOf = ({ command }: Command): string => command.split(' ')[0] as string

const named = (name: string): Command | undefined => COMMANDS.find(command => nameOf(command) === name)

function known(word: string): Command {
  const found = named(word)
  if (found) return found
  throw new Dns01Error('USAGE', `there is no command "${word}"`, { hint: didYouMean(word, COMMANDS.map(nameOf)) })
}

/** Flags that gather values. */
const mayRepeat = ({ options = {} }: Command): string[] =>
  Object.entries<Options>({ ...FLAGS, ...options }).flatMap(([name, { array, type }]) =>
    array || type === 'count' ? [name] : [],
  )

/** The help of dns01 and of every command. */
async function longHelp(): Promise<string> {
  const pages = await Promise.all(
    [[], ...COMMANDS.map(command => [nameOf(command)])].map(words => parseCommandLine([...words, '--help'])),
  )
  return pages.join('\n\n')
}

/** Commands of acmetool that have no meaning here. */
const GONE: Readonly<Record<string, string>> = {
  redirector: 'DNS-01 needs no web server; let your own redirect to https',
}

/** yargs tells what is unknown; we add what it may have meant, flag or command. */
function usageError(message: string, argv: readonly string[]): Dns01Error {
  const [first = ''] = message.split('\n')
  const chosen = argv.map(named).find(command => command !== undefined)
  if (chosen && first.startsWith('Not enough non-option arguments'))
    return new Dns01Error('USAGE', `${nameOf(chosen)} lacks an argument`, { hint: `dns01 ${chosen.command}` })
  const bare = first.match(/^Not enough arguments following: (.+)/)?.[1]
  if (bare !== undefined) return new Dns01Error('USAGE', `--${bare} wants a value`)
  const unknown = first.match(/^Unknown (?:argument|command)s?: ([^,]+)/)?.[1]
  if (unknown === undefined) return new Dns01Error('USAGE', first, { hint: 'dns01 --help shows commands and flags' })
  if (argv.some(word => flagOf(word) === unknown)) return unknownFlag(unknown, argv)
  const before = argv.slice(0, argv.indexOf(unknown)).find(named)
  if (before !== undefined) {
    const hint = `dns01 ${before} --help shows what it takes`
    return new Dns01Error('USAGE', `${before} does not take "${unknown}"`, { hint })
  }
  const hint = GONE[unknown] ?? didYouMean(unknown, COMMANDS.map(nameOf))
  return new Dns01Error('USAGE', `there is no command "${unknown}"`, { hint })
}

/** `--no-batch=x` → `batch`, as yargs names it. */
const flagOf = (word: string): string | undefined => word.match(/^--?(?:no-)?([^=]+)/)?.[1]

function unknownFlag(unknown: string, argv: readonly string[]): Dns01Error {
  const own = COMMANDS.filter(command => argv.includes(nameOf(command))).flatMap(({ options = {} }) =>
    Object.keys(options),
  )
  const hint = didYouMean(unknown, [...Object.keys(GLOBAL), ...own])
  return new Dns01Error('USAGE', `there is no flag --${unknown}`, { hint })
}
