// Names that are proved by a record that stands (dns-persist-01): somebody has published it, dns01 looks and never writes. So
// no provider is asked for anything, and none need be there.
import { notOffered } from '../acme/challenge.js'
import type { Authorization } from '../acme/client.js'
import {
  judgeForAny,
  judgePersist,
  type PersistAccount,
  type PersistTerms,
  type PersistVerdict,
  persistTerms,
} from '../acme/persist.js'
import { minute } from '../core/dates.js'
import { Dns01Error, messageOf, shortList } from '../core/errors.js'
import { type Name, persistName, withoutWildcard } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import { groupBy } from '../core/txt-record.js'
import type { World } from '../core/world.js'
import type { Standing } from '../dns/standing.js'
import type { Locator } from '../publish/locate.js'
import type { Ledger } from '../state/ledger.js'
import { recordKey } from '../state/ledger-keys.js'
import type { StateDir } from '../state/state-dir.js'
import type { CertificateAuthority } from './authorities.js'

/** Whether the record for a name stands at every server and is good; else what to mend. */
export type RecordLook =
  | { readonly good: true; readonly standing: Standing; readonly until?: Date | undefined }
  | { readonly good: false; readonly standing: Standing; readonly error: Dns01Error; readonly isThere: boolean }

/**
 * Looks at the record for a name as ordered (with `*.` for a wildcard). A CA may ask any server, and from several places (Baseline
 * Requirements §3.2.2.9): so it must be good at each that can be asked.
 * @throws Dns01Error REFUSED, UNAVAILABLE when the DNS cannot be asked
 */
export async function lookAtRecord(
  locator: Pick<Locator, 'standing'>,
  name: Name,
  terms: Pick<PersistTerms, 'issuers' | 'accountUris'>,
  now: Date,
  wanted: readonly Name[] = [name],
): Promise<RecordLook> {
  const at = persistName(name)
  const standing = await locator.standing(at)
  const expected = { ...terms, wildcard: name.startsWith('*.'), now }
  const verdicts = standing.seen.map(({ server, values }) => ({ server, verdict: judgePersist(values, expected) }))
  const bad = verdicts.flatMap(({ server, verdict }) => (verdict.good ? [] : [{ server, verdict }]))
  // Each server by itself, and not all values together: what one lacks, another must not make good.
  const [first] = bad
  if (!first) {
    // the servers may disagree on the end while a change is under way: the earliest is what a CA might see
    const ends = verdicts.flatMap(({ verdict }) => (verdict.good && verdict.until ? [verdict.until.getTime()] : []))
    return { good: true, standing, until: ends.length === 0 ? undefined : new Date(Math.min(...ends)) }
  }
  const isThere = standing.seen.some(({ values }) => values.length > 0)
  if (bad.length === verdicts.length)
    return { good: false, standing, error: unfit(name, wanted, first.verdict), isThere }
  // Those that have it are right, so it was published: the others lag, and a later run may find it there as well.
  const late = shortList(
    bad.map(one => `${one.server}: ${one.verdict.why}`),
    5,
    '; ',
  )
  const error = new Dns01Error(
    'NOT_VISIBLE',
    `${at}: the record is not good at ${bad.length} of ${verdicts.length} servers (${late})`,
    {
      hint: 'dns01 probe shows what each server answers',
    },
  )
  return { good: false, standing, error, isThere }
}

/** CONFIG: it fails until somebody changes the record. */
const unfit = (
  name: Name,
  wanted: readonly Name[],
  { part, why }: Exclude<PersistVerdict, { good: true }>,
): Dns01Error =>
  new Dns01Error('CONFIG', `${persistName(name)}: the record of dns-persist-01 does not prove ${name}: ${why}`, {
    hint: mend(part, name, wanted),
  })

/**
 * What to do, by the part of the record that is wrong: always a command that prints one which is right for all that are
 * wanted of it.
 */
function mend(
  part: Exclude<PersistVerdict, { good: true }>['part'],
  name: Name,
  wanted: readonly Name[] = [name],
): string {
  const same = wanted.filter(one => persistName(one) === persistName(name))
  const print = `dns01 persist ${same.map(one => `'${one}'`).join(' ')}`
  switch (part) {
    case 'policy':
      return `add policy=wildcard to it: ${print} prints it whole`
    case 'persistUntil':
      return `publish it with a later end: ${print} --until DATE prints it`
    case 'accounturi':
      return `${print} prints it for the account in use; a new account has another one, and by draft 02 so has a new key`
    default:
      return `${print} prints what to publish`
  }
}

/**
 * Before the CA is asked: names without a record that could prove them to any CA, and why that is an error. Whether it does for
 * ours is known only when the CA has said what it wants; but what no CA would take must not cost an order at each try.
 */
export async function withoutRecord(
  locator: Pick<Locator, 'standing'>,
  names: readonly Name[],
  now: Date,
): Promise<Map<Name, unknown>> {
  const lacking = new Map<Name, unknown>()
  await Promise.all(
    names.map(async name => {
      try {
        const { seen } = await locator.standing(persistName(name))
        const expected = { wildcard: name.startsWith('*.'), now }
        const bad = seen.flatMap(({ values }) => {
          const verdict = judgeForAny(values, expected)
          return verdict.good ? [] : [verdict]
        })
        // one server that has it is enough here: the others may have it by the time they are asked again
        if (bad[0] && bad.length === seen.length) lacking.set(name, unfit(name, names, bad[0]))
      } catch (error) {
        lacking.set(name, error)
      }
    }),
  )
  return lacking
}

/** No publisher and no journal among them: nothing is placed here, so that there is nothing to take back after a crash. */
export interface PersistentParts {
  readonly world: Pick<World, 'clock' | 'log'>
  readonly locator: Pick<Locator, 'standing'>
  readonly authority: Pick<CertificateAuthority, 'client' | 'accountKey'>
  readonly target: Target
  readonly signal: AbortSignal
}

/** A name of an order: where the CA is told that it may look, and where its verdict is. */
export interface Answer {
  /** As ordered: a wildcard with its `*.` */
  readonly name: Name
  readonly challengeUrl: string
  readonly authorizationUrl: string
}

/** By the names that they prove, as they were ordered. */
export type RecordEnds = ReadonlyMap<Name, Date | undefined>

export interface Persistent {
  /** Their records stand: the CA need only be told. */
  readonly standing: readonly Answer[]
  /** To be proved by values that are placed. */
  readonly rest: readonly Authorization[]
  /** Names of dns-persist-01 that are not proved, and why not. */
  readonly failed: ReadonlyMap<Name, unknown>
  /** When the records of `standing` end; undefined: never. */
  readonly ends: RecordEnds
}

/** The name that was ordered. */
export const orderedName = ({ identifier, wildcard }: Authorization): Name =>
  (wildcard ? `*.${identifier}` : identifier) as Name

/**
 * Which of these a record proves that stands, by the target's method: with `dns-persist-01` all of them must be, with `auto` the
 * others are proved by dns-01. Price: a look at the DNS for each.
 */
export async function persistent(parts: PersistentParts, open: readonly Authorization[]): Promise<Persistent> {
  const { authority, signal, target, world } = parts
  const method = methodOf(target)
  const standing: Answer[] = []
  const rest: Authorization[] = []
  const failed = new Map<Name, unknown>()
  const ends = new Map<Name, Date | undefined>()
  if (open.length === 0 || (method !== 'dns-persist-01' && method !== 'auto'))
    return { standing, rest: open, failed, ends }
  // once for all of them: the client keeps both, so that this costs nothing after the order was made
  const account = await accountOf(authority, signal)
  const found = await Promise.all(open.map(authorization => recordOf(parts, authorization, account)))
  for (const { authorization, name, ...record } of found) {
    if (record.url !== undefined) {
      standing.push({ name, challengeUrl: record.url, authorizationUrl: authorization.url })
      ends.set(name, record.until)
    } else if (method === 'dns-persist-01') failed.set(name, record.error)
    else rest.push(authorization)
    if (method === 'auto' && record.url === undefined) tellWhyNot(world, name, record)
  }
  return { standing, rest, failed, ends }
}

/** What became of one authorization: a record that is good, or why it is not. */
interface Found {
  readonly name: Name
  readonly authorization: Authorization
  /** Of the challenge, where the record is good. */
  readonly url?: string
  readonly until?: Date | undefined
  /** Why it is not. */
  readonly error?: unknown
  /** Somebody has published something. */
  readonly isThere?: boolean
}

/**
 * The record of one name, by what the CA's challenge asks of it. Any error is that name's alone: with `auto` it goes on by dns-01,
 * and the other names of the order need not hear of it. @throws when the run is stopped
 */
async function recordOf(
  { locator, signal, target, world }: PersistentParts,
  authorization: Authorization,
  account: PersistAccount,
): Promise<Found> {
  const name = orderedName(authorization)
  // by its type alone: it has no token, and comes at any place of the list
  const challenge = authorization.challenges.find(({ type }) => type === 'dns-persist-01')
  if (!challenge) return { name, authorization, error: notOffered(authorization, 'dns-persist-01') }
  try {
    const terms = persistTerms(authorization.identifier, account, { challenge })
    const look = await lookAtRecord(locator, name, terms, world.clock.now(), target.requestNames)
    if (look.good) return { name, authorization, url: challenge.url, until: look.until }
    return { name, authorization, error: look.error, isThere: look.isThere }
  } catch (error) {
    signal.throwIfAborted()
    return { name, authorization, error }
  }
}

/** With `auto`. Who has published a record means it to be used, and should hear that it is not; who has none wants dns-01. */
function tellWhyNot(
  { log }: Pick<World, 'log'>,
  name: Name,
  { error, isThere }: Pick<Found, 'error' | 'isThere'>,
): void {
  if (!(error instanceof Dns01Error)) throw error
  if (isThere)
    log.notice(`${messageOf(error)}; dns-01 is tried instead`, ...(error.hint === undefined ? [] : [error.hint]))
  else log.info(`${name}: dns-01, since ${messageOf(error)}`)
}

/** Both are known already when an order is made: no request. */
async function accountOf(
  { client, accountKey }: PersistentParts['authority'],
  signal: AbortSignal,
): Promise<PersistAccount> {
  // the URL by the CA's own answer and not from disk: its octets are part of what the record must say
  const [url, directory] = [await client.accountUrl(signal), await client.directory(signal)]
  return { url, directory, thumbprint: accountKey.thumbprint }
}

/**
 * An end is told of when the record will not outlive the certificate, since its renewal may come too late, and for the last days
 * before it in any case: certificates of six days would leave nobody time to find who keeps the zone. Our own choice.
 */
const toldDaysBefore = 30

/** Whether somebody should publish a record anew that ends then. */
export const endsSoon = (until: Date | undefined, certificateEnds: Date | undefined, now: Date): until is Date =>
  until !== undefined &&
  until.getTime() < Math.max(certificateEnds?.getTime() ?? 0, now.getTime() + toldDaysBefore * 86_400_000)

/** What to say of a record that ends soon. */
export const endText = (name: Name, until: Date, wanted?: readonly Name[]): { text: string; hint: string } => ({
  text: `the record at ${persistName(name)} counts until ${minute(until)} only: after that ${withoutWildcard(name)} cannot be renewed`,
  hint: mend('persistUntil', name, wanted),
})

/**
 * Keeps in the ledger when records end, for `status`, and warns of those that end soon: so cron's mail comes in time. Price: a
 * look at all certificates, where there is an end.
 */
export async function noteEnds(
  {
    world,
    state,
  }: { readonly world: Pick<World, 'clock' | 'log'>; readonly state: Pick<StateDir, 'certificates' | 'ledger'> },
  { ca }: Pick<Target, 'ca'>,
  { id: certificateId, ends }: { readonly id: string; readonly ends: RecordEnds },
): Promise<void> {
  // also where there is no end: it may have had one at the last renewal, of which status would warn on
  await state.ledger().recordsSeen([...ends].map(([name, until]) => [recordKey(ca, name), until] as const))
  if ([...ends.values()].every(until => until === undefined)) return
  const facts = state.certificates().find(({ id }) => id === certificateId)?.facts
  for (const [at, [first]] of groupBy(ends, ([name]) => persistName(name))) {
    const [name, until] = first ?? [at, undefined] // a name and its wildcard have one record
    if (!endsSoon(until, facts?.notAfter, world.clock.now())) continue
    const { text, hint } = endText(name, until, [...ends.keys()])
    world.log.warn(text, hint)
  }
}

/** Of these names of a target the records that end soon, as the ledger has them. */
export function recordsThatEnd(
  target: Pick<Target, 'ca' | 'dns' | 'requestNames'>,
  ledger: Pick<Ledger, 'recordEnds'>,
  certificateEnds: Date | undefined,
  now: Date,
): { readonly name: Name; readonly until: Date }[] {
  if (ledger.recordEnds.size === 0) return []
  const method = methodOf(target)
  if (method !== 'dns-persist-01' && method !== 'auto') return []
  return target.requestNames.flatMap(name => {
    const until = ledger.recordEnds.get(recordKey(target.ca, name))
    return endsSoon(until, certificateEnds, now) ? [{ name, until }] : []
  })
}
