/** What is wrong with a command line: yargs tells what is unknown, we add what it may have meant, flag or command. */

import type { Command } from '../commands/command.js'
import { COMMANDS } from '../commands/index.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { FOREIGN_FLAGS, GONE, SYNONYMS } from '../core/foreign.js'
import { ALIASES, GLOBAL, IDLE } from './flags.js'

type Flag = NonNullable<Command['options']>[string]

export const nameOf = ({ command }: Command): string => command.split(' ')[0] as string

const named = (name: string): Command | undefined => COMMANDS.find(command => nameOf(command) === name)

/** @throws Dns01Error USAGE, with a suggestion */
export function known(word: string): Command {
  const found = named(word)
  if (found) return found
  throw noCommand(word)
}

export function usageError(message: string, argv: readonly string[]): Dns01Error {
  const [first = ''] = message.split('\n')
  const chosen = argv.map(named).find(command => command !== undefined)
  const [typed = ''] = argv
  if (!chosen && /^[^-]/.test(typed)) return noCommand(typed) // what comes after it may be another's verb or flag
  const foreign = chosen ? undefined : argv.find(word => SYNONYMS.has(word) || GONE.has(word))
  if (foreign !== undefined) return noCommand(foreign)
  const strange = unknownFlagIn(argv, chosen)
  if (strange !== undefined) return strange // before all else: it may have swallowed the argument that is missing
  if (chosen && first.startsWith('Not enough non-option arguments'))
    return new Dns01Error('USAGE', `${nameOf(chosen)} lacks an argument`, {
      hint: `dns01 ${chosen.command}`,
    })
  const bare = first.match(/^Not enough arguments following: (.+)/)?.[1]
  if (bare !== undefined) return new Dns01Error('USAGE', `--${bare} wants a value`)
  const unknown = first.match(/^Unknown (?:argument|command)s?: ([^,]+)/)?.[1]
  if (unknown === undefined) return new Dns01Error('USAGE', first, { hint: 'dns01 --help shows commands and flags' })
  const before = argv.slice(0, argv.indexOf(unknown)).find(named)
  if (before === undefined) return noCommand(unknown)
  const hint = `dns01 ${before} --help shows what it takes`
  return new Dns01Error('USAGE', `${before} does not take "${unknown}"`, { hint })
}

function noCommand(word: string): Dns01Error {
  const meant = SYNONYMS.get(word)
  const hint = meant === undefined ? GONE.get(word) : `did you mean "${meant}"?`
  return new Dns01Error('USAGE', `there is no command "${word}"`, {
    hint: hint ?? didYouMean(word, [...COMMANDS.map(nameOf), 'help', 'version'], 'dns01 --help lists the commands'),
  })
}

/** The first word that looks like a flag and is none. */
function unknownFlagIn(argv: readonly string[], chosen: Command | undefined): Dns01Error | undefined {
  const own = Object.entries<Flag>(chosen?.options ?? {})
  const all = [...Object.entries<Flag>({ ...GLOBAL, ...ALIASES, ...IDLE }), ...own]
  const names = [...all.flatMap(([name, { alias }]) => [name, ...[alias ?? []].flat()]), 'help', 'h']
  const end = argv.indexOf('--')
  for (const word of end < 0 ? argv : argv.slice(0, end)) {
    const flag = flagsOf(word).find(one => !names.includes(one))
    if (flag !== undefined) return noFlag(flag, [...Object.keys(GLOBAL), ...own.map(([name]) => name)])
  }
  return undefined
}

/** `--no-batch=x` → `batch`, `-vq` → `v` and `q`, as yargs names them; none for what is not a flag. */
function flagsOf(word: string): string[] {
  const long = word.match(/^--(?:no-)?([^=]+)/)?.[1]
  if (long !== undefined) return [long]
  const letters = word.match(/^-([a-zA-Z]+)/)?.[1]
  return letters === undefined ? [] : [...letters]
}

function noFlag(flag: string, choices: readonly string[]): Dns01Error {
  const spelt = flag.length === 1 ? `-${flag}` : `--${flag}`
  const hint = FOREIGN_FLAGS.get(flag) ?? didYouMean(flag, choices, 'dns01 help flags lists them')
  return new Dns01Error('USAGE', `there is no flag ${spelt}`, { hint })
}
