// What to think of what a server showed: is it the certificate that is live, for this name, in force, with its chain, and by
// versions and ciphers that are still good. Pure; each finding says what to do.
import { X509Certificate } from 'node:crypto'
import { minute } from '../core/dates.js'
import { Dns01Error, shortList } from '../core/errors.js'
import { brief } from '../core/gate.js'
import { type CertificateFacts, namesIn, readCertificate, signed } from '../x509/certificate.js'
import type { Version } from './hello.js'
import type { Looked } from './look.js'

/** One thing that was looked at, in the order of the report; the states are those of `dns01 probe`. */
export interface ServedFinding {
  readonly check: 'reached' | 'certificate' | 'name' | 'dates' | 'chain' | 'versions' | 'ciphers'
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly text: string
  /** What to do. */
  readonly mend?: string | undefined
}

/** What ought to be served there, as the state directory has it. */
export interface Ours {
  /** `live/www.example.com`. */
  readonly link: string
  readonly certificate: Uint8Array
  readonly chain: readonly Uint8Array[]
  /** What else it may be: `certs/ID`, `live/OTHER`. */
  whatIs(served: CertificateFacts): { readonly name: string; readonly isLive: boolean } | undefined
}

export interface Known {
  readonly now: Date
  /** undefined: nothing of ours is live for this name. */
  readonly ours: Ours | undefined
  /** DER of the CAs that this machine trusts. */
  readonly trusted: readonly Uint8Array[]
}

/** What is said of a look. A `failed` is what clients would notice, or what a reload would mend. */
export function judge(looked: Looked, known: Known): ServedFinding[] {
  const { handshake, problem } = looked
  const [der] = handshake?.chain ?? []
  if (!handshake || problem) return [notReached(problem)]
  const { protocol, cipher } = handshake
  const reached: ServedFinding = { check: 'reached', state: 'ok', text: `${protocol}, ${cipher}` }
  if (!der) return [reached, { check: 'certificate', state: 'failed', text: 'no certificate is shown' }]
  const facts = factsOf(der)
  if (!facts || !handshake.chain.every(isCertificate))
    return [reached, { check: 'certificate', state: 'failed', text: 'what is shown is not a certificate' }]
  return [
    reached,
    certificateFinding(der, facts, known.ours),
    ...nameFinding(looked, der, facts),
    datesFinding(facts, known.now),
    chainFinding(handshake.chain, facts, known),
    ...versionFindings(looked),
  ]
}

const notReached = (problem: Dns01Error | undefined): ServedFinding => ({
  check: 'reached',
  state: 'failed',
  text: brief(problem?.message ?? 'nothing was seen', 300),
  mend: problem?.hint ?? 'does the server run, and is it this host and port?',
})

/** By both parsers, ours and OpenSSL's, which do not agree on everything that is broken. */
function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).publicKey !== undefined && namesIn(der) !== undefined && factsOf(der) !== undefined
  } catch {
    return false
  }
}

function factsOf(der: Uint8Array): CertificateFacts | undefined {
  try {
    return readCertificate(der)
  } catch {
    return undefined
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const describe = ({ names, issuer, serial }: CertificateFacts): string =>
  brief(`${shortList(names, 3) || 'no names'}; issuer ${issuer}; serial ${serial}`, 300)

function certificateFinding(der: Uint8Array, facts: CertificateFacts, ours: Ours | undefined): ServedFinding {
  const check = 'certificate'
  if (!ours) return { check, state: 'ok', text: describe(facts) }
  if (isSame(der, ours.certificate)) return { check, state: 'ok', text: `the one of ${ours.link}` }
  const other = ours.whatIs(facts)
  if (other?.isLive) return { check, state: 'ok', text: `${other.name}, which is live for this name, too` }
  if (other)
    return {
      check,
      state: 'failed',
      text: `an older certificate of ours is served, ${other.name}, and not that of ${ours.link}`,
      mend: 'reload the server; if that does not help, does its configuration name the file in live/?',
    }
  return {
    check,
    state: 'failed',
    text: `another certificate is served than that of ${ours.link}: ${describe(facts)}`,
    mend: `does the configuration of this server, for this name, have ${ours.link}/fullchain?`,
  }
}

function nameFinding({ name, place }: Looked, der: Uint8Array, { names }: CertificateFacts): ServedFinding[] {
  const check = 'name'
  if (name === undefined)
    return [{ check, state: 'skipped', text: `${place.host} is an address: no name was asked for` }]
  const is = new X509Certificate(der).checkHost(name, { subject: 'never' }) !== undefined
  if (is) return [{ check, state: 'ok', text: `it is for ${name}` }]
  const mend = 'clients refuse it; does the server know this name?'
  return [
    {
      check,
      state: 'failed',
      text: brief(`it is not for ${name}, but for ${shortList(names, 3) || 'no host'}`, 300),
      mend,
    },
  ]
}

const hourMs = 3_600_000

/** So near to its end a certificate should have been renewed: half a day is a part of the shortest that there are (six days). */
const fewHours = 12

function datesFinding({ notBefore, notAfter }: CertificateFacts, now: Date): ServedFinding {
  const check = 'dates'
  const hours = Math.floor((notAfter.getTime() - now.getTime()) / hourMs)
  const left = `${hours} h left${hours >= 48 ? ` (${Math.floor(hours / 24)} d)` : ''}`
  if (now >= notAfter)
    return {
      check,
      state: 'failed',
      text: `it ended at ${minute(notAfter)}`,
      mend: 'clients refuse it; dns01 status says what keeps the next one from coming',
    }
  if (now < notBefore)
    return {
      check,
      state: 'failed',
      text: `it is not valid before ${minute(notBefore)}`,
      mend: 'is the clock of this machine right?',
    }
  return { check, state: hours < fewHours ? 'warning' : 'ok', text: `${left}, until ${minute(notAfter)}` }
}

/**
 * Complete is what leads to a CA that this machine trusts, or what our CA gave us: a root of a company's own need not be
 * trusted here. A browser might find the rest by itself; other clients do not.
 */
function chainFinding(
  chain: readonly Uint8Array[],
  facts: CertificateFacts,
  { ours, trusted, now }: Known,
): ServedFinding {
  const check = 'chain'
  const count = `${chain.length} certificate${chain.length === 1 ? '' : 's'}`
  const top = chain.at(-1) as Uint8Array
  const ended = chain.slice(1).find(one => now >= (factsOf(one)?.notAfter ?? now))
  if (ended)
    return {
      check,
      state: 'failed',
      text: brief(`${subjectOf(ended)} has ended`, 300),
      mend: 'clients refuse it; is it the file in live/ that the server has?',
    }
  const root = trustedSigner(top, trusted)
  if (root !== undefined)
    return { check, state: 'ok', text: brief(`${count}, up to ${root}, which this machine trusts`, 300) }
  const isOurs = ours !== undefined && isSame(chain[0] as Uint8Array, ours.certificate)
  const missing = isOurs ? ours.chain.filter(one => !chain.some(sent => isSame(sent, one)) && !isSelfSigned(one)) : []
  if (missing.length > 0)
    return {
      check,
      state: 'failed',
      text: brief(`${shortList(missing.map(subjectOf), 2)} is missing: the server sends ${count}`, 300),
      mend: `give it ${ours?.link}/fullchain instead of cert`,
    }
  if (facts.selfSigned) return { check, state: 'failed', text: 'it is signed by itself', mend: 'clients refuse it' }
  const issuer = factsOf(top)?.issuer ?? ''
  const own = 'if it is your own CA, put its root certificate (PEM) into a file and set SSL_CERT_FILE to that path'
  if (isOurs)
    return {
      check,
      state: 'warning',
      text: brief(`${count}, as the CA gave them; this machine does not trust ${issuer}`, 300),
      mend: own,
    }
  return {
    check,
    state: ours ? 'warning' : 'failed', // of ours it is told already that it is another certificate
    text: brief(`${count}; the next, ${issuer}, is neither sent nor trusted by this machine`, 300),
    mend: own,
  }
}

const subjectOf = (der: Uint8Array): string => factsOf(der)?.subject || 'a certificate without a name'
const isSelfSigned = (der: Uint8Array): boolean => factsOf(der)?.selfSigned ?? false

/** The trusted CA that is this certificate, or has signed it. Only those that have the name in them are read: there are 140. */
function trustedSigner(der: Uint8Array, trusted: readonly Uint8Array[]): string | undefined {
  const { issuer, subject } = namesIn(der)
  const certificate = new X509Certificate(der)
  const root = trusted.find(one => {
    const bytes = Buffer.from(one.buffer, one.byteOffset, one.length)
    if (isSame(one, der)) return true
    if (!bytes.includes(issuer) && !bytes.includes(subject)) return false
    if (!isCertificate(one)) return false
    const ca = new X509Certificate(one)
    // the same CA, cross-signed: whose name and key are those of a root is as good as that root
    const isTwin = certificate.ca && namesIn(one).subject.equals(subject) && ca.publicKey.equals(certificate.publicKey)
    return isTwin || signed(certificate, ca)
  })
  return root && subjectOf(root)
}

/** Deprecated by RFC 8996. */
const OLD: readonly Version[] = ['TLS 1.0', 'TLS 1.1']

function versionFindings({ versions, weak, cutShort }: Looked): ServedFinding[] {
  if (!versions && !cutShort) return []
  const taken = [...(versions ?? [])].flatMap(([version, is]) => (is ? [version] : []))
  const old = taken.filter(version => OLD.includes(version))
  const good = taken.filter(version => !OLD.includes(version))
  const late: ServedFinding = { check: 'versions', state: 'skipped', text: 'not all could be tried in time' }
  const judged: ServedFinding =
    old.length > 0
      ? {
          check: 'versions',
          state: 'warning',
          text: `${taken.join(', ')}: ${old.join(' and ')} must not be used any more (RFC 8996)`,
          mend: 'allow TLS 1.2 and 1.3 only; dns01 snippet prints the lines for nginx, apache, haproxy, postfix and dovecot',
        }
      : { check: 'versions', state: 'ok', text: good.join(', ') }
  if (cutShort) return [...(old.length > 0 ? [judged] : []), late]
  return [judged, cipherFinding(weak ?? [], taken)]
}

function cipherFinding(weak: readonly string[], taken: readonly Version[]): ServedFinding {
  const check = 'ciphers'
  if (taken.every(version => version === 'TLS 1.3'))
    return { check, state: 'ok', text: 'those of TLS 1.3, of which none is weak' }
  if (weak.length === 0) return { check, state: 'ok', text: 'none is weak' }
  const mend =
    'allow only ciphers with ECDHE or DHE and AES-GCM or ChaCha20 (RFC 9325 §4.2); dns01 snippet prints such lines'
  return { check, state: 'warning', text: `it takes ${weak.join('; ')}`, mend }
}

/** The worst of it in one line, for `status`, the log and the exit status; undefined: all is well. */
export function faultOf(findings: readonly ServedFinding[]): Dns01Error | undefined {
  const [first, ...more] = findings.filter(({ state }) => state === 'failed')
  if (!first) return undefined
  const text = [first, ...more].map(finding => finding.text).join('; ')
  return new Dns01Error('HOOK', text, { hint: first.mend })
}
