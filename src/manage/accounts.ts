/**
 * Our accounts at CAs, for people and other programs: what is known of them, and what the CA can be asked to change of one
 * (RFC 8555 §7.3).
 */

import { type AcmeClient, openClient } from '../acme/client.js'
import type { Account, Directory } from '../acme/objects.js'
import { isProblem } from '../acme/problem.js'
import { Dns01Error, errorDocument } from '../core/errors.js'
import type { World } from '../core/world.js'
import { accountFor, isEmailAddress, reachable } from '../renew/authorities.js'
import { directoryUrl, ID_FORM, serverPart } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'

export interface AccountParts {
  readonly world: World
  readonly state: StateDir
  readonly signal: AbortSignal
}

const registerHint = 'dns01 quickstart registers one, and so does the first certificate'
const registerHintFor = (ca: string): string =>
  `dns01 account register ${ca} registers one, and so does the first certificate`

/**
 * The URL of the account that new certificates of conf/target's CA are asked with. Registers nothing. Price: 3 requests.
 * @throws Dns01Error CONFIG when there is none, or the CA does not know it; what the CA says
 */
export const accountUrl = async (world: World, state: StateDir, signal: AbortSignal): Promise<string> =>
  (await ourAccount(world, state, state.defaults().ca, signal)).url

/** What a CA knows us by. */
export interface OurAccount extends Account {
  /** Of its key (RFC 7638). */
  readonly thumbprint: string
  readonly directory: Directory
  readonly client: AcmeClient
}

/** The account that new certificates of this CA are asked with, as accountUrl() finds it. */
export async function ourAccount(world: World, state: StateDir, ca: string, signal: AbortSignal): Promise<OurAccount> {
  const id = accountFor(state, ca)
  if (id === undefined) throw new Dns01Error('CONFIG', `there is no account for ${ca}`, { hint: registerHintFor(ca) })
  const key = state.accountKey(id)
  const client = openClient(world, reachable(ca), key)
  const account = await client.findAccount(signal)
  if (!account)
    throw new Dns01Error('CONFIG', `${ca} knows no account for the key accounts/${id}`, { hint: registerHint })
  return { ...account, thumbprint: key.thumbprint, directory: await client.directory(signal), client }
}

/** Of every account, the thumbprint of its key (RFC 7638): what stateless challenge responders are configured with. */
export const thumbprints = (state: StateDir): { id: string; thumbprint: string }[] =>
  state.accounts().map(({ id }) => ({ id, thumbprint: state.accountKey(id).thumbprint }))

/** What `dns01 account show --json` prints of one. */
export interface AccountStatus {
  /** SERVER/KEYID. */
  readonly id: string
  readonly ca: string
  /** New certificates of this CA are asked with it. */
  readonly used: boolean
  /** A change of its key was begun, and is not finished. */
  readonly keyChanging: boolean
  readonly thumbprint: string
  /** As the CA has it; `unknown` when it knows no account for the key; absent when it could not be asked. */
  readonly status?: string | undefined
  readonly url?: string | undefined
  readonly contact?: readonly string[] | undefined
  /** Terms of service of the CA, as they are today. */
  readonly termsOfService?: string | undefined
  readonly error?: ReturnType<typeof errorDocument> | undefined
}

/**
 * Every account (or `only` this one) as its CA has it, all asked at once. Price: 3 requests each. One that cannot be asked
 * holds up no other.
 */
export async function accountStatus(
  parts: AccountParts,
  only?: string,
): Promise<{ readonly accounts: readonly AccountStatus[]; readonly errors: readonly unknown[] }> {
  const { state } = parts
  const changing = new Set(state.rollovers().map(({ accountId }) => accountId))
  const errors: unknown[] = []
  const one = async (id: string): Promise<AccountStatus> => {
    const { thumbprint } = state.accountKey(id)
    const ca = caOf(id)
    const known = { id, ca, used: accountFor(state, ca) === id, keyChanging: changing.has(id), thumbprint }
    try {
      return { ...known, ...(await askAbout(parts, id)) }
    } catch (error) {
      parts.signal.throwIfAborted()
      errors.push(error)
      return { ...known, error: errorDocument(error) }
    }
  }
  const wanted = state.accounts().filter(({ id }) => only === undefined || id === only)
  return { accounts: await Promise.all(wanted.map(({ id }) => one(id))), errors }
}

async function askAbout(parts: AccountParts, id: string): Promise<Partial<AccountStatus>> {
  const client = clientOf(parts, id)
  const account = await client.findAccount(parts.signal)
  const { termsOfService } = await client.directory(parts.signal)
  if (!account) return { status: 'unknown', termsOfService }
  return { status: account.status, url: account.url, contact: account.contact, termsOfService }
}

const caOf = (id: string): string => directoryUrl(id.split('/')[0] as string)

const clientOf = ({ world, state }: AccountParts, id: string): AcmeClient =>
  openClient(world, reachable(caOf(id)), state.accountKey(id))

/** A paragraph each. */
export const accountLines = (accounts: readonly AccountStatus[]): string[] =>
  accounts.length === 0 ? [`there is no account; ${registerHint}`] : accounts.flatMap(paragraph)

function paragraph(account: AccountStatus, index: number): string[] {
  const { id, ca, used, keyChanging, status, url, contact, termsOfService, error } = account
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['CA', ca],
    ['URL', url],
    ['status', status === 'unknown' ? 'the CA knows no account for this key' : status],
    ['contact', contact && (contact.map(each => each.replace(/^mailto:/, '')).join(', ') || 'none')],
    ['terms', termsOfService],
    ['used', used ? 'for new certificates of this CA' : 'for the certificates it got; another one gets the new ones'],
    ['new key', keyChanging ? 'begun and not finished; the next run does' : undefined],
    ['trouble', error?.message],
  ]
  const told = facts.flatMap(([what, text]) => (text ? [`  ${what.padEnd(8)}  ${text}`] : []))
  return [...(index > 0 ? [''] : []), id, ...told]
}

/**
 * The account that somebody means: by SERVER/KEYID or KEYID, or by the directory URL of a CA, of whose accounts it is the
 * one in use; nothing said, that of conf/target's CA.
 * @throws Dns01Error USAGE, CONFIG when there is none
 */
export function meantAccount(state: StateDir, said: string | undefined): string {
  if (said !== undefined && !said.includes('://')) {
    const found = state.accounts().filter(({ id, keyId }) => id === said || keyId === said)
    if (found.length === 1 && found[0]) return found[0].id
    const isOfMany = found.length > 1
    throw new Dns01Error('USAGE', `"${said}" is ${isOfMany ? 'the key of several accounts' : 'not an account here'}`, {
      hint: isOfMany
        ? `give one whole: ${found.map(({ id }) => id).join(', ')}`
        : `give the URL of a CA${ID_FORM.test(said) ? '' : ', or a SERVER/KEYID'} of dns01 account show`,
    })
  }
  const ca = said ?? state.defaults().ca
  serverPart(ca) // throws for what is not a URL
  const id = accountFor(state, ca)
  if (id !== undefined) return id
  throw new Dns01Error('CONFIG', `there is no account for ${ca}`, { hint: registerHintFor(ca) })
}

/**
 * The same for what cannot be undone: the one in use is told by certificates and by names of files, and of several nobody
 * should have to know which that is.
 * @throws Dns01Error as meantAccount(); USAGE when a CA is said, or nothing, and it has several
 */
export function onlyMeantAccount(state: StateDir, said: string | undefined): string {
  const meant = meantAccount(state, said)
  const same = state.accounts().filter(({ id }) => serverPart(caOf(id)) === serverPart(caOf(meant)))
  if (same.length === 1 || (said !== undefined && !said.includes('://'))) return meant
  throw new Dns01Error('USAGE', `there are ${same.length} accounts for ${caOf(meant)}`, {
    hint: ['say which:', ...same.map(({ id }) => `dns01 account deactivate ${id}`)],
  })
}

/** What somebody typed as new addresses: one empty text means none. @throws Dns01Error USAGE */
export function contactsOf(emails: readonly string[]): string[] {
  const given = emails.map(email => email.trim()).filter(email => email !== '')
  const wrong = given.find(email => !isEmailAddress(email))
  if (emails.length === 0)
    throw new Dns01Error('USAGE', 'nothing to update is given', { hint: 'dns01 account update --email ADDRESS' })
  if (wrong !== undefined) throw new Dns01Error('USAGE', `"${wrong}" is not an e-mail address`)
  return given.map(email => `mailto:${email}`)
}

/** The CA has these contacts from now on, and no others (RFC 8555 §7.3.2). @returns those that it took */
export async function updateContact(parts: AccountParts, id: string, contact: readonly string[]): Promise<string[]> {
  const client = await knownClient(parts, id)
  const account = await client.updateAccount({ contact }, parts.signal)
  return account.contact.map(each => each.replace(/^mailto:/, ''))
}

async function knownClient(parts: AccountParts, id: string): Promise<AcmeClient> {
  const client = clientOf(parts, id)
  if (await client.findAccount(parts.signal)) return client
  throw new Dns01Error('CONFIG', `${caOf(id)} knows no account for the key accounts/${id}`, { hint: registerHint })
}

/** What it means to close this account: for who is asked whether he wants it. */
export function deactivationLines(state: StateDir, id: string): string[] {
  const ca = caOf(id)
  const certificates = state.certificates().filter(one => one.accountId === id && one.complete).length
  const targets = state.targets().targets.filter(target => serverPart(target.ca) === serverPart(ca)).length
  const isLast = state.accounts().filter(({ server }) => server === id.split('/')[0]).length === 1
  return [
    `accounts/${id}: the CA closes it for ever, and its key is removed here`,
    `certificates that it got: ${certificates}; they stay good and live until they end`,
    `targets of this CA: ${targets}; ${isLast ? nextRegisters : 'another account here goes on with them'}`,
  ]
}

const nextRegisters =
  'the next order registers a new account, if you consent to the terms (conf/responses, or dns01 account register)'

/**
 * Closes an account for ever (RFC 8555 §7.3.6), and removes it here. One that the CA has closed already, or knows no more,
 * is removed all the same: a run that was stopped in between is mended by another.
 * @throws what the CA says
 */
export async function deactivate(parts: AccountParts, id: string): Promise<void> {
  const client = clientOf(parts, id)
  try {
    const account = await client.findAccount(parts.signal)
    if (account?.status === 'valid') await client.updateAccount({ status: 'deactivated' }, parts.signal)
  } catch (error) {
    if (!isProblem(error, 'unauthorized')) throw error // RFC 8555 §7.3.6: so every request of a closed account is answered
  }
  await parts.state.removeAccount(id)
}
