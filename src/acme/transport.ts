// The wire to the CA: nonces (RFC 8555 §6.5), bounds in time, and how many requests may be under way. An expired nonce is
// not a failure but what a CA answers after a pause, so it is met here and nobody above hears of it.
// A nonce is good for one request. Answers bring new ones, so a pool is kept: it grows to the number of requests under way
// and no further. Old ones are taken last come, first served, since the newest is the least likely to have expired.
import pLimit from 'p-limit'
import manifest from '../../package.json' with { type: 'json' }
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { type AccountKey, type ExternalAccount, openSigner } from './jws.js'
import { isTemporaryStatus } from './problem.js'
import { type Answer, answerError, readAnswer } from './response.js'

interface PostOptions {
  readonly signal: AbortSignal
  /** The bound of it all, refused nonces included; counted from when its turn has come, or the last of a hundred requests
   *  that begin at once would have no time left. */
  readonly withinSeconds: number
  /** The account's URL; absent, the key itself goes along (RFC 8555 §6.2). */
  readonly keyId?: string | undefined
  /** It asks for an account (RFC 8555 §7.3). */
  readonly newAccount?: boolean
  readonly externalAccount?: ExternalAccount | undefined
  /** For the certificate: `application/pem-certificate-chain`. */
  readonly accept?: string
}

/**
 * One exchange with the CA each (and one for a nonce where none is left), any status an answer; rejects with UNAVAILABLE or
 * the signal's reason. What an answer means is the session's business.
 */
export interface Transport {
  get(url: string, signal: AbortSignal, withinSeconds: number): Promise<Answer>
  /** Signed. `null` is POST-as-GET (RFC 8555 §6.3). A refused nonce costs another exchange, not an error (§6.5). */
  post(url: string, payload: object | null, options: PostOptions): Promise<Answer>
  /** How long exchanges take, the last ones above all: on a busy machine the CA takes longer for its work, too. */
  roundTripSeconds(): number | undefined
}

interface Exchange {
  readonly signal: AbortSignal
  /** Of the whole request, so that refused nonces cannot prolong it. */
  readonly endsAt: Date
  readonly accept?: string | undefined
  readonly body?: string
}

/**
 * Even where nine of ten nonces are refused (Pebble can be told to), one request in 10^9 fails by it: 0.9^200. A CA that is
 * well refuses one at most. `withinSeconds` is the bound in time.
 */
const badNonceRetries = 200

/** The longest that one exchange may take: the CA's largest answer, a chain of 10 kB, needs 200 bytes a second then. */
const longestExchangeSeconds = 60
/** What an attempt is given when hardly any time is left: enough for a CA that is well. */
const shortestAttemptSeconds = 1

/** In the mean of how long exchanges take. Those that may open the connection (directory, nonce) are not in it. */
const shareOfLast = 0.5

/** RFC 8555 §6.5: "the client SHOULD retry the request using the new nonce". */
const badNonce = 'urn:ietf:params:acme:error:badNonce'

/** RFC 8555 §6.1: name and version of the client and of the library under it. A MUST for every request; Pebble answers 400 without. */
export const userAgent = `dns01/${manifest.version} acme-client/5`

/**
 * The wire to a CA: World.fetch, a bound in time for each exchange, and the nonces. Each answer brings one, which the next
 * request takes (RFC 8555 §6.5): one exchange for each request instead of two.
 */
export function openTransport(
  world: Pick<World, 'fetch' | 'clock'>,
  key: AccountKey,
  options: {
    /** Where nonces come from when none is left. */
    readonly newNonceUrl: (signal: AbortSignal) => Promise<string>
    readonly concurrentRequests: number
  },
): Transport {
  const limit = pLimit(options.concurrentRequests)
  const nonces: string[] = []
  const signer = openSigner(key)
  let usualMs: number | undefined

  /** One request and its answer. Every bound in time is checked here, so none of the callers can forget it. */
  async function exchange(method: string, url: string, call: Exchange): Promise<Answer> {
    call.signal.throwIfAborted()
    const leftSeconds = (call.endsAt.getTime() - world.clock.now().getTime()) / 1000
    if (leftSeconds <= 0) throw new Dns01Error('UNAVAILABLE', `${url}: out of time, after nonces that the CA refused`)
    const totalSeconds = Math.min(leftSeconds, longestExchangeSeconds)
    const sentAt = world.clock.now().getTime()
    const response = await world.fetch(new URL(url), { method, ...message(call), signal: call.signal, totalSeconds })
    const tookMs = world.clock.now().getTime() - sentAt
    // a moving average: the shortest so far was tried, and led to looks that came too early on a busy machine
    if (method === 'POST') usualMs = (usualMs ?? tookMs) + (tookMs - (usualMs ?? tookMs)) * shareOfLast
    return readAnswer(url, response)
  }

  /** The same, and its nonce is kept; of errors too, which may bring one (RFC 8555 §6.5). */
  async function exchangeAndKeep(method: 'GET' | 'POST', url: string, call: Exchange): Promise<Answer> {
    const answer = await exchange(method, url, call)
    keepNonce(answer)
    return answer
  }

  /** RFC 8555 §6.5.1: clients MUST ignore invalid Replay-Nonce values, which are those that are not base64url. */
  function keepNonce({ headers }: Answer): void {
    const nonce = headers['replay-nonce']
    if (nonce !== undefined && /^[A-Za-z0-9_-]+$/.test(nonce)) nonces.push(nonce)
  }

  const endOf = (withinSeconds: number): Date =>
    new Date(world.clock.now().getTime() + Math.max(withinSeconds, shortestAttemptSeconds) * 1000)

  /**
   * GET rather than HEAD: a CA must answer both (RFC 8555 §7.2), and after an answer to HEAD without a length, as servers
   * written in Go give it, node closes the connection, and the next request waits for another handshake: 6 ms nearby, two
   * round trips elsewhere. HEAD, which most clients send, is for a CA that knows nothing else.
   */
  async function newNonce({ signal, endsAt }: Exchange): Promise<string> {
    const url = await options.newNonceUrl(signal)
    const got = await exchange('GET', url, { signal, endsAt })
    const isEnough = got.headers['replay-nonce'] !== undefined || isTemporaryStatus(got.status)
    const answer = isEnough ? got : await exchange('HEAD', url, { signal, endsAt })
    const { status, headers } = answer
    const nonce = headers['replay-nonce']
    if (status < 400 && nonce) return nonce
    if (isTemporaryStatus(status)) throw answerError(answer, `newNonce ${url}`, world.clock.now())
    throw new Dns01Error('UNAVAILABLE', `newNonce ${url}: the CA answered ${status} without a nonce`)
  }

  return {
    roundTripSeconds: () => usualMs && usualMs / 1000,
    get: (url, signal, withinSeconds) => {
      signer.load().catch(() => undefined) // meanwhile the directory comes; post() tells what is wrong
      return exchangeAndKeep('GET', url, { signal, endsAt: endOf(withinSeconds) }) // outside the limit: newNonceUrl() may wait for it from within
    },
    // what waits for its turn holds no nonce: so no more nonces are fetched than requests may be under way
    post: (url, payload, call) => limit(() => signAndPost(url, payload, call)),
  }

  async function signAndPost(url: string, payload: object | null, call: PostOptions): Promise<Answer> {
    const within: Exchange = { signal: call.signal, accept: call.accept, endsAt: endOf(call.withinSeconds) }
    // The signature covers the nonce, so each attempt is signed anew. A refusal brings a fresh nonce (RFC 8555 §6.5), which
    // is on top of the pool then, and so the next attempt takes it at once.
    for (let refused = 0; ; refused++) {
      const header = { url, nonce: nonces.pop() ?? (await newNonce(within)), keyId: call.keyId }
      const isNewAccount = call.newAccount && payload !== null
      const signed = isNewAccount
        ? signer.signNewAccount(payload, header, call.externalAccount)
        : signer.sign(payload, header)
      const body = await signed
      const answer = await exchangeAndKeep('POST', url, { ...within, body })
      if (!isBadNonce(answer) || refused >= badNonceRetries) return answer
    }
  }
}

/** RFC 8555 §6.2: a signed request must have this content type; the CA answers 415 to any other. */
function message({ accept, body }: Exchange): { headers: Record<string, string>; body?: string } {
  const headers = { 'user-agent': userAgent, ...(accept !== undefined && { accept }) }
  return body === undefined ? { headers } : { headers: { ...headers, 'content-type': 'application/jose+json' }, body }
}

const isBadNonce = ({ status, data }: Answer): boolean =>
  status === 400 && (data as { type?: unknown } | undefined)?.type === badNonce
