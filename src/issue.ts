import { type DnsChallenge, dnsChallenge } from './acme/challenge.js'
import type { AcmeClient, Authorization, Order } from './acme/client.js'
import type { CertificateAuthorities, CertificateAuthority } from './certificate-authorities.js'
import { codeOf, Dns01Error } from './errors.js'
import { type Name, withoutWildcard } from './names.js'
import type { Placement, Publisher, Wish } from './publisher.js'
import { settleAll } from './settle.js'
import type { StateDir } from './state/state-dir.js'
import type { Target } from './target.js'
import type { World } from './world.js'
import { checkIssued } from './x509/certificate.js'
import { createCsr } from './x509/csr.js'
import { generateKey, type KeyPair } from './x509/keys.js'

export interface IssueParts {
  readonly world: World
  readonly state: StateDir
  readonly authorities: CertificateAuthorities
  readonly publisher: Publisher
  readonly signal: AbortSignal
}

/** How long the CA may take to validate, and to sign. */
const validationSeconds = 600
const signingSeconds = 600

/**
 * The story of one target: key → order → records → validated → certificate on disk. Returns the certificate's id.
 * Price: about 4 + 2 requests a name, the account's apart.
 * @throws Dns01Error of any code; what was asked for and can be resumed is on disk then, what can't is removed
 */
export async function issue(
  parts: IssueParts,
  target: Target,
  names: readonly Name[] = target.requestNames,
): Promise<string> {
  const { world, state, authorities, publisher, signal } = parts
  const arrived = publisher.expect()
  let made: KeyPair | undefined
  try {
    world.log.step(target.file, 'asking the CA')
    const authority = await authorities.for(target.ca)
    const existing = existingKey(parts, target)
    const key = existing ?? (await generateKey(target.key))
    if (!existing) {
      made = key
      await state.addKey(key)
    }
    const order = await authority.client.newOrder({ names }, signal)
    const ready = isReady(order) ? order : await prove(parts, authority, target, order, arrived)
    const id = await state.addOrder({ url: order.url, accountId: authority.accountId, keyId: key.id })
    made = undefined // from here on an order knows the key: it stays
    world.log.step(target.file, 'waiting for the certificate')
    return await finish(parts, authority.client, { id, order: ready, key, names, mustStaple: target.mustStaple })
  } finally {
    arrived()
    if (made) await state.removeKey(made.id)
    world.log.step(target.file, undefined)
  }
}

/** request.key.id names a key to use; when it is not there, a new one is made and the log says so. */
function existingKey({ state, world }: IssueParts, target: Target): KeyPair | undefined {
  const { id } = target.key
  if (id === undefined) return undefined
  if (state.keyIds().has(id)) return state.key(id)
  world.log.warn(`${target.file}: the key ${id} (request.key.id) is not in keys/; making a new one`)
  return undefined
}

/**
 * Places the record of every authorization that is not yet valid, answers its challenge as soon as the record is
 * visible, and waits until the CA has validated them all (RFC 8555 §7.5.1, §8.4). The records go away in any case.
 */
async function prove(
  parts: IssueParts,
  authority: CertificateAuthority,
  target: Target,
  order: Order,
  arrived: () => void,
): Promise<Order> {
  const { publisher, signal, world } = parts
  const { client, accountKey } = authority
  const all = await Promise.all(order.authorizations.map(url => client.authorization(url, signal)))
  const stranger = all.find(({ identifier }) => !order.identifiers.some(name => withoutWildcard(name) === identifier))
  if (stranger) throw new Dns01Error('REFUSED', `the CA wants ${stranger.identifier} proved, which nobody ordered`)
  const open = all.filter(authorization => authorization.status !== 'valid')
  const answers = open.map(authorization => ({ authorization, challenge: dnsChallenge(authorization, accountKey) }))
  const byValue = new Map(answers.map(answer => [answer.challenge.value, answer]))
  const placements = await publisher.locate(
    answers.map(({ authorization, challenge }) => wish(target, authorization, challenge)),
  )
  try {
    const rounds = publisher.rounds(placements)
    for (const [i, round] of rounds.entries()) {
      const answered = round.map(async placement => {
        await publisher.publish(placement)
        await client.accept(answerTo(placement).challenge, signal)
      })
      arrived()
      await settleAll(answered)
      if (i < rounds.length - 1) await settle(round)
    }
    world.log.step(target.file, 'waiting for the CA to validate')
    return await client.pollOrder(order.url, isReady, { giveUpAfterSeconds: validationSeconds }, signal)
  } finally {
    void publisher.withdraw(placements)
  }

  /** One value a name: the CA must have seen this one before the next takes its place. */
  async function settle(round: readonly Placement[]): Promise<void> {
    const limits = { giveUpAfterSeconds: validationSeconds }
    await settleAll(round.map(p => client.pollAuthorization(answerTo(p).authorization.url, limits, signal)))
    await publisher.withdraw(round)
  }

  function answerTo(placement: Placement): (typeof answers)[number] {
    return byValue.get(placement.record.value) as (typeof answers)[number]
  }
}

const isReady = (order: Order): boolean => order.status === 'ready' || order.status === 'valid'

function wish(
  target: Target,
  { identifier, wildcard }: Authorization,
  { token, keyAuthorization, value }: DnsChallenge,
): Wish {
  const challenge = { host: identifier, wildcard, token, keyAuthorization, targetFile: target.file, env: target.env }
  return { challenge, value, dns: target.dns }
}

interface Finishing {
  readonly id: string
  readonly order: Order
  readonly key: KeyPair
  readonly names: readonly Name[]
  readonly mustStaple: boolean
}

/** From a ready order to a certificate that was checked and stored. */
export async function finish(parts: IssueParts, client: AcmeClient, it: Finishing): Promise<string> {
  const { signal } = parts
  const limits = { giveUpAfterSeconds: signingSeconds }
  return orDrop(parts, it.id, async () => {
    const csr = () => createCsr(it.key, it.names, { mustStaple: it.mustStaple })
    const finalized = it.order.status === 'ready' ? await client.finalize(it.order, await csr(), signal) : it.order
    const valid =
      finalized.status === 'valid'
        ? finalized
        : await client.pollOrder(it.order.url, o => o.status === 'valid', limits, signal)
    return store(parts, { ...it, keyId: it.key.id }, await client.certificate(valid, signal))
  })
}

/** What came back is checked before it can go live; what fails the check stays out. */
export async function store(
  { state, world }: IssueParts,
  it: Pick<Finishing, 'id' | 'names'> & { readonly keyId: string },
  chain: string,
): Promise<string> {
  const want = { keyId: it.keyId, names: it.names, now: world.clock.now() }
  await state.storeCertificate(it.id, checkIssued(chain, want))
  return it.id
}

/** An order that the CA, or our check of what it gave, has refused for good will never be of use: its folder goes. */
export async function orDrop<T>({ state }: IssueParts, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (codeOf(error) === 'REFUSED') await state.removeCertificate(id)
    throw error
  }
}
