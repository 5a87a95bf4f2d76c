/** What a provider needs to know, asked of whoever sits there. */

import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { ProviderDefinition, Setting } from '../provider/api.js'
import type { Answers } from './answers.js'
import { envFile, type Variables } from './env-text.js'

/** What was answered, by where it is to be written. */
export interface Given {
  /** For conf/dns.yml. */
  readonly settings: Readonly<Record<string, string>>
  /** For the env file: secrets, and what belongs to them. */
  readonly variables: Variables
}

/**
 * Asks for the settings that are required, or that the provider wants asked for, unless the environment or the env file
 * gives them. What was answered goes into conf/dns.yml; when a secret is among it, all goes into the env file, so that
 * name and secret of a key are found, and changed, in one place. `memory`: what was answered before, as initial text.
 * @throws Dns01Error CONFIG for a required secret that nobody can be asked for, or that there is no place for
 */
export async function askSettings(
  world: Pick<World, 'env' | 'self' | 'log'>,
  answers: Answers,
  definition: ProviderDefinition,
  memory: Map<string, string>,
): Promise<Given> {
  const { name, settings } = definition
  const known: Record<string, string | undefined> = {}
  const said: Record<string, string> = {}
  for (const [key, setting] of Object.entries(settings)) {
    const from = foundIn(world, setting)
    known[key] = from === undefined ? undefined : (world.env[from] ?? '')
    if (from !== undefined || !(setting.required || (answers.interactive && setting.ask?.(known)))) continue
    const value = setting.secret
      ? await askSecret(world, answers, definition, key)
      : await answers.text(`dns01-quickstart-${name}-${key}`, questionOf(definition, key), memory.get(key))
    if (value === undefined) continue
    said[key] = value
    known[key] = value
    if (!setting.secret) memory.set(key, value)
  }
  return sorted(settings, said)
}

/** The variable that gives it. */
const foundIn = ({ env }: Pick<World, 'env'>, setting: Setting): string | undefined =>
  setting.env.flatMap(name => [name, `${name}_FILE`]).find(name => env[name])

const questionOf = ({ name, settings }: ProviderDefinition, key: string): string =>
  `${name}, ${key}: ${settings[key]?.help}${settings[key]?.required ? '' : ' (may be empty)'}:`

/** Never from the response file: everybody can read it. */
async function askSecret(
  world: Pick<World, 'env' | 'self' | 'log'>,
  answers: Answers,
  definition: ProviderDefinition,
  key: string,
): Promise<string | undefined> {
  const setting = definition.settings[key] as Setting
  const [variable] = setting.env
  const path = envFile(world)
  const isOurs = world.self.uid === 0 || Boolean(world.env.DNS01_ENV_FILE)
  if (!answers.interactive || variable === undefined || !isOurs) {
    if (!setting.required && answers.interactive) answers.note(`${definition.name}, ${key}: ${noPlace(path)}`)
    if (!setting.required) return undefined
    throw new Dns01Error('CONFIG', `provider ${definition.name} needs ${variable ?? key}`, {
      hint: isOurs
        ? `add to ${path}, which must be of mode 0600, and run quickstart again:  ${variable}='…'`
        : noPlace(path),
    })
  }
  const value = await answers.secret(questionOf(definition, key))
  if (value !== undefined) world.log.mask(value)
  return value
}

const noPlace = (path: string): string =>
  `you cannot write secrets to ${path}; make a file of your own and name it:  install -m 600 /dev/null ~/dns01.env; dns01 --env-file ~/dns01.env quickstart`

/** By where it goes: with a secret among it all goes to the env file, but for settings that have no variable. */
function sorted(settings: ProviderDefinition['settings'], said: Readonly<Record<string, string>>): Given {
  const hasSecret = Object.keys(said).some(key => settings[key]?.secret)
  const inEnv = (key: string): boolean => hasSecret && settings[key]?.env[0] !== undefined
  const entries = Object.entries(said)
  return {
    settings: Object.fromEntries(entries.filter(([key]) => !inEnv(key))),
    variables: Object.fromEntries(
      entries.filter(([key]) => inEnv(key)).map(([key, value]) => [settings[key]?.env[0] ?? key, value]),
    ),
  }
}
