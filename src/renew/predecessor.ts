// The certificate that a new one is to replace, in the CA's eyes (RFC 9773 §5). A CA that knows spares the order its limits.
import { certIdOf } from '../acme/renewal-info.js'
import type { Target } from '../core/target.js'
import type { Predecessor } from '../limits/admission.js'
import type { Certificate } from '../state/certificates.js'
import { caKey } from '../state/ledger-keys.js'
import { renewAt } from './renewal-date.js'

/**
 * What an order for the target may name: got from the same CA, and not known to be replaced already. That the account is the
 * same, and a name of the order is in it (§5 asks for both), is looked at when the order is made.
 */
export function predecessorOf(
  held: Certificate,
  { ca, marginDays }: Pick<Target, 'ca' | 'marginDays'>,
  now: Date,
): Predecessor | undefined {
  const { facts, accountId, renewal } = held
  const certId = facts && certIdOf(facts)
  if (certId === undefined || accountId === undefined || accountId.split('/')[0] !== caKey(ca)) return undefined
  if (renewal?.replaced || renewal?.successor !== undefined) return undefined
  const windowBegun = renewal?.window !== undefined && renewal.window.start <= now
  const early = facts !== undefined && now < renewAt(facts, marginDays)
  return { certificate: held.id, certId, accountId, names: facts?.names ?? [], windowBegun, early }
}
