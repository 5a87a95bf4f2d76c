/**
 * `quickstart --undo`: takes out what quickstart put in, where nobody has changed it: what starts renewals, and hooks. Keys,
 * certificates, accounts and settings stay, and how to remove them is told.
 */

import { join } from 'node:path'
import { loadEnv } from '../config/env-file.js'
import { messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { type Context, looking } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Answers, openAnswers } from './answers.js'
import { removeCron } from './cron.js'
import { envFile } from './env-text.js'
import { type FoundSchedule, findSchedules } from './found.js'
import { listHooks } from './hook-files.js'
import { HAPROXY, RELOAD } from './hooks.js'
import { ID } from './ids.js'
import { isForbidden, isThere, namesIn } from './outside.js'
import { renewalOf } from './renewal.js'
import { isOurs } from './schedule.js'
import { removeTimer } from './systemd.js'
import { timerFolder } from './timers.js'

/** What was taken out, or would be, and what was not. */
export interface Undone {
  readonly removed: readonly string[]
  readonly left: readonly Left[]
  /** false: shown only, or declined. */
  readonly done: boolean
}

interface Left {
  readonly what: string
  /** What removes it, for a person to type. */
  readonly remove?: string
}

/** Something to take out. */
interface Item {
  readonly what: string
  /** Resolves to what stays of it, because somebody else wrote that. */
  remove(): Promise<Left | undefined>
}

/** Asks once where somebody sits; twice is the same as once. @throws Dns01Error STATE */
export async function undo(context: Context, simulated: boolean): Promise<Undone> {
  const { world } = context
  const state = await looking(context)
  const answers = openAnswers(state.responses(context.responseFile), simulated ? undefined : world.prompt)
  const { items, left } = await plan(context, state)
  const env = await envFileItem(world, answers, simulated)
  const all = [...items, ...(env.item ? [env.item] : [])]
  const stays = [...left, ...(env.left ? [env.left] : []), ...whatStays(context, state)]
  const names = all.map(({ what }) => what)
  if (simulated || names.length === 0) return { removed: names, left: stays, done: !simulated }
  answers.note([`To be removed:`, ...names.map(name => `  ${name}`)].join('\n'))
  if (answers.interactive && !(await answers.ask('Remove them?'))) return { removed: [], left: stays, done: false }
  const removed: string[] = []
  for (const { what, remove } of all) {
    try {
      const rest = await remove()
      removed.push(what)
      if (rest) stays.unshift(rest)
    } catch (error) {
      if (!isForbidden(error) && !/EACCES|EPERM|EROFS/.test(messageOf(error))) throw error
      stays.unshift({ what: `${what}: ${messageOf(error)}` })
    }
  }
  return { removed, left: stays, done: true }
}

async function plan({ world, stateRoot, signal }: Context, state: StateDir) {
  const renewal = renewalOf(world, state.root, 3600) // only its words count
  const { own, others } = await findSchedules(world, stateRoot)
  const ours = own.filter(found => isOurs(found, renewal))
  const left: Left[] = own
    .filter(found => !ours.includes(found))
    .map(({ by, program }) => ({ what: `${by}, which starts ${program} and is not quickstart's` }))
  // From the last line up, so that the numbers of those above stay true.
  const lineOf = ({ at }: FoundSchedule): number => ('line' in at ? at.line : 0)
  const schedules = [...ours].sort((a, b) => lineOf(b) - lineOf(a)).map(found => scheduleItem(world, found, signal))
  const hooks = hooksOf(world, others)
  return { items: [...schedules, ...hooks.items], left: [...left, ...hooks.left, ...dropIns(world, ours)] }
}

function scheduleItem(world: World, { at, by }: FoundSchedule, signal: AbortSignal): Item {
  if (at.kind === 'timer') return { what: by, remove: () => removeTimer(world, at.unit, signal) }
  if (at.kind === 'script') throw new Error('a script is nobody’s') // isOurs() says so
  const inFolder = at.kind === 'cron file' && at.path.startsWith('/etc/cron.d/')
  return {
    what: `the line of dns01 in ${by}`,
    remove: async () => {
      const rest = await removeCron(world, at, signal)
      return rest === 'stays' && inFolder
        ? { what: `${by}, with what else stands in it`, remove: `rm ${by}` }
        : undefined
    },
  }
}

const removal =
  ({ files }: World, path: string) =>
  async (): Promise<undefined> => {
    await files.remove(path)
  }

const dropIns = ({ files }: World, ours: readonly FoundSchedule[]): Left[] =>
  ours.flatMap(({ at }) => {
    if (at.kind !== 'timer') return []
    return [at.unit, at.unit.replace(/timer$/, 'service')]
      .map(unit => `${timerFolder}/${unit}.d`)
      .flatMap(path => (isThere(files, path) ? [{ what: `${path}, which is yours`, remove: `rm -r ${path}` }] : []))
  })

/** Those that quickstart installs, as they came; with another state directory they are that one's, too. */
function hooksOf(world: World, others: readonly FoundSchedule[]): { items: Item[]; left: Left[] } {
  const all = listHooks(world).filter(({ origin }) => origin === 'shipped' || origin === 'other version')
  const mine = all.filter(({ name, origin }) => origin === 'shipped' && (name === RELOAD || name === HAPROXY))
  const [other] = others
  const going = other ? [] : mine
  const left = all
    .filter(hook => !going.includes(hook))
    .map(({ path, name, origin }) => {
      if (mine.some(hook => hook.path === path)) return { what: `${path}, which ${other?.by} needs, too` }
      const why = origin === 'shipped' ? 'which hook enable made' : 'of another version, or changed'
      return origin === 'shipped'
        ? { what: `${path}, ${why}`, remove: `dns01 hook disable ${name}` }
        : { what: `${path}, ${why}`, remove: `rm ${path}` }
    })
  return { items: going.map(({ path }) => ({ what: path, remove: removal(world, path) })), left }
}

/** Only when somebody says so, or nothing is set in it: it may hold what somebody needs elsewhere. */
async function envFileItem(world: World, answers: Answers, simulated: boolean): Promise<{ item?: Item; left?: Left }> {
  const path = envFile(world)
  if (!isThere(world.files, path)) return {}
  const names = await namesInEnvFile(world)
  const item = { what: path, remove: removal(world, path) }
  if (names?.length === 0) return { item }
  const what = `${path} (${names?.join(', ') ?? 'cannot be read'})`
  const yes = !simulated && (await answers.yes(ID.undoEnvFile, `Remove ${what}, too?`))
  return yes ? { item } : { left: { what, remove: `rm ${path}` } }
}

async function namesInEnvFile({ env, files }: World): Promise<string[] | undefined> {
  try {
    const alone = { DNS01_ENV_FILE: env.DNS01_ENV_FILE }
    return Object.keys(await loadEnv(files, alone, undefined)).filter(name => name !== 'DNS01_ENV_FILE')
  } catch {
    return undefined
  }
}

/** What a person may want to remove next, in this order. */
function whatStays({ world }: Context, state: StateDir): Left[] {
  const { files } = world
  const sudoers = namesIn(files, '/etc/sudoers.d').filter(name => name.startsWith('dns01-'))
  const linked = state.exists() ? state.links().size : 0
  const certificates = linked > 0 ? `; ${linked} names in live/ are served from there, and nothing renews them now` : ''
  return [
    ...sudoers.map(name => {
      const path = join('/etc/sudoers.d', name)
      return { what: `${path}, of quickstart --user`, remove: `rm ${path}` }
    }),
    ...(state.exists()
      ? [
          { what: 'accounts at CAs', remove: 'dns01 account deactivate' },
          {
            what: `${state.root}: keys, certificates, accounts, settings${certificates}`,
            remove: `rm -r ${state.root}`,
          },
        ]
      : []),
    { what: 'the program', remove: 'npm uninstall -g dns01' },
  ]
}

export const undoLines = ({ removed, left, done }: Undone): string[] => [
  ...removed.map(what => `${done ? 'removed' : 'would remove'}  ${what}`),
  ...(removed.length === 0 ? [done ? 'there is nothing of quickstart to remove' : 'nothing was removed'] : []),
  ...left.map(({ what, remove }) => `left     ${what}${remove ? `: ${remove}` : ''}`),
]
