// Accounts (RFC 8555 §7.3). A CA knows an account by its public key, so the key is all that must be stored: the CA is
// asked for the account's URL once in each run that talks to it (§7.3.1). The URL is the `kid` of every later request
// (§6.2). Keeping the URL on disk would save that one request, but the state directory is shared with acmetool, which
// stores the key and nothing else.
import { Dns01Error } from '../core/errors.js'
import { type AccountKey, type ExternalAccount, keyChangeBy } from './jws.js'
import type { Account } from './objects.js'
import { isProblem } from './problem.js'
import type { Answer } from './response.js'
import type { PostCall, Session } from './session.js'

/** What newAccount is asked with (RFC 8555 §7.3). */
export interface Registration {
  /** URLs such as `mailto:me@example.com` (RFC 8555 §7.3). Empty: the field is not sent, since it is optional. */
  readonly contact: readonly string[]
  /** The user has agreed to the directory's termsOfService. */
  readonly termsAgreed: boolean
  /** For a CA that wants its customers' accounts bound to what they have there (RFC 8555 §7.3.4). */
  readonly externalAccount?: ExternalAccount | undefined
}

/**
 * A change of the account's own object (RFC 8555 §7.3.2). Contacts are replaced as a whole, so an empty list removes all. A
 * deactivated account does not come back (§7.3.6): the CA refuses what its key signs from then on.
 */
export type AccountChange = { readonly contact: readonly string[] } | { readonly status: 'deactivated' }

/**
 * The account that belongs to the session's key. find() and register() cost one request each; all throw Dns01Error
 * REFUSED with the CA's problem document as `cause`, or UNAVAILABLE.
 */
export interface Accounts {
  /** Undefined when the CA knows no account for this key. Never creates one. */
  find(signal: AbortSignal): Promise<Account | undefined>
  /** Creates the account. For a key that has one already the CA returns that one, with status 200 (RFC 8555 §7.3.1). */
  register(registration: Registration, signal: AbortSignal): Promise<Account>
  /** As the CA has it now, asked for at its URL by POST-as-GET (RFC 8555 §7.3). Throws as url(). */
  look(signal: AbortSignal): Promise<Account>
  /** Its URL: asked for once, then free. @throws Dns01Error REFUSED when the CA has no account for the key */
  url(signal: AbortSignal): Promise<string>
  /** Changes what the CA keeps of it: other contacts (none: `[]`), or the end of it, for ever (RFC 8555 §7.3.2, §7.3.6). */
  update(change: AccountChange, signal: AbortSignal): Promise<Account>
  /** Another key takes the place of the session's, which is good for nothing from then on (RFC 8555 §7.3.5). */
  changeKey(to: AccountKey, signal: AbortSignal): Promise<void>
  /** Posts as the account. Looks for it first when neither find() nor register() has been called. */
  post(url: string, payload: object | null, call: Omit<PostCall, 'keyId'>): Promise<Answer>
}

/**
 * The account of the session's key. Nothing is asked yet; its URL is asked for once and kept. post() throws REFUSED
 * when the CA has no account for the key.
 */
export function openAccount(session: Session, key: AccountKey): Accounts {
  // A promise and not a URL: forty orders that begin at once must not look for the account forty times.
  let known: Promise<string> | undefined

  async function ask(payload: object, signal: AbortSignal, externalAccount?: ExternalAccount): Promise<Account> {
    const { newAccount } = await session.directory(signal)
    const about = { signal, newAccount: true, externalAccount, what: 'newAccount' }
    const answer = await session.post(newAccount, payload, about)
    // The URL comes in the Location header, for a new account (201) and for an existing one (200) alike (RFC 8555 §7.3).
    const url = session.objects.url(answer.headers.location, newAccount, 'the Location of the account')
    known = Promise.resolve(url)
    return session.objects.account(answer.data, url)
  }

  /** With `onlyReturnExisting` the CA must not create an account, and answers accountDoesNotExist (RFC 8555 §7.3.1). */
  async function find(signal: AbortSignal): Promise<Account | undefined> {
    try {
      return await ask({ onlyReturnExisting: true }, signal)
    } catch (error) {
      if (isProblem(error, 'accountDoesNotExist')) return undefined
      throw error
    }
  }

  /** Does not register in passing: it is the user who agrees to the CA's terms (RFC 8555 §7.3), and here nobody is asked. */
  async function findUrl(signal: AbortSignal): Promise<string> {
    const account = await find(signal)
    if (account) return account.url
    throw new Dns01Error('REFUSED', 'the CA knows no account for this key', { hint: 'dns01 quickstart registers one' })
  }

  const url = (signal: AbortSignal): Promise<string> => {
    known ??= findUrl(signal).catch(error => {
      known = undefined // a failure is not kept: the next request asks again
      throw error
    })
    return known
  }

  const post: Accounts['post'] = async (to, payload, call) =>
    session.post(to, payload, { ...call, keyId: await url(call.signal) })

  return {
    find,
    url,
    look: async signal => {
      const at = await url(signal)
      return session.objects.account((await post(at, null, { what: `account ${at}`, signal })).data, at)
    },
    register: ({ contact, termsAgreed, externalAccount }, signal) => {
      // Sent only when somebody agreed; to leave it out says the same as `false` (RFC 8555 §7.3).
      const consent = termsAgreed ? { termsOfServiceAgreed: true } : {}
      return ask({ ...consent, ...(contact.length > 0 && { contact }) }, signal, externalAccount)
    },
    async update(change, signal) {
      const keyId = await url(signal)
      const answer = await session.post(keyId, change, { what: 'the change of the account', signal, keyId })
      return session.objects.account(answer.data, keyId)
    },
    async changeKey(to, signal) {
      const { keyChange } = await session.directory(signal)
      if (keyChange === undefined) throw new Dns01Error('REFUSED', 'the directory of the CA lacks keyChange')
      const keyId = await url(signal)
      // Two signatures, one in the other (§7.3.5): the inner one proves the new key, the outer one that the account's owner wants it.
      const inner = await keyChangeBy(to, key, keyId, keyChange)
      // After this line the old key opens nothing. Where the answer is lost nobody knows which of the two it is: so the caller
      // has the new one on disk before, and finds out in a later run.
      await session.post(keyChange, inner, { what: 'keyChange', signal, keyId })
    },
    post,
  }
}
