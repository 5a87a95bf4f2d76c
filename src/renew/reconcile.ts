// A run from its first look at the state directory to what became of everything: read, compare, ask CAs if something is
// due, link, tell the hooks.
import { codeOf } from '../core/errors.js'
import type { Target } from '../core/target.js'
import { byName, type Held } from './best-certificate.js'
import { dueByHand } from './by-hand.js'
import type { ReconcileOptions } from './due.js'
import { GoingLive } from './going-live.js'
import { type LinkChange, linkChanges } from './link-changes.js'
import { type HookFailure, held, mendKeyLinks, pointLinks, tellWhatChanged } from './links.js'
import { type ObtainParts, obtain } from './obtain.js'
import { failed, linked, type Outcome } from './outcome.js'
import { slowClock } from './outlook.js'
import { endingPlaceholders, placePlaceholders } from './placeholder.js'
import { type Work, work } from './plan.js'
import { askWhenToRenew } from './renewal-info.js'
import { finishRollovers } from './rollover.js'

export interface ReconcileParts extends Omit<ObtainParts, 'targets' | 'live'> {
  readonly hookFolders: readonly string[]
}

/**
 * Makes true what desired/ says, under the lock: clears up what an earlier run left, then revokes, resumes, issues,
 * links, and tells the hooks, both while other targets are still under way. Whatever fails is an Outcome; the rest goes on.
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions = {}): Promise<Outcome[]> {
  const { publisher, state, world } = parts
  // First of all: a record that an earlier run left may be in the way of the same name, and its provider may work again.
  await publisher.recover()
  const unfinished = await finishRollovers(parts) // before anything is read that leads to an account
  const { targets, problems } = state.targets()
  const now = world.clock.now()
  const found = await withoutEndingPlaceholders(parts, held(state, targets))
  // before anything is decided by the clock: what follows may be wrong because of it
  for (const { message, hint } of slowClock(found.certificates, now)) world.log.warn(message, hint)
  await mendKeyLinks(state, found)
  // the CAs are asked before work(), as their answer may make a certificate due that our own dates would keep for weeks
  const there = isForSome(options) ? found : await askWhenToRenew(parts, found)
  // made once and handed on: there may be ten thousand certificates
  const index = byName(there.certificates)
  const toDo = work(there, { ...options, now }, index)
  const outcomes = isNothing(toDo)
    ? await onlyLink(parts, targets, linkChanges(there, { now }, index))
    : await obtainAndLink(parts, targets, toDo, options)
  const unseen = await lookWhereServed(parts, targets, { outcomes, again: !isForSome(options) })
  const byHand = dueByHand(there, { ...options, now }, index)
  return [...unfinished, ...problems.map(error => failed('desired', error)), ...outcomes, ...unseen, ...byHand]
}

/** Last of all, as servers take a moment to load what is new. What a hook could not tell them they cannot show. */
async function lookWhereServed(
  parts: ReconcileParts,
  targets: readonly Target[],
  { outcomes, again }: { readonly outcomes: readonly Outcome[]; readonly again: boolean },
): Promise<Outcome[]> {
  if (!targets.some(({ check }) => check?.length)) return []
  if (outcomes.some(({ error }) => error !== undefined && codeOf(error) === 'HOOK')) return []
  const { lookAtServed } = await import('./served.js') // nothing of it is loaded where nobody asks for it
  try {
    return await lookAtServed(parts, targets, { again })
  } catch (error) {
    parts.signal.throwIfAborted()
    return [failed('served', error)] // what else the run did is to be told, too
  }
}

/** Before anything is asked of a CA: should that fail again, a server can still be started. Nearly always there are none. */
async function withoutEndingPlaceholders({ state, world }: ReconcileParts, found: Held): Promise<Held> {
  const ending = endingPlaceholders(found, world.clock.now())
  if (ending.size === 0) return found
  await placePlaceholders(world, state, ending)
  return held(state, found.targets)
}

/** Somebody waits for certain names: the next run that is about all of them asks when to renew. */
const isForSome = ({ force = [], wanted = [], onlyFiles }: ReconcileOptions): boolean =>
  force.length + wanted.length > 0 || onlyFiles !== undefined

const isNothing = ({ revoke, resume, issue }: Work): boolean => revoke.length + resume.length + issue.length === 0

/** What was read still holds: with ten thousand certificates a look takes a second. */
async function onlyLink(
  parts: ReconcileParts,
  targets: readonly Target[],
  changes: readonly LinkChange[],
): Promise<Outcome[]> {
  await pointLinks(parts.state, changes)
  return [...changes.map(linked), ...(await tellWhatChanged(parts, targets)).map(hookFailed)]
}

async function obtainAndLink(
  parts: ReconcileParts,
  targets: readonly Target[],
  toDo: Work,
  options: ReconcileOptions,
): Promise<Outcome[]> {
  const live = new GoingLive(parts, targets)
  const outcomes: Outcome[] = []
  try {
    outcomes.push(...(await obtain({ ...parts, targets, live }, toDo, options)))
  } finally {
    // Also when the run is stopped: what was issued before goes live, and the records go.
    parts.world.log.step({ subject: 'TXT records', stage: 'removing them' })
    await parts.publisher.close()
    parts.world.log.step({ subject: 'TXT records' })
    const went = await live.finish()
    outcomes.push(...went.linked.map(linked))
    if (went.error !== undefined) outcomes.push(failed('live', went.error))
    outcomes.push(...went.failed.map(hookFailed))
  }
  return outcomes
}

const hookFailed = ({ hook, error }: HookFailure): Outcome => failed(hook, error)
