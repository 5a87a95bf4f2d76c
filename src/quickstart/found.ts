/**
 * What starts renewals on this machine already, so that quickstart installs no second schedule, and a summary can name the one
 * that is there.
 */

import { join } from 'node:path'
import { loadEnv } from '../config/env-file.js'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { calendarEverySeconds, cronEverySeconds } from './cadence.js'
import { hasCrontab, ownCrontab } from './cron.js'
import { type CronLine, cronLines } from './crontab.js'
import { namesIn, readText, withoutLinks } from './outside.js'
import { defaultStateDir } from './renewal.js'
import { type Call, renewalOf, renewalsIn } from './renews.js'
import { simpleCommands } from './shell-words.js'
import { enabledTimers } from './timers.js'

/** What starts renewals of a state directory, as this user. */
export interface FoundSchedule {
  /** `/etc/cron.d/dns01`, `your crontab`, `the systemd timer dns01.timer`. */
  readonly by: string
  readonly program: Call['program']
  /** The longest time between two runs; undefined when it cannot be told. */
  readonly everySeconds: number | undefined
  readonly at: Place
  /** The whole command, when it is nothing but this call. */
  readonly words: readonly string[] | undefined
}

/** Where it stands, for whoever changes it; `line` counts from 0. A script has no such place: it may do anything besides. */
export type Place =
  | { readonly kind: 'cron file'; readonly path: string; readonly line: number }
  | { readonly kind: 'crontab'; readonly line: number }
  | { readonly kind: 'timer'; readonly unit: string }
  | { readonly kind: 'script' }

type Looking = Pick<World, 'files' | 'env' | 'self' | 'run' | 'clock'>

/** A call that was found, before it is known whether it means this state directory. */
type Candidate = Omit<FoundSchedule, 'program'> & { readonly call: Call }

/** Also of a schedule whose times are not understood: it comes after those that are known to run more often. */
const daySeconds = 24 * 3600

/**
 * Who starts renewals: a line of cron or an enabled systemd timer that runs as this user and calls dns01 or acmetool for
 * this very state directory. Of several the one that runs most often. Comments, other users' crontabs and other state
 * directories do not count. Changes nothing.
 */
export async function findSchedule(world: Looking, stateDir: string): Promise<FoundSchedule | undefined> {
  const { own } = await findSchedules(world, stateDir)
  const pause = ({ everySeconds }: FoundSchedule): number => everySeconds ?? daySeconds
  return own.filter(one => Number.isFinite(pause(one))).sort((a, b) => pause(a) - pause(b))[0]
}

/** All of them, and those for other state directories. */
export async function findSchedules(
  world: Looking,
  stateDir: string,
): Promise<{ readonly own: readonly FoundSchedule[]; readonly others: readonly FoundSchedule[] }> {
  const wanted = withoutLinks(world.files, stateDir)
  const own: FoundSchedule[] = []
  const others: FoundSchedule[] = []
  for (const { call, ...rest } of await candidates(world)) {
    const isOwn = withoutLinks(world.files, await stateOf(world, call)) === wanted
    const found = isOwn ? own : others
    found.push({ ...rest, program: call.program })
  }
  return { own, others }
}

const candidates = async (world: Looking): Promise<Candidate[]> => [
  ...(await inCrontabs(world)),
  ...scripts(world),
  ...timers(world),
]

/** As dns01 itself finds it: flag, environment, env file, default. */
async function stateOf({ files }: Looking, { program, stateDir, envFile }: Call): Promise<string> {
  if (stateDir) return stateDir
  if (program === 'acmetool') return defaultStateDir
  try {
    return (await loadEnv(files, {}, envFile)).ACME_STATE_DIR || defaultStateDir
  } catch {
    return defaultStateDir // a run of it would fail, and say so
  }
}

/** Its words, if a command is nothing but one call: with a second one, or a redirection, no line may be put in its place. */
const onlyWords = (command: string): readonly string[] | undefined => {
  const commands = simpleCommands(command)
  return commands.length === 1 && !/[<>]/.test(command) ? commands[0] : undefined
}

/** cron(8) of Debian passes over other names: copies of package managers, backups. */
export const CRON_NAME = /^[A-Za-z0-9_-]+$/

/** A crontab that this user's lines may stand in. */
export interface Crontab {
  /** Its path, or `your crontab`. */
  readonly by: string
  /** undefined: what crontab(1) keeps. */
  readonly path: string | undefined
  readonly text: string
  readonly lines: readonly CronLine[]
}

/** Those of the system, and the user's own. */
export async function crontabs(world: Looking): Promise<Crontab[]> {
  const { files } = world
  const inFolder = namesIn(files, '/etc/cron.d').flatMap(name => (CRON_NAME.test(name) ? [`/etc/cron.d/${name}`] : []))
  const ofSystem = [...inFolder, '/etc/crontab'].map(path => {
    const text = readText(files, path) ?? ''
    return { by: path, path, text, lines: cronLines(text, { system: true }) }
  })
  const own = await crontabOf(world)
  return [...ofSystem, { by: 'your crontab', path: undefined, text: own, lines: cronLines(own, { system: false }) }]
}

async function inCrontabs(world: Looking): Promise<Candidate[]> {
  const user = userName(world)
  return (await crontabs(world)).flatMap(({ by, path, lines }) =>
    lines
      .filter(line => path === undefined || line.user === user)
      .flatMap(({ command, env, when, line }) =>
        renewalsIn(command, scriptOf(world), env).map(call => {
          const at: Place = path === undefined ? { kind: 'crontab', line } : { kind: 'cron file', path, line }
          return { call, by, everySeconds: cronEverySeconds(when), at, words: onlyWords(command) }
        }),
      ),
  )
}

/** What run-parts(8) starts as root. Once a week is not a renewal. */
function scripts(world: Looking): Candidate[] {
  if (world.self.uid !== 0) return []
  const folders = { '/etc/cron.hourly': 3600, '/etc/cron.daily': daySeconds }
  return Object.entries(folders).flatMap(([folder, everySeconds]) =>
    namesIn(world.files, folder)
      .filter(name => CRON_NAME.test(name))
      .flatMap(name => {
        const path = join(folder, name)
        const text = readText(world.files, path) ?? ''
        const assigned = text.match(/^\s*(?:export\s+)?ACME_STATE_DIR=["']?([^\s"';]+)/m)?.[1]
        return renewalsIn(text, scriptOf(world), assigned ? { ACME_STATE_DIR: assigned } : {}).map(call => {
          return { call, by: path, everySeconds, at: { kind: 'script' } as const, words: undefined }
        })
      }),
  )
}

/** '' where there is none, no crontab(1) to ask, or no right to have one. */
async function crontabOf(world: Looking): Promise<string> {
  if (!hasCrontab(world.files)) return ''
  try {
    return await ownCrontab(world, world.clock.deadline(30))
  } catch (error) {
    if (error instanceof Dns01Error) return ''
    throw error
  }
}

function timers(world: Looking): Candidate[] {
  return enabledTimers(world.files)
    .filter(({ user }) => (user ?? 'root') === userName(world))
    .flatMap(({ unit, words, env, calendar }) => {
      const every = calendar.map(calendarEverySeconds)
      const known = every.filter(seconds => seconds !== undefined)
      const everySeconds = known.length > 0 ? Math.min(...known) : undefined
      const by = `the systemd timer ${unit}`
      return renewalOf(words, scriptOf(world), env).map(call => {
        return { call, by, everySeconds, at: { kind: 'timer', unit } as const, words }
      })
    })
}

/** The file that node runs, where a line names it instead of a command of ours. */
export const scriptOf = ({ self }: Looking): string | undefined => self.program.at(-1)

/** As a cron file names us (passwd(5)). */
export function userName({ files, self, env }: Looking): string {
  const lines = (readText(files, '/etc/passwd') ?? '').split('\n').map(line => line.split(':'))
  const [name] = lines.find(fields => fields[2] === String(self.uid)) ?? []
  return name ?? (self.uid === 0 ? 'root' : (env.LOGNAME ?? env.USER ?? ''))
}
