// Accounts (RFC 8555 §7.3): an account is known by its key, so the CA is asked for its URL, and nobody need store
// that. The URL is the `kid` of every later request (§6.2).
import { Dns01Error } from '../core/errors.js'
import type { Account } from './objects.js'
import { isProblem } from './problem.js'
import type { Answer } from './response.js'
import type { PostCall, Session } from './session.js'

/** What newAccount is asked with (RFC 8555 §7.3). */
export interface Registration {
  /** URLs such as `mailto:me@example.com` (RFC 8555 §7.3). */
  readonly contact: readonly string[]
  /** The user has agreed to the directory's termsOfService. */
  readonly termsAgreed: boolean
}

/** The account that belongs to the session's key. */
export interface Accounts {
  find(signal: AbortSignal): Promise<Account | undefined>
  register(registration: Registration, signal: AbortSignal): Promise<Account>
  /** Posts as the account. Looks for it first when neither find() nor register() has been called. */
  post(url: string, payload: object | null, call: Omit<PostCall, 'keyId'>): Promise<Answer>
}

/**
 * The account of the session's key. Nothing is asked yet; its URL is asked for once and kept. post() throws REFUSED
 * when the CA has no account for the key.
 */
export function openAccount(session: Session): Accounts {
  let known: Promise<string> | undefined

  async function ask(payload: object, signal: AbortSignal): Promise<Account> {
    const { newAccount } = await session.directory(signal)
    const answer = await session.post(newAccount, payload, { signal, newAccount: true, what: 'newAccount' })
    const url = session.objects.url(answer.headers.location, newAccount, 'the Location of the account')
    known = Promise.resolve(url)
    return session.objects.account(answer.data, url)
  }

  /** RFC 8555 §7.3.1. */
  async function find(signal: AbortSignal): Promise<Account | undefined> {
    try {
      return await ask({ onlyReturnExisting: true }, signal)
    } catch (error) {
      if (isProblem(error, 'accountDoesNotExist')) return undefined
      throw error
    }
  }

  async function findUrl(signal: AbortSignal): Promise<string> {
    const account = await find(signal)
    if (account) return account.url
    throw new Dns01Error('REFUSED', 'the CA knows no account for this key', { hint: 'dns01 quickstart registers one' })
  }

  return {
    find,
    register: ({ contact, termsAgreed }, signal) => {
      const consent = termsAgreed ? { termsOfServiceAgreed: true } : {}
      return ask({ ...consent, ...(contact.length > 0 && { contact }) }, signal)
    },
    async post(url, payload, call) {
      known ??= findUrl(call.signal).catch(error => {
        known = undefined
        throw error
      })
      return session.post(url, payload, { ...call, keyId: await known })
    },
  }
}
