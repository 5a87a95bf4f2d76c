// Orders, from newOrder to the certificate (RFC 8555 §7.4). Their authorizations are authorization.ts, what they end with
// is chain.ts.
// Any answer may be lost on its way, or the process stop before it is on disk; the next run has the order's URL and
// nothing else. So each step can be repeated: what the CA has done already is found, and counts as done.
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Accounts } from './account.js'
import type { Authorizations } from './authorization.js'
import { type Chains, isPem, openChains, pemChain } from './chain.js'
import type { Order } from './objects.js'
import { orderError, shortList } from './order-errors.js'
import { type PollLimits, poll } from './poll.js'
import { isProblem, problemOf } from './problem.js'
import { type Answer, retryAfterOf } from './response.js'
import type { Session } from './session.js'

/** What newOrder is asked with (RFC 8555 §7.4). */
interface OrderRequest {
  /** In A-labels; a wildcard with its `*.`. How many one order may have is the CA's limit (Let's Encrypt: 100 or 25). */
  readonly names: readonly Name[]
  /** One of the directory's profiles (draft-ietf-acme-profiles §4); without it the CA takes its default. */
  readonly profile?: string | undefined
  /** RFC 9773 §5: the id of the certificate that this order replaces. Let's Encrypt does not count such orders. */
  readonly replaces?: string | undefined
}

/**
 * Orders of one account. Every method costs one request unless it says otherwise, and throws Dns01Error: REFUSED for what
 * the CA will refuse again, UNAVAILABLE for what may pass by itself.
 */
export interface Orders extends Chains {
  /**
   * A CA may return an order it made before for the same names, even one whose authorizations are all valid. With
   * `replaces`, an error that isAboutReplaces() is thrown at once, also where it would pass by itself.
   */
  newOrder(request: OrderRequest, signal: AbortSignal): Promise<Order>
  order(url: string, signal: AbortSignal): Promise<Order>
  /** Looks until `until`; a request for each look. An order that becomes invalid throws, for each name with what the CA
   *  said in words, at one more request for each authorization. UNAVAILABLE when the time of `limits` is over. */
  pollOrder(url: string, until: (order: Order) => boolean, limits: PollLimits, signal: AbortSignal): Promise<Order>
  /** Asks for the certificate: `csr` is DER. An order that was finalized before is returned as it is now, at another
   *  request; it has the certificate for the first CSR, not for this one, unless they are the same. `retryAfterSeconds`:
   *  when the CA wants to be asked for it (§7.4). */
  finalize(
    order: Order,
    csr: Uint8Array,
    signal: AbortSignal,
  ): Promise<Order & { readonly retryAfterSeconds?: number | undefined }>
  /** What is at a URL kept from an earlier run: an order, or a PEM chain; undefined when the CA has forgotten it. */
  download(url: string, signal: AbortSignal): Promise<Order | string | undefined>
}

/**
 * What a CA may have against `replaces` alone: already replaced (RFC 9773 §5); not understood; another account's, or another
 * issuer's; and an internal error, which Pebble has for a serial number that begins with 00. Whatever else it may be about,
 * the order without it tells.
 */
export function isAboutReplaces(error: unknown): boolean {
  const told = problemOf(error)
  if (!told) return false
  const types = ['alreadyReplaced', 'malformed', 'unauthorized', 'serverInternal']
  return types.some(type => isProblem(error, type)) || told.status === 500
}

/**
 * The order must be for what was asked for (RFC 8555 §7.4): else names of others would be proved and signed. Compared as
 * sets, since a CA may sort them. Before any record is placed: a CA that mixes up two accounts must not cost a DNS change.
 */
function refuseOthers({ identifiers }: Order, names: readonly Name[]): void {
  const wanted = new Set(names)
  const others = identifiers.filter(name => !wanted.has(name))
  const missing = names.filter(name => !identifiers.includes(name))
  if (others.length + missing.length === 0) return
  const what = others.length > 0 ? `it is for ${shortList(others)}, too` : `it lacks ${shortList(missing)}`
  throw new Dns01Error('REFUSED', `newOrder for ${shortList(names)}: the CA made another order: ${what}`)
}

/**
 * The order itself mostly says no more than that it is invalid; the reason stands in the challenges.
 * @throws Dns01Error for each name that failed, with what the CA said of it; one request for each authorization
 */
async function refuseInvalid(
  { authorization }: Pick<Authorizations, 'authorization'>,
  order: Order,
  signal: AbortSignal,
): Promise<void> {
  if (order.status !== 'invalid') return
  throw orderError(order, await Promise.all(order.authorizations.map(url => authorization(url, signal))))
}

/** Orders of the account. Nothing is asked yet. `account` signs, `authorizations` tell why an order is invalid. */
export function openOrders(
  session: Session,
  account: Pick<Accounts, 'post'>,
  authorizations: Pick<Authorizations, 'authorization'>,
): Orders {
  const { world, objects, directory } = session
  // `what` is for messages: the names, which people know, rather than the URL, where the order is new
  const post = (url: string, payload: object | null, what: string, signal: AbortSignal, accept?: string) =>
    account.post(url, payload, { what, signal, ...(accept !== undefined && { accept }) })

  const readOrder = async (url: string, signal: AbortSignal): Promise<{ value: Order; answer: Answer }> => {
    const answer = await post(url, null, `order ${url}`, signal)
    return { value: objects.order(answer.data, url), answer }
  }

  const order: Orders['order'] = async (url, signal) => (await readOrder(url, signal)).value

  return {
    ...openChains(session, account),
    order,

    // Not repeatable like the rest: an order whose answer is lost stays at the CA, unknown to us, until it expires.
    // Boulder returns it to the next newOrder for the same names.
    async newOrder({ names, profile, replaces }, signal) {
      const { newOrder } = await directory(signal)
      const identifiers = names.map(value => ({ type: 'dns', value }))
      // a `profile` or `replaces` that is undefined is not in the JSON: a CA that does not know them never sees them
      const call = { what: `newOrder for ${shortList(names)}`, signal }
      const isFinal = replaces === undefined ? undefined : isAboutReplaces
      const answer = await account.post(newOrder, { identifiers, profile, replaces }, { ...call, isFinal })
      const url = objects.url(answer.headers.location, newOrder, 'the Location of the order')
      const made = objects.order(answer.data, url)
      refuseOthers(made, names)
      return made
    },

    async pollOrder(url, until, limits, signal) {
      // no status leads out of invalid (RFC 8555 §7.1.6): to wait on would end in a time-out that hides the reason
      const isDone = (found: Order): boolean => until(found) || found.status === 'invalid'
      const call = { ...limits, what: `order ${url}`, signal }
      const found = await poll(session, () => readOrder(url, signal), isDone, call)
      await refuseInvalid(authorizations, found, signal)
      return found
    },

    async finalize(ready, csr, signal) {
      const payload = { csr: Buffer.from(csr).toString('base64url') } // DER, not PEM (RFC 8555 §7.4)
      try {
        const answer = await post(ready.finalize, payload, `finalize for ${shortList(ready.identifiers)}`, signal)
        return { ...objects.order(answer.data, ready.url), retryAfterSeconds: retryAfterOf(answer, world.clock.now()) }
      } catch (error) {
        if (!isProblem(error, 'orderNotReady')) throw error
        // The CA says this of an order that is not ready yet and of one that is past it (RFC 8555 §7.4). The second
        // follows on a repetition after a lost answer: then the certificate is being made, or is there.
        const now = await order(ready.url, signal)
        await refuseInvalid(authorizations, now, signal)
        if (now.status === 'processing' || now.status === 'valid') return now
        throw error
      }
    },

    async download(url, signal) {
      try {
        // acmetool's certs/ID/url is the URL of an order, or in older states that of the certificate: one request does for both.
        const answer = await post(url, null, `order ${url}`, signal, `application/json, ${pemChain}`)
        return isPem(answer.text) ? answer.text : objects.order(answer.data, url)
      } catch (error) {
        // A CA need not keep orders for ever; what no longer exists cannot be resumed, and is ordered anew.
        if (problemOf(error)?.status === 404) return undefined
        throw error
      }
    },
  }
}
