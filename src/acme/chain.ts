// The certificate chain of a valid order, and its alternates (RFC 8555 §7.4.2). Orders are order.ts. A CA that is signed by
// several roots offers a chain to each as a Link header, relation "alternate"; the first one is its own recommendation.
import { Dns01Error } from '../core/errors.js'
import type { Accounts } from './account.js'
import type { Order } from './objects.js'
import { shortList } from './order-errors.js'
import { type Answer, linksOf } from './response.js'
import type { Session } from './session.js'

/** Fetching what was issued. Throws Dns01Error: REFUSED when what comes is not a chain, UNAVAILABLE when nothing comes. */
export interface Chains {
  /**
   * The chain of a valid order, leaf first, PEM (§7.4.2). With `isPreferred`, of the CA's alternate chains the first that
   * is, at a request for each that is looked at; where none is, the CA's own choice.
   */
  certificate(order: Order, signal: AbortSignal, isPreferred?: (chain: string) => boolean): Promise<string>
}

/** RFC 8555 §9.1; asked for in Accept, since a CA may have other formats, too (§7.4.2). */
export const pemChain = 'application/pem-certificate-chain'

/** Each costs a request. Let's Encrypt had two at most, for one key type; a header with more is not to be believed. */
const mostAlternates = 10

/**
 * By the text: what holds no certificate is of no use to us, whatever its content type says. A glance only; whether the leaf
 * is for our key and names is checked before it is stored (renew/finalize.ts).
 */
export const isPem = (text: string): boolean => text.includes('-----BEGIN CERTIFICATE-----')

/** Nothing is asked yet. `account` signs: its key must be that of the account which made the order. */
export function openChains({ world, objects }: Session, account: Pick<Accounts, 'post'>): Chains {
  // POST-as-GET (RFC 8555 §6.3) for alternates, too: only the account that ordered may fetch them
  const chainAt = async (url: string, what: string, signal: AbortSignal): Promise<Answer> => {
    const answer = await account.post(url, null, { what, signal, accept: pemChain })
    if (isPem(answer.text)) return answer
    throw new Dns01Error('REFUSED', `${what}: the CA sent no PEM certificate from ${url}`)
  }

  /** undefined: the CA does not give it. That is no reason to do without a certificate, which is there already. */
  const alternateAt = async (
    { link, from }: { readonly link: string; readonly from: string },
    what: string,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    try {
      return (await chainAt(objects.url(link, from, what), what, signal)).text
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof Dns01Error)) throw error
      world.log.info(`passed over: ${error.message}`)
      return undefined
    }
  }

  return {
    async certificate({ certificate, identifiers, url, status }, signal, isPreferred) {
      const what = `certificate for ${shortList(identifiers)}`
      // §7.1.3: a valid order has one; so this is a CA that breaks its word, and to look again would not help
      if (certificate === undefined)
        throw new Dns01Error('REFUSED', `${what}: the order ${url} is ${status} but has no certificate`)
      const answer = await chainAt(certificate, what, signal)
      const { text } = answer
      // Nobody prefers another: no alternate is asked for, though clients exist that always fetch them all.
      if (!isPreferred || isPreferred(text)) return text
      // One after the other and not at once: what comes after the one that is preferred need not be asked for.
      for (const link of linksOf(answer, 'alternate').slice(0, mostAlternates)) {
        const other = await alternateAt({ link, from: certificate }, `an alternate of the ${what}`, signal)
        if (other !== undefined && isPreferred(other)) return other
      }
      // A preference and not a demand: a root that the CA has given up must not leave a name without a certificate.
      return text
    },
  }
}
