// The authorizations of an order and their challenges, as the account sees and answers them (RFC 8555 §7.5). An
// authorization belongs to one identifier and may outlive its order: a CA may hand out one that is valid already, and
// then there is nothing to prove. All reads are POST-as-GET (§6.3).
import type { Accounts } from './account.js'
import type { Authorization, Challenge } from './objects.js'
import { authorizationError } from './order-errors.js'
import { type PollLimits, poll } from './poll.js'
import { isProblem } from './problem.js'
import type { Session } from './session.js'

/**
 * Every method costs one request unless it says otherwise, and throws Dns01Error: REFUSED for what the CA will refuse
 * again, UNAVAILABLE for what may pass by itself.
 */
export interface Authorizations {
  authorization(url: string, signal: AbortSignal): Promise<Authorization>
  /**
   * Tells the CA that the record can be seen (§7.5.1). Only after it can: an answer that is wrong in the CA's eyes makes
   * the authorization invalid for good (§7.1.6), and counts as a failed validation. Repeating it is harmless. A second
   * request is made only when the first is refused.
   */
  accept(challenge: Pick<Challenge, 'url'>, signal: AbortSignal): Promise<void>
  /** Looks until it is valid, a request for each look; throws what the CA said when it becomes anything else. */
  pollAuthorization(url: string, limits: PollLimits, signal: AbortSignal): Promise<Authorization>
}

/** Authorizations as the account sees them. Nothing is asked yet. */
export function openAuthorizations(session: Session, { post }: Pick<Accounts, 'post'>): Authorizations {
  const { objects } = session

  // with its answer, whose Retry-After the polling needs
  const look = async (url: string, signal: AbortSignal) => {
    const answer = await post(url, null, { what: `authorization ${url}`, signal })
    return { value: objects.authorization(answer.data, url), answer }
  }

  return {
    authorization: async (url, signal) => (await look(url, signal)).value,

    async accept({ url }, signal) {
      const call = { what: `challenge ${url}`, signal }
      try {
        await post(url, {}, call) // for dns-01 the response is the empty object (RFC 8555 §8.4)
      } catch (error) {
        // Boulder and Pebble refuse a challenge that is not pending as malformed. That is what a request meets which is
        // repeated because its first answer was lost; it is fine if the CA has begun to validate meanwhile.
        if (!isProblem(error, 'malformed')) throw error
        const { data } = await post(url, null, call)
        if (objects.challengeStatus(data, url) === 'pending') throw error
      }
    },

    async pollAuthorization(url, limits, signal) {
      // An authorization never becomes pending again (RFC 8555 §7.1.6), so anything else is the CA's last word.
      const isDone = ({ status }: Authorization): boolean => status !== 'pending'
      const call = { ...limits, what: `authorization ${url}`, signal }
      const found = await poll(session, () => look(url, signal), isDone, call)
      if (found.status !== 'valid') throw authorizationError(found)
      return found
    },
  }
}
