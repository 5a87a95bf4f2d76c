// By which keys the ledger remembers: a CA as a whole, names at a CA, one identifier at a CA, an order. They stand in
// .dns01/ledger.json, so that a change of one forgets what earlier runs learnt.
import { type Name, withoutWildcard } from '../core/names.js'
import type { Target } from '../core/target.js'
import { serverPart } from './layout.js'

/** A CA: as accounts/ names it; a URL that cannot be a directory's, by itself. */
export function caKey(ca: string): string {
  try {
    return serverPart(ca)
  } catch {
    return ca
  }
}

export const namesKey = (ca: string, names: readonly Name[]): string => `${caKey(ca)} ${[...names].sort().join(',')}`

export const targetKey = (target: Target): string => namesKey(target.ca, target.requestNames)

/** A name and its wildcard are one identifier (RFC 8555 §7.1.3), whose failures the CA counts together. */
export const identifierKey = (ca: string, name: Name): string => `${caKey(ca)} ${withoutWildcard(name)}`

/** A record of dns-persist-01, by the name that it proves: a wildcard's must say more than that of the name. */
export const recordKey = (ca: string, name: Name): string => `${caKey(ca)} ${name}`

export const orderKey = (url: string): string => `order ${url}`

/** What was told of a profile that a CA does not give us. */
export const profileKey = (ca: string, profile: string): string => `${caKey(ca)} profile ${profile}`

/** What was told of a chain that a CA does not have. */
export const chainKey = (caHost: string, issuer: string): string => `${caHost} chain ${issuer}`
