// Why an order or an authorization came to nothing. The CA puts the reason into the challenge that failed (RFC 8555
// §8), while the order itself often says no more than "invalid"; so the error that people read is put together from
// the authorizations first. Whether a later run tries again is decided here as well, by the code of that error.
import { codeOf, Dns01Error, hintsOf } from '../core/errors.js'
import type { Authorization, Order } from './objects.js'
import { problemError } from './problem.js'

/**
 * What became of an authorization that is neither pending nor valid: the name, and what the CA said (RFC 8555 §8).
 * `failedValidations` has the name only where the CA looked and was not satisfied: these it counts (Let's Encrypt: five an
 * hour), while one that expired or was deactivated costs nothing.
 */
export function authorizationError({ identifier, wildcard, status, challenges }: Authorization): Dns01Error {
  const name = wildcard ? `*.${identifier}` : identifier
  // there is one at most: a challenge that fails makes the authorization invalid, and with it all others (§7.1.6)
  const told = challenges.find(challenge => challenge.error)?.error
  const failedValidations = status === 'invalid' ? [identifier] : []
  if (told) return problemError(told, { what: name, failedValidations })
  return new Dns01Error('REFUSED', `${name}: the authorization is ${status}, and the CA does not say why`, {
    failedValidations,
  })
}

/**
 * Why an order is invalid: each name that failed; else what the order itself says (RFC 8555 §7.1.3 `error`), as when the CA
 * failed to sign. Of several, the message has all; the code is that of a refusal if there is one, since what the CA
 * refuses for one name it will refuse for the whole order again.
 */
export function orderError(order: Order, authorizations: readonly Authorization[]): Dns01Error {
  const errors = authorizations.filter(hasFailed).map(authorizationError)
  const [first] = errors
  if (errors.length === 1 && first) return first
  if (first) {
    const worst = errors.find(error => codeOf(error) === 'REFUSED') ?? first
    const message = errors.map(error => error.message).join('; ')
    const failedValidations = errors.flatMap(error => error.failedValidations)
    return new Dns01Error(worst.code, message, { hint: hintsOf(worst.hint), cause: worst.cause, failedValidations })
  }
  if (order.error) return problemError(order.error, { what: `order for ${shortList(order.identifiers)}` })
  return new Dns01Error('REFUSED', `order ${order.url} is invalid, and the CA does not say why`)
}

/** One that is pending is not to blame: the first that fails makes the order invalid (§7.1.6), and the CA looks no further. */
const hasFailed = ({ status }: Authorization): boolean => status !== 'pending' && status !== 'valid'

/** Names for a message: the first three, and how many more. An order may have a hundred, and a message is one line. */
export const shortList = (names: readonly string[]): string =>
  names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '')
