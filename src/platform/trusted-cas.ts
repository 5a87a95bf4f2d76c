/**
 * Which CAs we trust for HTTPS, and no more of them than one server needs: OpenSSL 3 is slow to take in all that a
 * distribution trusts.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  rootCertificates,
  type SecureContext,
} from 'node:tls'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { namesIn } from '../x509/certificate.js'
import { pemBodies, toPem } from '../x509/pem.js'

/** Where Linux distributions keep the machine's trusted CAs in one file (Debian, Fedora, SUSE, Alpine). */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** Half a millisecond each: fewer than this are sooner taken in than looked through. */
const worthLooking = 20
const lookSeconds = 5

/** The trusted CAs, as TLS wants them. */
export interface Trust {
  /** All. */
  whole(): SecureContext
  /**
   * Those of them that can matter for this server; undefined: better ask whole(). What is trusted is the same, so whoever
   * fails with these asks whole(), as a server may have several chains.
   */
  for(url: URL, signal: AbortSignal): Promise<SecureContext | undefined>
}

/**
 * CAs are those of SSL_CERT_FILE and SSL_CERT_DIR (which replace the machine's, as for OpenSSL and curl), else the machine's
 * bundle. OpenSSL 3 takes 70 ms for the 140 CAs of a distribution, a third of what a whole run has; so we first look which
 * chain the server shows, in a connection over which nothing is said and whose certificate is believed by nobody, and take
 * in only the CAs with the names of its issuers. That connection costs 5 ms. Remembering the right CA would save it too,
 * but needs a place to keep it, and a first time.
 */
export function openTrust(env: World['env']): Trust {
  let all: SecureContext | undefined
  const texts = once(() => trustedCas(env))
  const known = once(() => (texts() ?? []).flatMap(pemBodies))
  const some = new Map<string, Promise<SecureContext | undefined>>()
  const narrow = async (url: URL, signal: AbortSignal): Promise<SecureContext | undefined> => {
    const few = (texts() ?? []).join('').split('-----BEGIN ').length <= worthLooking
    if (few) return undefined
    const shown = shownBy(url, AbortSignal.any([signal, AbortSignal.timeout(lookSeconds * 1000)]))
    const cas = known() // while the server answers
    const ca = issuersOf(await shown, cas)
    return ca.length > 0 ? createSecureContext({ ca }) : undefined
  }
  return {
    whole: () => {
      const ca = texts()
      all ??= createSecureContext(ca && { ca })
      return all
    },
    for: (url, signal) => {
      const found = some.get(url.host) ?? narrow(url, signal).catch(() => undefined)
      some.set(url.host, found)
      return found
    },
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** All of them, DER; node's own list where the machine has none, with NODE_EXTRA_CA_CERTS. @throws Dns01Error CONFIG */
export function trustedDer(env: World['env']): readonly Uint8Array[] {
  const extra = env.NODE_EXTRA_CA_CERTS
  return (trustedCas(env) ?? [...rootCertificates, ...(extra ? [readCa(extra)] : [])]).flatMap(pemBodies)
}

/** undefined leaves them to node (which then reads NODE_EXTRA_CA_CERTS itself). */
function trustedCas(env: World['env']): string[] | undefined {
  const chosen = [env.SSL_CERT_FILE, ...folderFiles(env.SSL_CERT_DIR)].filter(path => path !== undefined && path !== '')
  if (chosen.length > 0) return [...new Set(chosen.map(path => readCa(path as string)))] // hashed names are links to others
  if (env.NODE_EXTRA_CA_CERTS) return undefined
  const bundle = SYSTEM_BUNDLES.find(path => existsSync(path))
  return bundle ? [readCa(bundle)] : undefined
}

const folderFiles = (folders: string | undefined): string[] =>
  (folders ?? '')
    .split(':')
    .filter(folder => folder !== '' && existsSync(folder))
    .flatMap(folder => readdirSync(folder).map(file => join(folder, file)))
    .filter(path => /\.(pem|crt|0)$/.test(path))

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new Dns01Error('CONFIG', `cannot read the trusted CAs in ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'see SSL_CERT_FILE and SSL_CERT_DIR',
    })
  }
}

/**
 * The CAs by which the chain, or one of them, says it is issued. OpenSSL finds a path through no others. Only those whose
 * bytes have such a name somewhere are read: to read all of a distribution takes as long as the whole handshake.
 */
function issuersOf(chain: readonly Uint8Array[], cas: readonly Buffer[]): string[] {
  const found = new Set<Buffer>()
  const wanted = chain.map(der => namesIn(der).issuer)
  for (const name of wanted) {
    for (const ca of cas) {
      if (found.has(ca) || !ca.includes(name)) continue
      const { issuer, subject } = namesIn(ca)
      if (!subject.equals(name)) continue
      found.add(ca)
      wanted.push(issuer)
    }
  }
  return [...found].map(der => toPem(der))
}

/** The certificates that a server shows; none when it shows none in time. Nothing is sent to it. */
function shownBy(url: URL, signal: AbortSignal): Promise<readonly Uint8Array[]> {
  return new Promise(resolve => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const socket = connect({
      host,
      port: Number(url.port || 443),
      ...(isIP(host) ? {} : { servername: host }),
      secureContext: createSecureContext({ ca: [] }), // not node's own list, which it would take in for this
      rejectUnauthorized: false,
    })
    const end = (): void => {
      resolve([]) // unless it is resolved
      socket.destroy()
      signal.removeEventListener('abort', end)
    }
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)))
      end()
    })
    socket.once('error', end).once('close', end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}

/** From one to the next, as node has linked them. */
export function chainOf(first: DetailedPeerCertificate): Uint8Array[] {
  const chain = new Set<Uint8Array>()
  for (let at = first; at?.raw && !chain.has(at.raw); at = at.issuerCertificate) chain.add(at.raw)
  return [...chain]
}
