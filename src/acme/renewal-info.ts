// Renewal information (RFC 9773): when a CA wants a certificate of its own to be renewed. No account is needed for it, and
// nothing is signed. It is a hint and no more: whatever goes wrong with it is an answer here, never an error, since a
// renewal must not wait for it.
import * as v from 'valibot'
import { messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { CertificateFacts } from '../x509/certificate.js'
import { objectsOf } from './objects.js'
import { isTemporaryStatus } from './problem.js'
import { type Answer, readAnswer, received, retryAfterOf } from './response.js'
import { userAgent } from './transport.js'

/** When a CA wants a certificate to be renewed (RFC 9773 §4.2): `end` lies after `start`. */
export interface SuggestedWindow {
  readonly start: Date
  readonly end: Date
  /** An http or https URL in plain ASCII: a page that says why it is so. */
  readonly explanationUrl?: string | undefined
}

/** What came of one question. */
export interface RenewalAnswer {
  /** undefined: there is no answer, and the one before it goes on to hold (§4.3). */
  readonly window?: SuggestedWindow | undefined
  /** Why there is none. */
  readonly why?: string | undefined
  /** The CA as a whole does not answer, or wants to be left alone: nothing else need be asked there now. */
  readonly wholeCa?: boolean | undefined
  /** The next question is not to come earlier. */
  readonly askAgainSeconds: number
}

/** Where a CA answers (`renewalInfo` of its directory, RFC 9773 §3); `url` undefined: it does not, or does not say so now. */
export interface RenewalService extends Omit<RenewalAnswer, 'window'> {
  readonly url?: string | undefined
}

/** No key and no nonce: requests for renewal information are not signed (RFC 9773 §4.1). */
type Asking = Pick<World, 'fetch' | 'clock'>

/**
 * How long until the next question, by the CA's Retry-After: six hours where it says nothing, or fails (§4.3.3 recommends
 * them); at least a minute and at most a day (§4.3.2 has both as its examples of reasonable bounds).
 */
const pauseSeconds = { least: 60, usual: 6 * 3600, most: 86_400 } as const

/** Directories hardly change: what one says of renewal information is looked up so often. Our own choice. */
const directorySeconds = 86_400

/** One exchange may take so long. A CA that hangs must cost a run no more than this. */
const exchangeSeconds = 5

/** Our own bound. Real answers have 300 bytes, and directories 1,000. */
const longestAnswer = 64 * 1024

/** A page's address that is longer is none for people. */
const longestUrl = 1000

/** Instants that no certificate of ours can be about are a mistake of the CA: Go's zero time, above all. */
const firstYear = 2000
const lastYear = 9999

/**
 * The certificate's name in renewal information (RFC 9773 §4.1): the key identifier of its issuer and its serial number, the
 * bytes as they stand in it, each as base64url. undefined where it names no key of its issuer. The serial number keeps the
 * 00 that DER puts in front of a first bit that is set: to read it as a number would lose it, and name another certificate.
 */
export function certIdOf({ authorityKeyId, serial }: Pick<CertificateFacts, 'authorityKeyId' | 'serial'>) {
  if (authorityKeyId === undefined || authorityKeyId === '' || serial === '') return undefined
  return [authorityKeyId, serial].map(hex => Buffer.from(hex, 'hex').toString('base64url')).join('.')
}

/**
 * Looks into the directory for where renewal information is to be had (RFC 9773 §3). One request. Not by a session's
 * directory(): that one tries again for half a minute, and here a CA that is down is an answer like any other. Never throws but
 * the signal's reason.
 */
export async function findRenewalService(
  world: Asking,
  directoryUrl: string,
  signal: AbortSignal,
): Promise<RenewalService> {
  const answer = await ask(world, directoryUrl, signal)
  if ('why' in answer) return answer
  if (answer.status !== 200) return refusal(world, answer)
  try {
    const { renewalInfo } = objectsOf(directoryUrl).directory(answer.data, `the directory ${directoryUrl}`)
    return { url: renewalInfo, askAgainSeconds: directorySeconds }
  } catch (error) {
    return { why: messageOf(error), askAgainSeconds: pauseSeconds.usual }
  }
}

/**
 * Asks when this certificate is to be renewed (RFC 9773 §4.1). One request. `certId`: as certIdOf() gives it. Never throws but
 * the signal's reason: what the CA says wrong is `why`, and no window.
 */
export async function askRenewalInfo(
  world: Asking,
  serviceUrl: string,
  certId: string,
  signal: AbortSignal,
): Promise<RenewalAnswer> {
  // §4.1 puts a slash between the two; a directory may end its own with one, and two would be another path
  const answer = await ask(world, `${serviceUrl.replace(/\/$/, '')}/${certId}`, signal)
  if ('why' in answer) return answer
  if (answer.status !== 200) return refusal(world, answer)
  // also for a window that is wrong: the CA's Retry-After holds, as asking sooner would bring the same again
  const askAgainSeconds = pauseOf(world, answer)
  const window = windowOf(answer)
  return typeof window === 'string' ? { why: window, askAgainSeconds } : { window, askAgainSeconds }
}

/** One exchange, without repetitions: the next run asks again, and this one goes on by what is known. */
async function ask(
  world: Asking,
  url: string,
  signal: AbortSignal,
): Promise<Answer | (RenewalAnswer & { why: string })> {
  try {
    const headers = { 'user-agent': userAgent }
    // one bound for silence and for the whole: a CA that sends a byte a second would get round the first
    const limits = { signal, timeoutSeconds: exchangeSeconds, totalSeconds: exchangeSeconds }
    const response = await world.fetch(new URL(url), { method: 'GET', headers, ...limits })
    // The bound in bytes comes first: JSON of megabytes would be parsed at once, and its text kept for a message.
    if (response.body.length > longestAnswer)
      return { why: `${url}: an answer of ${response.body.length} bytes`, askAgainSeconds: pauseSeconds.usual }
    return readAnswer(url, response)
  } catch (error) {
    if (signal.aborted) throw signal.reason // the run is over, not the CA
    return { why: messageOf(error), wholeCa: true, askAgainSeconds: pauseSeconds.usual }
  }
}

/** Of a CA that has a reason of its own to be left alone, nothing else is asked now (§4.3.3); a 404 is about one certificate. */
const refusal = (world: Asking, answer: Answer) => ({
  why: received(answer),
  wholeCa: isTemporaryStatus(answer.status),
  askAgainSeconds: pauseOf(world, answer),
})

/** `Retry-After: 0` asks for the shortest pause, and not for the usual one. */
function pauseOf({ clock }: Asking, answer: Answer): number {
  const isZero = /^0+$/.test(answer.headers['retry-after']?.trim() ?? '') // retryAfterOf() knows none of those
  const told = isZero ? 0 : (retryAfterOf(answer, clock.now()) ?? pauseSeconds.usual)
  return Math.min(pauseSeconds.most, Math.max(pauseSeconds.least, told))
}

/** RFC 3339, as §4.2 wants it: a date alone, or one without its zone, means another instant to each reader. */
const instant = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i),
  v.transform(text => new Date(text)),
  v.date(),
  v.check(at => at.getUTCFullYear() >= firstYear && at.getUTCFullYear() <= lastYear),
)

/** RFC 9773 §4.2. An explanation of a wrong type is left out: the window counts all the same. */
const schema = v.object({
  suggestedWindow: v.object({ start: instant, end: instant }),
  explanationURL: v.fallback(v.optional(v.string()), undefined),
})

/**
 * The window, or why there is none in it. How wide it is, and whether it lies within the certificate's life, is not looked at
 * here: a window long past is a CA's way to say `now`, and one behind the end is cut off where the date is chosen
 * (renew/renewal-date.ts).
 */
function windowOf(answer: Answer): SuggestedWindow | string {
  const read = v.safeParse(schema, answer.data)
  if (!read.success) return `it makes no sense: ${received(answer)}`
  const { start, end } = read.output.suggestedWindow
  // "an end timestamp that is equal to or precedes the start timestamp" is malformed (§4.2)
  if (end <= start) return `its window ends (${end.toISOString()}) before it has begun (${start.toISOString()})`
  return { start, end, explanationUrl: pageUrl(read.output.explanationURL) }
}

/** Shown to people, who may open it: so no other scheme, and nothing that a terminal would obey. */
const pageUrl = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= longestUrl && /^https?:\/\/[!-~]+$/i.test(text) && URL.canParse(text)
    ? text
    : undefined
