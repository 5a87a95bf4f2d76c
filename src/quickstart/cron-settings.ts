/** Provider settings that stand in acmetool's cron file: found here, so that they can be kept for our own runs. */

import type { World } from '../core/world.js'
import { loadAll } from '../provider/catalog.js'
import { cronLines } from './crontab.js'
import type { Variables } from './env-text.js'
import { namesIn, readText } from './outside.js'
import { renewalsIn } from './renews.js'
import { knownVariables } from './variables.js'

/** Settings that stand in acmetool's cron file, as tutorials put them there. */
export interface CronSettings {
  readonly path: string
  readonly variables: Variables
}

/** What --state and --hooks say. */
const FROM_FLAGS = ['ACME_STATE_DIR', 'ACME_HOOKS_DIR']

/** Variables of providers that a file of /etc/cron.d gives to its call of acmetool, and our own runs would not have. */
export async function cronSettings(world: World): Promise<CronSettings | undefined> {
  const { files, env, self } = world
  if (self.uid !== 0) return undefined
  for (const path of namesIn(files, '/etc/cron.d').map(name => `/etc/cron.d/${name}`)) {
    const lines = cronLines(readText(files, path) ?? '', { system: true })
    const line = lines.find(({ command }) =>
      renewalsIn(command, undefined).some(({ program }) => program === 'acmetool'),
    )
    if (!line || Object.keys(line.env).length === 0) continue
    const known = knownVariables(await loadAll(world))
    const wanted = known.filter(name => line.env[name] && !env[name] && !FROM_FLAGS.includes(name))
    if (wanted.length > 0)
      return { path, variables: Object.fromEntries(wanted.map(name => [name, line.env[name] ?? ''])) }
  }
  return undefined
}
