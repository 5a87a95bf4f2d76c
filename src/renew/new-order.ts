// Makes the order for a certificate, and names the one that it replaces where that is right (RFC 9773 §5). What the CA has
// against `replaces` must not keep a name from its certificate.
import type { Order } from '../acme/client.js'
import { isAboutReplaces } from '../acme/order.js'
import { isProblem } from '../acme/problem.js'
import { messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Predecessor } from '../limits/admission.js'
import { countOrder } from '../limits/rate-limits.js'
import { caKey } from '../state/ledger-keys.js'
import type { CertificateAuthority } from './authorities.js'
import type { IssueParts } from './issue.js'

/** What became of it. */
export interface NewOrder {
  readonly order: Order
  /** The CA took it as the successor of the certificate that was named. */
  readonly replaced: boolean
}

/**
 * Makes the order; price: a request, and a second where the CA refuses `replaces`. Counted towards the CA's limit, but for a
 * renewal that the CA itself asked for and that says what it replaces: Let's Encrypt exempts those from its limits.
 * @throws Dns01Error what the CA says of the order itself; STATE when the order cannot be counted
 */
export async function newOrder(
  parts: Pick<IssueParts, 'world' | 'state' | 'signal'>,
  { client, accountId }: CertificateAuthority,
  request: {
    readonly ca: string
    readonly names: readonly Name[]
    readonly profile?: string | undefined
    readonly replaces?: Predecessor | undefined
  },
): Promise<NewOrder> {
  const { world, state, signal } = parts
  const { ca, names, profile, replaces } = request
  // RFC 9773 §5: the same account, at least one name in common; and a CA without renewal information does not know the field.
  const mayReplace =
    replaces?.accountId === accountId &&
    names.some(name => replaces.names.includes(name)) &&
    (await client.directory(signal)).renewalInfo !== undefined
  if (replaces && mayReplace) {
    if (!replaces.windowBegun) await countOrder(parts, ca) // before, so that a crash after it counts one too many and not one too few
    try {
      const order = await client.newOrder({ names, profile, replaces: replaces.certId }, signal)
      state.tally.ordered(caKey(ca))
      return { order, replaced: true }
    } catch (error) {
      if (!isAboutReplaces(error)) throw error
      world.log.info(`${names[0]}: ordering without naming the certificate before it: ${messageOf(error)}`)
      if (isProblem(error, 'alreadyReplaced')) await noteReplaced(parts, replaces)
    }
  }
  if (!mayReplace || replaces?.windowBegun) await countOrder(parts, ca)
  const order = await client.newOrder({ names, profile }, signal)
  state.tally.ordered(caKey(ca))
  return { order, replaced: false }
}

/** Somebody has replaced it already, or an answer was lost: the next order need not try, and fail, again. */
async function noteReplaced({ state }: Pick<IssueParts, 'state'>, { certificate }: Predecessor): Promise<void> {
  const memory = state.renewals()
  memory.keep(certificate, { ...memory.certificates.get(certificate), replaced: true })
  await memory.save()
}
