/**
 * `dns01 probe --served`: what is shown to clients at places that are given, or where targets say (`check`). Thorough: versions
 * and weak ciphers, too, which a run does not try. What comes of a target's places is kept for `status`.
 */

import pLimit from 'p-limit'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import { type Dialogue, parsePlace, type WhatToLook } from '../core/place.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { judges, linkFor, type PlannedLook, plannedLooks, seenNow } from '../renew/served.js'
import { faultOf, type ServedFinding } from '../served/judge.js'
import { type Looked, look } from '../served/look.js'
import { withLock } from '../state/lock.js'
import { StateDir } from '../state/state-dir.js'
import { readCertificate } from '../x509/certificate.js'

/** What `dns01 probe --served --json` prints: members are added, not renamed or taken away. */
export interface ServedDocument {
  readonly places: readonly ServedPlace[]
}

interface ServedPlace {
  readonly place: string
  /** That was asked for there. */
  readonly name?: Name | undefined
  /** What ought to be served there. */
  readonly live?: string | undefined
  readonly findings: readonly ServedFinding[]
  readonly protocol?: string | undefined
  readonly cipher?: string | undefined
  readonly certificate?: {
    readonly names: readonly Name[]
    readonly subject: string
    readonly issuer: string
    readonly serial: string
    readonly notBefore: Date
    readonly notAfter: Date
    readonly hoursLeft: number
  }
  /** How many came with it. */
  readonly chainLength?: number | undefined
  readonly versions?: readonly string[] | undefined
  readonly weak?: readonly string[] | undefined
}

export interface ServedProbeParts {
  readonly world: World
  readonly stateRoot: string
  readonly commandLine: string
  readonly signal: AbortSignal
}

export interface WhatIsServed {
  /** HOST, HOST:PORT, or a name whose target has a `check`; none: all that have one. */
  readonly words: readonly string[]
  /** What is spoken before TLS, where neither port nor word says so. */
  readonly dialogue: Dialogue | undefined
}

/** At the same time. */
const looksAtOnce = 10

/** Without a target it is some place of somebody's, for which nothing of ours is live. */
interface Planned extends WhatToLook {
  readonly planned?: PlannedLook | undefined
  readonly target?: Target | undefined
}

/** @throws Dns01Error USAGE for what is no place, or where no target has a `check` */
export async function probeServed(parts: ServedProbeParts, what: WhatIsServed): Promise<ServedDocument> {
  const { world, stateRoot, signal } = parts
  const state = await StateDir.open(world, stateRoot, { readOnly: true })
  const { targets } = state.targets()
  const links = state.links()
  const all = placesOf(what, targets, plannedLooks(targets, links))
  const judgeOne = await judges({ world, state, signal }, { links, certificates: state.certificates() })
  const atATime = pLimit(looksAtOnce)
  const seen = await Promise.all(
    all.map(one =>
      atATime(async () => {
        world.log.step({ subject: one.place.text, stage: 'looking at what is served' })
        const looked = await look(world, one, { thorough: true, signal })
        world.log.step({ subject: one.place.text })
        const link = one.target && linkFor(one.target, one.name)
        return { one, looked, link, findings: judgeOne(looked, one) }
      }),
    ),
  )
  await remember(parts, seen)
  const now = world.clock.now()
  return {
    places: seen.map(({ one, looked, link, findings }) => ({
      place: one.place.text,
      name: one.name,
      live: link !== undefined && links.has(link) ? `live/${link}` : undefined,
      findings,
      ...factsOf(looked, now),
    })),
  }
}

function placesOf(
  { words, dialogue }: WhatIsServed,
  targets: readonly Target[],
  planned: readonly PlannedLook[],
): Planned[] {
  const withCheck = planned.map(one => ({ ...one, planned: one }))
  if (words.length > 0) return words.flatMap(word => meantBy(word, { dialogue, targets, withCheck }))
  if (withCheck.length > 0) return withCheck
  throw new Dns01Error('USAGE', 'no target says where it is served', {
    hint: 'dns01 probe --served HOST:PORT, or write into a target: check: [HOST:PORT]',
  })
}

interface Meaning {
  readonly dialogue: Dialogue | undefined
  readonly targets: readonly Target[]
  readonly withCheck: readonly (Planned & PlannedLook)[]
}

function meantBy(word: string, { dialogue, targets, withCheck }: Meaning): Planned[] {
  const ofTarget = withCheck.filter(({ target }) => target.names.some(name => name === word.toLowerCase()))
  if (ofTarget.length > 0 && dialogue === undefined) return ofTarget
  const place = parsePlace(word, dialogue)
  if (place.host === '')
    throw new Dns01Error('USAGE', `${word} lacks the host`, {
      hint: 'only in a target it may be left out: then it is each of its names',
    })
  const name = /[a-z]/i.test(place.host) && !place.host.includes(':') ? parseName(place.host) : undefined
  const wildcard = name?.replace(/^[^.]+/, '*')
  const target =
    targets.find(({ names }) => names.some(one => one === name)) ??
    targets.find(({ names }) => names.some(one => one === wildcard))
  return [{ place, name, target }]
}

function factsOf({ handshake, versions, weak }: Looked, now: Date): Partial<ServedPlace> {
  const { protocol, cipher, chain = [] } = handshake ?? {}
  const taken = versions && [...versions].flatMap(([version, is]) => (is ? [version] : []))
  return {
    protocol,
    cipher,
    chainLength: handshake && chain.length,
    versions: taken,
    weak,
    ...certificateOf(chain[0], now),
  }
}

function certificateOf(der: Uint8Array | undefined, now: Date): Pick<ServedPlace, 'certificate'> {
  try {
    if (!der) return {}
    const { names, subject, issuer, serial, notBefore, notAfter } = readCertificate(der)
    const hoursLeft = Math.floor((notAfter.getTime() - now.getTime()) / 3_600_000)
    return { certificate: { names, subject, issuer, serial, notBefore, notAfter, hoursLeft } }
  } catch {
    return {} // the findings say so
  }
}

/** Seconds; a probe does not wait long for a run only to note something. */
const lockSeconds = 4

/** So that `status` knows what was mended. Nobody asked for that: where it fails, a word of it is in the log. */
async function remember(
  { world, stateRoot, commandLine, signal }: ServedProbeParts,
  seen: readonly { readonly one: Planned; readonly findings: readonly ServedFinding[] }[],
): Promise<void> {
  const news = seen.flatMap(({ one: { planned }, findings }) =>
    planned?.live === undefined ? [] : [{ planned, fault: faultOf(findings) }],
  )
  if (news.length === 0) return
  try {
    const state = await StateDir.open(world, stateRoot)
    await withLock(world, state, { waitSeconds: lockSeconds, command: commandLine, signal }, async () => {
      const memory = state.served()
      const now = world.clock.now()
      const kept = news.map(
        ({ planned, fault }) => [planned.key, seenNow(planned, fault, memory.seen.get(planned.key), now)] as const,
      )
      await memory.keep(new Map(kept), () => true)
    })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Dns01Error)) throw error
    world.log.info(`what was served is not noted: ${messageOf(error)}`)
  }
}
