/** Whether a command line, as it stands in a crontab or unit, renews the certificates of a state directory. */

import { basename } from 'node:path'
import { simpleCommands } from './shell-words.js'

/** A call of dns01 or acmetool that reconciles. */
export interface Call {
  readonly program: 'dns01' | 'acmetool'
  /** What it says of the state directory; undefined: nothing. */
  readonly stateDir: string | undefined
  readonly envFile: string | undefined
}

/** Programs that start the rest of their words. sudo and su are not among them: they do it as another user. */
const WRAPPERS = new Set(
  'node nodejs exec env nice ionice chrt nohup setsid time timeout flock chronic cronic systemd-cat systemd-inhibit'.split(
    ' ',
  ),
)
const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh'])

/** Flags of dns01 and acmetool whose value may be a word of its own. */
const VALUED =
  /^--(state|hooks|response-file|env-file|lock-wait|parallel|xlog\.\w*(severity|file|facility)|service\.\w+)$/
const NOT_A_RUN = /^(--help|--version|--simulate|-n|-h|-V)$/

/**
 * The calls in a line for sh. What is not understood counts as none: a second line that renews does no harm, since one
 * of two runs finds nothing to do; certificates that nothing renews expire. `script`: what this program is started as.
 */
export const renewalsIn = (line: string, script: string | undefined, env: Env = {}): Call[] =>
  simpleCommands(line).flatMap(words => renewalOf(words, script, env))

type Env = Readonly<Record<string, string>>

/** The same of words that no shell takes apart any more. */
export function renewalOf(words: readonly string[], script: string | undefined, env: Env = {}): Call[] {
  const own: Record<string, string> = {}
  let at = 0
  const takeAssignments = (): void => {
    for (let pair = assignment(words[at]); pair; pair = assignment(words[++at])) own[pair[0]] = pair[1]
  }
  takeAssignments()
  const first = basename(words[at] ?? '')
  if (SHELLS.has(first)) {
    const c = words.findIndex((word, i) => i > at && /^-[a-z]*c$/.test(word))
    return c < 0 ? [] : renewalsIn(words[c + 1] ?? '', script, { ...env, ...own })
  }
  if (WRAPPERS.has(first)) {
    for (at++; at < words.length && programOf(words[at], script) === undefined; at++) {
      const pair = assignment(words[at])
      if (pair) own[pair[0]] = pair[1]
    }
  }
  const program = programOf(words[at], script)
  return program === undefined ? [] : callOf(program, words.slice(at + 1), { ...env, ...own })
}

function assignment(word = ''): [string, string] | undefined {
  const [, name, value] = word.match(/^([A-Za-z_]\w*)=(.*)$/s) ?? []
  return name === undefined || value === undefined ? undefined : [name, value]
}

function programOf(word: string | undefined, script: string | undefined): Call['program'] | undefined {
  if (word === undefined) return undefined
  const name = basename(word)
  if (name === 'acmetool') return 'acmetool'
  return name === 'dns01' || word === script ? 'dns01' : undefined
}

function callOf(program: Call['program'], args: readonly string[], env: Env): Call[] {
  const given = new Map<string, string>()
  const plain: string[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string
    if (NOT_A_RUN.test(word)) return []
    const [flag = '', ...value] = word.split('=')
    if (!word.startsWith('-')) plain.push(word)
    else if (value.length > 0) given.set(flag, value.join('='))
    else if (VALUED.test(flag)) given.set(flag, args[++at] ?? '')
  }
  if (plain.length > 1 || (plain[0] ?? 'reconcile') !== 'reconcile') return []
  const stateDir = given.get('--state') ?? env.ACME_STATE_DIR
  return [{ program, stateDir, envFile: given.get('--env-file') ?? env.DNS01_ENV_FILE }]
}
