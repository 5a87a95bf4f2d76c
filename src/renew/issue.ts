import type { AcmeClient, Order } from '../acme/client.js'
import { combine } from '../core/combine-errors.js'
import { codeOf, Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import { type Target, titleOf } from '../core/target.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'
import { type CertificateFacts, checkIssued, readCertificate } from '../x509/certificate.js'
import { createCsr } from '../x509/csr.js'
import { generateKey, type KeyPair } from '../x509/keys.js'
import type { CertificateAuthorities, CertificateAuthority } from './authorities.js'
import { type AuthorizeParts, authorize, isReady } from './authorize.js'

export interface IssueParts extends AuthorizeParts {
  readonly world: World
  readonly state: StateDir
  readonly authorities: CertificateAuthorities
}

/** How long the CA may take to sign. */
const signingSeconds = 600

/** What to ask for. */
export interface IssueRequest {
  readonly names: readonly Name[]
  /** Whether a certificate for these alone is of use (request.partial). */
  readonly worthwhile?: (names: readonly Name[]) => boolean
  /** Called before each order; what it throws stops the story. */
  readonly beforeOrder?: () => Promise<void>
}

export interface Issued {
  /** Of the certificate. */
  readonly id: string
  readonly names: readonly Name[]
  /** Names that are not in it, and why not. */
  readonly missing: ReadonlyMap<Name, unknown>
}

/** With request.partial: names may turn out bad when ordering, when proving, and when signing (CAA). */
const mostOrders = 3

/**
 * The story of one target: key → order → records → validated → certificate on disk. Names that fail are left out and
 * the others ordered again if request.partial says so; the CA reuses what they have proved (RFC 8555 §7.4).
 * Price of an order: about 4 + 2 requests a name, the account's apart.
 * @throws Dns01Error of any code; what was asked for and can be resumed is on disk then, what can't is removed
 */
export async function issue(
  parts: IssueParts,
  target: Target,
  wish: IssueRequest = { names: target.requestNames },
): Promise<Issued> {
  const { world, state, authorities, publisher } = parts
  const arrived = publisher.expect()
  let made: KeyPair | undefined
  try {
    const existing = existingKey(parts, target)
    const key = existing ?? (await generateKey(target.key))
    if (!existing) {
      made = key
      await state.addKey(key)
    }
    return await leavingOut(target, wish, async names => {
      await publisher.checkProviders(names, target.dns)
      world.log.step(titleOf(target), 'asking the CA')
      const authority = await authorities.for(target.ca)
      await wish.beforeOrder?.()
      return obtain(parts, { authority, target, key, names, arrived, keyIsNeeded: () => (made = undefined) })
    })
  } finally {
    arrived()
    if (made) await state.removeKey(made.id)
    world.log.step(titleOf(target), undefined)
  }
}

/** Tries with ever fewer names, as long as it is worthwhile. */
async function leavingOut(
  target: Target,
  { names: all, worthwhile = () => true }: IssueRequest,
  attempt: (names: readonly Name[]) => Promise<string>,
): Promise<Issued> {
  const missing = new Map<Name, unknown>()
  for (let names = all, orders = 1; ; orders++) {
    try {
      return { id: await attempt(names), names, missing }
    } catch (error) {
      for (const name of names) {
        const why = atFault(error, name, names)
        if (why !== undefined) missing.set(name, why)
      }
      const rest = names.filter(name => !missing.has(name))
      const hopeful = target.partial && rest.length > 0 && rest.length < names.length && orders < mostOrders
      if (hopeful && worthwhile(rest)) names = rest
      else throw missing.size === 0 || !(error instanceof Dns01Error) ? error : combine([error], { byName: missing })
    }
  }
}

/** What the error says of this name; of a wildcard the CA may tell by the name below, which must not be ordered itself. */
function atFault(error: unknown, name: Name, ordered: readonly Name[]): unknown {
  if (!(error instanceof Dns01Error)) return undefined
  const below = withoutWildcard(name)
  return error.byName.get(name) ?? (ordered.includes(below) ? undefined : error.byName.get(below))
}

interface Obtaining {
  readonly authority: CertificateAuthority
  readonly target: Target
  readonly key: KeyPair
  readonly names: readonly Name[]
  readonly arrived: () => void
  readonly keyIsNeeded: () => void
}

/** One order and its certificate. */
async function obtain(parts: IssueParts, it: Obtaining): Promise<string> {
  const { world, state, signal } = parts
  const { authority, target, key, names } = it
  const order = await authority.client.newOrder({ names }, signal)
  const ready = isReady(order) ? order : await authorize(parts, authority, target, order, it.arrived)
  const id = await state.addOrder({ url: order.url, accountId: authority.accountId, keyId: key.id })
  it.keyIsNeeded() // from here on an order knows the key: it stays
  world.log.step(titleOf(target), 'waiting for the certificate')
  return finish(parts, authority.client, { id, order: ready, key, names, mustStaple: target.mustStaple })
}

/** request.key.id names a key to use; when it is not there, a new one is made and the log says so. */
function existingKey({ state, world }: IssueParts, target: Target): KeyPair | undefined {
  const { id } = target.key
  if (id === undefined) return undefined
  if (state.keyIds().has(id)) return state.key(id)
  world.log.warn(`${target.file}: the key ${id} (request.key.id) is not in keys/; making a new one`)
  return undefined
}

interface Finishing {
  readonly id: string
  readonly order: Order
  readonly key: KeyPair
  readonly names: readonly Name[]
  readonly mustStaple: boolean
  /** How long the CA may take; as for a new order when absent. */
  readonly signingSeconds?: number
}

/** From a ready order to a certificate that was checked and stored. */
export async function finish(parts: IssueParts, client: AcmeClient, it: Finishing): Promise<string> {
  const { signal } = parts
  const stage = { stage: 'signing', names: it.names.length } as const
  const limits = { giveUpAfterSeconds: it.signingSeconds ?? signingSeconds, stage }
  return orDrop(parts, it.id, async () => {
    const csr = () => createCsr(it.key, it.names, it)
    const isValid = ({ status }: Order): boolean => status === 'valid'
    const finalized: Awaited<ReturnType<AcmeClient['finalize']>> =
      it.order.status === 'ready' ? await client.finalize(it.order, csr(), signal) : it.order
    const { retryAfterSeconds } = finalized
    const valid = isValid(finalized)
      ? finalized
      : await client.pollOrder(it.order.url, isValid, { ...limits, retryAfterSeconds }, signal)
    return store(parts, { ...it, keyId: it.key.id }, await client.certificate(valid, signal))
  })
}

/** What came back is checked before it can go live; what fails the check stays out. */
export async function store(
  { state, world }: IssueParts,
  it: Pick<Finishing, 'id' | 'names'> & { readonly keyId: string },
  chain: string,
): Promise<string> {
  const want = { keyId: it.keyId, names: it.names, now: world.clock.now() }
  const issued = checkIssued(chain, want)
  tellLifetime(world, it.names, readCertificate(issued.cert))
  await state.storeCertificate(it.id, issued)
  return it.id
}

/**
 * Half of the shortest life that hourly runs can renew, and once more when that fails; and what public CAs may not exceed
 * (CA/Browser Forum, Baseline Requirements §6.3.2: 398 days), which is a private CA's own choice: no warning to cron.
 */
const lives = { shortestHours: 4, longestDays: 400 } as const

function tellLifetime(
  { log }: Pick<World, 'log'>,
  names: readonly Name[],
  { notBefore, notAfter }: CertificateFacts,
): void {
  const hours = (notAfter.getTime() - notBefore.getTime()) / 3_600_000
  const what = `${names[0] ?? 'a certificate'}: it is valid`
  if (hours < lives.shortestHours)
    log.warn(`${what} for ${hours.toFixed(1)} hours`, 'hourly runs may be too seldom to renew it in time')
  if (hours > lives.longestDays * 24)
    log.info(`${what} for ${Math.round(hours / 24)} days, until ${notAfter.toISOString().slice(0, 10)}`)
}

/** An order that the CA, or our check of what it gave, has refused for good will never be of use: its folder goes. */
export async function orDrop<T>({ state }: IssueParts, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (codeOf(error) === 'REFUSED') await state.removeCertificate(id)
    throw error
  }
}
