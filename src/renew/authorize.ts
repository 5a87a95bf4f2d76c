// Authorizing (RFC 8555 §7.5): one order's names are proved by TXT records. What this costs in time is the DNS; so all
// names of an order go together, and each is answered for itself, as soon as its own record can be seen everywhere.
import { accountLabel, dnsChallenge } from '../acme/challenge.js'
import type { Authorization, Order } from '../acme/client.js'
import { Dns01Error } from '../core/errors.js'
import { accountChallengeName, type Name, withoutWildcard } from '../core/names.js'
import { certificateStep } from '../core/progress.js'
import { methodOf, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { inRounds, type LocatedRecord, type Locator, type RecordRequest } from '../publish/locate.js'
import type { Batch, Publisher } from '../publish/publisher.js'
import type { CertificateAuthority } from './authorities.js'
import { type Answer, orderedName, persistent, type RecordEnds } from './persistent.js'

export interface AuthorizeParts {
  readonly world: Pick<World, 'clock' | 'log'>
  readonly locator: Pick<Locator, 'locate' | 'standing'>
  readonly publisher: Pick<Publisher, 'withdraw'>
  /** Ours among those of the run: others wait for it until its records are published, or it is closed. */
  readonly batch: Batch
  readonly authority: Pick<CertificateAuthority, 'client' | 'accountKey'>
  readonly target: Target
  readonly signal: AbortSignal
}

/** An order after its names were proved, or not. A failure of one name is a value here: with request.partial the others go on. */
export interface Authorized {
  /** As the CA showed it last; ready to be finalized if nobody failed. */
  readonly order: Order
  /** Names as ordered that are not proved, and why not. */
  readonly failed: ReadonlyMap<Name, unknown>
  /** When records of dns-persist-01 end that proved them. */
  readonly ends: RecordEnds
}

/** How long the CA may take to validate. Our own choice: as long as the grace of a run (run-limit.ts), which counts on it. */
const limits = { giveUpAfterSeconds: 600 } as const

/** What proves one name: the record that its challenge asks for, where the CA is told of it, and where its verdict is. */
interface Proof extends RecordRequest, Answer {}

interface LocatedProof extends Proof {
  readonly record: LocatedRecord
}

/**
 * Places the record of every authorization that is not yet valid, answers its challenge as soon as the record is
 * visible, and waits until the CA has validated them all (RFC 8555 §7.5.1, §8.4). The records go away in any case; that
 * is not waited for. A name whose record stands (dns-persist-01) is answered at once. Price: 2 requests a name, and looks
 * at the order; none for an order that is ready.
 * @throws Dns01Error what is no name's fault; REFUSED for an authorization that nobody ordered or without the target's method
 */
export async function authorize(parts: AuthorizeParts, order: Order): Promise<Authorized> {
  const { authority, batch, publisher, signal, target } = parts
  // A CA that remembers what was proved before makes the order ready at once: no DNS then.
  if (isReady(order)) return { order, failed: new Map(), ends: new Map() }
  const { client } = authority
  const all = await Promise.all(order.authorizations.map(url => client.authorization(url, signal)))
  refuseStrangers(order, all)
  const open = all.filter(({ status }) => status !== 'valid')
  const { standing, rest, ends, ...persist } = await persistent(parts, open)
  const names = new NamesOfOrder(parts, persist.failed)
  const proofs = await names.locate(await proofsOf(parts, rest))
  if (proofs.length === 0) batch.close() // others must not wait for records that will not come
  const { failed } = names
  // Without request.partial one name without a place is the end: to prove the others would only spend validations.
  const answers = [...standing, ...proofs]
  if (failed.size > 0 && (!target.partial || answers.length === 0)) return { order, failed, ends }
  try {
    await Promise.all([names.acceptAll(standing), names.place(proofs)])
    if (failed.size === 0) return { order: await names.allValid(order, answers), failed, ends }
    // An order with a name that was not answered never gets ready; so each authorization is looked at by itself.
    await names.verdicts()
    return { order, failed, ends }
  } finally {
    // Not awaited: the order goes on meanwhile. Publisher.close() waits for it, and the journal remembers a crash.
    void publisher.withdraw(proofs.map(({ record }) => record))
  }
}

const isReady = ({ status }: Order): boolean => status === 'ready' || status === 'valid'

/** The names of one order on their way: one that fails is noted, and stops no other. */
class NamesOfOrder {
  readonly failed: Map<Name, unknown>
  readonly #parts: AuthorizeParts
  /** Those whose challenge the CA was told of: each will be valid or invalid. */
  readonly #accepted: Answer[] = []

  constructor(parts: AuthorizeParts, failed: ReadonlyMap<Name, unknown>) {
    this.#parts = parts
    this.failed = new Map(failed)
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

  /** Those whose record stands already. */
  acceptAll(answers: readonly Answer[]): Promise<void> {
    return this.#each(answers, answer => this.#accept(answer))
  }

  /** One value a name, where the provider holds no more: the CA must have seen it before the next takes its place. */
  async place(proofs: readonly LocatedProof[]): Promise<void> {
    const { batch, publisher, target } = this.#parts
    const isHopeless = (): boolean => this.failed.size > 0 && !target.partial
    const byRecord = new Map(proofs.map(proof => [proof.record, proof]))
    const rounds = inRounds([...byRecord.keys()])
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
  async allValid(order: Order, answers: readonly Answer[]): Promise<Order> {
    const { authority, signal, target, world } = this.#parts
    world.log.step(certificateStep(target, { stage: 'waiting for the CA to validate' }))
    const stage = { stage: 'validating', names: this.#accepted.length } as const
    try {
      return await authority.client.pollOrder(order.url, isReady, { ...limits, stage }, signal)
    } catch (error) {
      // The error tells of the order. Which names failed and which were proved is in the authorizations: with
      // request.partial the proved ones are ordered again.
      if (!(error instanceof Dns01Error) || error.failedValidations.length === 0) throw error
      await this.#each(answers, answer => this.#verdict(answer))
      if (this.failed.size === 0) throw error
      return order
    }
  }

  /** Waits for the CA's word on all that it was told of: so it is known what it counts as failed, and what it will reuse. */
  verdicts(): Promise<void> {
    return this.#each(this.#accepted, answer => this.#verdict(answer))
  }

  async #accept(answer: Answer): Promise<void> {
    const { authority, signal } = this.#parts
    this.#accepted.push(answer) // before the request: its answer may be lost, and the CA validate all the same
    await authority.client.accept({ url: answer.challengeUrl }, signal)
  }

  #verdict({ authorizationUrl }: Answer): Promise<Authorization> {
    const { authority, signal } = this.#parts
    return authority.client.pollAuthorization(authorizationUrl, limits, signal)
  }

  /** Acts for all of these that have not failed, at once; notes whose act fails. @throws when the run is stopped */
  async #each<T extends Answer>(answers: readonly T[], act: (answer: T) => Promise<unknown>): Promise<void> {
    const noting = async (answer: T): Promise<void> => {
      if (this.failed.has(answer.name)) return
      try {
        await act(answer)
      } catch (error) {
        this.#parts.signal.throwIfAborted()
        this.failed.set(answer.name, error)
      }
    }
    await Promise.all(answers.map(noting))
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
      name: orderedName(authorization),
      challengeUrl,
      authorizationUrl,
      challenge: { host, wildcard, token, keyAuthorization, targetFile: target.file, env: target.env },
      value,
      dns: target.dns,
      ...(label !== undefined && { at: accountChallengeName(host, label) }),
    }
  })
}
