// What is asked of CAs in a run, in this order: to revoke what somebody marked, to complete what an earlier run left, and
// certificates for all that is due then. Revoking comes first, since a leaked key does harm as long as it waits; and what
// is revoked or resumed changes what is due, so that is decided after both.
import pLimit from 'p-limit'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { hasTime } from '../limits/admission.js'
import type { Publisher } from '../publish/publisher.js'
import type { Certificate } from '../state/certificates.js'
import { caKey } from '../state/ledger-keys.js'
import type { Responses } from '../state/responses.js'
import type { StateDir } from '../state/state-dir.js'
import { openAuthorities } from './authorities.js'
import { type Due, dueTargets, type ReconcileOptions } from './due.js'
import type { GoingLive } from './going-live.js'
import { type IssueDueParts, issueDue } from './issue-due.js'
import { held } from './links.js'
import { failed, type Outcome, waits } from './outcome.js'
import type { Work } from './plan.js'
import { awaitedAtMostHours, resume } from './resume.js'
import { revoke } from './revoke.js'
import { leftOver, noRunLimit, type RunLimit } from './run-limit.js'

export interface ObtainParts {
  readonly world: World
  readonly state: StateDir
  readonly publisher: Publisher
  readonly responses: Responses
  /** All there are. */
  readonly targets: readonly Target[]
  /** Targets worked on at the same time. */
  readonly parallel: number
  readonly signal: AbortSignal
  /** None when absent. Its signal stops what goes to the CA; `signal` alone stops the hooks, too. */
  readonly limit?: RunLimit
  /** Told of each certificate that is on disk. */
  readonly live: Pick<GoingLive, 'issued'>
}

/** Whatever fails is an Outcome; the rest goes on. @throws Dns01Error STATE when the ledger cannot be written at all */
export async function obtain(parts: ObtainParts, work: Work, options: ReconcileOptions): Promise<Outcome[]> {
  const { world, state, responses, targets } = parts
  const limit = parts.limit ?? noRunLimit(parts.signal)
  const { signal } = limit
  await state.ledger().setDamagedAside() // while nothing was asked yet: later writes would replace what a person may want to see
  const authorities = openAuthorities({ world, state, responses, defaults: state.defaults(), signal })
  const all = { ...parts, authorities, began: world.clock.now(), limit, signal }
  const revoked = await revokeAll(all, work.revoke)
  const { resumed, awaited } = await resumeAll(all, work.resume)
  const cleared = [...revoked, ...resumed]
  const now = world.clock.now()
  // nothing has changed since the plan was made, so it is not made again: a look at ten thousand certificates takes a second
  const due = cleared.length === 0 ? work.issue : dueTargets(held(state, targets), { ...options, now })
  const { go, wait } = withoutAwaited(due, awaited, now)
  const { outcomes, notBegun } = await issueDue(all, go, options)
  // where the time of the run was too short, that is its fault, also when all that it left have time
  const tooShort = notBegun === 0 ? [] : [failed('the run', leftOver(limit, notBegun))]
  return [...cleared, ...wait.map(one => waitsFor(awaited, one)), ...outcomes, ...tooShort]
}

/** Of a disk that did not take the certificate the target is told as failed; the order is taken up again by the next run. */
function waitsFor(awaited: readonly Awaited[], one: Due): Outcome {
  const stuck = awaited.find(each => each.notStored !== undefined && isAwaited(one.target, [each]))
  if (stuck) return { ...failed(one.target.file, stuck.notStored), names: one.target.names }
  return waits({ ...one, because: 'the CA is still at the order that an earlier run made' })
}

/** An order that the CA is still at; `server`: SERVER of the account that made it. */
interface Awaited {
  readonly server: string | undefined
  readonly names: readonly Name[]
  readonly notStored: unknown
}

/** An order at a CA that stood in for the first one counts, too: the certificate that it gives will do. */
const isAwaited = ({ ca, fallback = [], requestNames }: Target, all: readonly Awaited[]): boolean => {
  const servers = [ca, ...fallback].map(caKey)
  return all.some(
    ({ server = '', names }) => servers.includes(server) && requestNames.every(name => names.includes(name)),
  )
}

/** Those whose names are in an order that the CA is still at are not ordered again, unless somebody insists or it is urgent. */
function withoutAwaited(due: readonly Due[], awaited: readonly Awaited[], now: Date): { go: Due[]; wait: Due[] } {
  // Urgent: what is live ends before the order would be given up (resume.ts).
  const ends = ({ notAfter }: Due): boolean =>
    notAfter !== undefined && notAfter.getTime() - now.getTime() < awaitedAtMostHours * 3_600_000
  const mayWait = (one: Due): boolean => !one.forced && (!one.live || hasTime(one, now) || !ends(one))
  const wait = due.filter(one => mayWait(one) && isAwaited(one.target, awaited))
  return { go: due.filter(one => !wait.includes(one)), wait }
}

/** Takes up the orders of earlier runs, several at a time. What cannot be finished now stays on disk, and resume() tells of it. */
async function resumeAll(
  parts: IssueDueParts,
  left: readonly Certificate[],
): Promise<{ readonly resumed: Outcome[]; readonly awaited: Awaited[] }> {
  const { world } = parts
  const atATime = pLimit(parts.parallel)
  const resumed: Outcome[] = []
  const awaited: Awaited[] = []
  const one = async (certificate: Certificate): Promise<void> => {
    const about = { subject: `order ${certificate.url}` }
    world.log.step({ ...about, stage: 'completing what an earlier run left' })
    const ended = await resume(parts, certificate, parts.targets).finally(() => world.log.step(about))
    const { id, awaited: names, notStored } = ended
    if (id !== undefined) {
      resumed.push({ subject: id, names: [], result: 'resumed' })
      parts.live.issued()
    }
    if (names) awaited.push({ server: certificate.accountId?.split('/')[0], names, notStored })
  }
  // resume() tells what fails, and throws only when the run is stopped; then the next thing that is asked ends the run
  await Promise.all(left.map(certificate => atATime(() => one(certificate).catch(() => undefined))))
  return { resumed, awaited }
}

/** Tells the CA to revoke what somebody marked: with the account's key, else with the certificate's own (RFC 8555 §7.6). */
async function revokeAll(parts: IssueDueParts, marked: readonly Certificate[]): Promise<Outcome[]> {
  return Promise.all(
    marked.map(async (certificate): Promise<Outcome> => {
      const about = { subject: certificate.id, names: certificate.facts?.names ?? [] }
      const step = { subject: about.names[0] ?? certificate.id }
      parts.world.log.step({ ...step, stage: 'having the CA revoke it' })
      try {
        await revoke(parts, certificate)
        // A stop between these two asks the CA again next time, which then says alreadyRevoked: success (RFC 8555 §7.6).
        await parts.state.markRevoked(certificate.id)
        return { ...about, result: 'revoked' }
      } catch (error) {
        return { ...about, result: 'failed', error }
      } finally {
        parts.world.log.step(step)
      }
    }),
  )
}
