/** What the CA is asked, and what it wants to know, before anything is changed or locked. */

import { openClient } from '../acme/client.js'
import type { Directory } from '../acme/objects.js'
import { isProblem } from '../acme/problem.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { accountFor, consentTo, isEmailAddress, reachable } from '../renew/authorities.js'
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
  readonly signal: AbortSignal
}

/**
 * Consent and e-mail address, asked for unless the CA knows our account already; then the registration asks nothing.
 * @throws Dns01Error CONFIG when nobody consents, or no address is one
 */
export async function askToRegister(parts: Parts, directory: Directory): Promise<Responses> {
  const { world, state, answers, responses, ca, signal } = parts
  const id = accountFor(state, ca)
  if (id !== undefined) {
    if (!answers.interactive) return responses
    if (await openClient(world, reachable(ca), state.accountKey(id)).findAccount(signal)) return responses
  }
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

/** The answers with another address, when the CA does not take the one that somebody typed; else the error again. */
export async function askAnotherEmail(answers: Answers, responses: Responses, error: unknown): Promise<Responses> {
  const isContact = isProblem(error, 'invalidContact') || isProblem(error, 'unsupportedContact')
  if (!isContact || !answers.interactive) throw error
  answers.note(messageOf(error))
  return withEmail(responses, await askEmail(answers))
}
