/** The command that cron or systemd is to run, and when: at a random minute, so that the CA does not have us all at once. */

import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import type { World } from '../core/world.js'
import { defaultHookFolders, hookFolders } from '../provider/hook-scripts.js'

/** What is to be run again and again, and when. */
export interface Renewal {
  readonly argv: readonly string[]
  readonly stateDir: string
  /** Between two runs; a divisor of a day in whole hours. */
  readonly everySeconds: number
  /** Minutes since midnight, at random: CAs suffer at full hours. */
  readonly minuteOfDay: number
}

export const defaultStateDir = '/var/lib/acme'

/** The call of ourselves, with the flags that are not the default (docs/settings.md, "Renewal"). */
export function renewalOf(
  { self, env, random }: Pick<World, 'self' | 'env' | 'random'>,
  stateDir: string,
  everySeconds: number,
): Renewal {
  const folders = hookFolders(env)
  const isUsual = folders.join() === defaultHookFolders.join()
  const [high = 0, low = 0] = random(2)
  return {
    argv: [
      ...started(self.program),
      '--batch',
      ...(stateDir === defaultStateDir ? [] : [`--state=${stateDir}`]),
      ...(isUsual ? [] : folders.map(folder => `--hooks=${folder}`)),
      ...(env.DNS01_ENV_FILE ? [`--env-file=${resolve(env.DNS01_ENV_FILE)}`] : []),
      'reconcile',
    ],
    stateDir,
    everySeconds,
    minuteOfDay: (high * 256 + low) % (24 * 60),
  }
}

/** Node looks for flags of its own, `--env-file` among them, in all words up to the first `--`. */
const started = ([node = '', ...rest]: readonly string[]): string[] =>
  /^node(js)?$/.test(basename(node)) && rest[0] !== '--' ? [node, '--', ...rest] : [node, ...rest]

/** `dns01` for the usual state directory, and for each other a name of its own, as cron and systemd take it. */
export function nameFor(stateDir: string): string {
  if (stateDir === defaultStateDir) return 'dns01'
  const plain = stateDir.replace(/^\//, '').replaceAll('/', '-')
  const [, sum = ''] = /^[\w-]+$/.test(plain) && !stateDir.includes('-') ? [] : ['', digestOf(stateDir)]
  return ['dns01', plain.replace(/[^\w-]/g, '_'), sum].filter(part => part !== '').join('-')
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 6)

/** For sh. */
export const commandLine = ({ argv }: Pick<Renewal, 'argv'>): string => argv.map(quoted).join(' ')

/** `--state="/a b"`, as acmetool writes it; words without anything special stay bare. */
const quoted = (word: string): string => {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  const [, flag = '', value = word] = word.match(/^(--[\w-]+=)(.*)$/s) ?? []
  return `${flag}"${value.replace(/["\\$`]/g, '\\$&')}"`
}
