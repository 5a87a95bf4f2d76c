// What is true of every wanted name: gathered here from the state directory, put into words by status-text.ts. It asks
// neither CA nor DNS and takes no lock, so that monitoring may call it every minute; and it decides by the same functions
// as a run (dueOf, admit, best), so that it cannot promise something else.
import type { Name } from '../core/names.js'
import { looksOf } from '../core/place.js'
import { claims, linkName, type Target, type WantedProfile } from '../core/target.js'
import type { World } from '../core/world.js'
import { admit, circumstances, type Deferral } from '../limits/admission.js'
import { type Failed, failureOf, nameFailure } from '../limits/backoff.js'
import type { Certificate } from '../state/certificates.js'
import { directoryUrl, isServerPart } from '../state/layout.js'
import { caKey } from '../state/ledger-keys.js'
import type { KeptWindow } from '../state/renewal-memory.js'
import { type ServedMemory, servedKey } from '../state/served-memory.js'
import type { StateDir } from '../state/state-dir.js'
import { keyUse, unusedKeys } from '../state/unused-keys.js'
import { reachable } from './authorities.js'
import { best, byName, has, isOfStaging } from './best-certificate.js'
import { type Due, dueOf, missingNames } from './due.js'
import { nameOf } from './link-changes.js'
import { lifeOf, tooMany } from './outlook.js'
import { recordsThatEnd } from './persistent.js'
import { renewalOf } from './renewal-date.js'
import { stateOf, type Urgency } from './urgency.js'

/** What `dns01 status --json` prints. Programs read it: members are added, not renamed or taken away. */
export interface StatusDocument {
  readonly stateDirectory: string
  /** `none`: there is no such folder; `empty`: quickstart did not run there. */
  readonly setUp: 'yes' | 'empty' | 'none'
  /** SERVER/KEYID of each, as accounts/ has them; the CAs are not asked whether they still know them. */
  readonly accounts: readonly string[]
  readonly targets: readonly TargetStatus[]
  /** Files that cannot be read or understood, and limits of a CA that are too small for what is wanted. */
  readonly problems: readonly { readonly message: string; readonly hint?: string | undefined }[]
  /** Entries of the journal: TXT records that a run has placed and not removed. Where no run is under way,
   *  one was stopped, or a provider would not take them back. */
  readonly recordsLeft: number
  /** Keys that have had no certificate for a week: runs that were killed leave them. */
  readonly unusedKeys: number
}

/** Somebody may have imported a key yesterday, to use it tomorrow. */
const unusedForDays = 7

export interface TargetStatus {
  readonly file: string
  readonly names: readonly Name[]
  readonly ca: string
  /** The CA that its certificate came from, where that is another one (request.fallback). */
  readonly certificateCa?: string | undefined
  /** What is asked for; a certificate does not say by which profile it was made. */
  readonly profile?: WantedProfile | undefined
  /** Its certificate is of a CA's test system: nobody trusts it. */
  readonly staging?: true | undefined
  /** request.by-hand: no run asks a CA for it. */
  readonly byHand?: true | undefined
  /** request.csr: whose key is not here. */
  readonly csr?: string | undefined
  readonly certificate?: string | undefined
  readonly keyType?: string | undefined
  readonly issuer?: string | undefined
  /** The folder that programs read, relative to the state directory: the link of the first name. */
  readonly live?: string | undefined
  readonly notBefore?: Date | undefined
  readonly notAfter?: Date | undefined
  /** Whole days, rounded down; negative after the end. For monitoring that knows no dates. */
  readonly daysLeft?: number | undefined
  readonly renewAt?: Date | undefined
  /** Why then, in words. */
  readonly renewBecause?: string | undefined
  /** What the CA said of when to renew (RFC 9773), and the instant that was chosen in its window. */
  readonly renewalInfo?: (KeptWindow & { readonly askAgain?: Date | undefined }) | undefined
  /** What is wrong with the files that programs read. */
  readonly damage?: string | undefined
  /** Why the next run gets a certificate; undefined when all is well. */
  readonly due?: string | undefined
  /** Of a `partial` target: names that are not in its certificate, and since when they fail. */
  readonly missing: readonly { readonly name: Name; readonly since?: Date | undefined }[]
  /** Why the next run does not get it yet. */
  readonly waits?: { readonly until?: Date | undefined; readonly because: string } | undefined
  /** What went wrong last time, since when and how often. */
  readonly failure?: Failed | undefined
  /** Records of dns-persist-01 that end soon, as they were seen last (a renewal, `dns01 probe`). */
  readonly recordsEnd: readonly { readonly name: Name; readonly until: Date }[]
  /** What was served where `check` says, when it was last looked at. Absent: the target has no `check`. */
  readonly served?: readonly ServedStatus[] | undefined
  /** Link names that should point at the certificate and do not. */
  readonly unlinked: readonly string[]
  /** How much it needs a person: `broken`, `troubled`, `due` or `ok`. */
  readonly urgency: Urgency
}

/** One place of `check`. Nobody is asked: it is what the last look has left. */
export interface ServedStatus {
  /** As the target has it; with a host where it has none. */
  readonly place: string
  /** The name that is asked for there. */
  readonly name?: Name | undefined
  /** `unseen`: nobody has looked there yet, or not since the live certificate is there. */
  readonly state: 'ok' | 'failed' | 'unseen'
  /** What was seen, in words. */
  readonly text: string
  readonly hint?: string | undefined
  readonly at?: Date | undefined
  /** Since when it is so. */
  readonly since?: Date | undefined
}

/** Reads the whole state directory once. @throws Dns01Error CONFIG for a setting of the CA's limits that is not a number */
export function statusDocument(world: Pick<World, 'clock' | 'env'>, state: StateDir): StatusDocument {
  const now = world.clock.now()
  const { targets, problems } = state.targets()
  const certificates = state.certificates()
  const index = byName(certificates)
  const damaged = new Map(certificates.flatMap(({ id, damage }) => (damage === undefined ? [] : [[id, damage]])))
  const links = state.links()
  const owned = linksByTarget(targets)
  const dues = new Map(
    targets.flatMap(target => {
      const due = dueOf(target, index, links, { now })
      return due ? [[target, due] as const] : []
    }),
  )
  const ledger = state.ledger()
  const around = circumstances(world, targets.length)
  // the same call as a run's: what it defers is what `waits` tells, with the same reason
  const { deferred } = admit([...dues.values()].filter(isAsked), ledger, around)
  const bests = new Map(targets.map(target => [target, best(target, index, links, now)]))
  const seen: ServedMemory['seen'] = targets.some(({ check }) => check?.length) ? state.served().seen : new Map()
  const outlook = tooMany(
    [...bests].flatMap(([target, held]) => (target.byHand ? [] : lifeOf(target, held ?? {}))),
    around.limitsOf,
  )
  const deferrals = new Map(deferred.map(one => [one.target.file, one]))
  const isUnlinked = (link: string, held: Certificate | undefined): boolean =>
    held === undefined || (has(held, nameOf(link)) && links.get(link) !== held.id)
  const isOld = (keyId: string): boolean =>
    now.getTime() - (state.keyMadeAt(keyId)?.getTime() ?? now.getTime()) > unusedForDays * 86_400_000
  return {
    stateDirectory: state.root,
    setUp: setUpOf(state),
    accounts: state.accounts().map(account => account.id),
    targets: targets.map(target => {
      const held = bests.get(target)
      const due = dues.get(target)
      const facts = held?.facts
      const renewal = held && renewalOf(held, target)
      const link = linkName(target.names[0] as Name, target.label)
      const known = {
        file: target.file,
        names: target.names,
        ca: target.ca,
        certificateCa: otherCa(target, held),
        profile: target.profile,
        csr: target.csr?.path,
        byHand: target.byHand || undefined,
        staging: isOfStaging(held?.accountId) || undefined,
        certificate: held?.id,
        keyType: facts?.keyType,
        issuer: facts?.issuer,
        live: links.has(link) ? `live/${link}` : undefined,
        notBefore: facts?.notBefore,
        notAfter: facts?.notAfter,
        daysLeft: facts && Math.floor((facts.notAfter.getTime() - now.getTime()) / 86_400_000),
        renewAt: renewal?.at,
        renewBecause: renewal?.because(),
        renewalInfo: renewal?.window && { ...renewal.window, askAgain: held?.renewal?.askAgain },
        damage: damaged.get(links.get(link) ?? ''),
        due: due?.why,
        missing: (held ? missingNames(target, held) : []).map(name => ({
          name,
          since: nameFailure(target, name, ledger)?.since,
        })),
        waits: waitOf(deferrals.get(target.file)),
        // only where something is to be done: what once failed and is good now needs nobody's attention
        failure: due && failureOf(due, ledger),
        recordsEnd: recordsThatEnd(target, ledger, facts?.notAfter, now),
        served: servedOf(seen, target, links.get(link)),
        unlinked: (owned.get(target) ?? []).filter(link => isUnlinked(link, held)),
        urgency: 'ok' as Urgency,
      }
      known.urgency = stateOf(known, now).urgency // in place: no copies of ten thousand
      return known
    }),
    problems: [...problems, ...outlook].map(({ message, hint }) => ({ message, hint })),
    recordsLeft: state.journal.entries().length,
    unusedKeys: unusedKeys(keyUse(state), certificates).filter(isOld).length,
  }
}

/** By a run; the others are somebody's to renew. */
const isAsked = ({ target }: Due): boolean => !target.byHand

/** Whether anybody ever prepared this state directory: quickstart writes a CA, and an account comes with the first order. */
export function setUpOf(
  state: Pick<StateDir, 'exists' | 'accounts' | 'confText' | 'targets'>,
): StatusDocument['setUp'] {
  if (!state.exists()) return 'none'
  const isThere = state.confText('target') !== undefined || state.accounts().length > 0
  return isThere || state.targets().targets.length > 0 ? 'yes' : 'empty'
}

/** What the last look has left of each place. */
function servedOf(seen: ServedMemory['seen'], target: Target, live: string | undefined): TargetStatus['served'] {
  if (!target.check?.length) return undefined
  return looksOf(target).map(({ place, name }) => {
    const last = seen.get(servedKey(target.file, place.text, name))
    const isCurrent = last !== undefined && (last.state === 'failed' || last.certificate === live)
    if (last && isCurrent) return { place: place.text, name, ...last }
    return { place: place.text, name, state: 'unseen', text: 'not looked at yet', at: last?.at }
  })
}

/** By the account that got it; without one it is not known. */
function otherCa({ ca }: Target, held: Certificate | undefined): string | undefined {
  const server = held?.accountId?.split('/')[0]
  if (server === undefined || !isServerPart(server)) return undefined
  const from = directoryUrl(server)
  return [from, reachable(from)].some(url => caKey(url) === caKey(ca)) ? undefined : from
}

const waitOf = (deferral: Deferral | undefined): TargetStatus['waits'] =>
  deferral && { until: deferral.until, because: deferral.because }

/** The links that each target owns: of several targets with one name, only one does (claims()). */
function linksByTarget(targets: readonly Target[]): Map<Target, string[]> {
  const owned = new Map<Target, string[]>()
  for (const [link, target] of claims(targets)) owned.set(target, [...(owned.get(target) ?? []), link])
  return owned
}
