/**
 * What is to start renewals: the schedule that is there, else cron or a systemd timer. What quickstart wrote it may bring up
 * to date later; anybody else's it leaves alone.
 */

import { join } from 'node:path'
import type { World } from '../core/world.js'
import { neededEverySeconds, renewAt } from '../renew/renewal-date.js'
import type { StateDir } from '../state/state-dir.js'
import type { Answers } from './answers.js'
import { inWords, tooSlow } from './cadence.js'
import { changeCron, cronTime, forCron, hasCronFolder, hasCrontab, installCron, renameCronFile } from './cron.js'
import { cronLines } from './crontab.js'
import { type FoundSchedule, findSchedule } from './found.js'
import { ID } from './ids.js'
import { isThere, readText } from './outside.js'
import { commandLine, type Renewal, renewalOf } from './renewal.js'
import { changeTimer, disableTimer, installTimer } from './systemd.js'

/** How renewals will be started: an answer, not yet carried out. */
export type Schedule =
  /** `replaced`: acmetool's, which somebody agrees to have start dns01. */
  | { readonly how: 'there'; readonly found: FoundSchedule; readonly replaced: boolean; readonly renewal: Renewal }
  | { readonly how: 'cron' | 'systemd'; readonly renewal: Renewal }
  | { readonly how: 'none'; readonly why: string; readonly renewal: Renewal }

/**
 * Who is to start renewals. Not asked when something does already. Cron, if the machine has it; else a systemd timer, if
 * systemd runs. The answer `systemd` to acmetool's yes/no asks for the timer. Changes nothing.
 */
export async function planSchedule(world: World, answers: Answers, state: StateDir): Promise<Schedule> {
  const renewal = renewalOf(world, state.root, neededEverySeconds(shortestLifeSeconds(state)))
  const found = await findSchedule(world, state.root)
  if (found) {
    const replaced = await replaces(answers, found)
    if (!replaced) tellIfTooSlow(world, found, renewal, state)
    return { how: 'there', found, replaced, renewal }
  }
  const machine = lookAround(world)
  if (!machine.cron && !machine.systemd)
    return { how: 'none', why: 'this machine has neither cron nor systemd', renewal }
  const said = answers.inFile(ID.cron)
  if (said === 'systemd' && machine.systemd) return { how: 'systemd', renewal }
  const usual = machine.cron && (machine.cronRuns || !machine.systemd) ? 'cron' : 'systemd'
  const every = inWords(renewal.everySeconds)
  const yes = await answers.yes(ID.cron, `Renew certificates automatically, every ${every} (by ${WORDS[usual]})?`)
  if (yes) return { how: usual, renewal }
  return { how: 'none', why: yes === undefined ? `nobody answered ${ID.cron}` : 'you said no', renewal }
}

/** Only of a call that stands alone: what else a line or a script does would be lost. */
async function replaces(answers: Answers, { program, words, by }: FoundSchedule): Promise<boolean> {
  if (program !== 'acmetool' || words === undefined) return false
  return (await answers.yes(ID.replaceAcmetool, `Let dns01 renew in place of acmetool (${by})?`)) ?? false
}

const WORDS = { cron: 'cron', systemd: 'a systemd timer' } as const

/** Of the certificates in live/; undefined when there are none. */
function shortestLifeSeconds(state: StateDir): number | undefined {
  const lives = liveCertificates(state).map(
    ({ notBefore, notAfter }) => (notAfter.getTime() - notBefore.getTime()) / 1000,
  )
  return lives.length > 0 ? Math.min(...lives) : undefined
}

/** Of those that no link leads to nobody cares how often they could be renewed. */
function liveCertificates(state: StateDir) {
  const live = new Set(state.links().values())
  return state.certificates().flatMap(({ id, facts }) => (facts && live.has(id) ? [facts] : []))
}

/** Somebody else's schedule is not changed; ours is, in installSchedule(). */
function tellIfTooSlow({ log }: World, found: FoundSchedule, renewal: Renewal, state: StateDir): void {
  const { everySeconds } = found
  if (everySeconds === undefined || changesOf(found, renewal).when) return
  const { marginDays } = state.defaults()
  const live = liveCertificates(state).map(facts => ({ ...facts, renewAt: renewAt(facts, marginDays) }))
  const fault = tooSlow(everySeconds, live)
  if (fault) log.warn(`${found.by} ${fault}; let it run every ${inWords(renewal.everySeconds)}`)
}

/** Carries it out. Returns what starts renewals now; undefined when nothing does, which the log has said. */
export async function installSchedule(
  world: World,
  schedule: Schedule,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { renewal } = schedule
  if (schedule.how === 'cron' || schedule.how === 'systemd') {
    const found = await findSchedule(world, renewal.stateDir) // another run may have been quicker
    if (found) return found.by
  }
  switch (schedule.how) {
    case 'there':
      if (schedule.replaced) return replaceCall(world, schedule.found, renewal, signal)
      if (schedule.found.program === 'acmetool')
        world.log.notice(`renewals are started by ${schedule.found.by}: let it call dns01 if it still calls acmetool`)
      await bringUpToDate(world, schedule.found, renewal, signal)
      return schedule.found.by
    case 'cron':
      return installCron(world, renewal, signal)
    case 'systemd':
      return installTimer(world, renewal, signal)
    default:
      world.log.notice(
        `nothing starts renewals (${schedule.why}); run this every ${inWords(renewal.everySeconds)}:`,
        commandLine(renewal),
      )
      return undefined
  }
}

/**
 * Calls dns01 where acmetool was called, as often as is needed; all else of a crontab stays, MAILTO among it. @throws
 * Dns01Error STATE
 */
async function replaceCall(
  world: World,
  { at, by }: FoundSchedule,
  renewal: Renewal,
  signal: AbortSignal,
): Promise<string> {
  const told = (now: string): string => {
    world.log.notice(`${by} started acmetool; ${now} starts ${commandLine(renewal)} from now on`)
    return now
  }
  if (at.kind === 'timer') {
    const ours = await installTimer(world, renewal, signal)
    await disableTimer(world, at.unit, signal)
    return told(ours)
  }
  if (at.kind === 'script') return by // has no words, and so was not asked about
  await changeCron(world, at, { when: cronTime(renewal), command: forCron(renewal) }, signal)
  const isAlone =
    at.kind === 'cron file' && cronLines(readText(world.files, at.path) ?? '', { system: true }).length === 1
  return told(isAlone ? await renameCronFile(world, at.path, renewal) : by)
}

/**
 * What of a schedule is to be written anew: the time when it comes too seldom, the command when this program is started
 * in another way now. Only of what quickstart wrote: the files and units with our name, and a line of the user's crontab
 * that is nothing but our command. What somebody added to a command stays, and so does all the rest.
 */
function changesOf(found: FoundSchedule, renewal: Renewal): { readonly when: boolean; readonly command: boolean } {
  const isSameCall = found.words !== undefined && flagsOf(found.words) === flagsOf(renewal.argv)
  const mayChange = isOurs(found, renewal)
  const slow = found.everySeconds !== undefined && found.everySeconds > renewal.everySeconds
  const moved = isSameCall && found.words?.join('\0') !== renewal.argv.join('\0')
  return { when: mayChange && slow, command: mayChange && moved }
}

/** What quickstart may change, and so take away: what it wrote itself. */
export function isOurs(found: FoundSchedule, { argv }: Pick<Renewal, 'argv'>): boolean {
  const isSameCall = found.words !== undefined && flagsOf(found.words) === flagsOf(argv)
  return isOurPlace(found) || (found.at.kind === 'crontab' && isSameCall)
}

/** By the names that installCron() and installTimer() give: nothing else marks a file as quickstart's. */
function isOurPlace({ at, program }: FoundSchedule): boolean {
  if (program !== 'dns01') return false
  if (at.kind === 'cron file') return /^\/etc\/cron\.d\/dns01(-|$)/.test(at.path)
  return at.kind === 'timer' && /^dns01[.-]/.test(at.unit)
}

/** What comes after the program; of a call with a flag before `--batch`, which quickstart does not write, all of it. */
function flagsOf(words: readonly string[]): string {
  const batch = words.indexOf('--batch')
  const hasOther = words.slice(0, batch).some(word => word !== '--' && word.startsWith('-'))
  return words.slice(hasOther ? 0 : batch).join('\0')
}

/** A script of cron.daily has neither a time nor a line of its own: it stays. @throws Dns01Error STATE */
async function bringUpToDate(world: World, found: FoundSchedule, renewal: Renewal, signal: AbortSignal): Promise<void> {
  const { when, command } = changesOf(found, renewal)
  const { at, by } = found
  if ((!when && !command) || at.kind === 'script') return
  if (at.kind === 'timer') {
    const change = { time: when ? renewal : undefined, argv: command ? renewal.argv : undefined }
    await changeTimer(world, at.unit, change, signal)
  } else {
    const change = { when: when ? cronTime(renewal) : undefined, command: command ? forCron(renewal) : undefined }
    await changeCron(world, at, change, signal)
  }
  if (when) world.log.notice(`${by}: renewals are started every ${inWords(renewal.everySeconds)} from now on`)
  if (command) world.log.notice(`${by}: starts ${commandLine(renewal)} from now on`)
}

/**
 * What there is to start renewals with, by its files: nothing is run. `cronRuns`: a daemon is installed; /etc/cron.d alone says
 * nothing, since packages put files there on machines without one.
 */
function lookAround({ files, self }: World): { cron: boolean; cronRuns: boolean; systemd: boolean } {
  const daemons = ['cron', 'crond', 'fcron', 'dcron', 'anacron', 'bcron-start']
  const cronRuns = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin'].some(folder =>
    daemons.some(daemon => isThere(files, join(folder, daemon))),
  )
  const isRoot = self.uid === 0
  return {
    cron: (isRoot && hasCronFolder(files)) || hasCrontab(files),
    cronRuns,
    systemd: isRoot && isThere(files, '/run/systemd/system'), // sd_booted(3)
  }
}
