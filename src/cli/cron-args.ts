/**
 * The parser for what cron types: `dns01 --batch reconcile`, with flags that every command has. yargs, and the commands that it is
 * told of, take 20 ms, which is a fifth of a run that finds nothing to do.
 */

import { parseArgs } from 'node:util'
import { METRICS_FLAG, reconcile } from '../commands/reconcile.js'
import { GLOBAL, globalFlags, inNodesWords, refuseRepeated } from './flags.js'
import type { Invocation } from './parse.js'

const OPTIONS = inNodesWords({ ...GLOBAL, ...METRICS_FLAG })

/**
 * `dns01 [FLAG…]` or `dns01 [FLAG…] reconcile [FLAG…]`, parsed as parseCommandLine() does it; undefined is any other command
 * line, and any about which the two might differ: mistyped, with `--force`, with flags of acmetool or for help, or turned off.
 * @throws Dns01Error USAGE for a value that is none
 */
export function parseCronLine(argv: readonly string[]): Invocation | undefined {
  if (argv.some(word => word === '--' || word.startsWith('--no-'))) return undefined
  let parsed: ReturnType<typeof parseArgs>
  try {
    parsed = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch {
    return undefined
  }
  const { values, positionals } = parsed
  if (positionals.length > 1 || (positionals[0] ?? 'reconcile') !== 'reconcile') return undefined
  refuseRepeated(argv, ['hooks', 'verbose'])
  const args = { ...values, verbose: [values.verbose ?? []].flat().length }
  return { command: reconcile, args: { ...args, targets: [] }, flags: globalFlags(args) }
}
