// What the rest of dns01 sees of ACME (RFC 8555): one object for one account at one CA, put together from accounts,
// authorizations and orders. Revocation is here as well, since it can do without an account (§7.6). Whoever uses this
// sees names, dates and PEM; nonces, signatures and repetitions stay below.
import { Dns01Error } from '../core/errors.js'
import { type AccountChange, type Accounts, openAccount, type Registration } from './account.js'
import { type Authorizations, openAuthorizations } from './authorization.js'
import type { AccountKey } from './jws.js'
import type { Account, Directory } from './objects.js'
import { type Orders, openOrders } from './order.js'
import { isProblem } from './problem.js'
import { openSession, type PostCall, type Session, type SessionOptions, type SessionWorld } from './session.js'

export type { Authorization, Order } from './objects.js'

/**
 * One account's talk with one CA (RFC 8555). Every method tries again what is temporary, obeys Retry-After up to a cap,
 * and throws Dns01Error: CONFIG when the URL leads to no directory, REFUSED, UNAVAILABLE; or the signal's reason.
 * Price of a first certificate for N names: directory, nonce, account, order, N authorizations, N challenges, a look at
 * the order, finalize, another look, the certificate: 8 + 2N requests, and a nonce for each that is under way at once.
 * The order is polled in place of its N authorizations: it becomes ready when the last of them is valid (§7.1.6), so one
 * look tells of all.
 */
export interface AcmeClient extends Orders, Authorizations {
  /** What the CA offers, and where (§7.1.1). Fetched once, then free. */
  directory(signal: AbortSignal): Promise<Directory>
  /** The account of this key, undefined if the CA has none (RFC 8555 §7.3.1). */
  findAccount(signal: AbortSignal): Promise<Account | undefined>
  /** This key's account as the CA has it now. Throws REFUSED when it has none. */
  account(signal: AbortSignal): Promise<Account>
  /** The URL of this key's account, known from then on. Throws REFUSED when the CA has none. */
  accountUrl(signal: AbortSignal): Promise<string>
  /** Makes the account, or finds the one this key has already. */
  register(registration: Registration, signal: AbortSignal): Promise<Account>
  /** Other contacts, or the end of the account for ever (RFC 8555 §7.3.2, §7.3.6). */
  updateAccount(change: AccountChange, signal: AbortSignal): Promise<Account>
  /** Gives the account another key; this client is of no use then (RFC 8555 §7.3.5). */
  changeKey(to: AccountKey, signal: AbortSignal): Promise<void>
  /** Revokes by the account's right; one that is revoked already is success (RFC 8555 §7.6). `certificate`: DER. `reason`: a
   *  code of RFC 5280 §5.3.1; undefined leaves the choice to the CA. REFUSED when the CA offers no revocation. */
  revoke(certificate: Uint8Array, reason: number | undefined, signal: AbortSignal): Promise<void>
}

/** Nothing is asked yet. @throws Dns01Error CONFIG for a URL that can't be one of a directory */
export function openClient(
  world: SessionWorld,
  directoryUrl: string,
  key: AccountKey,
  options: SessionOptions = {},
): AcmeClient {
  const session = openSession(world, directoryUrl, key, options)
  // One session for all, so that they share the pool of nonces and the bound on requests under way.
  const account: Accounts = openAccount(session, key)
  const authorizations = openAuthorizations(session, account)
  return {
    directory: session.directory,
    findAccount: account.find,
    account: account.look,
    accountUrl: account.url,
    register: account.register,
    updateAccount: account.update,
    changeKey: account.changeKey,
    ...authorizations,
    ...openOrders(session, account, authorizations),
    revoke: (certificate, reason, signal) => revoke(session, account.post, certificate, reason, signal),
  }
}

/**
 * Revokes with the certificate's own key, where the account is not at hand (RFC 8555 §7.6): a key that leaked, or a
 * certificate that another client got. `certificate`: DER; `key`: its key. Price: 3 requests (directory, nonce, revokeCert).
 * Throws as AcmeClient does.
 */
export function revokeWithCertificateKey(
  world: SessionWorld,
  directoryUrl: string,
  key: AccountKey,
  certificate: Uint8Array,
  reason: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  // The key goes along as `jwk`: to the CA it is not the key of an account (§6.2), and signs this one request only.
  const session = openSession(world, directoryUrl, key)
  return revoke(session, session.post, certificate, reason, signal)
}

/** `der` goes in base64url without padding, not as PEM (RFC 8555 §7.6); without a `reason` the field is left out. */
async function revoke(
  { directory }: Session,
  post: (url: string, payload: object, call: Omit<PostCall, 'keyId'>) => Promise<unknown>,
  der: Uint8Array,
  reason: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { revokeCert } = await directory(signal)
  if (revokeCert === undefined)
    throw new Dns01Error('REFUSED', 'the CA offers no revocation (its directory lacks revokeCert)')
  try {
    await post(
      revokeCert,
      { certificate: Buffer.from(der).toString('base64url'), reason },
      { what: 'revokeCert', signal },
    )
  } catch (error) {
    // What was asked for is so already; and a repetition after a lost answer meets this, too.
    if (!isProblem(error, 'alreadyRevoked')) throw error
  }
}
