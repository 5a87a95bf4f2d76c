// The objects of RFC 8555 §7.1, parsed once where they come in. What a CA sends is a stranger's text: past this file
// each URL has a scheme that we may follow, each identifier is a name, and an order of unknown status is an error now
// and not a time-out later.
// What an exchange needs (a URL, a status, the identifiers) must be right, or it ends here. What only explains (contact,
// error, expires, meta) is left out where it is of a wrong type: a certificate must not fail for that. Members that are
// not listed are ignored, as RFC 8555 §7.1 and §10 let a CA add some.
import * as v from 'valibot'
import { Dns01Error, messageOf } from '../core/errors.js'
import { issueText } from '../core/gate.js'
import { type Name, parseName } from '../core/names.js'
import { type Problem, problem } from './problem.js'

/**
 * RFC 8555 §7.1.1. Here and below, URLs are kept exactly as the CA wrote them: the `url` that is signed must be that string,
 * without any re-encoding (§6.4).
 */
export interface Directory {
  // Nothing can be done without these three. newAuthz (§7.4.1) is not read: no name is authorized before it is ordered.
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  // Certificates can be had without these two, so a directory that lacks them is one; what needs them says so.
  readonly revokeCert?: string | undefined
  readonly keyChange?: string | undefined
  /** RFC 9773 §3. */
  readonly renewalInfo?: string | undefined
  /** Shown to the user before registering; who changes them may ask for new consent (§7.3.3). */
  readonly termsOfService?: string | undefined
  readonly website?: string | undefined
  /** What a CAA record may name to allow this CA (RFC 8659 §4.2); empty where the CA does not say. */
  readonly caaIdentities: readonly string[]
  /** What a record of dns-persist-01 may begin with (draft-ietf-acme-dns-persist-02); a CA that speaks an older draft has none. */
  readonly issuerDomainNames?: readonly string[] | undefined
  /** What stands before the hash of an account there (draft-ietf-acme-dns-persist-02). */
  readonly accountHashPrefix?: string | undefined
  /** newAccount must carry an external account binding (§7.3.4). */
  readonly externalAccountRequired: boolean
  /** Profile name to description (draft-ietf-acme-profiles §3). */
  readonly profiles: Readonly<Record<string, string>>
}

/** RFC 8555 §7.1.2. */
export interface Account {
  /** From the Location header; the object itself does not have it. */
  readonly url: string
  /** `valid`, `deactivated` or `revoked`. Only shown, so any other is let pass. */
  readonly status: string
  readonly contact: readonly string[]
}

/** RFC 8555 §7.1.3. */
export interface Order {
  /**
   * From the Location header of newOrder (§7.4); the object itself does not have it. Kept on disk, so that a run that stops
   * can be resumed.
   */
  readonly url: string
  /** In this order, or `invalid` at any point (§7.1.6). A CA may skip `processing`, and `pending` where all is proved already. */
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'
  /** Wildcards with their `*.`, unlike in an authorization. */
  readonly identifiers: readonly Name[]
  /** URLs. Also of those that are valid already; fewer than identifiers where one covers a name and its wildcard. */
  readonly authorizations: readonly string[]
  /** Where the certificate request goes once the order is ready. */
  readonly finalize: string
  /** Where the chain is; present once the order is valid. */
  readonly certificate?: string | undefined
  /** Why it is invalid. Often too general: the challenges know more (order-errors.ts). */
  readonly error?: Problem | undefined
  /** When a pending order is given up by the CA. */
  readonly expires?: Date | undefined
}

/** RFC 8555 §7.1.4. */
export interface Authorization {
  readonly url: string
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked'
  /** Never with `*.`: for `*.example.com` it is `example.com`, and `wildcard` is true (§7.1.4). */
  readonly identifier: Name
  readonly wildcard: boolean
  /** One that is valid is enough. */
  readonly challenges: readonly Challenge[]
}

/** RFC 8555 §8. */
export interface Challenge {
  /** Any text: a CA may offer kinds that we have never heard of (§8 calls them extensible). */
  readonly type: string
  readonly url: string
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid'
  /** Of dns-01, http-01 and tls-alpn-01; other kinds need not have one. */
  readonly token?: string | undefined
  /** What the CA saw when it looked, in its own words; this is what a user needs to read. */
  readonly error?: Problem | undefined
  /** Of dns-persist-01, as drafts 00 and 01 write it: what its record may begin with. */
  readonly 'issuer-domain-names'?: readonly string[] | undefined
  /** The same as draft 02 writes it. */
  readonly issuerDomainNames?: readonly string[] | undefined
  /** Of dns-persist-01 by draft 01: our account, as the CA writes its URL. */
  readonly accounturi?: string | undefined
}

/**
 * Parses what one CA sends. A CA spoken to by https must name https URLs only (RFC 8555 §6.1). `what` and `url` are for the
 * message, and the result's `url`.
 */
export interface Objects {
  /** Throws CONFIG; all others REFUSED: the CA, or what stands between, does not speak ACME. */
  directory(data: unknown, what: string): Directory
  account(data: unknown, url: string): Account
  order(data: unknown, url: string): Order
  authorization(data: unknown, url: string): Authorization
  challengeStatus(data: unknown, url: string): Challenge['status']
  /** A URL from a header, perhaps relative to where it came from (RFC 9110 §10.2.2: Location is a URI-reference). */
  url(text: string | undefined, from: string, what: string): string
}

/**
 * The parsers for one CA. Where the directory itself is spoken to by http (a test CA on this machine), http URLs are
 * allowed. `https` is not to be given up half way: a CA whose https directory names an http URL is refused.
 */
export function objectsOf(directoryUrl: string): Objects {
  const url = acmeUrl(/^http:/i.test(directoryUrl))
  const challenge = v.object({
    type: v.string(),
    url,
    status: v.picklist(['pending', 'processing', 'valid', 'invalid']),
    token: v.optional(v.string()),
    error: v.fallback(v.optional(problem), undefined),
    // of a wrong type they are as good as absent: what is offered besides must not fail for that
    'issuer-domain-names': texts,
    issuerDomainNames: texts,
    accounturi: text,
  })
  const schemas = {
    account: v.object({ status: v.string(), contact: v.fallback(v.array(v.string()), []) }),
    // RFC 8555 §7.1.3 leaves the number of authorizations to the CA, and says that it need not be that of the identifiers.
    // More than these no CA is known to make, and each costs a request: an order with 100,000 took 750 MB.
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

/** The schema of a URL that we may follow. `plainAllowed`: http as well. */
const acmeUrl = (plainAllowed: boolean) =>
  v.pipe(
    v.string(),
    v.check(
      text => isUrl(text, plainAllowed),
      plainAllowed ? 'it is not an http or https URL' : 'it is not an https URL',
    ),
  )

/** Only the characters of RFC 3986 §2. URL() alone would take line breaks, and drop them, while the text goes into messages. */
const isUrl = (text: string, plainAllowed: boolean): boolean =>
  /^[!-~]+$/.test(text) &&
  URL.canParse(text) &&
  (plainAllowed ? ['https:', 'http:'] : ['https:']).includes(new URL(text).protocol)

/** RFC 3339 (RFC 8555 §7.1.3). Read where it only informs: whether an order is over, its status says. */
const date = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform(text => new Date(text)),
)

/**
 * Only `dns` identifiers are ours (RFC 8555 §9.7.7); `ip` (RFC 8738) cannot be proved by dns-01. parseName() checks and
 * normalizes as it does for the user's names, so that what we asked for and what the CA says can be compared as text.
 */
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

/** A text that only explains: of a wrong type it counts as absent. */
const text = v.fallback(v.optional(v.string()), undefined)

/** A list that only explains: whole or not at all, since a part of a list of issuers would look like a decision of the CA. */
const texts = v.fallback(v.optional(v.array(v.string())), undefined)

/**
 * RFC 8555 §7.1.1: all of it is optional, and so is `meta` itself. Each member falls back alone: a CA whose profiles are of a
 * wrong type must not lose its terms of service by that, to which the user has to agree.
 */
const meta = v.object({
  termsOfService: text,
  website: text,
  issuerDomainNames: texts,
  accountHashPrefix: text,
  caaIdentities: v.fallback(v.optional(v.array(v.string()), []), []),
  externalAccountRequired: v.fallback(v.optional(v.boolean(), false), false),
  profiles: v.fallback(v.optional(v.record(v.string(), v.string()), {}), {}),
})

/** @throws Dns01Error CONFIG: it is the user who gave the URL, and who can give a better one */
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

/** The URL leads to something else than an ACME directory, or is not a URL at all. CONFIG, with an example to compare. */
export const noDirectory = (message: string, cause?: unknown): Dns01Error =>
  new Dns01Error('CONFIG', message, {
    cause,
    hint: 'is this the directory URL of the CA? For example https://acme-v02.api.letsencrypt.org/directory',
  })

/** REFUSED and not UNAVAILABLE: the CA would send the same again, and an order is not asked for twice for nothing. */
function parse<T extends v.GenericSchema>(schema: T, data: unknown, what: string): v.InferOutput<T> {
  const result = v.safeParse(schema, data)
  if (result.success) return result.output
  throw new Dns01Error('REFUSED', `${what}: what the CA sent is not valid ACME: ${whatIsWrong(result.issues[0])}`, {
    hint: 'does a proxy answer in its place, or is the directory URL wrong?',
  })
}

/** `finalize: it is not an https URL`. The first issue only: the others mostly follow from it. */
const whatIsWrong = (issue: v.BaseIssue<unknown>): string => {
  const path = v.getDotPath(issue)
  return `${path ? `${path}: ` : ''}${issueText(issue)}`
}
