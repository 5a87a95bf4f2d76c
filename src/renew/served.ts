// Looks at what is served where targets say (`check`): after each renewal, and where it was not well, in each run until it is.
// That a link was moved and a hook did not complain is no proof: a server may read another file, or keep the old certificate in
// its memory for months.
import pLimit from 'p-limit'
import { Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import { looksOf, type WhatToLook } from '../core/place.js'
import { linkName, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { faultOf, judge, type Known, type Ours, type ServedFinding } from '../served/judge.js'
import { type Looked, look } from '../served/look.js'
import type { Certificate } from '../state/certificates.js'
import { isPlaceholder } from '../state/layout.js'
import { type Seen, type ServedMemory, servedKey } from '../state/served-memory.js'
import type { StateDir } from '../state/state-dir.js'
import type { Outcome } from './outcome.js'

export interface ServedParts {
  readonly world: Pick<World, 'tls' | 'clock' | 'random'>
  readonly state: StateDir
  readonly signal: AbortSignal
}

/** One look that a target asks for. */
export interface PlannedLook extends WhatToLook {
  readonly target: Target
  readonly key: string
  /** The certificate that is live for it; undefined: none is. */
  readonly live: string | undefined
}

/** All that the targets ask for, in their order. */
export const plannedLooks = (targets: readonly Target[], links: ReadonlyMap<string, string>): PlannedLook[] =>
  targets.flatMap(target =>
    looksOf(target).map(what => ({
      ...what,
      target,
      key: servedKey(target.file, what.place.text, what.name),
      live: links.get(linkFor(target, what.name)),
    })),
  )

/** The link of live/ whose certificate ought to be shown for this name: its own, that of its wildcard, else the first one. */
export function linkFor({ names, label }: Pick<Target, 'names' | 'label'>, name: Name | undefined): string {
  const wildcard = name?.replace(/^[^.]+/, '*')
  const own = names.find(one => one === name) ?? names.find(one => one === wildcard) ?? names[0]
  return linkName(own as Name, label)
}

/**
 * Those that are due: another certificate is live than when it was looked at last, or, with `again`, it was not well then.
 * Nothing is served of what is not live.
 */
export const dueLooks = (planned: readonly PlannedLook[], seen: ServedMemory['seen'], again: boolean): PlannedLook[] =>
  planned.filter(({ key, live }) => {
    const last = seen.get(key)
    return live !== undefined && (last?.certificate !== live || (again && last.state === 'failed'))
  })

/** At the same time; each is a few connections. */
const looksAtOnce = 20

/** The looks of a run together: what could not be looked at is left to the next one, since they hold the lock. */
const allSeconds = 60

/** A reload takes a moment, in which the old certificate is still shown: it is looked at again after so many seconds. */
const pausesSeconds = [1, 2, 4] as const

/** A place that does not even answer in so long is not in the middle of a reload. */
const reloadSeconds = 8

/** What a run does, at its end. An outcome for each place where it is not well. @throws the signal's reason */
export async function lookAtServed(
  parts: ServedParts,
  targets: readonly Target[],
  { again }: { readonly again: boolean },
): Promise<Outcome[]> {
  const { state, world, signal } = parts
  const links = state.links()
  const planned = plannedLooks(targets, links)
  const memory = state.served()
  const asked = dueLooks(planned, memory.seen, again)
  const certificates = asked.length > 0 ? state.certificates() : []
  const placeholders = new Set(certificates.flatMap(({ id, url }) => (isPlaceholder(url) ? [id] : [])))
  const due = asked.filter(({ live }) => !placeholders.has(live ?? '')) // whose server shows it, as it should
  const wanted = new Set(planned.map(({ key }) => key))
  const found = new Map<string, Seen>()
  const outcomes: Outcome[] = []
  if (due.length > 0) {
    const judgeOne = await judges(parts, { links, certificates })
    const deadline = world.clock.deadline(allSeconds)
    const atATime = pLimit(looksAtOnce)
    const one = async (planned: PlannedLook): Promise<void> => {
      if (deadline.aborted) return
      const isNew = memory.seen.get(planned.key)?.certificate !== planned.live
      const fault = faultOf(await lookUntilGood(parts, planned, judgeOne, isNew ? pausesSeconds : []))
      found.set(planned.key, seenNow(planned, fault, memory.seen.get(planned.key), world.clock.now()))
      if (fault) outcomes.push(outcomeOf(planned, fault))
    }
    await Promise.all(due.map(planned => atATime(() => one(planned))))
    signal.throwIfAborted()
  }
  await memory.keep(found, key => wanted.has(key))
  return outcomes
}

type Judge = (
  looked: Looked,
  about: { readonly target?: Target | undefined; readonly name: Name | undefined },
) => ServedFinding[]

async function lookUntilGood(
  { world, signal }: ServedParts,
  planned: PlannedLook,
  judgeOne: Judge,
  pauses: readonly number[],
): Promise<ServedFinding[]> {
  const began = world.clock.now().getTime()
  for (const pause of [...pauses, undefined]) {
    const findings = judgeOne(await look(world, planned, { thorough: false, signal }), planned)
    const isLate = world.clock.now().getTime() - began > reloadSeconds * 1000
    if (pause === undefined || isLate || !faultOf(findings)) return findings
    await world.clock.sleep(pause, signal)
  }
  return []
}

/** Read once for all looks. */
interface OnDisk {
  readonly links: ReadonlyMap<string, string>
  readonly certificates: readonly Certificate[]
}

/** What is damaged is told elsewhere; here it is as if nothing were live. */
function readable(read: () => readonly Uint8Array[]): readonly Uint8Array[] {
  try {
    return read()
  } catch (error) {
    if (error instanceof Dns01Error) return []
    throw error
  }
}

/** What is thought of a look, by what is on disk. */
export async function judges({ world, state }: ServedParts, { links, certificates }: OnDisk): Promise<Judge> {
  const trusted = await world.tls.trustedCas()
  const chains = new Map<string, readonly Uint8Array[]>()
  const chainOf = (id: string): readonly Uint8Array[] => {
    const chain = chains.get(id) ?? readable(() => state.certificateChain(id))
    chains.set(id, chain)
    return chain
  }
  return (looked, { target, name }) => {
    const link = target && linkFor(target, name)
    const id = links.get(link ?? '')
    const ours = link === undefined || id === undefined ? undefined : oursOf(link, chainOf(id), { certificates, links })
    return judge(looked, { ours, trusted, now: world.clock.now() } satisfies Known)
  }
}

function oursOf(
  link: string,
  [certificate, ...chain]: readonly Uint8Array[],
  { certificates, links }: OnDisk,
): Ours | undefined {
  return (
    certificate && {
      link: `live/${link}`,
      certificate,
      chain,
      whatIs(served) {
        const same = certificates.find(
          ({ facts }) =>
            facts?.serial === served.serial && facts.issuer === served.issuer && facts.keyId === served.keyId,
        )
        const [other] = [...links].flatMap(([name, id]) => (id === same?.id ? [name] : []))
        return same && { name: other ? `live/${other}` : `certs/${same.id}`, isLive: other !== undefined }
      },
    }
  )
}

/** What is kept of a look, as `status` tells it. */
export function seenNow(
  { live }: Pick<PlannedLook, 'live'>,
  fault: Dns01Error | undefined,
  before: Seen | undefined,
  now: Date,
): Seen {
  const state = fault ? 'failed' : 'ok'
  return {
    at: now,
    since: before?.state === state ? before.since : now,
    state,
    text: fault?.message ?? 'the live certificate is served',
    hint: fault?.hint,
    certificate: live,
  }
}

/** As a hook that failed (exit 8): certificates are live, and somebody does not see them. */
function outcomeOf({ target, place, name }: PlannedLook, fault: Dns01Error): Outcome {
  const asked = name === undefined || name === place.host ? '' : ` (asked for ${name})`
  const hints = [
    ...(fault.hint ? [fault.hint] : []),
    `the next run looks again; dns01 probe --served ${withoutWildcard(target.names[0] as Name)} looks now`,
  ]
  const error = new Dns01Error('HOOK', `${target.file}: ${place.text}${asked}: ${fault.message}`, { hint: hints })
  return { subject: target.file, names: target.names, result: 'failed', error }
}
