// What dns-persist-01 asks of its record for one account at one CA (draft-ietf-acme-dns-persist), and whether a record that
// stands is good for us. Two forms are spoken at once. Drafts 00 and 01 (Let's Encrypt's staging, Google, Pebble) have the
// account's URL in clear. Draft 02 has a hash, so that who reads the DNS does not learn which hosts share an account. The
// fields of the challenge tell them apart; before there is one, the directory does: only draft 02 put anything into its meta.
import { createHash } from 'node:crypto'
import { minute } from '../core/dates.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, withoutWildcard } from '../core/names.js'
import type { Challenge, Directory } from './objects.js'
import { type PersistRecord, parsePersistRecord } from './persist-record.js'

/** The form of a record. '01' stands for 00 as well: they differ in one field of the challenge, which is optional here. */
export type PersistDraft = '01' | '02'

export const isPersistDraft = (text: string): text is PersistDraft => text === '01' || text === '02'

/** Who we are to the CA. */
export interface PersistAccount {
  /** As the CA writes it: it is compared octet by octet, so another spelling of the same URL is another account. */
  readonly url: string
  /** Of its key (RFC 7638). */
  readonly thumbprint: string
  readonly directory: Pick<Directory, 'caaIdentities' | 'issuerDomainNames' | 'accountHashPrefix'>
}

/** What a record for a name must say. */
export interface PersistTerms {
  readonly draft: PersistDraft
  /** It begins with one of these, in lower case; never none. */
  readonly issuers: readonly string[]
  /** Its accounturi is one of these; the first is the one to publish. */
  readonly accountUris: readonly [string, ...string[]]
}

/**
 * What the CA said of its dns-persist-01, as far as we know it. All of it is optional: draft 00 has no `accounturi`, and
 * each draft spells the list of issuers in its own way.
 */
export type PersistChallenge = Pick<Challenge, 'issuer-domain-names' | 'issuerDomainNames' | 'accounturi'>

/**
 * What the record for this name must say. `challenge`: the CA's, when an order was made; it counts more than the directory.
 * `draft`: somebody says which, where the CA cannot be asked.
 * @throws Dns01Error REFUSED when the CA does not say by which name it goes, or how it hashes accounts
 */
export function persistTerms(
  name: Name,
  account: PersistAccount,
  { challenge = {}, draft = draftOf(account, challenge) }: PersistSaid = {},
): PersistTerms {
  const { directory, thumbprint } = account
  const early = challenge['issuer-domain-names']
  const late = challenge.issuerDomainNames ?? directory.issuerDomainNames
  // The older drafts have no list in the directory: who may be named in CAA is who may be named here (draft-00 §3).
  const issuers = (draft === '02' ? (late ?? early) : (early ?? late)) ?? directory.caaIdentities
  if (issuers.length === 0) throw saysNot('by which name its record knows it (issuerDomainNames, caaIdentities)')
  // domain names, so without regard to case (RFC 4343); a final dot is how people write a name that is complete
  const known = issuers.map(issuer => issuer.toLowerCase().replace(/\.$/, ''))
  // Pebble makes account URLs of the Host header of each request: what counts is what it will compare with.
  const url = challenge.accounturi ?? account.url
  if (draft === '01') return { draft, issuers: known, accountUris: [sayable(url)] }
  const { accountHashPrefix: prefix } = directory
  if (prefix === undefined) throw saysNot('what stands before the hash of an account (accountHashPrefix)')
  // One for this name, and the one that its owner may publish in all zones (draft-02: the name is "*" then).
  const uriOf = (at: string): string => sayable(`${prefix}sha-256/${accountHash(at, thumbprint, account.url)}`)
  return { draft, issuers: known, accountUris: [uriOf(withoutWildcard(name)), uriOf('*')] }
}

/** What is known besides the account and its directory; nothing of it need be, as where a record is printed before any order. */
interface PersistSaid {
  readonly challenge?: PersistChallenge | undefined
  /** Beats what can be guessed. */
  readonly draft?: PersistDraft | undefined
}

/**
 * Only a CA of draft 02 has camel case in the challenge, or anything of this in the directory's meta. There is no number of a
 * version on the wire. In doubt the older form: it is what CAs speak today, and a CA of draft 02 is known by its directory.
 */
function draftOf({ directory }: PersistAccount, challenge: PersistChallenge): PersistDraft {
  if (challenge.issuerDomainNames) return '02'
  if (challenge['issuer-domain-names']) return '01'
  return directory.issuerDomainNames || directory.accountHashPrefix !== undefined ? '02' : '01'
}

/** REFUSED: only the CA's operator can change its directory. */
const saysNot = (what: string): Dns01Error =>
  new Dns01Error(
    'REFUSED',
    `the directory of the CA does not say ${what}, so no record of dns-persist-01 can be made for it`,
    {
      hint: 'it may not offer dns-persist-01; ask who runs it',
    },
  )

/** A record can hold visible ASCII without `;` (RFC 8659 §4.2, value). */
function sayable(uri: string): string {
  if (/^[!-:<-~]+$/.test(uri)) return uri
  throw new Dns01Error(
    'REFUSED',
    `the account ${uri} cannot be named in a record of dns-persist-01: it has a ";" or a blank`,
  )
}

/**
 * The hash of an account for one name (draft-ietf-acme-dns-persist-02 §10.2 has an example): its length and the name itself, which
 * is in lower case and A-labels without a final dot, or `*`; then the thumbprint as its 43 characters, and not the octets
 * that these encode; then the account's URL.
 */
export function accountHash(name: string, thumbprint: string, accountUrl: string): string {
  const hash = createHash('sha256').update(Uint8Array.of(name.length)).update(name)
  return hash.update(thumbprint).update(accountUrl).digest('base64url')
}

/**
 * Whether the values at a name have a record that is good for us, and if not, which part of it is to be mended. `until` is
 * absent where the record has no end. A value and not an error: `auto` goes on by dns-01 with it, `probe` shows it.
 */
export type PersistVerdict =
  | { readonly good: true; readonly until?: Date | undefined }
  | {
      readonly good: false
      readonly part: 'record' | 'issuer' | 'syntax' | 'accounturi' | 'policy' | 'persistUntil'
      readonly why: string
    }

/** What is asked of the record now. */
export interface PersistExpected {
  readonly issuers: readonly string[]
  readonly accountUris: readonly string[]
  readonly wildcard: boolean
  readonly now: Date
}

/**
 * Judges what stands at a name. Records for other CAs may stand beside ours, and several of ours: one good one is enough, and the
 * one that lasts longest counts. Else it is told of the one that comes nearest, and what all is wrong with it.
 */
export function judgePersist(values: readonly string[], expected: PersistExpected): PersistVerdict {
  const read = values.map(parsePersistRecord)
  const ours = read.filter(({ issuer }) => expected.issuers.includes(issuer))
  const judged = ours.map(record => ({ record, faults: faultsOf(record, expected) }))
  const good = judged.filter(({ faults }) => faults.length === 0).map(({ record }) => record.until)
  if (good.length > 0) return { good: true, until: good.includes(undefined) ? undefined : latest(good) }
  // One record is told of and not all: records of other hosts' accounts at the same CA are right, and not to be mended.
  const [nearest] = judged.sort((a, b) => rank(a.faults) - rank(b.faults))
  const [first, ...others] = nearest?.faults ?? []
  if (first) return { good: false, part: first.part, why: [first, ...others].map(({ why }) => why).join('; ') }
  const wanted = `none for ${expected.issuers.join(' or ')}`
  if (read.length === 0) return { good: false, part: 'record', why: 'there is no such record' }
  // its issuer may be what cannot be read, so it might have been meant for us
  const broken = read.find(({ malformed }) => malformed !== undefined)
  if (broken) return { good: false, part: 'syntax', why: `${wanted}; one is malformed: ${broken.malformed}` }
  return { good: false, part: 'issuer', why: `${wanted}, but for ${read.map(({ issuer }) => issuer).join(', ')}` }
}

/**
 * The same before it is known which CA and account are asked for: whether any of these could be good for anybody. What is
 * malformed, over or without the policy needs no order to be found out.
 */
export function judgeForAny(
  values: readonly string[],
  expected: Pick<PersistExpected, 'wildcard' | 'now'>,
): PersistVerdict {
  const read = values.map(parsePersistRecord)
  const accountUris = read.flatMap(({ accountUri }) => accountUri ?? [])
  return judgePersist(values, { ...expected, issuers: read.map(({ issuer }) => issuer), accountUris })
}

/** One thing that keeps a record from being good; `part` says which part of it is to be changed. */
interface Fault {
  readonly part: 'syntax' | 'accounturi' | 'policy' | 'persistUntil'
  readonly why: string
}

/**
 * What is wrong with a record for our CA, what is hardest to mend first. All of it and not the first thing only: each change
 * of a zone may have to be asked for from somebody else, and should be asked for once.
 */
function faultsOf(record: PersistRecord, { accountUris, wildcard, now }: PersistExpected): Fault[] {
  const { accountUri, malformed, until } = record
  if (malformed !== undefined) return [{ part: 'syntax', why: `it is malformed: ${malformed}` }]
  const faults: Fault[] = []
  if (accountUri === undefined) faults.push({ part: 'accounturi', why: 'it has no accounturi' })
  else if (!accountUris.includes(accountUri))
    faults.push({ part: 'accounturi', why: `its accounturi is ${accountUri}, and ours is ${accountUris[0]}` })
  if (wildcard && !record.wildcard) faults.push({ part: 'policy', why: 'it lacks policy=wildcard' })
  // only from the second itself on: an earlier end of ours would refuse what the CA takes; the warning comes long before
  if (until && until <= now) faults.push({ part: 'persistUntil', why: `its persistUntil was ${minute(until)}` })
  return faults
}

/** Another's account is farthest from being ours; what cannot be read may be anybody's. */
const rank = (faults: readonly Fault[]): number =>
  faults.length + (faults[0]?.part === 'accounturi' ? 10 : faults[0]?.part === 'syntax' ? 5 : 0)

/** Of several good records any is enough, so together they are good until the last of them ends. */
const latest = (dates: readonly (Date | undefined)[]): Date =>
  new Date(Math.max(...dates.map(date => date?.getTime() ?? 0)))
