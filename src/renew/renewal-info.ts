// Asks the CAs when they want their certificates to be renewed (renewal information, RFC 9773), before a run decides what is due.
// It costs a run some seconds at most, and no answer is as good as none: the old one, or our own dates, go on to hold.
import pLimit from 'p-limit'
import { askRenewalInfo, certIdOf, findRenewalService } from '../acme/renewal-info.js'
import { minute } from '../core/dates.js'
import { messageOf } from '../core/errors.js'
import { claims } from '../core/target.js'
import { hostOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { Certificate } from '../state/certificates.js'
import { directoryUrl } from '../state/layout.js'
import { type KeptRenewal, withRenewals } from '../state/renewal-memory.js'
import type { StateDir } from '../state/state-dir.js'
import { reachable } from './authorities.js'
import type { Held } from './best-certificate.js'
import { afterAnswer, type InUse, isToLookUp, whomToAsk } from './whom-to-ask.js'

interface AskParts {
  readonly world: Pick<World, 'fetch' | 'clock' | 'random' | 'log'>
  readonly state: Pick<StateDir, 'renewals'>
  readonly signal: AbortSignal
}

/** Our own choice: a CDN stands before these answers at the large CAs, and small ones must not be overrun. */
const atOnce = 5

/** All of a run; what is not asked then is asked in the next one. */
const runSeconds = 30

/**
 * What is held, with what the CAs say now. Before anything is decided and not beside it: all of a run goes by the same dates.
 * Price: nothing until a question is due, then what askOne() costs for each CA, within runSeconds.
 * @throws the signal's reason, and nothing else
 */
export async function askWhenToRenew(parts: AskParts, there: Held): Promise<Held> {
  const { world, state, signal } = parts
  const memory = state.renewals()
  const now = world.clock.now()
  // of an expired certificate no CA need be asked: it is due in any case
  const living = there.certificates.filter(({ facts }) => facts && now < facts.notAfter)
  // what is kept would grow for ever otherwise: each renewal brings a new id
  memory.keepOnly(new Set(living.map(({ id }) => id)))
  const used = inUse(there)
  // one deadline for all CAs: a second one that hangs must not double the wait
  const within = AbortSignal.any([signal, world.clock.deadline(runSeconds)])
  for (const [ca, certificates] of byCa(living.filter(({ id }) => used.has(id)))) {
    try {
      await askOne({ ...parts, signal: within }, ca, certificates)
    } catch (error) {
      signal.throwIfAborted()
      world.log.info(`renewal information of ${ca}: ${messageOf(error)}`)
    }
  }
  await memory.save().catch(error => world.log.info(messageOf(error))) // a full disk is told by whoever needs it
  return { ...there, certificates: withRenewals(there.certificates, memory) }
}

/** What programs read by the links of those names that are wanted: nobody waits for any other certificate. */
const inUse = ({ targets, links }: Held): Set<string | undefined> =>
  new Set([...claims(targets).keys()].map(link => links.get(link)))

/**
 * By the CA of the account that got them: SERVER of accounts/SERVER. Without one it is not known whom to ask: a certificate
 * names who signed it, and not the directory. The target's CA would be a guess, which is wrong after a move to another one.
 */
function byCa(certificates: readonly Certificate[]): Map<string, Certificate[]> {
  const groups = new Map<string, Certificate[]>()
  for (const one of certificates) {
    const server = one.accountId?.split('/')[0]
    if (server === undefined || !one.facts || certIdOf(one.facts) === undefined) continue
    const group = groups.get(server)
    if (group) group.push(one)
    else groups.set(server, [one])
  }
  return groups
}

/** One CA: a request for the directory once a day at most, and one for each certificate whose time it is. */
async function askOne(parts: AskParts, server: string, certificates: readonly Certificate[]): Promise<void> {
  const { world, state, signal } = parts
  const memory = state.renewals()
  const now = world.clock.now()
  // the URL is kept for a day, so that a run at which no question is due costs the CA nothing at all
  const url = isToLookUp(memory.services.get(server), now)
    ? await lookUp(parts, server)
    : memory.services.get(server)?.url
  if (url === undefined) return
  const byId = new Map(certificates.map(one => [one.id, one]))
  const wanted = certificates.map(({ id, facts }): InUse => ({ id, notAfter: facts?.notAfter ?? now }))
  // whose time it is, and of a crowd only some: the others are put off to later runs, each to a time of its own
  const asking = whomToAsk(wanted, memory.certificates, now)
  for (const [id, askAgain] of asking.later) memory.keep(id, { ...memory.certificates.get(id), askAgain })
  const inTurn = pLimit(atOnce)
  // set by the first answer that is about the CA as a whole: those still in turn behind it are then not asked
  let left = false
  const ask = async ({ id }: InUse): Promise<void> => {
    const one = byId.get(id)
    const certId = one?.facts && certIdOf(one.facts)
    if (!one || certId === undefined || left || signal.aborted) return
    const answer = await askRenewalInfo(world, url, certId, signal)
    if (answer.why !== undefined) world.log.info(`${title(one)}: no renewal information: ${answer.why}`)
    left ||= answer.wholeCa ?? false
    if (answer.wholeCa) memory.keepService(server, { askAgain: after(answer.askAgainSeconds, world.clock.now()) })
    else learn(parts, one, afterAnswer(memory.certificates.get(id), answer, world.clock.now(), chance(world)))
  }
  if (asking.now.length === 0) return
  const about = { subject: hostOf(url) || url }
  const many = asking.now.length
  world.log.step({ ...about, stage: `asking when to renew ${many} certificate${many === 1 ? '' : 's'}` })
  await Promise.all(asking.now.map(each => inTurn(() => ask(each)))).finally(() => world.log.step(about))
}

/**
 * The CA's directory, without the account: a CA that knows no renewal information is asked again a day later. That it does not
 * is kept as well, or each run would fetch the directory of a CA that never had any.
 */
async function lookUp({ world, state, signal }: AskParts, server: string): Promise<string | undefined> {
  const { url, why, askAgainSeconds } = await findRenewalService(world, reachable(directoryUrl(server)), signal)
  if (why !== undefined) world.log.info(`no renewal information: ${why}`)
  state.renewals().keepService(server, { url, askAgain: after(askAgainSeconds, world.clock.now()) })
  return url
}

/**
 * Keeps it. A window that is new is told at INFO: cron is to hear nothing of what needs nobody's hand, and who looks for the
 * reason of an early renewal finds it in the log.
 */
function learn({ world, state }: AskParts, certificate: Certificate, renewal: KeptRenewal): void {
  const memory = state.renewals()
  const before = memory.certificates.get(certificate.id)?.window
  const { window } = renewal
  memory.keep(certificate.id, renewal)
  // by the chosen instant, which stays as long as the window does: else each run would tell of the same window again
  if (!window || before?.chosen.getTime() === window.chosen.getTime()) return
  const why = window.explanationUrl === undefined ? '' : `: ${window.explanationUrl}`
  const when = `between ${minute(window.start)} and ${minute(window.end)}`
  world.log.info(`${title(certificate)}: the CA asks for renewal ${when}${why}`)
}

/** People know names, not ids. */
const title = ({ facts, id }: Certificate): string => facts?.names[0] ?? id

const after = (seconds: number, now: Date): Date => new Date(now.getTime() + seconds * 1000)

/** At least 0, less than 1. */
const chance = ({ random }: Pick<World, 'random'>): number =>
  random(4).reduceRight((sum, byte) => (sum + byte) / 256, 0)
