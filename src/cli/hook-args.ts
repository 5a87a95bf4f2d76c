/**
 * The parser for `dns01 hook` alone. Clients start a hook twice for every name, and may hand it words that begin with a hyphen;
 * so it does without yargs, which is slow to load and would take such words for flags.
 */

import { parseArgs } from 'node:util'
import type { CommandArgs } from '../commands/command.js'
import { hook, isAboutOurHooks } from '../commands/hook.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { GLOBAL, globalFlags, inNodesWords, refuseRepeated } from './flags.js'
import type { Invocation } from './parse.js'

const OPTIONS = inNodesWords({ ...GLOBAL, ...hook.options })

/**
 * `dns01 [FLAG…] hook [FLAG…] DIALECT WORD…`; undefined is any other command line, `hook list` and its like too. Every word after the dialect belongs to
 * the other client, also one that begins with a hyphen, as one of 64 TXT values does. yargs cannot leave them alone, and
 * takes 40 ms to load: too long for what is started twice for every name.
 * @throws Dns01Error USAGE
 */
export function parseHookLine(argv: readonly string[]): Invocation | undefined {
  const args = [...argv]
  const { tokens } = parseArgs({ args, options: OPTIONS, strict: false, allowNegative: true, tokens: true })
  const [command, dialect] = tokens.filter(token => token.kind === 'positional')
  if (command?.value !== 'hook' || !dialect || isAboutOurHooks(dialect.value)) return undefined
  const flags = args.slice(0, dialect.index).filter((_, i) => i !== command.index)
  if (flags.some(flag => flag === '--help' || flag === '-h')) return undefined
  const values = parseFlags(flags)
  const words = args.slice(dialect.index + 1)
  return { command: hook, args: { ...values, what: dialect.value, words }, flags: globalFlags(values) }
}

function parseFlags(args: string[]): CommandArgs {
  refuseRepeated(args, ['hooks', 'verbose'])
  try {
    const { values } = parseArgs({ args, options: OPTIONS, allowNegative: true })
    return { ...values, verbose: [values.verbose ?? []].flat().length }
  } catch (cause) {
    const unknown = messageOf(cause).match(/^Unknown option '([^' ]+)/)?.[1]
    if (unknown === undefined) throw new Dns01Error('USAGE', messageOf(cause), { cause })
    const hint = didYouMean(unknown.replace(/^-+/, ''), Object.keys(OPTIONS))
    throw new Dns01Error('USAGE', `there is no flag ${unknown}`, { hint, cause })
  }
}
