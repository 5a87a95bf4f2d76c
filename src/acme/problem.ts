// Problem documents (RFC 9457, formerly RFC 7807; RFC 8555 §6.7) as our errors. Here it is decided which of them may pass
// by themselves: to repeat a lasting refusal eats up the account's rate limits, and to give up on a passing one leaves a
// name without a certificate.
// The type decides first, then the HTTP status. The CA's own words are kept whole beside ours: they alone say which
// record it saw, or when a limit ends. They are searched for a meaning in two places only, where a CA says it nowhere else.
import * as v from 'valibot'
import { Dns01Error } from '../core/errors.js'

/** One of several causes (RFC 8555 §6.7.1); `identifier` is absent where it concerns the whole request. */
const subproblem = v.object({
  type: v.fallback(v.string(), 'about:blank'),
  detail: v.fallback(v.optional(v.string()), undefined),
  identifier: v.fallback(v.optional(v.object({ type: v.string(), value: v.string() })), undefined),
})

/**
 * A problem document (RFC 9457 §3.1) with ACME's subproblems (RFC 8555 §6.7.1). Members of a wrong type are ignored, as
 * RFC 9457 §3.1 demands. `type` alone must be there: by it a problem is told from any other JSON, since the content type
 * application/problem+json is missing where the problem stands inside an order or a challenge.
 */
export const problem = v.object({
  type: v.string(),
  title: v.fallback(v.optional(v.string()), undefined),
  detail: v.fallback(v.optional(v.string()), undefined),
  status: v.fallback(v.optional(v.number()), undefined),
  instance: v.fallback(v.optional(v.string()), undefined),
  subproblems: v.fallback(v.optional(v.array(subproblem)), undefined),
})

/** A problem document as it was sent; the `cause` of the errors that are made of it. */
export type Problem = v.InferOutput<typeof problem>
type Subproblem = v.InferOutput<typeof subproblem>

/** The problem document in this JSON; undefined when it has no `type`, and so is none. */
export const readProblem = (data: unknown): Problem | undefined =>
  v.is(v.looseObject({ type: v.string() }), data) ? v.parse(problem, data) : undefined

/** The problem document that an error of this folder was made of; undefined for errors with another origin. */
export const problemOf = (error: unknown): Problem | undefined =>
  error instanceof Dns01Error ? readProblem(error.cause) : undefined

/** Of all types that ACME defines (RFC 8555 §6.7, §9.7.4). */
const URN = 'urn:ietf:params:acme:error:'

/** `unauthorized` for `urn:ietf:params:acme:error:unauthorized` (RFC 8555 §6.7); other types whole. */
const shortType = (type: string): string => (type.startsWith(URN) ? type.slice(URN.length) : type)

/** Whether the CA answered with that problem, named as by shortType(). */
export const isProblem = (error: unknown, type: string): boolean => {
  const found = problemOf(error)
  return found !== undefined && shortType(found.type) === type
}

/** What the document itself does not say: the request, and what the answer's headers had. */
export interface ProblemContext {
  /** What was tried, to what: `newOrder`, `www.example.com`. */
  readonly what: string
  /** HTTP status; absent where the problem stood inside an order or a challenge. */
  readonly status?: number | undefined
  readonly retryAfterSeconds?: number | undefined
  /** Where its terms of service stand, from the answer's Link header (RFC 8555 §7.3.3). */
  readonly termsOfService?: string | undefined
  /** As in ErrorDetails. */
  readonly failedValidations?: readonly string[] | undefined
}

/**
 * Of a rate limit without Retry-After, which is optional (RFC 8555 §6.6). More than what a run waits for
 * (longestRetryAfterSeconds), so the next one tries again: to knock every few seconds only prolongs a limit.
 */
const unsaidRateLimitSeconds = 600

/**
 * A problem document as our error: UNAVAILABLE for what may pass by itself (rateLimited, serverInternal, badNonce, 408, 429
 * and 5xx but 501), else REFUSED. The document itself is the `cause`, `byName` has its subproblems, and `retryAfterSeconds` is the
 * server's, or ours for a rate limit that says nothing.
 */
export function problemError(told: Problem, context: ProblemContext): Dns01Error {
  // step-ca says it of keyChange, with the type rejectedIdentifier, which would have people look for a wrong name
  if (context.status === NOT_IMPLEMENTED)
    return new Dns01Error(
      'REFUSED',
      `${context.what}: this CA has not implemented it: ${told.detail ?? told.title ?? ''}`,
      {
        cause: told,
      },
    )
  const type = shortType(told.type)
  const paused = pausedLink(told)
  const temporary = !paused && (TEMPORARY.has(type) || isTemporaryStatus(context.status))
  const limited = type === 'rateLimited' || context.status === 429
  return new Dns01Error(temporary ? 'UNAVAILABLE' : 'REFUSED', `${context.what}: ${inWords(told)}`, {
    cause: told,
    byName: byName(told),
    failedValidations: context.failedValidations,
    doubtsName: type === 'rejectedIdentifier',
    hint: paused ? `this account is paused for the name; open ${paused}` : hintFor(type, told, context),
    retryAfterSeconds: context.retryAfterSeconds ?? (temporary && limited ? unsaidRateLimitSeconds : undefined),
  })
}

/** Which names the subproblems are about (RFC 8555 §6.7.1): with request.partial the others are ordered without these. */
const byName = ({ subproblems = [] }: Problem): ReadonlyMap<string, Dns01Error> =>
  new Map(
    subproblems.flatMap(one =>
      one.identifier ? [[one.identifier.value.toLowerCase(), new Dns01Error('REFUSED', subInWords(one))] as const] : [],
    ),
  )

/**
 * Whether the CA's answer is about all that we might ask it, not about these names: too many orders or accounts, or it is
 * overloaded. The type is rateLimited for all of Let's Encrypt's limits, so only the text tells which: "too many new orders
 * (300) from this account in the last 3h0m0s", "too many new registrations (10) from this IP address", "Service busy; retry
 * later". A limit whose text is not known counts as one of these names: then the others are tried, and at worst refused.
 */
export function concernsAll(error: unknown): boolean {
  const told = problemOf(error)
  if (!told) return false
  const { type, status, detail = '' } = told
  return status === 503 || (shortType(type) === 'rateLimited' && /new orders|registrations|service busy/i.test(detail))
}

/**
 * Types that may pass by themselves. Not among them: `dns` and `connection`, which look temporary but have cost a failed
 * validation each; the order is dead after them, and back-off between runs decides when there is another.
 */
const TEMPORARY = new Set(['rateLimited', 'serverInternal', 'badNonce'])

/** The server lacks what was asked for, and will lack it tomorrow (RFC 9110 §15.6.2). */
const NOT_IMPLEMENTED = 501

/** 408 (RFC 9110 §15.5.9), 429 (RFC 6585 §4) and server errors that may pass. Without a status (0) only the type decides. */
export const isTemporaryStatus = (status = 0): boolean =>
  status === 408 || status === 429 || (status >= 500 && status !== NOT_IMPLEMENTED)

/**
 * Let's Encrypt pauses an account for a name after 1,152 failures in a row (its rate limits page), and tells it as a rate
 * limit that only a person can lift, with the link in the text. So it must not count as temporary.
 */
const pausedLink = ({ detail = '' }: Problem): string | undefined =>
  /unpause|self-service/i.test(detail) ? urlIn(detail) : undefined

/** The first URL in a sentence, without the punctuation that ends the sentence. */
const urlIn = (text: string): string | undefined => text.match(/https?:\/\/[^\s"'<>]+[^\s"'<>.,)]/)?.[0]

/**
 * What the CA said: type in words, its detail, and each subproblem with its name. The type stands in brackets as it is in
 * the RFC, since that is what people search for.
 */
function inWords(told: Problem): string {
  const type = shortType(told.type)
  const said = [told.detail ?? told.title, ...(told.subproblems ?? []).map(subInWords)]
  const whole = said.filter(text => text).join('; ')
  if (type === 'about:blank') return whole // RFC 9457 §4.2.1: the HTTP status says it all
  return `${MEANINGS[type]?.words ?? 'the CA refused'} (${type})${whole && `: ${whole}`}`
}

const subInWords = ({ identifier, type, detail }: Subproblem): string =>
  `${identifier ? `${identifier.value}: ` : ''}${detail ?? 'no detail'} (${shortType(type)})`

/** With userActionRequired the CA links to its new terms, and `instance` is where a person can agree (RFC 8555 §7.3.3). */
function hintFor(type: string, told: Problem, { termsOfService }: ProblemContext): string | undefined {
  if (type !== 'userActionRequired') return MEANINGS[type]?.hint
  const links = [...new Set([termsOfService, told.instance].filter(link => link !== undefined))]
  return links.length > 0 ? `read and agree: ${links.join(' ')}, then run dns01 quickstart` : MEANINGS[type]?.hint
}

/**
 * The types of RFC 8555 §6.7, RFC 9773 §7.4 (alreadyReplaced) and draft-ietf-acme-profiles (invalidProfile) in words, and
 * what the user can do. A type that is not here is shown by its name.
 */
const MEANINGS: Readonly<Record<string, { readonly words: string; readonly hint?: string }>> = {
  accountDoesNotExist: { words: 'the CA knows no account for this key', hint: 'dns01 quickstart registers one' },
  // orders are asked for once more without `replaces` then (order.ts), so a user rarely meets it
  alreadyReplaced: { words: 'that certificate has been replaced already' },
  // counts as success for whoever wants it revoked (client.ts)
  alreadyRevoked: { words: 'the certificate is revoked already' },
  // the CA says it at finalize, when all names have been proved; read-csr.ts looks for the usual reasons before
  badCSR: {
    words: 'the CA does not accept the certificate request',
    hint: 'the key type or size, must-staple or a name may be the reason: see what it said',
  },
  // only after all the repetitions of transport.ts: RFC 8555 §6.5 has a client try again at once
  badNonce: { words: 'the CA refused our nonces again and again' },
  badPublicKey: { words: 'the CA does not accept this key', hint: 'try ECDSA P-256 or RSA 2048 (request.key)' },
  badRevocationReason: { words: 'the CA does not allow this revocation reason', hint: 'try it without a reason' },
  badSignatureAlgorithm: {
    words: 'the CA does not take signatures of this account key',
    hint: 'use ECDSA P-256 or RSA',
  },
  caa: {
    words: 'CAA records forbid this CA to issue',
    hint: 'add this CA to the CAA records of the name or of the domain above it, or remove them (RFC 8659)',
  },
  compound: { words: 'several things are wrong' },
  connection: {
    words: 'the CA could not connect to a server of ours',
    hint: 'for DNS: are the name servers reachable from the internet?',
  },
  dns: {
    words: 'the CA had a problem looking up the record',
    hint: 'is the zone delegated correctly, is its DNSSEC valid, and is the record public? dns01 probe NAME shows what each server answers',
  },
  externalAccountRequired: {
    words: 'the CA requires an external account binding',
    hint: 'get a key id and an HMAC key at the CA and give both (RFC 8555 §7.3.4)',
  },
  incorrectResponse: {
    words: 'the CA saw a value that is not ours',
    hint: 'a record of another client, or an old one, may be at the same name: dns01 probe NAME shows what each server answers',
  },
  invalidContact: {
    words: 'the CA does not accept the contact address',
    hint: 'check the e-mail address (acme-enter-email)',
  },
  malformed: { words: 'the CA could not make sense of the request' },
  orderNotReady: { words: 'the order is not ready' },
  rateLimited: {
    words: 'a rate limit of the CA is reached',
    hint: 'the next run tries again; several names in one target need fewer certificates',
  },
  rejectedIdentifier: {
    words: 'the CA does not issue for this name',
    hint: 'its policy forbids it: public CAs issue only for names below a public suffix',
  },
  serverInternal: {
    words: 'the CA has an internal error',
    hint: 'the next run tries again; see the status page of the CA',
  },
  tls: { words: 'the CA had a TLS problem while validating' },
  // of a challenge: a wrong value. But Let's Encrypt also says it of a profile that the account may not use.
  unauthorized: {
    words: 'the CA says we are not authorized',
    hint: 'was the TXT value the right one at every name server the CA sees? dns01 probe NAME shows what each answers',
  },
  unsupportedContact: {
    words: 'the CA takes no contact of this kind',
    hint: 'give an e-mail address (acme-enter-email)',
  },
  unsupportedIdentifier: { words: 'the CA issues nothing for identifiers of this type' },
  userActionRequired: {
    words: 'the CA requires you to do something first',
    hint: 'see its terms of service, then run dns01 quickstart',
  },
  invalidProfile: { words: 'the CA has no such certificate profile' },
}
