// From an order that is ready to a certificate on disk (RFC 8555 §7.4, §7.4.2), for a run that made the order and for one
// that takes up what an earlier run left (resume.ts).
import type { AcmeClient, Order } from '../acme/client.js'
import { codeOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'
import { type CertificateFacts, checkIssued, readCertificate } from '../x509/certificate.js'
import type { Request } from './certificate-key.js'
import { downloadChain } from './chain.js'

/** How long the CA may take to sign. Our own choice, as for validating; a slower CA loses nothing, since the next run resumes. */
const signingSeconds = 600

export interface FinishParts {
  readonly world: Pick<World, 'clock' | 'log'>
  readonly state: Pick<StateDir, 'storeCertificate' | 'removeCertificate' | 'ledger'>
  readonly signal: AbortSignal
}

interface Finishing {
  /** The folder in certs/, which has the order's URL already, and a link to the key if that is ours. */
  readonly id: string
  readonly order: Order
  readonly request: Request
  readonly names: readonly Name[]
  /** Target.chain. */
  readonly chain?: string | undefined
  /** How long the CA may take; as for a new order when absent. */
  readonly signingSeconds?: number
}

/**
 * From a ready order to a certificate that was checked and stored; gives its id. Price: 3 requests, and more looks where
 * the CA is slow.
 * @throws Dns01Error REFUSED, then nothing of it stays on disk; UNAVAILABLE, then a later run takes it up
 */
export async function finish(parts: FinishParts, client: AcmeClient, it: Finishing): Promise<string> {
  const { signal } = parts
  const stage = { stage: 'signing', names: it.names.length } as const
  const limits = { giveUpAfterSeconds: it.signingSeconds ?? signingSeconds, stage }
  return orDrop(parts, it.id, async () => {
    // Made only for an order that is ready: what is processing or valid got its CSR from an earlier run, and takes no other.
    const csr = () => it.request.csr(it.names)
    const isValid = ({ status }: Order): boolean => status === 'valid'
    const finalized: Awaited<ReturnType<AcmeClient['finalize']>> =
      it.order.status === 'ready' ? await client.finalize(it.order, csr(), signal) : it.order
    const { retryAfterSeconds } = finalized
    const valid = isValid(finalized)
      ? finalized
      : await client.pollOrder(it.order.url, isValid, { ...limits, retryAfterSeconds }, signal)
    return store(parts, { ...it, keyId: it.request.keyId }, await downloadChain(parts, client, valid, it.chain))
  })
}

/**
 * What came back is checked before it can go live: a CA that sends another key's certificate would otherwise take down every
 * server that is told to read it. What fails the check is not written.
 * @throws Dns01Error REFUSED when it is not what was asked for, STATE when it cannot be written
 */
export async function store(
  { state, world }: FinishParts,
  it: Pick<Finishing, 'id' | 'names'> & { readonly keyId: string },
  chain: string,
): Promise<string> {
  const want = { keyId: it.keyId, names: it.names, now: world.clock.now() }
  const issued = checkIssued(chain, want)
  tellLifetime(world, it.names, readCertificate(issued.cert))
  await state.storeCertificate(it.id, issued)
  return it.id
}

/**
 * Half of the shortest life that hourly runs can renew, and once more when that fails; and what public CAs may not exceed
 * (CA/Browser Forum, Baseline Requirements §6.3.2: 398 days), which is a private CA's own choice: no warning to cron.
 */
const lives = { shortestHours: 4, longestDays: 400 } as const

function tellLifetime(
  { log }: Pick<World, 'log'>,
  names: readonly Name[],
  { notBefore, notAfter }: CertificateFacts,
): void {
  const hours = (notAfter.getTime() - notBefore.getTime()) / 3_600_000
  const what = `${names[0] ?? 'a certificate'}: it is valid`
  if (hours < lives.shortestHours)
    log.warn(`${what} for ${hours.toFixed(1)} hours`, 'hourly runs may be too seldom to renew it in time')
  if (hours > lives.longestDays * 24)
    log.info(`${what} for ${Math.round(hours / 24)} days, until ${notAfter.toISOString().slice(0, 10)}`)
}

/**
 * An order that the CA, or our check of what it gave, has refused for good will never be of use: its folder goes, or every
 * later run would resume it in vain. Any other error leaves the folder for the next run.
 */
export async function orDrop<T>({ state }: FinishParts, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (codeOf(error) === 'REFUSED') await state.removeCertificate(id)
    throw error
  }
}
