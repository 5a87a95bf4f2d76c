/** The line of cron that starts renewals: installed, and later changed where it stands. */

import { dirname } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { Files, World } from '../core/world.js'
import { isThere, readText, writeOutside } from './outside.js'
import { commandLine, nameFor, type Renewal } from './renewal.js'

export const hasCronFolder = (files: Pick<Files, 'info'>): boolean => isThere(files, '/etc/cron.d')
export const hasCrontab = (files: Pick<Files, 'info'>): boolean => isThere(files, '/usr/bin/crontab')

/**
 * Root's line goes into a file of its own in /etc/cron.d, anybody else's through crontab(1). A file that is there is
 * another state directory's, or somebody's own, and stays. Returns where the line is. @throws Dns01Error STATE
 */
export async function installCron(world: World, renewal: Renewal, signal: AbortSignal): Promise<string> {
  if (world.self.uid === 0 && hasCronFolder(world.files)) {
    const path = freeName(`/etc/cron.d/${nameFor(renewal.stateDir)}`, each => !isThere(world.files, each))
    await writeOutside(world, path, cronText(renewal), 0o644)
    return path
  }
  const before = await ownCrontab(world, signal)
  const ended = before === '' || before.endsWith('\n') ? before : `${before}\n`
  await writeCrontab(world, `${ended}${cronTime(renewal)} ${forCron(renewal)}\n`, signal)
  return 'your crontab'
}

/** `dns01`, or the first of `dns01-2`, `dns01-3` … that may be used. */
export function freeName(name: string, isFree: (name: string) => boolean): string {
  for (let number = 1; ; number++) {
    const each = number === 1 ? name : `${name}-${number}`
    if (isFree(each)) return each
  }
}

/** What of a line is to be written anew; the rest of it, and of the file, stays. */
export interface CronChange {
  readonly when?: string | undefined
  readonly command?: string | undefined
}

/** @throws Dns01Error STATE */
export async function changeCron(
  world: World,
  at: { readonly path?: string; readonly line: number },
  change: CronChange,
  signal: AbortSignal,
): Promise<void> {
  const text = at.path === undefined ? await ownCrontab(world, signal) : (readText(world.files, at.path) ?? '')
  const changed = text.split('\n').map((line, index) => (index === at.line ? changedLine(line, at, change) : line))
  await writeCronText(world, at.path, changed.join('\n'), signal)
}

/** What cronText() sets besides. */
const OWN_LINE = /^\s*(#.*|(SHELL|PATH|MAILTO)\s*=.*)?$/

/**
 * Takes a line out; a file in which nothing else of anybody is left goes.
 * @throws Dns01Error STATE
 */
export async function removeCron(
  world: World,
  at: { readonly path?: string; readonly line: number },
  signal: AbortSignal,
): Promise<'gone' | 'stays'> {
  const text = at.path === undefined ? await ownCrontab(world, signal) : (readText(world.files, at.path) ?? '')
  const rest = text.split('\n').filter((_, line) => line !== at.line)
  const isEmpty = at.path !== undefined && rest.every(line => OWN_LINE.test(line))
  if (!isEmpty || at.path === undefined) await writeCronText(world, at.path, rest.join('\n'), signal)
  else await world.files.remove(at.path)
  return isEmpty ? 'gone' : 'stays'
}

/** `path` undefined: the user's own, by crontab(1). A file keeps its mode. @throws Dns01Error STATE */
export async function writeCronText(
  world: World,
  path: string | undefined,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  if (path === undefined) await writeCrontab(world, text, signal)
  else await writeOutside(world, path, text, world.files.info(path)?.mode ?? 0o644)
}

/**
 * Gives a file of /etc/cron.d our name: another program's may go with that program. Returns the new path; the old one
 * where it has our name, or stands elsewhere.
 * @throws Dns01Error STATE
 */
export async function renameCronFile(world: World, path: string, renewal: Renewal): Promise<string> {
  const ours = `/etc/cron.d/${nameFor(renewal.stateDir)}`
  if (dirname(path) !== dirname(ours)) return path
  const to = freeName(ours, each => !isThere(world.files, each))
  await writeOutside(world, to, readText(world.files, path) ?? '', world.files.info(path)?.mode ?? 0o644)
  await world.files.remove(path)
  await world.files.syncFolder(dirname(path))
  return to
}

/** A line of /etc/cron.d has a user before the command (`path` is given), one of crontab(1) has none. Else it stays as it is. */
function changedLine(line: string, { path }: { readonly path?: string }, { when, command }: CronChange): string {
  const user = path === undefined ? '()' : String.raw`(\S+\s+)`
  const parts = line.match(new RegExp(String.raw`^\s*(@\w+|\S+(?:\s+\S+){4})(\s+)${user}(.*)$`))
  if (!parts) return line
  const [, time, space, name, rest] = parts
  return [when ?? time, space, name, command ?? rest].join('')
}

/** Like acmetool's file: cron gives its runs next to nothing, so PATH is set for hooks. */
const cronText = (renewal: Renewal): string => `SHELL=/bin/sh
PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin
MAILTO=root
${cronTime(renewal)} root ${forCron(renewal)}
`

/** `17 2,8,14,20 * * *` */
export function cronTime({ minuteOfDay, everySeconds }: Pick<Renewal, 'minuteOfDay' | 'everySeconds'>): string {
  const everyHours = everySeconds / 3600
  const first = Math.floor(minuteOfDay / 60) % everyHours
  const hours = Array.from({ length: 24 / everyHours }, (_, n) => first + n * everyHours)
  return `${minuteOfDay % 60} ${everyHours === 1 ? '*' : hours.join(',')} * * *`
}

/** crontab(5): a bare % would end the command. */
export const forCron = (renewal: Pick<Renewal, 'argv'>): string => commandLine(renewal).replaceAll('%', '\\%')

/** '' when the user has none. @throws Dns01Error STATE when it cannot be read: writing would lose it */
export async function ownCrontab(world: Pick<World, 'run' | 'env'>, signal: AbortSignal): Promise<string> {
  const { exit, output, said, problem } = await crontab(world, ['-l'], '', signal)
  if (exit === 0) return output
  if (/no crontab/i.test(said)) return ''
  throw new Dns01Error('STATE', `crontab -l: ${problem ?? (said || `exit ${exit}`)}`)
}

async function writeCrontab(world: World, text: string, signal: AbortSignal): Promise<void> {
  const { exit, problem } = await crontab(world, ['-'], text, signal)
  if (exit !== 0) throw new Dns01Error('STATE', `crontab(1) did not take the line: ${problem ?? `exit ${exit}`}`)
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
