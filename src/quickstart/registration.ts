/** What the CA is asked, and what it wants to know, before anything is changed or locked. */

import { openClient } from '../acme/client.js'
import type { ExternalAccount } from '../acme/jws.js'
import type { Directory } from '../acme/objects.js'
import { isProblem } from '../acme/problem.js'
import { Dns01Error, linesOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { accountFor, consentTo, isEmailAddress, reachable } from '../renew/authorities.js'
import { externalAccountFor, isOfBinding, noBinding, typedBinding, whereToGet } from '../renew/external-account.js'
import { serverPart } from '../state/layout.js'
import type { Responses } from '../state/responses.js'
import type { StateDir } from '../state/state-dir.js'
import { generateKey } from '../x509/keys.js'
import { type Answers, untilGood } from './answers.js'
import { ID } from './ids.js'

/** Somebody who sits there has mistyped the host's name rather than hit an outage; cron's run has time. */
const directoryWaitSeconds = { asked: 8, alone: 30 } as const

/** A wait longer than this is told. */
const silenceSeconds = 3

/** @throws Dns01Error CONFIG when the URL leads to no directory, UNAVAILABLE */
export async function lookAtDirectory(
  world: World,
  ca: string,
  answers: Pick<Answers, 'interactive'>,
  signal: AbortSignal,
): Promise<Directory> {
  const giveUpAfterSeconds = answers.interactive ? directoryWaitSeconds.asked : directoryWaitSeconds.alone
  const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 0 }) // signs nothing
  const client = openClient(world, reachable(ca), key, { giveUpAfterSeconds })
  const say = (): void => world.log.notice(`waiting for the CA's directory, ${ca} (at most ${giveUpAfterSeconds} s)`)
  const silence = world.clock.deadline(silenceSeconds)
  silence.addEventListener('abort', say, { once: true })
  try {
    return await client.directory(signal)
  } finally {
    silence.removeEventListener('abort', say)
  }
}

interface Parts {
  readonly world: World
  readonly state: StateDir
  readonly answers: Answers
  readonly responses: Responses
  readonly ca: string
  /** That of conf/target, if `ca` is not to be: the variables for a binding are for that one. */
  readonly defaultCa?: string
  readonly signal: AbortSignal
}

/** What the registration needs to know. */
export interface RegistrationAnswers {
  readonly responses: Responses
  readonly externalAccount?: ExternalAccount | undefined
}

/**
 * External account binding, consent and e-mail address, asked for unless the CA knows our account already; then the
 * registration asks nothing.
 * @throws Dns01Error CONFIG when nobody consents, no address is one, or the binding that the CA wants is not given
 */
export async function askToRegister(parts: Parts, directory: Directory): Promise<RegistrationAnswers> {
  const { world, state, answers, responses, ca, signal } = parts
  const id = accountFor(state, ca)
  if (id !== undefined) {
    // nobody to ask, so nothing to ask the CA for: the registration finds out whether it still knows the account
    if (!answers.interactive) return { responses }
    if (await openClient(world, reachable(ca), state.accountKey(id)).findAccount(signal)) return { responses }
  }
  const externalAccount = await askBinding(parts, directory)
  return { responses: await askTermsAndEmail(parts, directory), externalAccount }
}

/** Given beforehand, or asked for where the CA wants one (RFC 8555 §7.1.1 `externalAccountRequired`). */
async function askBinding(parts: Parts, directory: Directory): Promise<ExternalAccount | undefined> {
  const { world, answers, responses, ca, defaultCa = ca } = parts
  const given = externalAccountFor({ world, responses, defaults: { ca: defaultCa } }, ca)
  if (given || !directory.externalAccountRequired) return given
  if (!answers.interactive) throw noBinding(ca, serverPart(ca) === serverPart(defaultCa), directory.website)
  answers.note(`This CA gives certificates to its customers only: ${whereToGet(ca, directory.website)}.`)
  return typeBinding(world, answers, ca)
}

const typeBinding = (world: World, answers: Answers, ca: string): Promise<ExternalAccount> =>
  untilGood(
    answers,
    async () => ({
      keyId: (await answers.text(`${ID.eabKeyId}:${ca}`, 'Key id of the external account binding:')) ?? '',
      hmacKey: (await answers.secret('Its HMAC key (not shown):')) ?? '',
    }),
    ({ keyId, hmacKey }) => typedBinding(world, keyId, hmacKey, ca),
  )

async function askTermsAndEmail(parts: Parts, directory: Directory): Promise<Responses> {
  const { world, answers, responses } = parts
  const { termsOfService } = directory
  if (termsOfService !== undefined) await consentTo(termsOfService, { world, responses })
  const agreed = { ...responses, agreedTo: (url: string) => url === termsOfService || responses.agreedTo(url) }
  if (!answers.interactive || responses.text(ID.email) !== undefined) return agreed
  return withEmail(agreed, await askEmail(answers))
}

const withEmail = (responses: Responses, email: string): Responses => ({
  ...responses,
  text: id => (id === ID.email ? email : responses.text(id)),
})

const askEmail = (answers: Answers): Promise<string> =>
  untilGood(answers, () => answers.text(ID.email, 'E-mail address for the CA (may be empty):'), emailAddress)

function emailAddress(said = ''): string {
  if (said === '' || isEmailAddress(said)) return said
  throw new Dns01Error('CONFIG', `${JSON.stringify(said)} is not an e-mail address`)
}

/** The answers with another address or binding, when the CA does not take the one that somebody typed; else the error again. */
export async function askAgain(
  { world, answers, ca }: Pick<Parts, 'world' | 'answers' | 'ca'>,
  { responses, externalAccount }: RegistrationAnswers,
  error: unknown,
): Promise<RegistrationAnswers> {
  const isContact = isProblem(error, 'invalidContact') || isProblem(error, 'unsupportedContact')
  const isBinding = externalAccount !== undefined && isOfBinding(error)
  if (!(isContact || isBinding) || !answers.interactive) throw error
  answers.note(linesOf(error).join('\n  '))
  if (isBinding) return { responses, externalAccount: await typeBinding(world, answers, ca) }
  return { responses: withEmail(responses, await askEmail(answers)), externalAccount }
}
