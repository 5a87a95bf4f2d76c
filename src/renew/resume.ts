// Takes up orders that an earlier run left (RFC 8555 §7.1.6 has their states). To order the same names again would
// work, but counts against the CA's rate limits and throws away what the CA has signed already.
// Such an order is somebody's past: it may belong to no target any more, to an account whose key is gone, or be acmetool's.
// So nothing here may fail a run, and nothing here may hold up a target that is well.
import type { Order } from '../acme/client.js'
import { codeOf, Dns01Error, FAULTS, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import { isCounted, waitsUntil } from '../limits/backoff.js'
import { note } from '../limits/record-result.js'
import type { Certificate } from '../state/certificates.js'
import { orderKey } from '../state/ledger-keys.js'
import { readCertificate } from '../x509/certificate.js'
import type { KeyPair } from '../x509/keys.js'
import type { CertificateAuthority } from './authorities.js'
import { accountsOnHostOf } from './authorities.js'
import { ours, theirs } from './certificate-key.js'
import { downloadChain } from './chain.js'
import { finish, orDrop, store } from './finalize.js'
import type { IssueParts } from './issue.js'
import { liveLinksTo } from './links.js'

/** What became of an order of an earlier run. Neither of the two: it is dropped, or stays for the next run, as was logged. */
export interface Resumed {
  /** Of the certificate, when it is here now. */
  readonly id?: string | undefined
  /** Names of an order that the CA is still at: to order them once more would not be quicker. */
  readonly awaited?: readonly Name[] | undefined
  /** What the disk did not take of it, though the CA gave it: to order that once more would have it signed twice. */
  readonly notStored?: unknown
}

/** Seconds. The CA had its time when the order was made; the targets that wait for their turn come first. */
const signingSeconds = 10
/** After this time, or with less than it left of a live certificate, the names of an order that does not end may be ordered anew. */
export const awaitedAtMostHours = 24

/**
 * Takes up an order that an earlier run left: finalized if it is ready, downloaded if it is valid, dropped if the CA
 * has given it up or forgotten it (docs/state-directory.md, "An interrupted order"). In old directories `url` is the
 * certificate's own. What the CA does not let us see is tried ever more seldom, and holds up no target. `targets` say what
 * else belongs in a request that is still to be made.
 */
export async function resume(parts: IssueParts, left: Certificate, targets: readonly Target[] = []): Promise<Resumed> {
  const { world, state, signal } = parts
  const unseen = orderKey(left.url)
  const unfinished = `${unseen} is unfinished`
  if (mustWait()) return {}
  let awaited: readonly Name[] | undefined
  try {
    const id = await takeUp()
    if (id !== undefined && left.damage !== undefined) await state.journal.noteUntold(liveLinks()) // servers have the damaged one
    await state.ledger().succeeded(unseen, unfinished)
    return { id }
  } catch (error) {
    if (signal.aborted) throw error
    // Two keys: an order that the CA is still at is asked for in every run, one that we may not see ever more seldom.
    if (isCounted(error)) await note(parts, awaited ? unfinished : unseen, error)
    const what = left.damage === undefined ? 'the interrupted order' : 'the damaged certificate of'
    world.log.warn(`${what} ${left.url} waits for the next run: ${messageOf(error)}`)
    if (codeOf(error) === 'STATE' && awaited) return { awaited, notStored: error }
    return FAULTS[codeOf(error)].again && !isOld() ? { awaited } : {}
  }

  function mustWait(): boolean {
    const { failures } = state.ledger()
    const keys = [unseen, left.accountId?.split('/')[0] ?? '']
    return keys.some(each => waitsUntil(failures.get(each), world.clock.now(), 'none') !== undefined)
  }

  function isOld(): boolean {
    const since = state.ledger().failures.get(unfinished)?.since ?? world.clock.now()
    return world.clock.now().getTime() - since.getTime() > awaitedAtMostHours * 3_600_000
  }

  async function takeUp(): Promise<string | undefined> {
    const found = await lookUp(parts, left)
    if (found === undefined) return await drop('the CA does not know it') // issued for anew, if a target still wants it
    const { authority, what } = found
    if (typeof what === 'string') return await storeChain(parts, left.id, what)
    // pending: ours are on disk only once their names are proved (issue.ts), so another tool left this one; a new order
    // for the same names does as well, and the CA reuses what was proved for this one
    if (what.status === 'pending' || what.status === 'invalid') return await drop(`it is ${what.status}`)
    // What else belongs into the request, and which chain, is not on disk: it is as the targets with these names want it.
    const own = targetsOf(what, targets)
    const chain = own.find(target => target.chain !== undefined)?.chain
    const key = storedKey(parts, left)
    const csr = key ? undefined : own.find(target => target.csr)?.csr
    if (key || csr) awaited = what.identifiers
    const request = key ? ours(key, { mustStaple: own.some(target => target.mustStaple) }) : csr && theirs(csr)
    if (!request && what.status === 'ready') return await drop('its private key is not in keys/')
    // request.csr may have led to another request when the order was finalized: whatever certificate came of it is kept
    const isTold = key !== undefined || what.status === 'ready'
    if (!request || !isTold) return await downloadOnly(parts, authority, left.id, what, chain)
    const it = { id: left.id, order: what, request, names: what.identifiers, chain, signingSeconds }
    return await finish(parts, authority.client, it)
  }

  function liveLinks(): string[] {
    return liveLinksTo(state.links(), id => id === left.id)
  }

  /** Never what a link leads to: a web server that restarts now needs the file, damaged or not. */
  async function drop(why: string): Promise<undefined> {
    if (liveLinks().length > 0) {
      world.log.warn(`certs/${left.id} cannot be downloaded again (${why}); it stays until another one is live`)
      return undefined
    }
    world.log.warn(`the interrupted order ${left.url} is dropped: ${why}`)
    await state.removeCertificate(left.id)
    return undefined
  }
}

/** Those that ask for the names of this order, and so may have made it. */
function targetsOf({ identifiers }: Order, targets: readonly Target[]): Target[] {
  const asked = new Set(identifiers)
  return targets.filter(
    ({ requestNames }) => requestNames.length === asked.size && requestNames.every(name => asked.has(name)),
  )
}

interface LookedUp {
  readonly authority: CertificateAuthority
  /** An order, or a PEM chain. */
  readonly what: Order | string
}

/**
 * Asks with the account that made the order; when its link is gone, with each account of that server. One of those not
 * knowing it proves nothing, so that then it stays. undefined: the CA has forgotten it.
 * @throws Dns01Error STATE when no account is there, or none of them may see it
 */
async function lookUp({ state, authorities, signal }: IssueParts, left: Certificate): Promise<LookedUp | undefined> {
  const known = state.accounts().find(({ id }) => id === left.accountId)
  const candidates = known ? [known] : accountsOnHostOf(state, left.url)
  for (const { id } of candidates) {
    const authority = await authorities.ofAccount(id)
    const what = await authority.client.download(left.url, signal).catch((error: unknown) => {
      if (known || codeOf(error) !== 'REFUSED') throw error
      return undefined
    })
    if (what !== undefined) return { authority, what }
  }
  if (known) return undefined
  throw new Dns01Error('STATE', `none of the ${candidates.length} accounts here for its server may see it`)
}

/** acmetool links the key only when the certificate is there. */
const storedKey = ({ state }: IssueParts, left: Certificate): KeyPair | undefined =>
  left.keyId !== undefined && left.hasKey ? state.key(left.keyId) : undefined

/** For an order whose key is told by nothing but the certificate to come. */
async function downloadOnly(
  parts: IssueParts,
  { client }: CertificateAuthority,
  id: string,
  order: Order,
  chain: string | undefined,
): Promise<string> {
  const done = (o: Order): boolean => o.status === 'valid'
  const valid = done(order)
    ? order
    : await client.pollOrder(order.url, done, { giveUpAfterSeconds: signingSeconds }, parts.signal)
  return storeChain(parts, id, await downloadChain(parts, client, valid, chain))
}

/** Kept also without its key, as acmetool does: it serves no target then. */
const storeChain = (parts: IssueParts, id: string, chain: string): Promise<string> =>
  orDrop(parts, id, () => store(parts, { id, keyId: readCertificate(chain).keyId, names: [] }, chain))
