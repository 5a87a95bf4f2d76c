import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import type { Fetch, HttpRequest, HttpResponse } from '../../src/core/world.js'

interface SignedRequest {
  readonly url: string
  readonly protected: { readonly nonce: string; readonly url: string; readonly kid?: string; readonly jwk?: JsonWebKey }
  /** undefined for POST-as-GET. */
  readonly payload: Record<string, unknown> | undefined
  readonly headers: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** Text as it is, all else as JSON. */
  readonly body?: unknown
}

type Answerer = (request: SignedRequest) => Reply | Promise<Reply>

export interface FakeCa {
  readonly fetch: Fetch
  readonly directoryUrl: string
  /** `POST /order/1` of all requests so far. */
  readonly asked: string[]
  /** The most requests under way at once. */
  readonly mostAtOnce: number
  /** What the next requests to this path get, one each, before the usual answer. */
  next(path: string, ...replies: (Reply | Answerer | Error)[]): void
  /** What every request to this path gets from now on. */
  always(path: string, reply: Reply | Answerer): void
}

export const problem = (type: string, detail: string, status = 403, more: object = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: { type: `urn:ietf:params:acme:error:${type}`, detail, ...more },
})

export const directoryOf = (base: string) => ({
  newNonce: `${base}/new-nonce`,
  newAccount: `${base}/new-account`,
  newOrder: `${base}/new-order`,
  revokeCert: `${base}/revoke-cert`,
  meta: { termsOfService: `${base}/terms` },
})

/**
 * A CA in memory: checks nonces, URLs and signatures of what it is sent (RFC 8555 §6), and answers each path with what
 * the test says; by default a directory and nothing else. `keyOf`: the key of an account, by its URL, where one changes;
 * what another has signed is answered as a CA does, and is not the test's mistake.
 */
export function fakeCa(base = 'https://ca.test', keyOf?: (kid: string) => JsonWebKey | undefined): FakeCa {
  const asked: string[] = []
  const queued = new Map<string, (Reply | Answerer | Error)[]>()
  const usual = new Map<string, Reply | Answerer>()
  const nonces = new Set<string>()
  const keys = new Map<string, JsonWebKey>()
  let made = 0
  let underWay = 0
  let mostAtOnce = 0

  const nonce = (): string => {
    made += 1
    nonces.add(`nonce-${made}`)
    return `nonce-${made}`
  }

  async function answer(url: URL, request: HttpRequest): Promise<Reply> {
    const path = url.pathname
    const unsigned = { url: url.href, protected: { nonce: '', url: '' }, payload: undefined }
    let signed: SignedRequest = { ...unsigned, headers: request.headers ?? {} }
    try {
      if (request.method === 'POST') signed = readSigned(url, request)
    } catch (error) {
      if (keyOf) return problem('malformed', String(error), 400)
      throw error
    }
    if (request.method === 'POST' && !nonces.delete(signed.protected.nonce))
      return problem('badNonce', `${signed.protected.nonce} is not good`, 400)
    const reply = queued.get(path)?.shift() ?? usual.get(path)
    if (reply instanceof Error) throw reply
    if (!reply) return problem('malformed', `nothing at ${path}`, 404)
    return typeof reply === 'function' ? reply(signed) : reply
  }

  function readSigned(url: URL, { body, headers = {} }: HttpRequest): SignedRequest {
    const jws = JSON.parse(String(body))
    const head = JSON.parse(Buffer.from(jws.protected, 'base64url').toString())
    if (head.url !== url.href) throw new Error(`signed for ${head.url}, sent to ${url.href}`)
    if (headers['content-type'] !== 'application/jose+json') throw new Error('wrong content type')
    const jwk = head.jwk ?? keyOf?.(head.kid) ?? keys.get(head.kid)
    const key = createPublicKey({ format: 'jwk', key: jwk })
    const signature = Buffer.from(jws.signature, 'base64url')
    const text = Buffer.from(`${jws.protected}.${jws.payload}`)
    if (!verify(head.alg.replace(/^\D+/, 'sha'), text, { key, dsaEncoding: 'ieee-p1363' }, signature))
      throw new Error('the signature is wrong')
    if (head.jwk) keys.set(`${base}/account/1`, head.jwk)
    const payload = jws.payload === '' ? undefined : JSON.parse(Buffer.from(jws.payload, 'base64url').toString())
    return { url: url.href, protected: head, payload, headers }
  }

  usual.set('/directory', { body: directoryOf(base) })
  usual.set('/new-nonce', { status: 200 })
  usual.set('/new-account', { status: 201, headers: { location: `${base}/account/1` }, body: { status: 'valid' } })

  return {
    asked,
    directoryUrl: `${base}/directory`,
    get mostAtOnce() {
      return mostAtOnce
    },
    next: (path, ...replies) => void queued.set(path, [...(queued.get(path) ?? []), ...replies]),
    always: (path, reply) => void usual.set(path, reply),
    fetch: async (url, request) => {
      request.signal.throwIfAborted()
      asked.push(`${request.method} ${url.pathname}`)
      underWay += 1
      mostAtOnce = Math.max(mostAtOnce, underWay)
      try {
        await new Promise(resolve => setImmediate(resolve))
        const isNonceDue = request.method !== 'GET' || url.pathname === '/new-nonce'
        return toResponse(await answer(url, request), isNonceDue ? { 'replay-nonce': nonce() } : {})
      } finally {
        underWay -= 1
      }
    },
  }
}

function toResponse({ status = 200, headers = {}, body }: Reply, more: Record<string, string>): HttpResponse {
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  return { status, headers: { 'content-type': 'application/json', ...more, ...headers }, body: Buffer.from(text) }
}
