// Reads what a CA, or a proxy in front of it, sent for one request. An error need not be a problem document (a
// gateway answers with a page of HTML), and its message must say what came nevertheless.
import type { Dns01Error } from '../core/errors.js'
import { brief } from '../core/gate.js'
import type { HttpResponse } from '../core/world.js'
import { type Problem, problemError, readProblem } from './problem.js'

/** What came back for one request; any status. Redirections are not followed: what is signed is good for one URL (§6.4). */
export interface Answer {
  readonly url: string
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The text as JSON; undefined when it is none. */
  readonly data: unknown
}

/** One answer, its text read as JSON where it looks like some. */
export function readAnswer(url: string, { status, headers, body }: HttpResponse): Answer {
  const text = Buffer.from(body).toString('utf8')
  return { url, status, headers, text, data: parseJson(text) }
}

/** Not by the content type: a page of HTML may come as JSON, and JSON as text. What does not parse is text, not an error. */
function parseJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * An answer that is not a success, as our error: its problem document, or what came instead of one, as the `about:blank`
 * problem (RFC 9457 §4.2.1) whose meaning is the HTTP status. REFUSED or UNAVAILABLE, with Retry-After in seconds.
 */
export function answerError(answer: Answer, what: string, now: Date): Dns01Error {
  const { status } = answer
  const told: Problem = readProblem(answer.data) ?? { type: 'about:blank', detail: received(answer) }
  const retryAfterSeconds = retryAfterOf(answer, now)
  const termsOfService = linksOf(answer, 'terms-of-service')[0]
  // `status` in the document is advisory (RFC 9457 §3.1.2), and many leave it out
  return problemError({ ...told, status: told.status ?? status }, { what, status, retryAfterSeconds, termsOfService })
}

/**
 * What came, for a message: status, type, and the title of a page or the beginning of a text. By these a user recognizes the
 * proxy, the login page or the load balancer that answered in place of the CA.
 */
export function received({ url, status, headers, text }: Answer): string {
  const type = headers['content-type']?.split(';')[0] ?? 'no content type'
  const begins = text.match(/<title>([^<]*)/i)?.[1] ?? (/^\s*</.test(text) ? '' : text)
  const oneLine = brief(begins.replace(/\s+/g, ' ').trim(), 200)
  const pointing = headers.location ? `, pointing to ${headers.location}` : ''
  return `${new URL(url).host} answered ${status} with ${type}${pointing}${oneLine && `: "${oneLine}"`}`
}

/**
 * Retry-After in seconds (RFC 9110 §10.2.3: a number or a date; Pebble sends both kinds in turn); undefined when absent,
 * senseless or past. No upper bound here: whoever waits has a cap, and back-off needs the true number.
 */
export function retryAfterOf({ headers }: Pick<Answer, 'headers'>, now: Date): number | undefined {
  const text = headers['retry-after']?.trim() ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now.getTime()) / 1000
  return seconds > 0 ? seconds : undefined
}

/** The targets of the links with that relation, in order (RFC 8288 §3); several links may share one header, with commas between. */
export function linksOf({ headers }: Pick<Answer, 'headers'>, relation: string): string[] {
  const links = [...(headers.link ?? '').matchAll(/<([^>]*)>([^<]*)/g)]
  const isIt = new RegExp(`;\\s*rel="?([^"]*\\s)?${relation}("|\\s|;|,|$)`, 'i')
  return links.flatMap(([, target = '', parameters = '']) => (isIt.test(parameters) ? [target] : []))
}
