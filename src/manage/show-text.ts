/** What `dns01 show` says to people, and to programs (--json). No word of a private key but what its public half says. */

import { minute } from '../core/dates.js'
import { Dns01Error } from '../core/errors.js'
import { failedText } from '../limits/backoff.js'
import type { TargetStatus } from '../renew/status.js'
import { caOf, servedText, timeLeft } from '../renew/status-text.js'
import type { Certificate } from '../state/certificates.js'
import { directoryUrl, isPlaceholder } from '../state/layout.js'
import type { CertificatePart, KeyFacts, Part } from '../x509/inspect.js'
import { labels, type Shown, type ShownFile } from './show.js'

type Line = readonly [what: string, text: string | undefined]

/** A paragraph for each thing. What is not known has no line. */
export function showLines(all: readonly Shown[], stateDirectory: string, now: Date): string[] {
  return all.flatMap((shown, i) => [...(i > 0 ? [''] : []), ...paragraph(shown, stateDirectory, now)])
}

const columns = (lines: readonly Line[], indent: string): string[] =>
  lines.flatMap(([what, text]) => (text === undefined || text === '' ? [] : [`${indent}${what.padEnd(12)} ${text}`]))

function paragraph(shown: Shown, stateDirectory: string, now: Date): string[] {
  const label = labels(shown.files.flatMap(({ parts }) => parts))
  const { given, kind, files } = shown
  return [
    ...(given === undefined
      ? []
      : [kind === 'name' ? given : `${kind} ${shown.certificate?.id ?? shown.account ?? given}`]),
    ...files.flatMap(file => fileLines(file, label, { now, indent: given === undefined ? '' : '  ' })),
    ...columns(stateLines(shown, stateDirectory), '  '),
    ...shown.targets.flatMap(target => columns(targetLines(target, stateDirectory), '  ')),
    ...shown.belonging.map(({ state, text }) => `  ${WORDS[state].padEnd(12)} ${text}`),
  ]
}

/** As probe has them. */
const WORDS = { ok: 'ok', warning: 'WARNING', failed: 'FAILED' } as const

function fileLines(
  { path, form, parts }: ShownFile,
  label: (part: Part) => string,
  { now, indent }: { readonly now: Date; readonly indent: string },
): string[] {
  const heading = `${indent}${path}${form ? ` (${form})` : ''}`
  return [
    heading,
    ...parts.flatMap(part => [
      `${indent}  ${label(part)}${part.kind === 'other' && part.why ? `: ${part.why}` : ''}`,
      ...columns(partLines(part, now), `${indent}    `),
    ]),
  ]
}

function partLines(part: Part, now: Date): Line[] {
  switch (part.kind) {
    case 'certificate':
      return certificateLines(part, now)
    case 'request':
      return [['names', part.csr.names.join(', ')], keyLine(part.key)]
    case 'private key':
    case 'public key':
      return [keyLine(part.key)]
    case 'encrypted private key':
      return [['key', 'encrypted with a pass phrase, which dns01 does not ask for']]
    default:
      return [['to do', part.hint]]
  }
}

const keyLine = ({ id, type }: KeyFacts): Line => ['key', `${type}, id ${id}`]

function certificateLines({ facts, otherNames, key, fingerprint, isCa }: CertificatePart, now: Date): Line[] {
  const { names, subject, issuer, serial, notBefore, notAfter } = facts
  const left = now >= notAfter ? `ended ${timeLeft(now, notAfter)} ago` : `${timeLeft(notAfter, now)} left`
  return [
    ['names', [...names, ...otherNames].join(', ')],
    ['subject', subject],
    ['issuer', facts.selfSigned ? `${issuer} (itself)` : issuer],
    ['use', isCa ? 'a CA: it signs others' : undefined],
    ['serial', serial],
    ['valid', `${minute(notBefore)} until ${minute(notAfter)} (${left})`],
    keyLine(key),
    ['SHA-256', fingerprint],
  ]
}

/** Why it serves nobody, or not for long; a placeholder is marked as revoked only to be passed over. */
function spentText({ url, revoked, revokeWanted }: Certificate): string | undefined {
  if (isPlaceholder(url)) return 'a placeholder, until a CA has issued one'
  return revoked ? 'revoked' : revokeWanted ? 'is to be revoked' : undefined
}

/** What the state directory knows of it. */
function stateLines({ kind, certificate, live, account, usedBy }: Shown, stateDirectory: string): Line[] {
  const spent = certificate && spentText(certificate)
  return [
    ['stored in', certificate && `${stateDirectory}/certs/${certificate.id}`],
    [
      'live as',
      live.length > 0
        ? live.map(link => `${stateDirectory}/live/${link}`).join(', ')
        : certificate && 'no link of live/ leads to it',
    ],
    ['state', spent],
    ['damage', certificate?.damage],
    [
      'account',
      account === undefined
        ? undefined
        : `${account.split('/').at(-1)} at ${directoryUrl(account.split('/')[0] ?? '')}`,
    ],
    [
      'used by',
      usedBy.length > 0 ? usedBy.map(id => `certs/${id}`).join(', ') : kind === 'key' ? 'no certificate' : undefined,
    ],
  ]
}

/** What `dns01 status NAME` tells: when it renews and why, and what went wrong last. */
function targetLines(target: TargetStatus, stateDirectory: string): Line[] {
  const { file, profile, renewAt, renewBecause, due, waits, failure, csr, served = [] } = target
  return [
    ['target', `${stateDirectory}/desired/${file}`],
    ['CA', caOf(target)],
    ['profile', profile && `${profile.name} (${profile.required ? 'required' : 'preferred'})`],
    ['request', csr],
    ['renewed', renewAt && `from ${minute(renewAt)}: ${renewBecause}`],
    ['due', due && (waits?.until ? `${due}; next try ${minute(waits.until)}` : due)],
    ['last failure', failure && failedText(failure)],
    ...served.map((one): Line => ['served', servedText(one, true)]),
  ]
}

/** What `dns01 show --json` prints. Programs read it: members are added, not renamed or taken away. */
export const showDocument = (all: readonly Shown[], now: Date) =>
  all.map(({ given, kind, files, belonging, certificate, live, account, usedBy, targets }) => ({
    given,
    kind,
    files: files.map(({ path, form, parts, problem }) => ({
      path,
      form,
      problem,
      parts: parts.map(part => partDocument(part, now)),
    })),
    belonging,
    certificate: certificate?.id,
    revoked: certificate?.revoked,
    damage: certificate?.damage,
    live,
    account,
    usedBy,
    targets,
  }))

function partDocument(part: Part, now: Date) {
  if (part.kind === 'request') return { kind: part.kind, names: part.csr.names, key: part.key }
  if (part.kind !== 'certificate') return part
  const { facts, der: _, ...rest } = part
  const { names, subject, issuer, serial, notBefore, notAfter, selfSigned } = facts
  const daysLeft = Math.floor((notAfter.getTime() - now.getTime()) / 86_400_000)
  return { ...rest, names, subject, issuer, serial, notBefore, notAfter, daysLeft, selfSigned }
}

/** For the exit status: what does not belong together, has ended or cannot be read. */
export const showErrors = (all: readonly Shown[]): Dns01Error[] =>
  all.flatMap(({ kind, files, belonging }) => {
    const code = kind === 'files' ? 'CONFIG' : 'STATE'
    const unread = files.flatMap(({ parts }) =>
      parts.flatMap(part => (part.kind === 'other' && part.why ? [part.why] : [])),
    )
    const failed = belonging.flatMap(({ state, text }) => (state === 'failed' ? [text] : []))
    return [...unread, ...failed].map(text => new Dns01Error(code, text))
  })
