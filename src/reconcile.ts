import pLimit from 'p-limit'
import { openAuthorities } from './certificate-authorities.js'
import { type IssueParts, issue } from './issue.js'
import { linkUp, pointLinks, tellWhatChanged } from './live.js'
import type { Name } from './names.js'
import { type Due, firstWave, type LinkChange, type Plan, plan } from './plan.js'
import type { Publisher } from './publisher.js'
import { resume } from './resume.js'
import { revoke } from './revoke.js'
import type { Certificate } from './state/certificates.js'
import type { Responses } from './state/responses.js'
import type { StateDir } from './state/state-dir.js'
import type { Target } from './target.js'
import type { World } from './world.js'

/** What became of one thing the run had to do. */
export interface Outcome {
  /** Target file, certificate id, or hook. */
  readonly subject: string
  readonly names: readonly Name[]
  readonly result: 'issued' | 'resumed' | 'revoked' | 'linked' | 'failed'
  readonly error?: unknown
}

export interface ReconcileParts {
  readonly world: World
  readonly state: StateDir
  readonly publisher: Publisher
  readonly responses: Responses
  readonly signal: AbortSignal
  /** Targets worked on at the same time. */
  readonly parallel: number
  readonly hookFolders: readonly string[]
}

export interface ReconcileOptions {
  readonly force?: readonly Name[] | undefined
  readonly onlyFiles?: readonly string[] | undefined
}

/**
 * Makes true what desired/ says, under the lock: clears up what an earlier run left, then revokes, resumes, issues,
 * links, and tells the hooks. Whatever fails is an Outcome; the rest goes on.
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions = {}): Promise<Outcome[]> {
  const { state, publisher } = parts
  await publisher.recover()
  const { targets, problems } = state.targets()
  const outcomes: Outcome[] = problems.map(error => ({ subject: 'desired', names: [], result: 'failed', error }))
  const first = plan(held(parts, targets), { ...options, now: parts.world.clock.now() })
  if (nothingIsDue(first)) {
    await pointLinks(state, first.link) // what was read still holds: with ten thousand certificates a look takes a second
    outcomes.push(...first.link.map(linked))
  } else
    try {
      outcomes.push(...(await obtain(parts, targets, first, options)))
    } finally {
      await publisher.close()
      outcomes.push(...(await linkUp(parts.world, state, targets)).map(linked))
    }
  for (const { hook, error } of await tellWhatChanged(parts))
    outcomes.push({ subject: hook, names: [], result: 'failed', error })
  return outcomes
}

const nothingIsDue = ({ revoke, resume, issue }: Plan): boolean => revoke.length + resume.length + issue.length === 0

const linked = ({ link }: LinkChange): Outcome => ({ subject: link, names: [], result: 'linked' })

async function obtain(
  parts: ReconcileParts,
  targets: readonly Target[],
  first: Plan,
  options: ReconcileOptions,
): Promise<Outcome[]> {
  const { world, state, responses, signal } = parts
  const authorities = openAuthorities({ world, state, responses, defaults: state.defaults(), signal })
  const all: IssueParts & ReconcileParts = { ...parts, authorities }
  const cleared = [...(await revokeAll(all, first.revoke)), ...(await resumeAll(all, first.resume))]
  const due =
    cleared.length === 0 ? first.issue : plan(held(parts, targets), { ...options, now: world.clock.now() }).issue
  return [...cleared, ...(await issueAll(all, due, options))]
}

const held = ({ state }: ReconcileParts, targets: readonly Target[]) => ({
  targets,
  certificates: state.certificates(),
  links: state.links(),
})

type Issuing = IssueParts & ReconcileParts

/** Every due target on its own, many at a time; those that another may make unnecessary are looked at again afterwards. */
async function issueAll(parts: Issuing, due: readonly Due[], options: ReconcileOptions): Promise<Outcome[]> {
  if (due.length === 0) return []
  const { now, later } = firstWave(due)
  const atATime = pLimit(parts.parallel)
  const outcomes = await Promise.all(now.map(({ target, why }) => atATime(() => issueOne(parts, target, why))))
  const still = plan(
    held(
      parts,
      later.map(d => d.target),
    ),
    { ...options, now: parts.world.clock.now() },
  )
  return [...outcomes, ...(await issueAll(parts, later.length > 0 ? still.issue : [], options))]
}

async function issueOne(parts: Issuing, target: Target, why: string): Promise<Outcome> {
  const { world, signal } = parts
  const about = { subject: target.file, names: target.names }
  try {
    signal.throwIfAborted()
    world.log.info(`${target.file}: ${why}`)
    const { id } = await issue(parts, target)
    world.log.info(`${target.file}: certificate ${id} issued`)
    return { ...about, result: 'issued' }
  } catch (error) {
    return { ...about, result: 'failed', error }
  }
}

async function resumeAll(parts: Issuing, left: readonly Certificate[]): Promise<Outcome[]> {
  const atATime = pLimit(parts.parallel)
  const results = await Promise.all(left.map(one => atATime(() => resume(parts, one).catch(() => undefined))))
  return results.flatMap((id): Outcome[] => (id === undefined ? [] : [{ subject: id, names: [], result: 'resumed' }]))
}

/** Tells the CA to revoke what somebody marked: with the account's key, else with the certificate's own (RFC 8555 §7.6). */
async function revokeAll(parts: Issuing, marked: readonly Certificate[]): Promise<Outcome[]> {
  return Promise.all(
    marked.map(async (certificate): Promise<Outcome> => {
      const about = { subject: certificate.id, names: certificate.facts?.names ?? [] }
      try {
        await revoke(parts, certificate)
        await parts.state.markRevoked(certificate.id)
        return { ...about, result: 'revoked' }
      } catch (error) {
        return { ...about, result: 'failed', error }
      }
    }),
  )
}
