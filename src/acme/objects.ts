// The objects of RFC 8555 §7.1, parsed once where they come in. What a CA sends is a stranger's text: past this file
// each URL has a scheme that we may follow, each identifier is a name, and an order of unknown status is an error now
// and not a time-out later.
import * as v from 'valibot'
import { Dns01Error, messageOf } from '../core/errors.js'
import { issueText } from '../core/gate.js'
import { type Name, parseName } from '../core/names.js'
import { type Problem, problem } from './problem.js'

/** RFC 8555 §7.1.1. URLs are kept as the CA wrote them. */
export interface Directory {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  readonly revokeCert?: string | undefined
  readonly keyChange?: string | undefined
  /** RFC 9773 §3. */
  readonly renewalInfo?: string | undefined
  readonly termsOfService?: string | undefined
  readonly website?: string | undefined
  /** What a CAA record may name to allow this CA. */
  readonly caaIdentities: readonly string[]
  readonly externalAccountRequired: boolean
  /** Profile name to description (draft-aaron-acme-profiles §3). */
  readonly profiles: Readonly<Record<string, string>>
}

/** RFC 8555 §7.1.2. */
export interface Account {
  readonly url: string
  readonly status: string
  readonly contact: readonly string[]
}

/** RFC 8555 §7.1.3. */
export interface Order {
  readonly url: string
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'
  readonly identifiers: readonly Name[]
  readonly authorizations: readonly string[]
  readonly finalize: string
  readonly certificate?: string | undefined
  readonly error?: Problem | undefined
  readonly expires?: Date | undefined
}

/** RFC 8555 §7.1.4. */
export interface Authorization {
  readonly url: string
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked'
  /** Never with `*.` */
  readonly identifier: Name
  readonly wildcard: boolean
  readonly challenges: readonly Challenge[]
}

/** RFC 8555 §8. */
export interface Challenge {
  readonly type: string
  readonly url: string
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid'
  readonly token?: string | undefined
  readonly error?: Problem | undefined
}

/** Parses what one CA sends. A CA spoken to by https must name https URLs only (RFC 8555 §6.1). */
export interface Objects {
  /** Throws CONFIG; all others REFUSED: the CA, or what stands between, does not speak ACME. */
  directory(data: unknown, what: string): Directory
  account(data: unknown, url: string): Account
  order(data: unknown, url: string): Order
  authorization(data: unknown, url: string): Authorization
  challengeStatus(data: unknown, url: string): Challenge['status']
  /** A URL from a header, perhaps relative to where it came from (RFC 9110 §10.2.2). */
  url(text: string | undefined, from: string, what: string): string
}

/** The parsers for one CA. Where the directory itself is spoken to by http (a test CA), http URLs are allowed. */
export function objectsOf(directoryUrl: string): Objects {
  const url = acmeUrl(/^http:/i.test(directoryUrl))
  const challenge = v.object({
    type: v.string(),
    url,
    status: v.picklist(['pending', 'processing', 'valid', 'invalid']),
    token: v.optional(v.string()),
    error: v.fallback(v.optional(problem), undefined),
  })
  const schemas = {
    account: v.object({ status: v.string(), contact: v.fallback(v.array(v.string()), []) }),
    // each of the authorizations costs a request, and thousands of them all memory: there is one for an identifier (RFC 8555 §7.1.3)
    order: v.pipe(
      v.object({
        status: v.picklist(['pending', 'ready', 'processing', 'valid', 'invalid']),
        identifiers: v.pipe(v.array(identifier), v.minLength(1)),
        authorizations: v.array(url),
        finalize: url,
        certificate: v.optional(url),
        error: v.fallback(v.optional(problem), undefined),
        expires: v.fallback(v.optional(date), undefined),
      }),
      v.check(
        ({ identifiers, authorizations }) => authorizations.length <= identifiers.length,
        'authorizations: there are more than identifiers',
      ),
    ),
    authorization: v.object({
      status: v.picklist(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
      identifier,
      wildcard: v.optional(v.boolean(), false),
      challenges: v.array(challenge),
    }),
  }
  return {
    directory: (data, what) => directoryOf(url, data, what),
    account: (data, at) => ({ url: at, ...parse(schemas.account, data, `account ${at}`) }),
    order: (data, at) => ({ url: at, ...parse(schemas.order, data, `order ${at}`) }),
    authorization: (data, at) => ({ url: at, ...parse(schemas.authorization, data, `authorization ${at}`) }),
    challengeStatus: (data, at) => parse(challenge, data, `challenge ${at}`).status,
    url: (text, from, what) => parse(url, text && URL.canParse(text, from) ? new URL(text, from).href : text, what),
  }
}

const acmeUrl = (plainAllowed: boolean) =>
  v.pipe(
    v.string(),
    v.check(
      text => isUrl(text, plainAllowed),
      plainAllowed ? 'it is not an http or https URL' : 'it is not an https URL',
    ),
  )

/** RFC 3986 §2; URL() would take line breaks, and drop them. */
const isUrl = (text: string, plainAllowed: boolean): boolean =>
  /^[!-~]+$/.test(text) &&
  URL.canParse(text) &&
  (plainAllowed ? ['https:', 'http:'] : ['https:']).includes(new URL(text).protocol)

const date = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform(text => new Date(text)),
)

/** Only `dns` identifiers are ours (RFC 8555 §9.7.7). */
const identifier = v.pipe(
  v.object({ type: v.literal('dns'), value: v.string() }),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseName(dataset.value.value)
    } catch (error) {
      addIssue({ message: messageOf(error) })
      return NEVER
    }
  }),
)

const text = v.fallback(v.optional(v.string()), undefined)

const meta = v.object({
  termsOfService: text,
  website: text,
  caaIdentities: v.fallback(v.optional(v.array(v.string()), []), []),
  externalAccountRequired: v.fallback(v.optional(v.boolean(), false), false),
  profiles: v.fallback(v.optional(v.record(v.string(), v.string()), {}), {}),
})

function directoryOf(url: ReturnType<typeof acmeUrl>, data: unknown, what: string): Directory {
  const resources = v.object({
    newNonce: url,
    newAccount: url,
    newOrder: url,
    revokeCert: v.optional(url),
    keyChange: v.optional(url),
    renewalInfo: v.optional(url),
    meta: v.optional(v.fallback(meta, v.parse(meta, {})), {}),
  })
  const result = v.safeParse(resources, data)
  if (!result.success) throw noDirectory(`${what} is not an ACME directory: ${whatIsWrong(result.issues[0])}`)
  const { meta: described, ...urls } = result.output
  return { ...urls, ...described }
}

/** The URL leads to something else than an ACME directory. */
export const noDirectory = (message: string, cause?: unknown): Dns01Error =>
  new Dns01Error('CONFIG', message, {
    cause,
    hint: 'is this the directory URL of the CA? For example https://acme-v02.api.letsencrypt.org/directory',
  })

function parse<T extends v.GenericSchema>(schema: T, data: unknown, what: string): v.InferOutput<T> {
  const result = v.safeParse(schema, data)
  if (result.success) return result.output
  throw new Dns01Error('REFUSED', `${what}: what the CA sent is not valid ACME: ${whatIsWrong(result.issues[0])}`, {
    hint: 'does a proxy answer in its place, or is the directory URL wrong?',
  })
}

const whatIsWrong = (issue: v.BaseIssue<unknown>): string => {
  const path = v.getDotPath(issue)
  return `${path ? `${path}: ` : ''}${issueText(issue)}`
}
