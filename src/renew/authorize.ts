import { type DnsChallenge, dnsChallenge } from '../acme/challenge.js'
import type { Authorization, Order } from '../acme/client.js'
import { combine } from '../core/combine-errors.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import { type Target, titleOf } from '../core/target.js'
import type { World } from '../core/world.js'
import type { LocatedRecord, Publisher, RecordRequest } from '../publish/publisher.js'
import type { CertificateAuthority } from './authorities.js'

export interface AuthorizeParts {
  readonly world: Pick<World, 'log'>
  readonly publisher: Publisher
  readonly signal: AbortSignal
}

/** How long the CA may take to validate. */
const limits = { giveUpAfterSeconds: 600 } as const

export const isReady = (order: Order): boolean => order.status === 'ready' || order.status === 'valid'

interface Answer {
  /** As ordered. */
  readonly name: Name
  readonly authorization: Authorization
  readonly challenge: DnsChallenge
}

/**
 * Places the record of every authorization that is not yet valid, answers its challenge as soon as the record is
 * visible, and waits until the CA has validated them all (RFC 8555 §7.5.1, §8.4). The records go away in any case.
 * Where names fail, the CA's verdict on the others is waited for: so it is known what it counts as failed, and what it
 * will reuse.
 * @throws Dns01Error with `byName` for the names that failed
 */
export async function authorize(
  parts: AuthorizeParts,
  { client, accountKey }: CertificateAuthority,
  target: Target,
  order: Order,
  arrived: () => void,
): Promise<Order> {
  const { publisher, signal, world } = parts
  const all = await Promise.all(order.authorizations.map(url => client.authorization(url, signal)))
  refuseStrangers(order, all)
  const open = all.filter(authorization => authorization.status !== 'valid')
  const answers = open.map(authorization => ({
    name: orderedName(authorization),
    authorization,
    challenge: dnsChallenge(authorization, accountKey),
  }))
  const failed = new Map<Name, unknown>()
  const located = await locate()
  const placements = [...located.keys()]
  if (failed.size > 0 && (!target.partial || placements.length === 0)) throw notProved(failed)
  const accepted = new Set<Answer>()
  try {
    await placeAll()
    if (failed.size === 0) return await allValid()
    await Promise.all([...accepted].map(attempt(verdict)))
    throw notProved(failed)
  } finally {
    void publisher.withdraw(placements)
  }

  /** Does it for one name, whose failure is noted and stops no other. */
  function attempt<T>(act: (answer: Answer) => Promise<T>): (answer: Answer) => Promise<T | undefined> {
    return async answer => {
      try {
        return failed.has(answer.name) ? undefined : await act(answer)
      } catch (error) {
        signal.throwIfAborted()
        failed.set(answer.name, error)
        return undefined
      }
    }
  }

  async function locate(): Promise<Map<LocatedRecord, Answer>> {
    const found = await Promise.all(
      answers.map(attempt(async answer => (await publisher.locate([wish(target, answer)]))[0])),
    )
    return new Map(answers.flatMap((answer, i) => (found[i] ? [[found[i], answer] as const] : [])))
  }

  /** One value a name, where the provider holds no more: the CA must have seen it before the next takes its place. */
  async function placeAll(): Promise<void> {
    const rounds = publisher.rounds(placements)
    world.log.step(titleOf(target), undefined) // what goes on with its records is told by their zones
    for (const [i, round] of rounds.entries()) {
      const placing = round.map(placement => attempt(() => place(placement))(answerTo(placement)))
      arrived()
      await Promise.all(placing)
      if (failed.size > 0 && !target.partial) return
      if (i === rounds.length - 1) return
      await Promise.all(round.map(answerTo).map(attempt(verdict)))
      await publisher.withdraw(round)
    }
  }

  async function place(placement: LocatedRecord): Promise<void> {
    await publisher.publish(placement)
    const answer = answerTo(placement)
    accepted.add(answer)
    await client.accept(answer.challenge, signal)
  }

  async function allValid(): Promise<Order> {
    world.log.step(titleOf(target), 'waiting for the CA to validate')
    try {
      const stage = { stage: 'validating', names: accepted.size } as const
      return await client.pollOrder(order.url, isReady, { ...limits, stage }, signal)
    } catch (error) {
      if (!(error instanceof Dns01Error) || error.failedValidations.length === 0) throw error
      await Promise.all(answers.map(attempt(verdict)))
      throw failed.size > 0 ? notProved(failed) : error
    }
  }

  function verdict({ authorization }: Answer): Promise<Authorization> {
    return client.pollAuthorization(authorization.url, limits, signal)
  }

  function answerTo(placement: LocatedRecord): Answer {
    return located.get(placement) as Answer
  }
}

function refuseStrangers({ identifiers }: Order, all: readonly Authorization[]): void {
  const stranger = all.find(({ identifier }) => !identifiers.some(name => withoutWildcard(name) === identifier))
  if (stranger) throw new Dns01Error('REFUSED', `the CA wants ${stranger.identifier} proved, which nobody ordered`)
}

const orderedName = ({ identifier, wildcard }: Authorization): Name =>
  (wildcard ? `*.${identifier}` : identifier) as Name

const notProved = (failed: ReadonlyMap<Name, unknown>): unknown => combine([...failed.values()], { byName: failed })

function wish(target: Target, { authorization, challenge }: Answer): RecordRequest {
  const { identifier: host, wildcard } = authorization
  const { token, keyAuthorization, value } = challenge
  const facts = { host, wildcard, token, keyAuthorization, targetFile: target.file, env: target.env }
  return { challenge: facts, value, dns: target.dns }
}
