import { resolve } from 'node:path'
import { defaultHookFolders, hookFolders } from '../hooks.js'
import type { World } from '../world.js'

/** What is to be run once a day, and when. */
export interface Renewal {
  readonly argv: readonly string[]
  readonly stateDir: string
  /** Minutes since midnight, at random: CAs suffer at full hours. */
  readonly minuteOfDay: number
}

const defaultStateDir = '/var/lib/acme'

/** The call of ourselves, with the flags that are not the default (acmetool-compat §15). */
export function renewalOf({ self, env, random }: Pick<World, 'self' | 'env' | 'random'>, stateDir: string): Renewal {
  const folders = hookFolders(env)
  const isUsual = folders.join() === defaultHookFolders.join()
  const [high = 0, low = 0] = random(2)
  return {
    argv: [
      ...self.program,
      '--batch',
      ...(stateDir === defaultStateDir ? [] : [`--state=${stateDir}`]),
      ...(isUsual ? [] : folders.map(folder => `--hooks=${folder}`)),
      ...(env.DNS01_ENV_FILE ? [`--env-file=${resolve(env.DNS01_ENV_FILE)}`] : []),
      'reconcile',
    ],
    stateDir,
    minuteOfDay: (high * 256 + low) % (24 * 60),
  }
}

/** For sh. */
export const commandLine = ({ argv }: Renewal): string => argv.map(quoted).join(' ')

/** `--state="/a b"`, as acmetool writes it; words without anything special stay bare. */
const quoted = (word: string): string => {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  const [, flag = '', value = word] = word.match(/^(--[\w-]+=)(.*)$/s) ?? []
  return `${flag}"${value.replace(/["\\$`]/g, '\\$&')}"`
}
