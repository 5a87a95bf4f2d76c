/**
 * `quickstart --user acme`: what root prepares so that another user can get and renew certificates. Then the rest of quickstart
 * goes on as that user, so that all it makes is that user's.
 */

import { dirname } from 'node:path'
import { loadEnv } from '../config/env-file.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Account, FileInfo, Files, World } from '../core/world.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { type Context, looking } from '../renew/run.js'
import { openAnswers } from './answers.js'
import { findSchedule } from './found.js'
import { folderFor, type HookPlan, installHooks, planHooks } from './hooks.js'
import { isThere, missingFolders, namesIn, readText, withoutLinks, writeOutside } from './outside.js'
import { defaultStateDir } from './renewal.js'
import { installSudoers, planSudoers, type SudoersPlan } from './sudoers.js'

/** useradd(8) takes these on every system. */
const USER_NAME = /^[a-z_][a-z0-9_-]{0,30}$/

/** A user that nobody logs in as: the first of these that there is. */
const NO_LOGIN = ['/usr/sbin/nologin', '/sbin/nologin', '/bin/false']

/** useradd(8) writes four files, and waits for who writes them now. */
const useraddSeconds = 60

interface Plan {
  readonly name: string
  /** Undefined: to be made. */
  readonly account: Account | undefined
  readonly hooks: HookPlan
  readonly sudoers: SudoersPlan
  /** It may hold secrets, and is the user's own. */
  readonly envFile: string
}

/**
 * Makes the user, its state directory and its env file, installs the hooks, which stay root's, and what sudo lets it do; then
 * this process is that user's. First all is looked at, and nothing changed while something is in the way. Twice is the same
 * as once.
 * @throws Dns01Error USAGE for a wrong name, or who is not root; CONFIG for what is there and somebody else's; STATE
 */
export async function prepareUser(context: Context, name: string): Promise<Context> {
  const { world, stateRoot, signal } = context
  const plan = await planUser(context, name)
  const account = plan.account ?? (await addUser(world, { name, home: stateRoot, signal }))
  await giveFolder(world, stateRoot, account, 0o755)
  await giveEnvFile(world, plan.envFile, account)
  for (const path of await installHooks(world, plan.hooks)) world.log.notice(`hook ${path}: installed`)
  const sudoers = await installSudoers(world, plan.sudoers, signal)
  if (sudoers !== undefined) world.log.notice(`${sudoers}: what ${name} may do as root`, ...linesOf(plan.sudoers))
  if (plan.sudoers.why !== undefined)
    world.log.notice(`${plan.sudoers.why}; when that has changed: dns01 quickstart --user ${name}`)
  return asUser(context, account, plan.envFile)
}

const linesOf = ({ text = '' }: SudoersPlan): string[] => text.split('\n').filter(line => /^[^#]/.test(line))

async function planUser(context: Context, name: string): Promise<Plan> {
  const { world, stateRoot } = context
  const { files } = world
  if (!USER_NAME.test(name) || name === 'root')
    throw new Dns01Error('USAGE', `--user: "${name}" is not a name for a user of its own`, {
      hint: 'as in --user acme',
    })
  if (world.self.uid !== 0 || !world.become)
    throw new Dns01Error('USAGE', `--user ${name} is for root, who makes that user`, {
      hint: `as root: dns01 quickstart --user ${name}; as ${name} itself: dns01 quickstart`,
    })
  for (const path of world.self.program.filter(word => word.startsWith('/'))) mustBeOpen(files, path)
  const account = accountOf(files, name)
  mustBeFree(files, stateRoot, account, name)
  const state = await looking(context)
  const found = await findSchedule(world, stateRoot)
  if (found)
    throw new Dns01Error('CONFIG', `${found.by} renews what is in ${stateRoot} as root`, {
      hint: `take that line away, then let ${name} do it`,
    })
  const envFile = world.env.DNS01_ENV_FILE || `/etc/dns01/${name}/env`
  const env = isThere(files, envFile) ? files.info(withoutLinks(files, envFile)) : undefined
  if (env && env.uid !== account?.uid)
    throw new Dns01Error('CONFIG', `${envFile} belongs to user ${env.uid}, and ${name} could not read it`, {
      hint: `to hand it over: chown ${name} ${envFile}; or name another with --env-file`,
    })
  const folders = hookFolders(world.env)
  const answers = openAnswers(state.responses(context.responseFile), undefined)
  return {
    name,
    account,
    hooks: await planHooks(world, { answers, folders, expert: false }),
    sudoers: planSudoers(world, name, folderFor(files, folders)),
    envFile,
  }
}

/** How root calls dns01 as that user; called as root it would make files that the user cannot read. */
export const callAs = (name: string, { stateRoot, world }: Context): string =>
  [
    `runuser -u ${name} -- dns01`,
    ...(stateRoot === defaultStateDir ? [] : [`--state=${stateRoot}`]),
    `--env-file=${world.env.DNS01_ENV_FILE}`,
  ].join(' ')

/** Who it is by passwd(5). @throws Dns01Error CONFIG for another name of root */
export function accountOf(files: Pick<Files, 'read'>, name: string): Account | undefined {
  const lines = (readText(files, '/etc/passwd') ?? '').split('\n').map(line => line.split(':'))
  const [, , uid, gid] = lines.find(fields => fields[0] === name) ?? []
  if (uid === undefined) return undefined
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid ?? '') || Number(uid) === 0)
    throw new Dns01Error('CONFIG', `/etc/passwd: ${name} cannot be the user that renews certificates`)
  return { name, uid: Number(uid), gid: Number(gid) }
}

/** node or dns01 below /root, as nvm puts them, is nothing for others. @throws Dns01Error CONFIG */
function mustBeOpen(files: Files, path: string): void {
  const real = withoutLinks(files, path)
  for (let at = real; at !== '/'; at = dirname(at)) {
    const info = files.info(at)
    if (info && (info.mode & (at === real ? 0o004 : 0o001)) === 0)
      throw new Dns01Error('CONFIG', `no other user can start this program: ${at} is not open to all`, {
        hint: `install node and dns01 where all can read them, as in /usr or /usr/local, or: chmod o+rX ${at}`,
      })
  }
}

/** @throws Dns01Error CONFIG when somebody else's things are in it */
function mustBeFree(files: Files, folder: string, account: Account | undefined, name: string): void {
  const info = isThere(files, folder) ? files.info(folder) : undefined
  if (info === undefined) return
  if (info.kind !== 'folder') throw new Dns01Error('CONFIG', `${folder} is not a folder`)
  if (info.uid === account?.uid || namesIn(files, folder).length === 0) return
  const make = account ? '' : `useradd --system ${name} && `
  throw new Dns01Error('CONFIG', `${folder} belongs to user ${info.uid} and is not empty`, {
    hint: `to hand it over: ${make}chown -R ${name}: ${folder}; or name another with --state`,
  })
}

async function addUser(
  world: Pick<World, 'files' | 'run' | 'log'>,
  { name, home, signal }: { name: string; home: string; signal: AbortSignal },
): Promise<Account> {
  const shell = NO_LOGIN.find(path => isThere(world.files, path)) ?? '/bin/false'
  const flags = ['--system', '--user-group', '--no-create-home', '--home-dir', home, '--shell', shell]
  const said: string[] = []
  const { exit, problem } = await world.run(['useradd', ...flags, name], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C' },
    cwd: '/',
    input: '',
    timeoutSeconds: useraddSeconds,
    signal,
    line: line => said.push(line),
  })
  const account = accountOf(world.files, name)
  if (exit !== 0 || !account)
    throw new Dns01Error('STATE', `useradd does not make the user ${name}: ${problem ?? (said.join('; ') || exit)}`, {
      hint: `make a system user ${name} without a login shell, then do this again`,
    })
  world.log.notice(`user ${name}: made, without a login shell; its home is ${home}`)
  return account
}

/** Made if it is not there; folders above it are root's. */
async function giveFolder(
  { files }: Pick<World, 'files'>,
  folder: string,
  owner: Account,
  mode: number,
): Promise<void> {
  for (const missing of missingFolders(files, folder))
    await files.makeFolder(missing, missing === folder ? mode : 0o755)
  await give(files, folder, owner)
}

async function giveEnvFile(world: World, path: string, owner: Account): Promise<void> {
  if (isThere(world.files, path)) return
  await giveFolder(world, dirname(path), owner, 0o700)
  await writeOutside(world, path, '', 0o600)
  await give(world.files, path, owner)
}

async function give(files: Files, path: string, { uid, gid }: Account): Promise<void> {
  const seen = files.info(path) as FileInfo
  if (seen.uid === uid) return
  try {
    await files.setRights(dirname(path), path, seen, { uid, gid })
  } catch (cause) {
    throw new Dns01Error('STATE', `cannot give ${path} to user ${uid}: ${messageOf(cause)}`, { cause })
  }
}

/** From here on this process is the user's. What it finds in the environment is root's, but for who it is. */
async function asUser(context: Context, account: Account, envFile: string): Promise<Context> {
  const { world, stateRoot } = context
  const own = { HOME: stateRoot, USER: account.name, LOGNAME: account.name, XDG_STATE_HOME: undefined }
  const before = { ...world.env, ...own, DNS01_ENV_FILE: envFile }
  const become = world.become as NonNullable<World['become']>
  const env = await loadEnv(world.files, before, envFile)
  return { ...context, world: become(account, env) }
}
