// From an authorization to the one TXT value that proves it (RFC 8555 §8.1, §8.4). The CA's token is checked before
// anything is made of it: it goes on into hooks and programs of others, as an argument or in the environment. Nothing is
// asked here; the values are computed from what the CA sent and from the account's key.
import { createHash } from 'node:crypto'
import { Dns01Error } from '../core/errors.js'
import type { AccountKey } from './jws.js'
import type { Authorization } from './objects.js'

/** What proves one authorization by DNS. */
export interface DnsChallenge {
  /** Where to tell the CA that it may look. */
  readonly url: string
  /** The CA's random value (§8.4), for hooks whose contract has it. */
  readonly token: string
  /** Not secret: token and thumbprint are both public. Other kinds of challenge publish it as it is. */
  readonly keyAuthorization: string
  /** The TXT value that must stand at `_acme-challenge.` and the identifier. */
  readonly value: string
}

/**
 * Key authorization (RFC 8555 §8.1): token, dot, thumbprint of the account key (RFC 7638). The thumbprint binds the proof
 * to the account: somebody who can place the record but has another key proves nothing.
 */
const keyAuthorizationOf = (token: string, thumbprint: string): string => `${token}.${thumbprint}`

/**
 * The TXT value (RFC 8555 §8.4): base64url of the SHA-256 of the key authorization, without padding. Always 43 characters,
 * so it fits into one character-string of a TXT record (255 octets, RFC 1035 §3.3).
 */
const txtValue = (keyAuthorization: string): string => createHash('sha256').update(keyAuthorization).digest('base64url')

/**
 * The dns-01 challenge of an authorization and its answer. `key` is the account's.
 * @throws Dns01Error REFUSED when the CA offers none (which challenges it offers is its own policy, RFC 8555 §7.1.4), or
 *   a token with characters outside base64url (RFC 8555 §8.4)
 */
export function dnsChallenge(authorization: Authorization, key: Pick<AccountKey, 'thumbprint'>): DnsChallenge {
  const { challenges, identifier } = authorization
  const challenge = challenges.find(each => each.type === 'dns-01')
  if (!challenge) {
    const offered = challenges.map(each => each.type).join(', ') || 'nothing'
    throw new Dns01Error('REFUSED', `${identifier}: the CA offers no dns-01 challenge, but ${offered}`, {
      hint: 'this CA or this account allows other kinds of proof only',
    })
  }
  const { url, token } = challenge
  // Optional in the schema, since challenges of other kinds have none; a dns-01 challenge must have one (§8.4).
  if (!token || !/^[A-Za-z0-9_-]+$/.test(token))
    throw new Dns01Error(
      'REFUSED',
      `${identifier}: the CA sent a dns-01 challenge with the token ${JSON.stringify(token)}`,
    )
  const keyAuthorization = keyAuthorizationOf(token, key.thumbprint)
  return { url, token, keyAuthorization, value: txtValue(keyAuthorization) }
}
