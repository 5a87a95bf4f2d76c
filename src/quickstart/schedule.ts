import { join } from 'node:path'
import type { World } from '../world.js'
import type { Answers } from './answers.js'
import { hasCronFolder, installCron, ownCrontab } from './cron.js'
import { ID } from './ids.js'
import { isThere, namesIn, readText } from './outside.js'
import { commandLine, type Renewal } from './renewal.js'
import { installTimer, timerFolder } from './systemd.js'

/** How renewals will be started: an answer, not yet carried out. */
export type Schedule =
  | { readonly how: 'there'; readonly by: string }
  | { readonly how: 'cron' | 'systemd' }
  | { readonly how: 'none'; readonly why: string }

/**
 * Who is to start renewals. Not asked when something does already. Cron, if the machine has it; else a systemd timer, if
 * systemd runs. The answer `systemd` to acmetool's yes/no asks for the timer. Changes nothing.
 */
export async function planSchedule(world: World, answers: Answers): Promise<Schedule> {
  const by = await scheduledBy(world)
  if (by !== undefined) return { how: 'there', by }
  const machine = lookAround(world)
  if (!machine.cron && !machine.systemd) return { how: 'none', why: 'this machine has neither cron nor systemd' }
  const said = answers.inFile(ID.cron)
  if (said === 'systemd' && machine.systemd) return { how: 'systemd' }
  const usual = machine.cron && (machine.cronRuns || !machine.systemd) ? 'cron' : 'systemd'
  const yes = await answers.yes(ID.cron, `Renew certificates automatically, once a day (by ${WORDS[usual]})?`)
  if (yes) return { how: usual }
  return { how: 'none', why: yes === undefined ? `nobody answered ${ID.cron}` : 'you said no' }
}

const WORDS = { cron: 'cron', systemd: 'a systemd timer' } as const

/** Carries it out. Returns what starts renewals now; undefined when nothing does, which the log has said. */
export async function installSchedule(
  world: World,
  schedule: Schedule,
  renewal: Renewal,
  signal: AbortSignal,
): Promise<string | undefined> {
  switch (schedule.how) {
    case 'there':
      if (/acmetool/.test(schedule.by))
        world.log.notice(`renewals are started by ${schedule.by}: let it call dns01 if it still calls acmetool`)
      return schedule.by
    case 'cron':
      return installCron(world, renewal, signal)
    case 'systemd':
      return installTimer(world, renewal, signal)
    default:
      world.log.notice(`nothing starts renewals (${schedule.why}); run this once a day:`, commandLine(renewal))
      return undefined
  }
}

function lookAround({ files, self }: World): { cron: boolean; cronRuns: boolean; systemd: boolean } {
  const daemons = ['cron', 'crond', 'fcron', 'dcron', 'anacron', 'bcron-start']
  const cronRuns = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin'].some(folder =>
    daemons.some(daemon => isThere(files, join(folder, daemon))),
  )
  const isRoot = self.uid === 0
  return {
    cron: (isRoot && hasCronFolder(files)) || isThere(files, '/usr/bin/crontab'),
    cronRuns,
    systemd: isRoot && isThere(files, '/run/systemd/system'), // sd_booted(3)
  }
}

/** acmetool's rule, for both programs: a file in /etc/cron.*, one in /var/spool/cron that mentions it, an enabled timer. */
async function scheduledBy(world: World): Promise<string | undefined> {
  const { files, self } = world
  const ours = /acmetool|dns01/
  const folders = namesIn(files, '/etc').flatMap(name => (name.startsWith('cron.') ? [`/etc/${name}`] : []))
  for (const folder of folders) {
    const found = namesIn(files, folder).find(name => ours.test(name) && !name.startsWith('.'))
    if (found !== undefined) return join(folder, found)
  }
  for (const folder of ['/var/spool/cron', '/var/spool/cron/crontabs']) {
    const found = namesIn(files, folder).find(name => ours.test(readText(files, join(folder, name)) ?? ''))
    if (found !== undefined) return join(folder, found)
  }
  const timer = namesIn(files, `${timerFolder}/timers.target.wants`).find(name => ours.test(name))
  if (timer !== undefined) return `the systemd timer ${timer}`
  if (self.uid === 0 || !isThere(files, '/usr/bin/crontab')) return undefined
  return ours.test(await ownCrontab(world, world.clock.deadline(30))) ? 'your crontab' : undefined
}
