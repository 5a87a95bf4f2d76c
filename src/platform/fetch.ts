/** The World's `fetch`: one HTTP exchange, bounded in time and size, whose failures are told in words that say what to do. */

import http from 'node:http'
import https from 'node:https'
import { checkServerIdentity, type PeerCertificate, type SecureContext } from 'node:tls'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Fetch, HttpRequest, HttpResponse, World } from '../core/world.js'
import { proxyFor } from './proxy.js'
import { openTrust } from './trusted-cas.js'

/** No ACME or provider answer is larger; what is, is cut off as an error. */
const longestBodyBytes = 8 * 1024 * 1024

/** What to do about a certificate, by what is wrong with it. All are CONFIG: the next run would find the same. */
const trustHint = 'if it is your own CA, put its root certificate (PEM) into a file and set SSL_CERT_FILE to that path'
const clockHint = 'is the clock of this machine right? If it is, the server must get itself a new certificate'

/** node's codes for a certificate that will not be trusted the next time either → what to do. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: trustHint,
  SELF_SIGNED_CERT_IN_CHAIN: trustHint,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: trustHint,
  UNABLE_TO_GET_ISSUER_CERT: trustHint,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: trustHint,
  CERT_SIGNATURE_FAILURE: trustHint,
  CERT_HAS_EXPIRED: clockHint,
  CERT_NOT_YET_VALID: clockHint,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names: check the host in the URL',
}

/**
 * The World's `fetch` over node's own http and https: connections are kept, the CAs are those of trusted-cas.ts; HTTPS_PROXY,
 * HTTP_PROXY and NO_PROXY are obeyed. Not the global fetch: on Node 20 that can do none of these three. Not the package undici,
 * which can: it adds 1.1 MB and 46 ms to a start of 75 (`node test/bench/libraries.mjs`), and the two bounds in time, the limit of
 * the body's size and the words for people would stay ours.
 */
export function openFetch({ env }: Pick<World, 'env'>): Fetch {
  const trust = openTrust(env)
  const agents = new Map<string, Promise<http.Agent>>()
  const agentFor = (url: URL): Promise<http.Agent> => {
    const agent = agents.get(url.origin) ?? makeAgent(url, env)
    agents.set(url.origin, agent)
    return agent
  }
  return async (url, request) => {
    const agent = await agentFor(url)
    if (url.protocol !== 'https:') return exchange(url, request, { agent })
    const tls = { agent, checkServerIdentity: isServerOf(url) }
    const secureContext = proxyFor(url, env) ? undefined : await trust.for(url, request.signal)
    if (secureContext) {
      try {
        return await exchange(url, request, { ...tls, secureContext })
      } catch (error) {
        // The few CAs of the first try did not do; with all of them it is tried once more.
        if (!isUntrusted(error)) throw error // else nothing was sent
      }
    }
    return exchange(url, request, { ...tls, secureContext: trust.whole() })
  }
}

const isUntrusted = (error: unknown): boolean => error instanceof Dns01Error && codeOfCause(error.cause) in UNTRUSTED

const codeOfCause = (cause: unknown): string => (cause as { code?: string } | undefined)?.code ?? ''

/** By the URL's host, as it must be: through a tunnel node would look for "localhost" where the URL has an address. */
const isServerOf = (url: URL) => (_: string, certificate: PeerCertificate) =>
  checkServerIdentity(url.hostname.replace(/^\[|\]$/g, ''), certificate)

async function makeAgent(url: URL, env: World['env']): Promise<http.Agent> {
  const proxy = proxyFor(url, env)
  if (!proxy)
    return url.protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
  const { HttpsProxyAgent } = (await import('https-proxy-agent')).default // CommonJS: the bundle knows no other export
  return new HttpsProxyAgent(proxy, { keepAlive: true })
}

/** node:https hands it on to node:tls (its types do not know). */
type Through = https.RequestOptions & { readonly secureContext?: SecureContext }

/** One exchange, no redirection followed. Rejects with the signal's reason, or as explain() tells it. */
function exchange(url: URL, request: HttpRequest, through: Through): Promise<HttpResponse> {
  const { method, headers, body, signal, timeoutSeconds = 30, totalSeconds = timeoutSeconds * 2 } = request
  const bytes = body === undefined ? undefined : Buffer.from(body)
  const length = bytes ? { 'content-length': String(bytes.length) } : {}
  const send = url.protocol === 'https:' ? https.request : http.request
  return new Promise<HttpResponse>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    // Rejecting is not left to sent.destroy(): as long as a proxy is silent, node would tell nobody.
    const fail = (cause: unknown): void => {
      sent.destroy()
      end(() => reject(signal.aborted ? signal.reason : explain(url, cause)))
    }
    const sent = send(url, { ...through, method, headers: { ...headers, ...length } }, response => {
      collect(response, () => silence.refresh()).then(
        received => end(() => resolve(answerOf(response, received))),
        fail,
      )
    })
    const silence = setTimeout(() => fail(new Error(`no answer for ${timeoutSeconds} s`)), timeoutSeconds * 1000)
    // Silence begins anew with every byte: one byte every 8 s would hold the lock of the run for years.
    const total = setTimeout(() => fail(new Error(`no complete answer within ${totalSeconds} s`)), totalSeconds * 1000)
    const end = (settle: () => void): void => {
      clearTimeout(silence)
      clearTimeout(total)
      signal.removeEventListener('abort', fail)
      settle()
    }
    signal.addEventListener('abort', fail)
    sent.on('error', fail)
    sent.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) fail(refusedByProxy(url, statusCode)) // else its answer would pass for the server's
    })
    sent.end(bytes)
  })
}

/** 407: the next run would be refused as well (RFC 9110 §15.5.8); others may be a trouble that passes. */
function refusedByProxy(url: URL, status: number): Error {
  if (status !== 407) return new Error(`the proxy answers ${status}`)
  return new Dns01Error(
    'CONFIG',
    `${url.origin} cannot be reached: the proxy requires a user name and a password (407)`,
    {
      hint: 'write them into https_proxy: http://USER:PASSWORD@HOST:PORT, with %40 for @ and the like',
    },
  )
}

const answerOf = ({ statusCode, headers }: http.IncomingMessage, body: Uint8Array): HttpResponse => ({
  status: statusCode ?? 0,
  headers: plain(headers),
  body,
})

/** The body, whole; each piece is a sign of life. A connection that ends early is an error: half an answer may parse, too. */
async function collect(response: http.IncomingMessage, heard: () => void): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  heard()
  for await (const chunk of response) {
    heard()
    bytes += chunk.length
    if (bytes > longestBodyBytes) throw new Error(`the answer is longer than ${longestBodyBytes} bytes`)
    chunks.push(chunk)
  }
  if (!response.complete) throw new Error('the answer was cut off')
  return Buffer.concat(chunks)
}

/** Several headers of one name are one with commas (RFC 9110 §5.2). */
const plain = (headers: http.IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )

/** UNAVAILABLE for whatever may pass; CONFIG where a certificate is not trusted, which stays so until somebody acts. */
function explain(url: URL, cause: unknown): Dns01Error {
  if (cause instanceof Dns01Error) return cause
  const code = codeOfCause(cause)
  const said =
    (cause instanceof AggregateError && cause.errors.length > 0
      ? cause.errors.map(messageOf).join('; ')
      : messageOf(cause)) || code
  const hint = UNTRUSTED[code]
  if (hint)
    return new Dns01Error('CONFIG', `${url.origin}: its TLS certificate is not trusted: ${said}`, { cause, hint })
  return new Dns01Error('UNAVAILABLE', `${url.origin} cannot be reached: ${said}`, { cause })
}
