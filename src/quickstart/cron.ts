import { Dns01Error } from '../errors.js'
import type { Files, World } from '../world.js'
import { isThere, writeOutside } from './outside.js'
import { commandLine, type Renewal } from './renewal.js'

const cronFile = '/etc/cron.d/dns01'

export const hasCronFolder = (files: Pick<Files, 'info'>): boolean => isThere(files, '/etc/cron.d')

/** Root's line goes into /etc/cron.d, anybody else's through crontab(1). Returns where it is. @throws Dns01Error STATE */
export async function installCron(world: World, renewal: Renewal, signal: AbortSignal): Promise<string> {
  if (world.self.uid === 0 && hasCronFolder(world.files)) {
    await writeOutside(world, cronFile, cronText(renewal), 0o644)
    return cronFile
  }
  const before = await ownCrontab(world, signal)
  const ended = before === '' || before.endsWith('\n') ? before : `${before}\n`
  const { exit, problem } = await crontab(world, ['-'], `${ended}${when(renewal)} ${forCron(renewal)}\n`, signal)
  if (exit !== 0) throw new Dns01Error('STATE', `crontab(1) did not take the line: ${problem ?? `exit ${exit}`}`)
  return 'your crontab'
}

/** Like acmetool's file: cron gives its runs next to nothing, so PATH is set for hooks. */
const cronText = (renewal: Renewal): string => `SHELL=/bin/sh
PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin
MAILTO=root
${when(renewal)} root ${forCron(renewal)}
`

const when = ({ minuteOfDay }: Renewal): string => `${minuteOfDay % 60} ${Math.floor(minuteOfDay / 60)} * * *`

/** crontab(5): a bare % would end the command. */
const forCron = (renewal: Renewal): string => commandLine(renewal).replaceAll('%', '\\%')

/** '' when the user has none. @throws Dns01Error STATE when it cannot be read: writing would lose it */
export async function ownCrontab(world: Pick<World, 'run' | 'env'>, signal: AbortSignal): Promise<string> {
  const { exit, output, said, problem } = await crontab(world, ['-l'], '', signal)
  if (exit === 0) return output
  if (/no crontab/i.test(said)) return ''
  throw new Dns01Error('STATE', `crontab -l: ${problem ?? (said || `exit ${exit}`)}`)
}

async function crontab({ run, env }: Pick<World, 'run' | 'env'>, args: string[], input: string, signal: AbortSignal) {
  let said = ''
  const result = await run(['crontab', ...args], {
    env: { PATH: env.PATH, HOME: env.HOME, LC_ALL: 'C' },
    cwd: '/',
    input,
    timeoutSeconds: 30,
    signal,
    line: text => {
      said += `${text}\n`
    },
  })
  return { ...result, said }
}
