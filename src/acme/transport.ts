import { createPrivateKey, type KeyObject } from 'node:crypto'
import pLimit from 'p-limit'
import manifest from '../../package.json' with { type: 'json' }
import { Dns01Error } from '../core/errors.js'
import type { HttpResponse, World } from '../core/world.js'
import { isTemporaryStatus } from './problem.js'
import { type Answer, answerError } from './response.js'

/** What we need of an account's key; an x509 KeyPair is one. */
export interface AccountKey {
  /** PKCS#1, SEC1 or PKCS#8; secret. */
  readonly pem: string
  /** JWK thumbprint (RFC 7638). */
  readonly thumbprint: string
}

/** External account binding (RFC 8555 §7.3.4): what the CA gave out by other means. */
export interface ExternalAccount {
  readonly keyId: string
  /** base64url; secret. */
  readonly hmacKey: string
}

interface PostOptions {
  readonly signal: AbortSignal
  /** The bound of it all, refused nonces included; counted from when its turn has come. */
  readonly withinSeconds: number
  /** The account's URL; absent, the key itself goes along (RFC 8555 §6.2). */
  readonly keyId?: string | undefined
  readonly bindExternalAccount?: boolean
  /** For the certificate: `application/pem-certificate-chain`. */
  readonly accept?: string
}

/** One exchange with the CA each, any status an answer; rejects with UNAVAILABLE or the signal's reason. */
export interface Transport {
  get(url: string, signal: AbortSignal, withinSeconds: number): Promise<Answer>
  /** Signed. `null` is POST-as-GET (RFC 8555 §6.3). A refused nonce costs another exchange, not an error (§6.5). */
  post(url: string, payload: object | null, options: PostOptions): Promise<Answer>
  /** How long exchanges take, the last ones above all: on a busy machine the CA takes longer for its work, too. */
  roundTripSeconds(): number | undefined
}

/** What we use of acme-client's HttpClient, which its types do not show. */
interface Signer {
  maxBadNonceRetries: number
  accountKey: KeyObject | Buffer
  getJwk(): object
  signedRequest(url: string, payload: object | null, options: SignOptions): Promise<Answer>
}

interface SignOptions {
  readonly kid: string | null
  readonly includeExternalAccountBinding: boolean
}

interface Exchange {
  readonly signal: AbortSignal
  readonly endsAt: Date
  readonly accept?: string | undefined
  readonly body?: string
}

/** Even where nine of ten nonces are refused, one request in 10^9 fails by it. `withinSeconds` is the bound in time. */
const badNonceRetries = 200

/** The longest that one exchange may take: the CA's largest answer, a chain of 10 kB, needs 200 bytes a second then. */
const longestExchangeSeconds = 60
/** What an attempt is given when hardly any time is left: enough for a CA that is well. */
const shortestAttemptSeconds = 1

/** In the mean of how long exchanges take. Those that may open the connection (directory, nonce) are not in it. */
const shareOfLast = 0.5

const badNonce = 'urn:ietf:params:acme:error:badNonce'

/** RFC 8555 §6.1: name and version of the client and of the library under it; every request carries it. */
export const userAgent = `dns01/${manifest.version} acme-client/5`

/**
 * acme-client signs, binds external accounts and repeats refused nonces; this file is the only one that touches it. The
 * wire is ours: its axios layer has no time-out, hides network errors and repeats used nonces, so `request` of its
 * HttpClient is replaced by one over World.fetch, and `getNonce` by one that first takes what earlier answers brought
 * (RFC 8555 §6.5): one exchange for each request instead of two. The signal of a call reaches both through an object
 * made for that call, whose prototype is the one HttpClient.
 */
export function openTransport(
  world: Pick<World, 'fetch' | 'clock'>,
  key: AccountKey,
  options: {
    readonly directoryUrl: string
    /** Where nonces come from when none is left. */
    readonly newNonceUrl: (signal: AbortSignal) => Promise<string>
    readonly externalAccount?: ExternalAccount | undefined
    readonly concurrentRequests: number
  },
): Transport {
  const limit = pLimit(options.concurrentRequests)
  const nonces: string[] = []
  let signer: Promise<Signer> | undefined
  let usualMs: number | undefined

  async function exchange(method: string, url: string, call: Exchange): Promise<Answer> {
    call.signal.throwIfAborted()
    const leftSeconds = (call.endsAt.getTime() - world.clock.now().getTime()) / 1000
    if (leftSeconds <= 0)
      throw new Dns01Error('UNAVAILABLE', `${url}: the time for it is over, after nonces that the CA refused`)
    const totalSeconds = Math.min(leftSeconds, longestExchangeSeconds)
    const sentAt = world.clock.now().getTime()
    const response = await world.fetch(new URL(url), { method, ...message(call), signal: call.signal, totalSeconds })
    const tookMs = world.clock.now().getTime() - sentAt
    if (method === 'POST') usualMs = (usualMs ?? tookMs) + (tookMs - (usualMs ?? tookMs)) * shareOfLast
    const answer = readAnswer(url, response)
    if (method !== 'HEAD' && !isBadNonce(answer)) keepNonce(answer) // acme-client takes that of a badNonce answer itself
    return answer
  }

  function keepNonce({ headers }: Answer): void {
    const nonce = headers['replay-nonce']
    if (nonce !== undefined && /^[A-Za-z0-9_-]+$/.test(nonce)) nonces.push(nonce)
  }

  const endOf = (withinSeconds: number): Date =>
    new Date(world.clock.now().getTime() + Math.max(withinSeconds, shortestAttemptSeconds) * 1000)

  async function newNonce({ signal, endsAt }: Exchange): Promise<string> {
    const url = await options.newNonceUrl(signal)
    const answer = await exchange('HEAD', url, { signal, endsAt })
    const { status, headers } = answer
    const nonce = headers['replay-nonce']
    if (status < 400 && nonce) return nonce
    if (isTemporaryStatus(status)) throw answerError(answer, `newNonce ${url}`, world.clock.now())
    throw new Dns01Error('UNAVAILABLE', `newNonce ${url}: the CA answered ${status} without a nonce`)
  }

  return {
    roundTripSeconds: () => usualMs && usualMs / 1000,
    get: (url, signal, withinSeconds) => {
      signer ??= openSigner(key, options) // takes 0.1 s of loading: meanwhile the directory comes
      signer.catch(() => undefined) // post() tells
      return exchange('GET', url, { signal, endsAt: endOf(withinSeconds) }) // outside the limit: newNonceUrl() may wait for it from within
    },
    // what waits for its turn holds no nonce: so no more nonces are fetched than requests may be under way
    post: (url, payload, call) => limit(() => signAndPost(url, payload, call)),
  }

  async function signAndPost(url: string, payload: object | null, call: PostOptions): Promise<Answer> {
    const { signal, accept, keyId = null, bindExternalAccount = false } = call
    const within: Exchange = { signal, accept, endsAt: endOf(call.withinSeconds) }
    signer ??= openSigner(key, options)
    const forThisCall = {
      getNonce: async () => nonces.pop() ?? (await newNonce(within)),
      request: (to: string, method: string, { data }: { data: object }) =>
        exchange(method.toUpperCase(), to, { ...within, body: JSON.stringify(data) }),
    }
    const http: Signer = Object.assign(Object.create(await signer), forThisCall)
    const copy = payload && { ...payload } // acme-client writes the binding into it
    return http.signedRequest(url, copy, { kid: keyId, includeExternalAccountBinding: bindExternalAccount })
  }
}

async function openSigner(
  key: AccountKey,
  options: { readonly directoryUrl: string; readonly externalAccount?: ExternalAccount | undefined },
): Promise<Signer> {
  const { Client } = (await import('acme-client')).default
  const { keyId, hmacKey } = options.externalAccount ?? {}
  const client = new Client({
    directoryUrl: options.directoryUrl,
    accountKey: key.pem,
    ...(keyId !== undefined && hmacKey !== undefined && { externalAccountBinding: { kid: keyId, hmacKey } }),
  })
  const { http } = client as unknown as { http: Signer }
  http.maxBadNonceRetries = badNonceRetries
  http.getJwk() // kept there, so that the objects made for single calls find it
  http.accountKey = createPrivateKey(key.pem) // or each signature reads the PEM anew, for ten times its own price
  return http
}

function message({ accept, body }: Exchange): { headers: Record<string, string>; body?: string } {
  const headers = { 'user-agent': userAgent, ...(accept !== undefined && { accept }) }
  return body === undefined ? { headers } : { headers: { ...headers, 'content-type': 'application/jose+json' }, body }
}

function readAnswer(url: string, { status, headers, body }: HttpResponse): Answer {
  const text = Buffer.from(body).toString('utf8')
  return { url, status, headers, text, data: parseJson(text) }
}

function parseJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isBadNonce = ({ status, data }: Answer): boolean =>
  status === 400 && (data as { type?: unknown } | undefined)?.type === badNonce
