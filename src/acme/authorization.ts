// The authorizations of an order and their challenges, as the account sees and answers them (RFC 8555 §7.5).
import type { Accounts } from './account.js'
import type { Authorization, Challenge } from './objects.js'
import { authorizationError } from './order-errors.js'
import { type PollLimits, poll } from './poll.js'
import { isProblem } from './problem.js'
import type { Session } from './session.js'

/** Every method costs one request unless it says otherwise. */
export interface Authorizations {
  authorization(url: string, signal: AbortSignal): Promise<Authorization>
  /** Tells the CA that the record can be seen (§7.5.1). Once more is harmless. */
  accept(challenge: Pick<Challenge, 'url'>, signal: AbortSignal): Promise<void>
  /** Looks until it is valid, a request for each look; throws what the CA said when it becomes anything else. */
  pollAuthorization(url: string, limits: PollLimits, signal: AbortSignal): Promise<Authorization>
}

/** Authorizations as the account sees them. Nothing is asked yet. */
export function openAuthorizations(session: Session, { post }: Pick<Accounts, 'post'>): Authorizations {
  const { objects } = session

  const look = async (url: string, signal: AbortSignal) => {
    const answer = await post(url, null, { what: `authorization ${url}`, signal })
    return { value: objects.authorization(answer.data, url), answer }
  }

  return {
    authorization: async (url, signal) => (await look(url, signal)).value,

    async accept({ url }, signal) {
      const call = { what: `challenge ${url}`, signal }
      try {
        await post(url, {}, call)
      } catch (error) {
        // a repetition of a request whose answer was lost: fine if the CA is past waiting for it
        if (!isProblem(error, 'malformed')) throw error
        const { data } = await post(url, null, call)
        if (objects.challengeStatus(data, url) === 'pending') throw error
      }
    },

    async pollAuthorization(url, limits, signal) {
      const isDone = ({ status }: Authorization): boolean => status !== 'pending'
      const call = { ...limits, what: `authorization ${url}`, signal }
      const found = await poll(session, () => look(url, signal), isDone, call)
      if (found.status !== 'valid') throw authorizationError(found)
      return found
    },
  }
}
