// Finds or registers the account for each CA of a run. Many targets share a CA, and CAs limit new accounts (Let's Encrypt:
// ten in three hours for an address); so all targets of a CA wait for the same account. acmetool makes one for each target
// of a first run, so a state directory that it has used may hold several for one CA.
import type { Registration } from '../acme/account.js'
import { type AcmeClient, openClient } from '../acme/client.js'
import type { ExternalAccount } from '../acme/jws.js'
import type { Account } from '../acme/objects.js'
import type { PaceMemory } from '../acme/pace.js'
import { isProblem } from '../acme/problem.js'
import { Dns01Error, withDetails } from '../core/errors.js'
import type { TargetDefaults } from '../core/target.js'
import { hostOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { StoredAccount } from '../state/keys.js'
import { directoryUrl, serverPart } from '../state/layout.js'
import type { Responses } from '../state/responses.js'
import type { StateDir } from '../state/state-dir.js'
import { generateKey, type KeyPair } from '../x509/keys.js'
import { bindingDoubted, externalAccountFor, noBinding } from './external-account.js'

/** A CA as one account of ours sees it. */
export interface CertificateAuthority {
  readonly client: AcmeClient
  /** Its thumbprint is in every key authorization (RFC 8555 §8.1). */
  readonly accountKey: KeyPair
  /** SERVER/KEYID. */
  readonly accountId: string
}

/** One client, and one look for the account, for each CA of a run. */
export interface CertificateAuthorities {
  /**
   * With an account that is registered; made if there is none, by consent that was given or, if `mayAsk`, is asked for
   * (docs/state-directory.md, "Accounts").
   */
  for(ca: string, options?: { readonly mayAsk: boolean }): Promise<CertificateAuthority>
  /** With exactly this account, as a stored order needs it. Throws STATE when its key is not there. */
  ofAccount(accountId: string): Promise<CertificateAuthority>
}

export interface AuthorityParts {
  readonly world: World
  readonly state: StateDir
  readonly defaults: TargetDefaults
  readonly responses: Responses
  readonly signal: AbortSignal
  /** Instead of what answers and variables say: quickstart has asked for it. */
  readonly externalAccount?: ExternalAccount | undefined
}

/** Nothing is asked yet. Each CA or account is opened once, and a failure counts for all that need it in this run. */
export function openAuthorities(parts: AuthorityParts): CertificateAuthorities {
  const opened = new Map<string, Promise<CertificateAuthority>>()
  const once = (key: string, make: () => Promise<CertificateAuthority>): Promise<CertificateAuthority> => {
    const found = opened.get(key) ?? make()
    opened.set(key, found)
    return found
  }
  return {
    for: (ca, { mayAsk } = { mayAsk: true }) => {
      // a world without a prompt: then every question has the answer that cron gets, and none need be told apart here
      const asking = mayAsk ? parts : { ...parts, world: { ...parts.world, prompt: undefined } }
      return once(serverPart(ca), () => openFor(asking, ca))
    },
    ofAccount: accountId => once(accountId, () => openAccount(parts, directoryOfAccount(accountId), accountId)),
  }
}

/** The folder's name is the directory's URL: nothing else on disk says which CA an account belongs to. */
function directoryOfAccount(accountId: string): string {
  const url = directoryUrl(accountId.split('/')[0] as string)
  if (url === undefined)
    throw new Dns01Error('STATE', `accounts/${accountId} is not named after the directory URL of an ACME server`)
  return url
}

function openFor(parts: AuthorityParts, ca: string): Promise<CertificateAuthority> {
  const accountId = accountFor(parts.state, ca)
  return accountId === undefined ? registerNew(parts, ca) : openAccount(parts, ca, accountId)
}

/**
 * Which of our accounts serves a CA: that of the newest certificate, else the first in byte order; why:
 * docs/state-directory.md, "Accounts".
 */
export function accountFor(state: StateDir, ca: string): string | undefined {
  const server = serverPart(ca)
  const held = state.accounts().flatMap(account => (account.server === server ? [account.id] : []))
  return held.length > 1 ? (newestUse(state, held) ?? held[0]) : held[0]
}

/**
 * Where a CA is asked: older configurations name Let's Encrypt's first API, which is gone; see docs/state-directory.md,
 * "Accounts".
 */
export const reachable = (ca: string): string =>
  serverPart(ca) === serverPart('https://acme-v01.api.letsencrypt.org/directory')
    ? 'https://acme-v02.api.letsencrypt.org/directory'
    : ca

/** Those that may know a URL whose account is not known: of the servers on the same host and port. */
export const accountsOnHostOf = (state: StateDir, url: string): StoredAccount[] =>
  state.accounts().filter(({ server }) => hostOf(directoryUrl(server)) === hostOf(url))

/**
 * A key whose registration once failed, or which the CA has forgotten, is registered again, and then the external account
 * binding is looked at; before the CA is asked, if the account has got no certificate yet. What is left of a binding must
 * not stop renewals that need none.
 */
async function openAccount(parts: AuthorityParts, ca: string, accountId: string): Promise<CertificateAuthority> {
  if (parts.state.rollovers().some(one => one.accountId === accountId)) throw keyInDoubt(accountId)
  if (newestUse(parts.state, [accountId]) === undefined) bindingFor(parts, ca)
  const accountKey = parts.state.accountKey(accountId)
  const client = await openClient(parts.world, reachable(ca), accountKey, { pace: paceOf(parts.state, ca) })
  if (!(await findAccount(parts, client, accountId))) {
    const externalAccount = bindingFor(parts, ca)
    await register(parts, client, ca, await askFirst(parts, client, ca, externalAccount))
  }
  return { client, accountKey, accountId }
}

async function findAccount(
  { signal }: AuthorityParts,
  client: AcmeClient,
  accountId: string,
): Promise<Account | undefined> {
  try {
    return await client.findAccount(signal)
  } catch (error) {
    if (!(error instanceof Dns01Error) || !isProblem(error, 'unauthorized')) throw error
    // RFC 8555 §7.3.6: so every request of a closed account is answered
    const hint = `was this account closed? dns01 account deactivate ${accountId} removes it here, too`
    throw withDetails(error, { hint })
  }
}

/** With the wrong one of its two keys the CA would not know the account, and we should register another. */
const keyInDoubt = (accountId: string): Dns01Error =>
  new Dns01Error('UNAVAILABLE', `which key the CA knows the account ${accountId} by could not be found out yet`, {
    hint: 'its key was being changed; the next run asks again, and so does dns01 account rollover',
  })

const bindingFor = (parts: AuthorityParts, ca: string): ExternalAccount | undefined =>
  parts.externalAccount ?? externalAccountFor(parts, ca)

/** What the ledger knows of how long this CA takes. */
function paceOf(state: StateDir, ca: string): PaceMemory {
  const ledger = state.ledger()
  const keyed = (key: string): string => `${serverPart(ca)} ${key}`
  return { get: key => ledger.paces.get(keyed(key)), set: (key, seconds) => ledger.took(keyed(key), seconds) }
}

/** Whichever account got the newest certificate is known to work, and has authorizations that the CA may reuse. */
function newestUse(state: StateDir, accountIds: readonly string[]): string | undefined {
  const used = state
    .certificates()
    .filter(c => c.facts && c.accountId !== undefined && accountIds.includes(c.accountId))
  return used.sort((a, b) => (b.facts?.notBefore.getTime() ?? 0) - (a.facts?.notBefore.getTime() ?? 0))[0]?.accountId
}

/**
 * The key is on disk before the CA hears of it, and stays when registration fails: the next run uses it. A URL that leads
 * to no directory, or terms that nobody consents to, leave none.
 */
async function registerNew(parts: AuthorityParts, ca: string): Promise<CertificateAuthority> {
  const { state, world, defaults } = parts
  const externalAccount = bindingFor(parts, ca)
  const accountKey = await generateKey(defaults.key)
  const client = await openClient(world, reachable(ca), accountKey, { pace: paceOf(state, ca) })
  const registration = await askFirst(parts, client, ca, externalAccount)
  const accountId = await state.addAccount(ca, accountKey)
  await register(parts, client, ca, registration)
  return { client, accountKey, accountId }
}

/** What to register with, the terms being agreed to. */
async function askFirst(
  parts: AuthorityParts,
  client: AcmeClient,
  ca: string,
  externalAccount: ExternalAccount | undefined,
): Promise<Registration> {
  const { termsOfService, externalAccountRequired, website } = await client.directory(parts.signal)
  if (externalAccountRequired && !externalAccount)
    throw noBinding(ca, serverPart(ca) === serverPart(parts.defaults.ca), website)
  if (termsOfService !== undefined) await consentTo(termsOfService, parts)
  const email = await contactAddress(parts)
  return { contact: email ? [`mailto:${email}`] : [], termsAgreed: true, externalAccount }
}

async function register(
  { world, signal }: AuthorityParts,
  client: AcmeClient,
  ca: string,
  registration: Registration,
): Promise<void> {
  try {
    await client.register(registration, signal)
  } catch (error) {
    throw registration.externalAccount ? bindingDoubted(error, ca) : error
  }
  world.log.info('registered a new account with the CA')
}

/**
 * Terms by consent: the response `acme-agreement:URL`, else the question. A consent to other terms of the same host
 * counts, with a notice: CAs move their terms, and cron can't be asked (docs/state-directory.md, "Answers").
 * @throws Dns01Error CONFIG with the line to write when nobody consents
 */
export async function consentTo(
  terms: string,
  { world, responses }: Pick<AuthorityParts, 'world' | 'responses'>,
): Promise<void> {
  if (responses.agreedTo(terms)) return
  if (responses.yes(`acme-agreement:${terms}`) === false)
    throw new Dns01Error('CONFIG', `conf/responses says no to the CA's terms of service: ${terms}`, {
      hint: `read them; with  "acme-agreement:${terms}": true  you agree`,
    })
  const older = responses.agreedOnHost(terms)
  if (older !== undefined) {
    world.log.notice(`the CA's terms are now at ${terms}; your consent to ${older} is taken for these too`)
    return
  }
  if (await world.prompt?.confirm(`Do you agree to the CA's terms of service at ${terms} ?`)) return
  throw new Dns01Error('CONFIG', `the CA asks for your consent to its terms of service: ${terms}`, {
    hint: `read them and add the line  "acme-agreement:${terms}": true  to conf/responses, or run dns01 quickstart`,
  })
}

/** An address is optional (RFC 8555 §7.3), so a wrong one is no reason to go without a certificate. */
async function contactAddress({ world, responses }: AuthorityParts): Promise<string | undefined> {
  const said =
    responses.text('acme-enter-email') ?? (await world.prompt?.text('E-mail address for the CA (may be empty):', ''))
  const address = said?.trim() ?? ''
  if (isEmailAddress(address)) return address
  if (address !== '') world.log.warn(`"${address}" is not an e-mail address; going on without one`)
  return undefined
}

/** No more than what a `mailto:` URL must not break on; whether the address is good, the CA decides (invalidContact). */
export const isEmailAddress = (text: string): boolean => /^[^\s@<>]+@[^\s@<>]+$/.test(text)
