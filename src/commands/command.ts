/** What every command looks like to the command line: its words, its help, its flags, and the function that runs it. */

import type { Options } from 'yargs'
import type { Context } from '../renew/run.js'

/** One command: a doorway. It reads its arguments, calls a function or two, shows the result, and returns what went wrong. */
export interface Command {
  /** As yargs has it: `want <names..>`. */
  readonly command: string
  readonly describe: string
  /** What a person may type, without the word dns01: the help shows it. */
  readonly example?: string
  readonly options?: Readonly<Record<string, Options>> | undefined
  /** While it runs TXT records may be up, which it removes before it ends: who presses Ctrl-C is told. */
  readonly placesRecords?: true
  /** Errors that did not stop the others; what is thrown counts likewise. A number is an exit status that others prescribe. */
  run(args: CommandArgs, context: Context): Promise<readonly unknown[] | number>
}

export type CommandArgs = Readonly<Record<string, unknown>>

/** A positional or option that may be given several times, as texts. */
export const texts = (value: unknown): string[] => (value === undefined ? [] : [value].flat().map(String))
