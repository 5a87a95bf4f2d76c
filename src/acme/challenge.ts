// From an authorization to the one TXT value that proves it (RFC 8555 §8.1, §8.4), and where. The token is checked before
// anything is made of it: it goes on into hooks and programs of others, as an argument or in the environment. Nothing is
// asked here; the values are computed from what the CA sent and from the account's key.
import { createHash } from 'node:crypto'
import { Dns01Error } from '../core/errors.js'
import { type ChallengeMethod, challengeMethods } from '../core/target.js'
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
  /** The TXT value that must stand at `_acme-challenge.` and the identifier, with the account's label in front for dns-account-01. */
  readonly value: string
}

/** The two methods that want a value placed. They differ in its name alone (draft-ietf-acme-dns-account-label). */
export type PlacedMethod = 'dns-01' | 'dns-account-01'

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

/** RFC 4648 §6, in lower case: what DNS names are compared in. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * What is an account's own in the names of dns-account-01 (draft-ietf-acme-dns-account-label): `_` and the base32 of the
 * first ten octets of the SHA-256 of its URL. Ten octets are 16 characters, without padding. The URL counts as the CA wrote it,
 * octet by octet: one that is reached by another host name may have another label.
 */
export function accountLabel(accountUrl: string): string {
  const octets = createHash('sha256').update(accountUrl).digest().subarray(0, 10)
  const bits = [...octets].map(octet => octet.toString(2).padStart(8, '0')).join('')
  return `_${[...bits.matchAll(/.{5}/g)].map(([five]) => BASE32[Number.parseInt(five, 2)]).join('')}`
}

/**
 * The challenge of this type in an authorization, and its answer. `key` is the account's. It is chosen by its type alone: CAs
 * offer them in any order, and others whose fields we do not know.
 * @throws Dns01Error REFUSED when the CA offers none (which it offers is its own policy, RFC 8555 §7.1.4), or a token with
 * characters outside base64url (RFC 8555 §8.4)
 */
export function dnsChallenge(
  authorization: Authorization,
  key: Pick<AccountKey, 'thumbprint'>,
  method: PlacedMethod = 'dns-01',
): DnsChallenge {
  const { challenges, identifier } = authorization
  const challenge = challenges.find(each => each.type === method)
  if (!challenge) throw notOffered(authorization, method)
  const { url, token } = challenge
  // Optional in the schema, since challenges of other kinds have none; a dns-01 challenge must have one (§8.4).
  if (!token || !/^[A-Za-z0-9_-]+$/.test(token))
    throw new Dns01Error(
      'REFUSED',
      `${identifier}: the CA sent a ${method} challenge with the token ${JSON.stringify(token)}`,
    )
  const keyAuthorization = keyAuthorizationOf(token, key.thumbprint)
  return { url, token, keyAuthorization, value: txtValue(keyAuthorization) }
}

/** Says what the CA offers instead; where that is a method of ours, how to take it. */
export function notOffered({ challenges, identifier }: Authorization, method: ChallengeMethod): Dns01Error {
  const offered = [...new Set(challenges.map(each => each.type))]
  const ours = challengeMethods.filter(each => offered.includes(each))
  const hint =
    ours.length === 0
      ? 'this CA or this account allows other kinds of proof only'
      : `set request.challenge.dns.method to ${ours.join(' or ')}, in the target or in conf/target`
  return new Dns01Error(
    'REFUSED',
    `${identifier}: the CA offers no ${method} challenge, but ${offered.join(', ') || 'nothing'}`,
    { hint },
  )
}
