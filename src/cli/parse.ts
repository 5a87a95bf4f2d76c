/** The command line: what was typed as a command with its arguments, or the help that was asked for. */

import yargs, { type Argv, type Options } from 'yargs'
import type { Command, CommandArgs } from '../commands/command.js'
import { COMMANDS } from '../commands/index.js'
import { Dns01Error } from '../core/errors.js'
import { standardInput } from '../core/world.js'
import { ALIASES, GLOBAL, type GlobalFlags, globalFlags, IDLE, refuseRepeated } from './flags.js'
import { known, nameOf, usageError } from './usage-error.js'

/** The command line, parsed. */
export interface Invocation {
  readonly command: Command
  readonly args: CommandArgs
  readonly flags: GlobalFlags
}

const FLAGS: Readonly<Record<string, Options>> = { ...GLOBAL, ...ALIASES, ...IDLE }

/** The help shows a command's own flags; these are the same for all, and have a page of their own. */
const hidden = Object.fromEntries(Object.entries(FLAGS).map(([name, flag]) => [name, { ...flag, hidden: true }]))

/** Lines of help are no longer, however wide the terminal is. */
const widest = 110

const flagsPage = 'Flags of every command: dns01 help flags'

/**
 * Parses the command line; with no command: reconcile. Help is text to print, for a terminal that is so many columns wide.
 * @throws Dns01Error USAGE, with a suggestion for what was mistyped
 */
export async function parseCommandLine(argv: readonly string[], columns = widest): Promise<Invocation | string> {
  if (argv.includes('--help-long') || argv.includes('--help-man')) return longHelp(columns)
  let helpAbout: string | undefined
  const parser = plain(columns)
    .usage('$0 [flags] [command]\n\nTLS certificates by DNS-01. Without a command: reconcile.')
    .options(hidden)
    .example("$0 want www.example.com '*.example.com'", 'ask for a certificate, and get it')
    .epilogue(`What a command takes: dns01 help COMMAND. ${flagsPage}`)
    .alias('help', 'h')
    .hide('help')
    .strict()
    .fail((message, error) => {
      throw error === undefined || error.name === 'YError' ? usageError(message ?? error.message, argv) : error
    })
  for (const command of COMMANDS)
    parser.command(
      command.command,
      command.describe,
      own => details(own, command),
      args => {
        throw new Chosen(command, args)
      },
    )
  parser.command('help [about]', 'Show this, or what a command takes, or all flags.', {}, ({ about }: CommandArgs) => {
    helpAbout = about === undefined ? '' : String(about)
  })
  parser.command('version', 'Print the version, as --version and -V do.', {}, () => {
    throw new Dns01Error('USAGE', 'version takes no flags') // alone it has been answered, without a command line to parse
  })
  const output = await outputOf(parser, argv)
  if (output instanceof Chosen) return invocation(argv, output)
  if (helpAbout === 'flags') return flagsHelp(columns)
  if (helpAbout !== undefined) {
    const about = helpAbout === '' || helpAbout === 'version' ? helpAbout : nameOf(known(helpAbout))
    return parseCommandLine(
      [about, '--help'].filter(word => word !== ''),
      columns,
    )
  }
  if (output !== '') return withoutTypes(output)
  const bare = yargs().options(FLAGS).help(false).version(false).parserConfiguration({ 'dot-notation': false })
  return invocation(argv, new Chosen(known('reconcile'), await bare.parse([...argv])))
}

const plain = (columns: number): Argv =>
  yargs()
    .scriptName('dns01')
    .locale('en')
    .parserConfiguration({ 'dot-notation': false, 'parse-numbers': false, 'parse-positional-numbers': false })
    .exitProcess(false)
    .showHelpOnFail(false)
    .version(false)
    .wrap(Math.min(columns, widest))

/** A command's own flags, and one example of it. */
const details = (parser: Argv, { options = {}, example }: Command): Argv => {
  parser.options(options).epilogue(flagsPage)
  return example === undefined ? parser : parser.example(`$0 ${example}`, '')
}

const flagsHelp = async (columns: number): Promise<string> =>
  withoutTypes(await plain(columns).usage('Flags of every command, before or after it:').options(FLAGS).getHelp())

/** Whether a value is a text says nothing to people: `[string]`, `[boolean]` and their like go. */
const withoutTypes = (help: string): string =>
  help.replaceAll(/ *\[(string|boolean|count|array)\]/g, '').replaceAll(/[ \t]+$/gm, '')

/** Thrown by the handlers, to leave yargs at once: it would go on to lay out a help that nobody reads, for 20 ms. */
class Chosen {
  constructor(
    readonly command: Command,
    readonly args: CommandArgs,
  ) {}
}

/** A dash alone is standard input everywhere, but yargs 18 loses it where it stands for a file. */
const withoutDash = (argv: readonly string[]): string[] => argv.map(word => (word === '-' ? standardInput : word))

/** What yargs would print, or the command that was chosen. */
async function outputOf(parser: Argv, argv: readonly string[]): Promise<string | Chosen> {
  let text = ''
  try {
    await parser.parse(withoutDash(argv), (_error: unknown, _args: unknown, output: string) => {
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

/** Flags that gather values. */
const mayRepeat = ({ options = {} }: Command): string[] =>
  Object.entries<Options>({ ...FLAGS, ...options }).flatMap(([name, { array, type }]) =>
    array || type === 'count' ? [name] : [],
  )

/** The help of dns01, of every command, and of the flags. */
async function longHelp(columns: number): Promise<string> {
  const pages = await Promise.all(
    [[], ...COMMANDS.map(command => [nameOf(command)])].map(words => parseCommandLine([...words, '--help'], columns)),
  )
  return [...pages, await flagsHelp(columns)].join('\n\n')
}
