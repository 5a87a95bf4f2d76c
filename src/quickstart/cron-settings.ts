/**
 * Variables that stand in a crontab above a call of acmetool or dns01, as tutorials put them there. cron copies each into every
 * mail it sends (X-Cron-Env), and a run that somebody else starts lacks them: they are moved into the env file.
 */

import { loadEnv } from '../config/env-file.js'
import type { World } from '../core/world.js'
import type { Answers } from './answers.js'
import { writeCronText } from './cron.js'
import { type CronLine, withoutAssignments } from './crontab.js'
import { envFile, type Variables } from './env-text.js'
import { type Crontab, crontabs, scriptOf, userName } from './found.js'
import { ID } from './ids.js'
import { renewalsIn } from './renews.js'
import { simpleCommands } from './shell-words.js'

/** crontab(5) and what its runs are given: not settings of ours. ACME_*_DIR are what --state and --hooks say. */
const NOT_SETTINGS =
  /^(SHELL|PATH|HOME|LOGNAME|USER|MAILTO|MAILFROM|CRON_TZ|TZ|LANG|LC_\w+|CONTENT_\w+|RANDOM_DELAY|START_HOURS_RANGE|ACME_(STATE|HOOKS)_DIR)$/

/** Such variables, and where they stand. */
interface CronSettings {
  readonly by: string
  readonly variables: Variables
}

/**
 * Those that the env file has not, or has with the same value: what it says otherwise stays where it is. Only for who may write
 * that file.
 */
async function cronSettings(world: World): Promise<CronSettings[]> {
  const { self, env, files } = world
  if (self.uid !== 0 && !env.DNS01_ENV_FILE) return []
  const inFile = await loadEnv(files, { DNS01_ENV_FILE: env.DNS01_ENV_FILE }, undefined)
  return (await crontabs(world)).flatMap(({ by, lines }) => {
    const own = lines.filter(line => (line.user ?? userName(world)) === userName(world))
    const all = Object.assign({}, ...own.filter(callsUs(world)).map(line => line.env)) as Variables
    const wanted = Object.entries(all).filter(
      ([name, value]) => !NOT_SETTINGS.test(name) && value !== '' && (inFile[name] ?? value) === value,
    )
    return wanted.length > 0 ? [{ by, variables: Object.fromEntries(wanted) }] : []
  })
}

const callsUs =
  (world: World) =>
  ({ command }: CronLine): boolean =>
    renewalsIn(command, scriptOf(world)).length > 0

/** What somebody agrees to have in the env file; what stays is told. */
export async function keepVariables(world: World, answers: Answers): Promise<Variables> {
  const kept: Record<string, string> = {}
  for (const { by, variables } of await cronSettings(world)) {
    const names = Object.keys(variables).join(', ')
    const question = `Move ${names} from ${by} into ${envFile(world)}? Every run finds them there, and no mail of cron shows them.`
    if (await answers.yes(ID.keepVariables, question)) Object.assign(kept, variables)
    else
      world.log.notice(
        `${by} sets ${names} for its own lines only, and cron puts the values into every mail that it sends; other runs look for them in ${envFile(world)}`,
      )
  }
  return kept
}

/**
 * Takes these variables, which the env file has now, out of crontabs that start nothing but dns01. acmetool reads no env file,
 * and whatever else stands there may want them, too: that is told.
 * @throws Dns01Error STATE
 */
export async function clearVariables(world: World, kept: Variables, signal: AbortSignal): Promise<void> {
  if (Object.keys(kept).length === 0) return
  for (const crontab of await crontabs(world)) {
    if (!crontab.lines.some(callsUs(world))) continue
    const text = withoutAssignments(crontab.text, kept)
    if (text === crontab.text) continue
    if (crontab.lines.every(startsOnlyDns01(world))) {
      await writeCronText(world, crontab.path, text, signal)
      world.log.notice(
        `${crontab.by}: ${namesThere(crontab, kept)} stand in ${envFile(world)} now, and no longer there`,
      )
    } else
      world.log.notice(
        `${crontab.by} keeps ${namesThere(crontab, kept)}, since what else it starts may need them; take them out when it does not`,
      )
  }
}

const namesThere = ({ text }: Crontab, kept: Variables): string =>
  Object.keys(kept)
    .filter(name => withoutAssignments(text, { [name]: kept[name] ?? '' }) !== text)
    .join(', ')

const startsOnlyDns01 =
  (world: World) =>
  ({ command }: CronLine): boolean => {
    const calls = renewalsIn(command, scriptOf(world))
    return calls.length === simpleCommands(command).length && calls.every(({ program }) => program === 'dns01')
  }
