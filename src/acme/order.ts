// Orders, from newOrder to the certificate (RFC 8555 §7.4). Their authorizations are authorization.ts.
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Accounts } from './account.js'
import type { Authorizations } from './authorization.js'
import type { Order } from './objects.js'
import { orderError, shortList } from './order-errors.js'
import { type PollLimits, poll } from './poll.js'
import { isProblem, problemOf } from './problem.js'
import { type Answer, retryAfterOf } from './response.js'
import type { Session } from './session.js'

interface OrderWish {
  readonly names: readonly Name[]
  /** One of the directory's profiles (draft-aaron-acme-profiles §4). */
  readonly profile?: string | undefined
  /** RFC 9773 §5: the id of the certificate that this order replaces. */
  readonly replaces?: string | undefined
}

/** Orders of one account. Every method costs one request unless it says otherwise. */
export interface Orders {
  newOrder(wish: OrderWish, signal: AbortSignal): Promise<Order>
  order(url: string, signal: AbortSignal): Promise<Order>
  /** Looks until `until`; a request for each look. An order that becomes invalid throws, for each name with what the CA
   *  said in words, at one more request for each authorization. */
  pollOrder(url: string, until: (order: Order) => boolean, limits: PollLimits, signal: AbortSignal): Promise<Order>
  /** Asks for the certificate. An order that was finalized before is returned as it is now. `retryAfterSeconds`: when the
   *  CA wants to be asked for it (§7.4). */
  finalize(
    order: Order,
    csr: Uint8Array,
    signal: AbortSignal,
  ): Promise<Order & { readonly retryAfterSeconds?: number | undefined }>
  /** The chain of a valid order, leaf first, PEM (§7.4.2). */
  certificate(order: Order, signal: AbortSignal): Promise<string>
  /** What stands behind a URL kept from an earlier run: an order, or a PEM chain; undefined when the CA has forgotten it. */
  download(url: string, signal: AbortSignal): Promise<Order | string | undefined>
}

/** RFC 8555 §9.1. */
const pemChain = 'application/pem-certificate-chain'

const isPem = (text: string): boolean => text.includes('-----BEGIN CERTIFICATE-----')

/** The order must be for what was asked for (RFC 8555 §7.4): else names of others would be proved and signed. */
function refuseOthers({ identifiers }: Order, names: readonly Name[]): void {
  const wanted = new Set(names)
  const others = identifiers.filter(name => !wanted.has(name))
  const missing = names.filter(name => !identifiers.includes(name))
  if (others.length + missing.length === 0) return
  const what = others.length > 0 ? `it is for ${shortList(others)}, too` : `it lacks ${shortList(missing)}`
  throw new Dns01Error('REFUSED', `newOrder for ${shortList(names)}: the CA made another order: ${what}`)
}

/** @throws Dns01Error for each name that failed, with what the CA said of it; one request for each authorization */
async function refuseInvalid(
  { authorization }: Pick<Authorizations, 'authorization'>,
  order: Order,
  signal: AbortSignal,
): Promise<void> {
  if (order.status !== 'invalid') return
  throw orderError(order, await Promise.all(order.authorizations.map(url => authorization(url, signal))))
}

/** Orders of the account. Nothing is asked yet. */
export function openOrders(
  session: Session,
  account: Pick<Accounts, 'post'>,
  authorizations: Pick<Authorizations, 'authorization'>,
): Orders {
  const { world, objects, directory } = session
  const post = (url: string, payload: object | null, what: string, signal: AbortSignal, accept?: string) =>
    account.post(url, payload, { what, signal, ...(accept !== undefined && { accept }) })

  const readOrder = async (url: string, signal: AbortSignal): Promise<{ value: Order; answer: Answer }> => {
    const answer = await post(url, null, `order ${url}`, signal)
    return { value: objects.order(answer.data, url), answer }
  }

  const order: Orders['order'] = async (url, signal) => (await readOrder(url, signal)).value

  return {
    order,

    async newOrder({ names, profile, replaces }, signal) {
      const { newOrder } = await directory(signal)
      const identifiers = names.map(value => ({ type: 'dns', value }))
      const answer = await post(
        newOrder,
        { identifiers, profile, replaces },
        `newOrder for ${shortList(names)}`,
        signal,
      )
      const url = objects.url(answer.headers.location, newOrder, 'the Location of the order')
      const made = objects.order(answer.data, url)
      refuseOthers(made, names)
      return made
    },

    async pollOrder(url, until, limits, signal) {
      const isDone = (found: Order): boolean => until(found) || found.status === 'invalid'
      const call = { ...limits, what: `order ${url}`, signal }
      const found = await poll(session, () => readOrder(url, signal), isDone, call)
      await refuseInvalid(authorizations, found, signal)
      return found
    },

    async finalize(ready, csr, signal) {
      const payload = { csr: Buffer.from(csr).toString('base64url') }
      try {
        const answer = await post(ready.finalize, payload, `finalize for ${shortList(ready.identifiers)}`, signal)
        return { ...objects.order(answer.data, ready.url), retryAfterSeconds: retryAfterOf(answer, world.clock.now()) }
      } catch (error) {
        if (!isProblem(error, 'orderNotReady')) throw error
        const now = await order(ready.url, signal)
        await refuseInvalid(authorizations, now, signal)
        if (now.status === 'processing' || now.status === 'valid') return now
        throw error
      }
    },

    async certificate({ certificate, identifiers, url, status }, signal) {
      const what = `certificate for ${shortList(identifiers)}`
      if (certificate === undefined)
        throw new Dns01Error('REFUSED', `${what}: the order ${url} is ${status} but has no certificate`)
      const { text } = await post(certificate, null, what, signal, pemChain)
      if (isPem(text)) return text
      throw new Dns01Error('REFUSED', `${what}: the CA sent no PEM certificate from ${certificate}`)
    },

    async download(url, signal) {
      try {
        const answer = await post(url, null, `order ${url}`, signal, `application/json, ${pemChain}`)
        return isPem(answer.text) ? answer.text : objects.order(answer.data, url)
      } catch (error) {
        if (problemOf(error)?.status === 404) return undefined
        throw error
      }
    },
  }
}
