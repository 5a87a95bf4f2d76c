// Which chain is stored of those that a CA offers for one certificate (RFC 8555 §7.4.2): the same leaf, but other
// certificates above it, for clients that trust one root and not the other.
import type { AcmeClient, Order } from '../acme/client.js'
import { Dns01Error } from '../core/errors.js'
import { shortNames } from '../core/names.js'
import { hostOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import { chainKey } from '../state/ledger-keys.js'
import type { StateDir } from '../state/state-dir.js'
import { readCertificate, splitPems } from '../x509/certificate.js'

/**
 * Who issued the last certificate of a chain, mostly a root that is not in the chain itself. The issuer of the leaf would
 * tell nothing, since it is the same in all of them. undefined: what came cannot be read, and the check of it will say so.
 */
export function lastIssuer(chain: string): string | undefined {
  const last = splitPems(chain).at(-1)
  try {
    return last && readCertificate(last).issuer
  } catch (error) {
    if (error instanceof Dns01Error) return undefined
    throw error
  }
}

/**
 * `wanted` is the common name, as people know a root and as other clients ask for it, or the whole name as `status` shows
 * it. As it stands: "ISRG Root X1" must not take the chain to an "ISRG Root X10".
 */
export const isIssuer = (issuer: string, wanted: string): boolean =>
  issuer === wanted || `, ${issuer}, `.includes(`, CN=${wanted}, `)

export interface ChainParts {
  readonly world: Pick<World, 'log'>
  readonly state: Pick<StateDir, 'ledger'>
  readonly signal: AbortSignal
}

/**
 * The chain of a valid order; with `wanted` the one whose last certificate has this issuer. Where the CA has none such, its
 * own choice, with a notice the first time: a root that a CA gives up must not keep anybody from a certificate.
 */
export async function downloadChain(
  { world, state, signal }: ChainParts,
  client: Pick<AcmeClient, 'certificate'>,
  order: Order,
  wanted?: string,
): Promise<string> {
  if (wanted === undefined) return client.certificate(order, signal)
  const seen = new Set<string>()
  let found = false
  const chain = await client.certificate(order, signal, each => {
    const issuer = lastIssuer(each)
    if (issuer !== undefined) seen.add(issuer)
    found = issuer !== undefined && isIssuer(issuer, wanted)
    return found
  })
  // what holds at each renewal is told when it begins, and again when it was otherwise in between
  const key = chainKey(hostOf(order.url), wanted)
  if (found) await state.ledger().isOver(key)
  else if (await state.ledger().isNews(key)) {
    const offered = [...seen].map(issuer => `"${issuer}"`).join(', ')
    const names = shortNames(order.identifiers)
    world.log.notice(`${names}: the CA has no chain up to "${wanted}"; its own choice is taken (it has ${offered})`)
  }
  return chain
}
