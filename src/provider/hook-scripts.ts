// Runs acmetool's hooks: which files count as hooks, how they are called, and what their exit status means. Hooks
// written for acmetool must run unchanged, and as they mostly run as root, none is run that somebody else may change.
import { basename, dirname, join, resolve } from 'node:path'
import { Dns01Error, messageOf, systemCodeOf } from '../core/errors.js'
import { weakness } from '../core/trust.js'
import type { FileInfo, Files, World } from '../core/world.js'

/** Where hooks are when nobody says otherwise: Debian's folder, then the two of acmetool itself. All that exist are used. */
export const defaultHookFolders = ['/etc/acme/hooks', '/usr/libexec/acme/hooks', '/usr/lib/acme/hooks'] as const

/** With this exit status a hook says that the event is not for it (acmetool's protocol for hooks). */
export const notMyEvent = 42

/** Seconds. A hook that is still at it after this is ended. acmetool waits for ever; here it would hold the lock as long. */
export const hookTimeoutSeconds = 600

/** A hook with this text in its first 4096 bytes can hold several TXT values at one name at the same time. */
export const severalValuesMarker = 'dns01: several values'

/** Larger files are programs, and not looked into. */
const longestScriptBytes = 1024 * 1024

/**
 * Folders of hooks, absolute: those of `--hooks`, else of ACME_HOOKS_DIR (one a line, a colon does not separate), else the
 * default ones. An empty variable counts as unset.
 */
export function hookFolders(env: World['env'], flags: readonly string[] = []): string[] {
  const fromEnv = (env.ACME_HOOKS_DIR ?? '').split('\n').filter(line => line !== '')
  const folders = [flags, fromEnv, defaultHookFolders].find(list => list.length > 0) ?? []
  return folders.map(folder => resolve(folder))
}

/** One event for the hooks of some folders. */
export interface ScriptCall {
  readonly folders: readonly string[]
  /** `challenge-dns-start`, `live-updated` … */
  readonly event: string
  readonly args: readonly string[]
  readonly stdin: string
  /** Besides the caller's own environment: `request.challenge.env` of the target. */
  readonly env: Readonly<Record<string, string>>
  /** What they get of the caller's own environment; all of it when absent. Asked when there is a hook. */
  readonly callersEnv?: () => Promise<World['env']>
  readonly stateDir: string
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

/** What one hook did with an event. */
export interface HookResult {
  /** Absolute path. */
  readonly hook: string
  /** 0: done; 42: not its event; -1: could not be started. */
  readonly exit: number
  /** The last line of its output, or why it could not be started or was ended; may be empty. */
  readonly said: string
  /** How it failed, after the event's name: its status and its last words, or why it could not be started or was ended. */
  readonly complaint: string
  /** It was ended because of the time limit. */
  readonly late: boolean
  /** It said neither "done" nor "not my event", and the event is one that it can be asked for. */
  readonly failed: boolean
}

/** What all hooks did with an event, in the order in which they ran; empty where there is none. */
export interface HookResults {
  readonly results: readonly HookResult[]
  /** Some hook said 0, whatever the others said. */
  readonly succeeded: boolean
}

/**
 * Runs every hook of the folders for one event, one after the other, in order, as acmetool does and as names like 50-reload
 * rely on; none is left out because another failed.
 * What they print comes out as notices, line by line (acmetool hands its own stderr to them), so that cron mails what
 * `reload` complains about and --quiet does not show it. Failures are for the caller to tell. Rejects with the signal's
 * reason.
 * @throws Dns01Error CONFIG when somebody else than root and we may change one of the folders: then no hook runs at all
 */
export async function runHooks(
  world: Pick<World, 'files' | 'run' | 'env' | 'self' | 'log'>,
  call: ScriptCall,
): Promise<HookResults> {
  const results: HookResult[] = []
  const hooks = findHooks(world, call.folders)
  const env = hooks.length > 0 && call.callersEnv ? await call.callersEnv() : world.env
  for (const hook of hooks) results.push(await runScript({ ...world, env }, hook, call))
  return { results, succeeded: results.some(({ exit }) => exit === 0) }
}

/** An executable in a folder of hooks; `info` is that of the file behind its links, since a folder often holds links only. */
export interface Hook {
  readonly path: string
  readonly info: FileInfo
}

/**
 * The hooks of these folders: for each folder in byte order of the name what is, after links, a regular file with any
 * execute bit. Hidden names are skipped; so is, with an error line, what leads nowhere, and what somebody else than root
 * and we may change. (acmetool looks at "everybody may write" alone: then who owns a hook, or a folder on the way to it,
 * is root.)
 * @throws Dns01Error CONFIG when somebody else may change a folder, or one is no folder, or we may not look into it; a
 * missing one is skipped
 */
export function findHooks(
  { files, log, self }: Pick<World, 'files' | 'log' | 'self'>,
  folders: readonly string[],
): Hook[] {
  const existing = folders.filter(folder => lookingInto(folder, () => isHookFolder({ files, self }, folder)))
  return existing.flatMap(folder => lookingInto(folder, () => hooksIn({ files, log, self }, folder)))
}

function hooksIn({ files, log, self }: Pick<World, 'files' | 'log' | 'self'>, folder: string): Hook[] {
  return files
    .list(folder)
    .filter(({ name }) => !name.startsWith('.'))
    .flatMap(({ name }) => {
      const path = join(folder, name)
      const info = infoAfterLinks(files, path)
      if (info === undefined) log.error(`hook ${path} is skipped: the link leads nowhere`)
      if (info?.kind !== 'file' || (info.mode & 0o111) === 0) return []
      const weak = weakness({ files, self }, path)
      if (weak) log.error(`hook ${path} is skipped: ${weak.path} ${weak.why}`, weak.hint)
      return weak ? [] : [{ path, info }]
    })
}

/**
 * A service user may not see what root has put there: no bug of ours, and nothing to be passed over either.
 * @throws Dns01Error CONFIG for what the system has against it
 */
export function lookingInto<T>(folder: string, look: () => T): T {
  try {
    return look()
  } catch (cause) {
    if (cause instanceof Dns01Error || systemCodeOf(cause) === undefined) throw cause
    throw new Dns01Error('CONFIG', `the hooks folder ${folder} cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: 'let the user that dns01 runs as read it, or name another one: --hooks, ACME_HOOKS_DIR',
    })
  }
}

/** False when it is not there. @throws Dns01Error CONFIG when it is of no use: hooks that silently never run are worse */
function isHookFolder({ files, self }: Pick<World, 'files' | 'self'>, folder: string): boolean {
  const info = infoAfterLinks(files, folder)
  if (info === undefined) return false
  if (info.kind !== 'folder') throw new Dns01Error('CONFIG', `the hooks folder ${folder} is not a folder`)
  const weak = weakness({ files, self }, folder)
  if (weak) throw new Dns01Error('CONFIG', `no hook of ${folder} is run: ${weak.path} ${weak.why}`, { hint: weak.hint })
  return true
}

/**
 * As stat(2). The target is appended to the link's folder as it is, since `..` after a linked folder is not the folder
 * above in the text.
 */
export function infoAfterLinks(files: Files, path: string): FileInfo | undefined {
  let at = path
  for (let links = 0; links < 40; links++) {
    const info = files.info(at)
    if (info?.kind !== 'link') return info
    const target = files.readLink(at)
    at = target.startsWith('/') ? target : `${dirname(at)}/${target}`
  }
  return undefined // Linux gives up after 40 links, too (ELOOP)
}

async function runScript(
  world: Pick<World, 'files' | 'run' | 'env' | 'self' | 'log'>,
  hook: Hook,
  call: ScriptCall,
): Promise<HookResult> {
  const text = textOf(world.files, hook)
  const excused = call.event === 'live-updated' && knowsOnlyChallenges(text)
  const heard = excused ? 'info' : 'notice'
  const { exit, said, late } = isBareText(text)
    ? { exit: -1, said: 'cannot be started: it has no #! line and is not a program', late: false }
    : await runProgram(world, [...sudo(world, hook, text), hook.path, call.event, ...call.args], call, line =>
        world.log[heard](`${basename(hook.path)}: ${line}`),
      )
  const complaint = `${call.event} ${exit < 0 ? 'failed' : `exited with ${exit}`}${said && `: ${said}`}`
  const unhappy = exit !== 0 && exit !== notMyEvent
  if (unhappy && excused) world.log.info(`hook ${hook.path}: ${complaint}`)
  return { hook: hook.path, exit, said, complaint, late, failed: unhappy && !excused }
}

/**
 * Many a tutorial's hook ends every event but its two with an error instead of 42, since acmetool forgets the failure of a
 * `live-updated` hook at once. Counted, it would fail every run for ever. Not to call it was the alternative: then one that
 * acts on any other event without naming it would no longer hear of new certificates.
 */
const knowsOnlyChallenges = (text = ''): boolean =>
  text.startsWith('#!') && text.includes('challenge-dns') && !text.includes('live-updated')

async function runProgram(
  { run, env }: Pick<World, 'run' | 'env'>,
  argv: readonly string[],
  call: ScriptCall,
  tell: (line: string) => void,
): Promise<Pick<HookResult, 'exit' | 'said' | 'late'>> {
  let last = ''
  const { exit, problem, late } = await run(argv, {
    env: { ...env, ...call.env, ACME_STATE_DIR: resolve(call.stateDir) },
    cwd: '/', // acmetool's; and no relative path in a hook depends on where dns01 was started
    input: call.stdin,
    timeoutSeconds: call.timeoutSeconds,
    signal: call.signal,
    line: line => {
      tell(line)
      if (line.trim() !== '') last = line.trim().slice(0, 300)
    },
  })
  return { exit, said: problem ?? last, late: late ?? false }
}

/** What is in it, as Latin-1; undefined of what is too large to be a script, or may only be executed. */
function textOf(files: Files, { path, info }: Hook): string | undefined {
  if (info.sizeBytes > longestScriptBytes) return undefined
  try {
    return Buffer.from(files.read(path)).toString('latin1')
  } catch {
    return undefined
  }
}

/** execve(2) refuses it and libc would hand it to /bin/sh, where an empty file is a success. acmetool runs no shell; nor do we. */
const isBareText = (text: string | undefined): boolean =>
  text !== undefined && !text.startsWith('#!') && !text.includes('\0')

/**
 * acmetool's protocol: a script that belongs to root and has the setuid bit, which the kernel ignores for scripts, is run
 * by sudo.
 */
function sudo({ files, env, self }: Pick<World, 'files' | 'env' | 'self'>, { info }: Hook, text = ''): string[] {
  const wanted = self.uid !== 0 && info.uid === 0 && (info.mode & 0o4000) !== 0 && text.startsWith('#!')
  return wanted && inPath(files, env.PATH ?? '', 'sudo') ? ['sudo', '-n', '--'] : []
}

/** As execvp(3) would find it, but that an empty entry is not the working directory. */
const inPath = (files: Files, path: string, program: string): boolean =>
  path.split(':').some(folder => {
    const info = folder === '' ? undefined : infoAfterLinks(files, join(folder, program))
    return info?.kind === 'file' && (info.mode & 0o111) !== 0
  })

/**
 * Whether these hooks can hold several values at one name: at least one says so by `severalValuesMarker`, and none that
 * handles DNS challenges (or, being no script, may do so) keeps silent about it.
 */
export function holdSeveralValues(world: Pick<World, 'files' | 'log'>, hooks: readonly Hook[]): boolean {
  const texts = hooks.map(hook => textOf(world.files, hook) ?? '\0')
  const says = (text: string) => text.slice(0, 4096).includes(severalValuesMarker)
  return (
    texts.some(says) && texts.every(text => says(text) || (text.startsWith('#!') && !text.includes('challenge-dns')))
  )
}
