// Issuing: the story of one target's certificate, told in order. Each step is a call that returns what it found; nothing
// is called back. What is written to disk on the way is there before the CA is asked for what could not be asked twice.
import { combine } from '../core/combine-errors.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import { certificateStep } from '../core/progress.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { Predecessor } from '../limits/admission.js'
import type { Publisher } from '../publish/publisher.js'
import type { StateDir } from '../state/state-dir.js'
import type { CertificateAuthorities } from './authorities.js'
import { authorize } from './authorize.js'
import { type Request, requestFor } from './certificate-key.js'
import { finish } from './finalize.js'
import { newOrder } from './new-order.js'
import type { RecordEnds } from './persistent.js'
import { orderByProfile } from './profile.js'
import { authorityFor } from './provable.js'

export interface IssueParts {
  readonly world: World
  readonly state: StateDir
  readonly authorities: CertificateAuthorities
  readonly publisher: Publisher
  readonly signal: AbortSignal
}

/** What to ask for. */
export interface IssueRequest {
  readonly names: readonly Name[]
  /** Those of them for whose sake it is asked: a certificate with none of these is of no use (request.partial). */
  readonly needed: readonly Name[]
  /** At most so many orders are made: those beyond the first without the names that failed (request.partial). */
  readonly mostOrders: number
  /** The certificate whose place it takes. */
  readonly replaces?: Predecessor | undefined
}

export interface Issued {
  /** Of the certificate. */
  readonly id: string
  readonly names: readonly Name[]
  /** Names that are not in it, and why not. */
  readonly missing: ReadonlyMap<Name, unknown>
  /** The CA counts it as the successor of the one that it replaces. */
  readonly replaced: boolean
  /** When the records of dns-persist-01 end that proved its names. */
  readonly ends: RecordEnds
}

/**
 * The story of one target: provider and account there → order → records → validated → key → certificate on disk. Names
 * that fail are left out and the others ordered again if request.partial says so; the CA reuses what they have proved
 * (RFC 8555 §7.4). Price of an order: about 4 + 2 requests a name, the account's apart.
 *
 * The key is made when all names are proved, since the CA hears of it only when the order is finalized (§7.4). Made
 * first, it would show a full disk before the CA is asked; but then it would have to be taken away whenever a name
 * fails, and every run that is killed while it waits for the DNS would leave one. The run's lock shows a full disk, too.
 * @throws Dns01Error of any code; what was asked for and can be resumed is on disk then
 */
export async function issue(parts: IssueParts, target: Target, request: IssueRequest): Promise<Issued> {
  const { world, state, publisher, signal } = parts
  const { locator } = publisher
  const batch = publisher.batch()
  let asked: Request | undefined
  let replaced = false
  let ends: RecordEnds = new Map()
  const order = async (names: readonly Name[]): Promise<string> => {
    const authority = await authorityFor(parts, target, names)
    const made = await orderByProfile(parts, target, authority.client, async profile => {
      const { ca } = target
      const { order: one, ...it } = await newOrder(parts, authority, { ca, names, profile, replaces: request.replaces })
      replaced = it.replaced
      return one
    })
    const authorized = await authorize({ world, locator, publisher, batch, authority, target, signal }, made)
    const { order: ready, failed } = authorized
    ends = new Map([...ends, ...authorized.ends]) // a second order of a partial target reuses what the first one proved
    if (failed.size > 0) throw combine([...failed.values()], { byName: failed })
    asked ??= await requestFor(parts, target)
    const keyId = asked.isOurs ? asked.keyId : undefined
    // From here on a stop loses nothing: order, account and key are on disk, and the next run resumes (resume.ts).
    const id = await state.addOrder({ url: ready.url, accountId: authority.accountId, keyId })
    world.log.step(certificateStep(target, { stage: 'waiting for the certificate' }))
    return finish(parts, authority.client, {
      id,
      order: ready,
      request: asked,
      names,
      chain: target.chain,
    })
  }
  try {
    return { ...(await leavingOut(target, request, order)), replaced, ends }
  } finally {
    batch.close()
  }
}

/** Orders with ever fewer names, as long as one of those that are needed is left. */
async function leavingOut(
  target: Target,
  request: IssueRequest,
  order: (names: readonly Name[]) => Promise<string>,
): Promise<Omit<Issued, 'replaced' | 'ends'>> {
  const missing = new Map<Name, unknown>()
  for (let { names } = request, orders = 1; ; orders++) {
    try {
      return { id: await order(names), names, missing }
    } catch (error) {
      for (const [name, why] of faults(error, names)) missing.set(name, why)
      const rest = names.filter(name => !missing.has(name))
      const isWorthwhile = rest.length < names.length && request.needed.some(name => rest.includes(name))
      if (!target.partial || !isWorthwhile || orders >= request.mostOrders) throw withReasons(error, missing)
      names = rest
    }
  }
}

/** What the error says of these names; of a wildcard the CA may tell by the name below, if that was not ordered itself. */
function faults(error: unknown, ordered: readonly Name[]): Map<Name, unknown> {
  const found = new Map<Name, unknown>()
  if (!(error instanceof Dns01Error)) return found
  for (const name of ordered) {
    const below = withoutWildcard(name)
    const why = error.byName.get(name) ?? (ordered.includes(below) ? undefined : error.byName.get(below))
    if (why !== undefined) found.set(name, why)
  }
  return found
}

/** The last error, with what went wrong with each name before. */
const withReasons = (error: unknown, missing: ReadonlyMap<Name, unknown>): unknown =>
  missing.size === 0 || !(error instanceof Dns01Error) ? error : combine([error], { byName: missing })
