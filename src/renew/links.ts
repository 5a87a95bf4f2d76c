// Points live/ at the best certificates and tells the hooks. The names are noted before a link changes, so that a web
// server hears of a new certificate even if the run is killed in between.
import pLimit from 'p-limit'
import { settleAll } from '../core/combine-errors.js'
import { Dns01Error, hintsOf } from '../core/errors.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { parseSeconds } from '../provider/api.js'
import { allSecretVariables } from '../provider/catalog.js'
import { hookTimeoutSeconds, runHooks } from '../provider/hook-scripts.js'
import { without } from '../provider/loader.js'
import type { StateDir } from '../state/state-dir.js'
import type { Held } from './best-certificate.js'
import { type LinkChange, linkChanges } from './link-changes.js'

/** What is on disk now. */
export const held = (state: StateDir, targets: readonly Target[]): Held => ({
  targets,
  certificates: state.certificates(),
  links: state.links(),
})

/** Each waits for the disk, to last through a power loss; together they wait once. */
const linksAtOnce = 20

/**
 * Points live/ elsewhere. The names are on disk before, so that the hooks are told even if we stop here. One link that
 * cannot be made does not keep the others from being.
 */
export async function pointLinks(state: StateDir, changes: readonly LinkChange[]): Promise<void> {
  if (changes.length === 0) return
  // The order matters: a name noted but not linked costs one needless reload; a link that nobody was told of leaves the
  // old certificate in the web server's memory until it expires there.
  await state.journal.noteUntold(changes.map(change => change.link))
  const atATime = pLimit(linksAtOnce)
  await settleAll(changes.map(({ link, certificateId }) => atATime(() => state.pointLive(link, certificateId))))
}

/** A `privkey` that is not a link to the key of its certificate becomes one; the hooks of what is live are to be told. */
export async function mendKeyLinks(state: StateDir, { certificates, links }: Omit<Held, 'targets'>): Promise<void> {
  const mended = await state.mendKeyLinks(certificates)
  if (mended.size > 0) await state.journal.noteUntold(liveLinksTo(links, id => mended.has(id)))
}

/** The links that lead to one of these certificates. */
export const liveLinksTo = (links: Held['links'], isIt: (id: string) => boolean): string[] =>
  [...links].flatMap(([link, id]) => (isIt(id) ? [link] : []))

/** Points every link of live/ at the best certificate for it. Returns what changed. */
export async function linkUp(
  world: Pick<World, 'clock'>,
  state: StateDir,
  targets: readonly Target[] = state.targets().targets,
): Promise<readonly LinkChange[]> {
  const changes = linkChanges(held(state, targets), { now: world.clock.now() })
  await pointLinks(state, changes)
  return changes
}

export interface TellParts {
  readonly world: Pick<World, 'files' | 'run' | 'env' | 'self' | 'log' | 'random' | 'clock'>
  readonly state: StateDir
  readonly hookFolders: readonly string[]
  readonly signal: AbortSignal
}

/**
 * The files of `export:` lists, and then one `live-updated` for all names whose link changed and nobody was told yet; noted
 * until no hook fails. Returns what failed, a folder that no hook may be run from included: all else that the run has to tell
 * must not be lost by it.
 */
export async function tellWhatChanged(parts: TellParts, targets: readonly Target[]): Promise<HookFailure[]> {
  const notExported = targets.some(target => target.exports) ? await exportWhatIsLive(parts, targets) : []
  return [...notExported, ...(await tellOfLinks(parts))]
}

async function exportWhatIsLive(parts: TellParts, targets: readonly Target[]): Promise<HookFailure[]> {
  const { staleExports, writeExport } = await import('./exports.js') // seldom needed
  const { state, world } = parts
  const failed: HookFailure[] = []
  for (const stale of staleExports(world, state, targets)) {
    const hook = `export ${stale.wanted.path}`
    try {
      await writeExport(world, state.root, stale)
      // of a file that was removed, or a list that was edited, the hooks have not heard
      await state.journal.noteUntold([stale.link])
      world.log.info(`${hook}: written`)
    } catch (cause) {
      if (!(cause instanceof Dns01Error)) throw cause
      const hint = hintsOf(cause.hint) ?? 'it is tried again by the next reconcile'
      failed.push({ hook, error: new Dns01Error('HOOK', `${hook}: ${cause.message}`, { hint, cause }) })
    }
  }
  return failed
}

async function tellOfLinks(parts: TellParts): Promise<HookFailure[]> {
  const { journal } = parts.state
  const noted = journal.untold()
  if (noted.length === 0) return []
  const links = parts.state.links()
  // cull may have removed a link meanwhile, and hooks read live/NAME
  const names = noted.filter(link => links.has(link))
  const failed = await tellHooks(parts, names).catch((error: unknown): HookFailure[] => {
    parts.signal.throwIfAborted()
    if (error instanceof Dns01Error) return [{ hook: 'hooks', error }]
    throw error
  })
  if (failed.length === 0) await journal.clearUntold()
  return failed
}

export interface HookFailure {
  readonly hook: string
  readonly error: Dns01Error
}

/**
 * The event `live-updated` for these link names, in this order; for none, nothing. No hook needs the secrets of providers
 * then, and a daemon that one starts would keep them: they are not in its environment.
 */
export async function tellHooks(parts: TellParts, names: readonly string[]): Promise<HookFailure[]> {
  const { world, state, hookFolders, signal } = parts
  if (names.length === 0) return []
  signal.throwIfAborted()
  const stdin = names.map(name => `${name}\n`).join('')
  // of all providers there are, not only of those that are configured: cron's environment may have more than is used
  const callersEnv = async () => without(world.env, await allSecretVariables(world))
  const event = { event: 'live-updated', args: [], stdin, env: {}, callersEnv }
  const call = { ...event, folders: hookFolders, stateDir: state.root, signal }
  const timeoutSeconds = parseSeconds('DNS01_HOOK_TIMEOUT', world.env.DNS01_HOOK_TIMEOUT ?? String(hookTimeoutSeconds))
  const many = names.length > 1 ? ` and ${names.length - 1} more` : ''
  world.log.step({ subject: 'hooks', stage: `telling them of ${names[0]}${many}` })
  const { results } = await runHooks(world, { ...call, timeoutSeconds })
  world.log.step({ subject: 'hooks' })
  return results
    .filter(({ failed }) => failed)
    .map(({ hook, complaint }) => ({
      hook,
      error: new Dns01Error('HOOK', `${hook}: ${complaint}`, { hint: 'it is run again by the next reconcile' }),
    }))
}
