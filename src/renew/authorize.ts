// Authorizing (RFC 8555 §7.5): one order's names are proved by TXT records. What this costs in time is the DNS; so all
// names of an order go together, and each is answered for itself, as soon as its own record can be seen everywhere.
import { accountLabel, dnsChallenge } from '../acme/challenge.js'
import type { Authorization, Order } from '../acme/client.js'
import { Dns01Error } from '../core/errors.js'
import { accountChallengeName, type Name, withoutWildcard } from '../core/names.js'
import { methodOf, type Target, titleOf } from '../core/target.js'
import type { World } from '../core/world.js'
import { inRounds, type LocatedRecord, type Locator, type RecordRequest } from '../publish/locate.js'
import type { Batch, Publisher } from '../publish/publisher.js'
import type { CertificateAuthority } from './authorities.js'

export interface AuthorizeParts {
  readonly world: Pick<World, 'log'>
  readonly locator: Pick<Locator, 'locate'>
  readonly publisher: Pick<Publisher, 'withdraw'>
  /** Ours among those of the run: others wait for it until its records are published, or it is closed. */
  readonly batch: Batch
  readonly authority: Pick<CertificateAuthority, 'client' | 'accountKey'>
  readonly target: Target
  readonly signal: AbortSignal
}

export interface Authorized {
  /** As the CA showed it last; ready to be finalized if nobody failed. */
  readonly order: Order
  /** Names as ordered that are not proved, and why not. */
  readonly failed: ReadonlyMap<Name, unknown>
}

/** How long the CA may take to validate. Our own choice: as long as the grace of a run (run-limit.ts), which counts on it. */
const limits = { giveUpAfterSeconds: 600 } as const

/** What proves one name: the record that its challenge asks for, where the CA is told of it, and where its verdict is. */
interface Proof extends RecordRequest {
  /** As ordered: a wildcard with its `*.` */
  readonly name: Name
  readonly challengeUrl: string
  readonly authorizationUrl: string
}

interface LocatedProof extends Proof {
  readonly record: LocatedRecord
}

/**
 * Places the record of every authorization that is not yet valid, answers its challenge as soon as the record is
 * visible, and waits until the CA has validated them all (RFC 8555 §7.5.1, §8.4). The records go away in any case; that
 * is not waited for. Price: 2 requests a name, and looks at the order; none for an order that is ready.
 * @throws Dns01Error what is no name's fault; REFUSED for an authorization that nobody ordered or without dns-01
 */
export async function authorize(parts: AuthorizeParts, order: Order): Promise<Authorized> {
  const { authority, batch, publisher, signal, target } = parts
  // A CA that remembers what was proved before makes the order ready at once: no DNS then.
  if (isReady(order)) return { order, failed: new Map() }
  const { client } = authority
  const all = await Promise.all(order.authorizations.map(url => client.authorization(url, signal)))
  refuseStrangers(order, all)
  const open = all.filter(({ status }) => status !== 'valid')
  const names = new NamesOfOrder(parts)
  const proofs = await names.locate(await proofsOf(parts, open))
  if (proofs.length === 0) batch.close() // others must not wait for records that will not come
  const { failed } = names
  // Without request.partial one name without a place is the end: to prove the others would only spend validations.
  if (failed.size > 0 && (!target.partial || proofs.length === 0)) return { order, failed }
  try {
    await names.place(proofs)
    if (failed.size === 0) return { order: await names.allValid(order, proofs), failed }
    // An order with a name that was not answered never gets ready; so each authorization is looked at by itself.
    await names.verdicts()
    return { order, failed }
  } finally {
    // Not awaited: the order goes on meanwhile. Publisher.close() waits for it, and the journal remembers a crash.
    void publisher.withdraw(proofs.map(({ record }) => record))
  }
}

const isReady = ({ status }: Order): boolean => status === 'ready' || status === 'valid'

/** The names of one order on their way: one that fails is noted, and stops no other. */
class NamesOfOrder {
  readonly failed = new Map<Name, unknown>()
  readonly #parts: AuthorizeParts
  /** Those whose challenge the CA was told of: each will be valid or invalid. */
  readonly #accepted: Proof[] = []

  constructor(parts: AuthorizeParts) {
    this.#parts = parts
  }

  /** Those whose record has a place. */
  async locate(proofs: readonly Proof[]): Promise<LocatedProof[]> {
    const { locator } = this.#parts
    const located: LocatedProof[] = []
    await this.#each(proofs, async proof => {
      const [record] = await locator.locate([proof])
      if (record) located.push({ ...proof, record })
    })
    return located
  }

  /** One value a name, where the provider holds no more: the CA must have seen it before the next takes its place. */
  async place(proofs: readonly LocatedProof[]): Promise<void> {
    const { batch, publisher, target, world } = this.#parts
    const isHopeless = (): boolean => this.failed.size > 0 && !target.partial
    const byRecord = new Map(proofs.map(proof => [proof.record, proof]))
    const rounds = inRounds([...byRecord.keys()])
    world.log.step(titleOf(target), undefined) // what goes on with its records is told by their zones
    for (const [i, round] of rounds.entries()) {
      const proofsOfRound = round.flatMap(record => byRecord.get(record) ?? [])
      const published = new Map(batch.publish(round).map((visible, k) => [round[k], visible]))
      await this.#each(proofsOfRound, async proof => {
        await published.get(proof.record)
        await this.#accept(proof)
      })
      if (i === rounds.length - 1 || isHopeless()) return
      await this.#each(proofsOfRound, proof => this.#verdict(proof))
      await publisher.withdraw(round)
      if (isHopeless()) return
    }
  }

  /** Waits for the whole order. When it turns invalid, each name's own verdict says who failed. */
  async allValid(order: Order, proofs: readonly Proof[]): Promise<Order> {
    const { authority, signal, target, world } = this.#parts
    world.log.step(titleOf(target), 'waiting for the CA to validate')
    const stage = { stage: 'validating', names: this.#accepted.length } as const
    try {
      return await authority.client.pollOrder(order.url, isReady, { ...limits, stage }, signal)
    } catch (error) {
      // The error tells of the order. Which names failed and which were proved is in the authorizations: with
      // request.partial the proved ones are ordered again.
      if (!(error instanceof Dns01Error) || error.failedValidations.length === 0) throw error
      await this.#each(proofs, proof => this.#verdict(proof))
      if (this.failed.size === 0) throw error
      return order
    }
  }

  /** Waits for the CA's word on all that it was told of: so it is known what it counts as failed, and what it will reuse. */
  verdicts(): Promise<void> {
    return this.#each(this.#accepted, proof => this.#verdict(proof))
  }

  async #accept(proof: Proof): Promise<void> {
    const { authority, signal } = this.#parts
    this.#accepted.push(proof) // before the request: its answer may be lost, and the CA validate all the same
    await authority.client.accept({ url: proof.challengeUrl }, signal)
  }

  #verdict({ authorizationUrl }: Proof): Promise<Authorization> {
    const { authority, signal } = this.#parts
    return authority.client.pollAuthorization(authorizationUrl, limits, signal)
  }

  /** Acts for all of these that have not failed, at once; notes whose act fails. @throws when the run is stopped */
  async #each<T extends Proof>(proofs: readonly T[], act: (proof: T) => Promise<unknown>): Promise<void> {
    const noting = async (proof: T): Promise<void> => {
      if (this.failed.has(proof.name)) return
      try {
        await act(proof)
      } catch (error) {
        this.#parts.signal.throwIfAborted()
        this.failed.set(proof.name, error)
      }
    }
    await Promise.all(proofs.map(noting))
  }
}

/** An authorization for a name that is not in the order would prove it for others (RFC 8555 §7.1.4). */
function refuseStrangers({ identifiers }: Order, all: readonly Authorization[]): void {
  const stranger = all.find(({ identifier }) => !identifiers.some(name => withoutWildcard(name) === identifier))
  if (stranger) throw new Dns01Error('REFUSED', `the CA wants ${stranger.identifier} proved, which nobody ordered`)
}

/** What proves each of these, by the target's method. @throws Dns01Error REFUSED when the CA does not offer that */
async function proofsOf(
  { authority: { accountKey, client }, target, signal }: AuthorizeParts,
  open: readonly Authorization[],
): Promise<Proof[]> {
  const isByAccount = methodOf(target) === 'dns-account-01' && open.length > 0
  const label = isByAccount ? accountLabel(await client.accountUrl(signal)) : undefined
  return open.map(authorization => {
    const { identifier: host, wildcard, url: authorizationUrl } = authorization
    const method = label === undefined ? 'dns-01' : 'dns-account-01'
    const { token, keyAuthorization, value, url: challengeUrl } = dnsChallenge(authorization, accountKey, method)
    return {
      name: (wildcard ? `*.${host}` : host) as Name,
      challengeUrl,
      authorizationUrl,
      challenge: { host, wildcard, token, keyAuthorization, targetFile: target.file, env: target.env },
      value,
      dns: target.dns,
      ...(label !== undefined && { at: accountChallengeName(host, label) }),
    }
  })
}
