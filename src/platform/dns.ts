/**
 * The World's `dns`: a question to one server, by UDP, TCP or HTTPS, within one time-out, whatever the server or a firewall
 * leaves unanswered.
 */

import { randomInt } from 'node:crypto'
import { getServers } from 'node:dns'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Dns, DnsAnswer, Fetch, Question, Where } from '../core/world.js'
import type { Decoded } from '../dns/message.js'
import { type Endpoint, exchangeTcp, exchangeUdp, parseEndpoint } from './dns-transport.js'

/** Where.timeoutSeconds says so; as long as glibc gives a server (resolv.conf(5), timeout). */
const defaultTimeoutSeconds = 5
/** This part of the time-out belongs to UDP; when it stays silent the rest goes to TCP, which some firewalls let through. */
const udpShare = 0.6

/** The codec is loaded when the first question is asked: a run with nothing to do never pays for it. */
const codec = () => import('../dns/message.js')

/** The World's `dns`: own sockets over dns2's codec (its clients take answers to other questions and never time out on TCP). */
export function openDns({ fetch }: { readonly fetch?: Fetch } = {}): Dns {
  return {
    query: async (question, where) => {
      const timeoutSeconds = where.timeoutSeconds ?? defaultTimeoutSeconds
      try {
        return await (/^https:/i.test(where.server)
          ? queryHttps(fetch, question, where, timeoutSeconds)
          : queryServer(question, where, timeoutSeconds))
      } catch (cause) {
        const what = `asking ${where.server} for ${question.type} ${question.name || '.'}`
        throw trouble(what, cause, where.signal, timeoutSeconds)
      }
    },
    exchange,
    serve: async (listen, answer, log) => (await import('./dns-server.js')).serve(listen, answer, log),
    systemResolvers: () => getServers(),
  }
}

/** One time-out for everything: repeats, TCP, and the second try without EDNS. */
async function queryServer(question: Question, where: Where, timeoutSeconds: number): Promise<DnsAnswer> {
  const to = parseEndpoint(where.server)
  const endsAt = performance.now() + timeoutSeconds * 1000
  const leftSeconds = (): number => Math.max(0.05, (endsAt - performance.now()) / 1000)
  const first = await askOnce(question, where, to, { edns: true, udpSeconds: timeoutSeconds * udpShare, leftSeconds })
  if (!lacksEdns(first)) return first.answer
  const again = { edns: false, udpSeconds: leftSeconds() * udpShare, leftSeconds }
  return (await askOnce(question, where, to, again)).answer
}

/** A server from before EDNS says FORMERR or NOTIMP, without OPT (RFC 6891 §7): it is asked again without. */
const lacksEdns = ({ answer, edns }: Decoded): boolean =>
  !edns && (answer.rcode === 'FORMERR' || answer.rcode === 'NOTIMP')

/** By UDP; by TCP when the answer was cut off or did not come. */
async function askOnce(
  question: Question,
  { recursion, signal }: Where,
  to: Endpoint,
  { edns, udpSeconds, leftSeconds }: { edns: boolean; udpSeconds: number; leftSeconds: () => number },
): Promise<Decoded> {
  const { encodeQuery, decodeAnswer } = await codec()
  // from the system's generator: who can guess it can forge the answer (RFC 5452 §4.3)
  const id = randomInt(65_536)
  const message = encodeQuery(question, { id, recursion, edns })
  const accept = (bytes: Buffer): Decoded | undefined => decodeAnswer(bytes, id, question)
  let silence: unknown
  const byUdp = await exchangeUdp(message, to, { timeoutSeconds: udpSeconds, signal, accept, repeat: true }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error
      silence = error
    },
  )
  if (byUdp && !byUdp.truncated) return byUdp
  return exchangeTcp(message, to, { timeoutSeconds: leftSeconds(), signal, accept }).catch((error: unknown) => {
    // the silence by UDP, where TCP is refused as well: that is how a firewall looks, and the refusal alone would mislead
    throw error instanceof Dns01Error ? error : (silence ?? error)
  })
}

/**
 * Bytes of somebody else's making (signed updates, RFC 2136) to one server and back. Sent once: whether they may be repeated
 * their sender knows. What comes back must be a response (QR) with the same id; all else is its sender's to check.
 */
const exchange: Dns['exchange'] = async (
  message,
  { server, signal, transport, timeoutSeconds = defaultTimeoutSeconds },
) => {
  const to = parseEndpoint(server)
  const sameId = (bytes: Buffer): Buffer | undefined =>
    bytes.length >= 12 && bytes[0] === message[0] && bytes[1] === message[1] && (bytes[2]! & 0x80) !== 0
      ? bytes
      : undefined
  const limits = { timeoutSeconds, signal, accept: sameId }
  try {
    return await (transport === 'tcp'
      ? exchangeTcp(message, to, limits)
      : exchangeUdp(message, to, { ...limits, repeat: false }))
  } catch (cause) {
    throw trouble(`${server} (${transport.toUpperCase()})`, cause, signal, timeoutSeconds)
  }
}

/** DNS over HTTPS (RFC 8484 §4.1): POST, and id 0 so that caches may work. */
async function queryHttps(
  fetch: Fetch | undefined,
  question: Question,
  { server, recursion, signal }: Where,
  timeoutSeconds: number,
): Promise<DnsAnswer> {
  if (!fetch) throw new Dns01Error('CONFIG', 'DNS over HTTPS is not available here')
  const { encodeQuery, decodeAnswer } = await codec()
  const type = 'application/dns-message'
  const headers = { 'content-type': type, accept: type }
  const body = encodeQuery(question, { id: 0, recursion, edns: true })
  const response = await fetch(new URL(server), { method: 'POST', headers, body, signal, timeoutSeconds })
  const got = response.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (response.status !== 200 || got !== type)
    throw new Dns01Error('UNAVAILABLE', `HTTP status ${response.status}, content type ${got ?? 'not said'}`, {
      hint: 'is this the address of a DNS-over-HTTPS service? They mostly end in /dns-query',
    })
  const decoded = decodeAnswer(response.body, 0, question)
  if (!decoded) throw new Dns01Error('UNAVAILABLE', 'the answer is to another question')
  return decoded.answer
}

/** Node's words for what a network says, in ours; the code stays in `cause`. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ECONNRESET: 'it closed the connection (ECONNRESET)',
  ENETUNREACH: 'no route to that network (ENETUNREACH)',
  EHOSTUNREACH: 'no route to that host (EHOSTUNREACH)',
  EADDRNOTAVAIL: 'this machine has no address of that family (EADDRNOTAVAIL)',
  EAFNOSUPPORT: 'this machine has no address of that family (EAFNOSUPPORT)',
}

/** As UNAVAILABLE, in words, and with what was asked; a stop comes out as its own reason, and a bug as it is. */
function trouble(what: string, cause: unknown, signal: AbortSignal, timeoutSeconds: number): unknown {
  if (signal.aborted) return signal.reason
  if (cause instanceof Dns01Error)
    return new Dns01Error(cause.code, `${what}: ${cause.message}`, { hint: cause.hint, cause })
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  if (code === '') return cause
  const words = code === 'ETIMEDOUT' ? `no answer within ${timeoutSeconds} s` : (WORDS[code] ?? messageOf(cause))
  return new Dns01Error('UNAVAILABLE', `${what}: ${words}`, { cause })
}
