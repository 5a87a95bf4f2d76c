// Whether keys, requests and certificates belong together, and whether each certificate of a chain has signed the one
// before it: by their public keys and signatures, whatever they are named. Pure; what is said of files is said of what
// is in the state directory, too.
import { X509Certificate } from 'node:crypto'
import { minute } from '../core/dates.js'
import { signed } from './certificate.js'
import type { CertificatePart, Part } from './inspect.js'

/** One thing that was compared. */
export interface Belonging {
  /** `warning`: it works for some, or may be meant so; `failed`: a server that is given these does not start, or is not trusted. */
  readonly state: 'ok' | 'warning' | 'failed'
  readonly text: string
}

const ok = (text: string): Belonging => ({ state: 'ok', text })
const warning = (text: string): Belonging => ({ state: 'warning', text })
const failed = (text: string): Belonging => ({ state: 'failed', text })

/** What a reader finds them by; the number only where there are several. */
type Label = (part: Part) => string

/**
 * In the order of `parts`: the first certificate that is no CA's is the one that all is about. Where there is but one thing
 * there is nothing to compare, but for a certificate that came without its chain. Several of one key are no fault.
 */
export function belonging(parts: readonly Part[], label: Label, now: Date): Belonging[] {
  const certificates = parts.filter((part): part is CertificatePart => part.kind === 'certificate')
  const leaf = leafOf(certificates)
  return [
    ...keysOf(parts, certificates, leaf, label),
    ...(leaf ? chainOf(leaf, certificates, label) : []),
    ...certificates.flatMap(one => datesOf(one, label(one), now)),
  ]
}

function datesOf({ facts: { notBefore, notAfter } }: CertificatePart, what: string, now: Date): Belonging[] {
  if (now < notBefore) return [failed(`${what} is not valid before ${minute(notBefore)}; is the clock right?`)]
  return now >= notAfter ? [failed(`${what} ended at ${minute(notAfter)}`)] : []
}

/** What a server would show: no CA, or where all are CAs the first one. */
export const leafOf = (certificates: readonly CertificatePart[]): CertificatePart | undefined =>
  certificates.find(({ isCa }) => !isCa) ?? certificates[0]

function keysOf(
  parts: readonly Part[],
  certificates: readonly CertificatePart[],
  leaf: CertificatePart | undefined,
  label: Label,
): Belonging[] {
  const holders = parts.filter(
    part => part.kind === 'private key' || part.kind === 'public key' || part.kind === 'request',
  )
  const found = holders.map(part => {
    const mates = certificates.filter(({ key }) => key.id === part.key.id)
    const twins = holders.filter(other => other !== part && other.key.id === part.key.id)
    const [mate] = [...mates, ...twins]
    if (mate) return ok(`${label(part)} belongs to ${label(mate)}`)
    if (leaf) return failed(`${label(part)} does not belong to ${label(leaf)}: it is another key`)
    return holders.length > 1 ? failed(`${label(part)} belongs to nothing else here`) : undefined
  })
  const encrypted = parts.some(({ kind }) => kind === 'encrypted private key') && certificates.length > 0
  return [
    ...found.filter(one => one !== undefined),
    ...(encrypted ? [warning('whether the encrypted key belongs to it cannot be told without its pass phrase')] : []),
  ]
}

/** From the leaf upwards, and what is left over. A root need not be there: clients have it (RFC 8446 §4.4.2). */
function chainOf(leaf: CertificatePart, all: readonly CertificatePart[], label: Label): Belonging[] {
  const path = pathFrom(leaf, all)
  const [top = leaf] = path.slice(-1)
  const numbers = path.map(one => all.indexOf(one))
  const strays = all.filter(one => !path.includes(one))
  const steps = path.slice(1).map((one, i) => `${label(path[i] as Part)} is signed by ${label(one)}`)
  return [
    ...steps.map(ok),
    endOfChain(top, path.length, leaf),
    ...(numbers.some((at, i) => at !== i)
      ? [
          warning(
            'they are not in the order that servers send: the certificate first, then each the signer of the one before',
          ),
        ]
      : []),
    ...(leaf.isCa ? [] : strays).map(one =>
      warning(`${label(one)} has no part in the chain: it has signed none of them`),
    ),
  ]
}

function endOfChain(top: CertificatePart, length: number, leaf: CertificatePart): Belonging {
  const { issuer, selfSigned } = top.facts
  if (selfSigned && length === 1)
    return leaf.isCa
      ? ok('it is a root: signed by itself')
      : warning('it is signed by itself: no client trusts it that was not told to')
  if (selfSigned) return ok(`the chain ends at a root, ${top.facts.subject}, which a server need not send`)
  if (length === 1 && !leaf.isCa)
    return warning(`its signer, ${issuer}, is not here: a server needs both, as fullchain has them`)
  return ok(`the last one is signed by ${issuer}, which is not here: mostly a root, which clients have`)
}

/** As a client would go: from each to one that has signed it, never to the same twice. */
function pathFrom(leaf: CertificatePart, all: readonly CertificatePart[]): CertificatePart[] {
  const path = [leaf]
  for (let at: CertificatePart | undefined = leaf; at && !at.facts.selfSigned; ) {
    const below: CertificatePart = at
    at = all.find(one => !path.includes(one) && hasSigned(one, below))
    if (at) path.push(at)
  }
  return path
}

const hasSigned = (issuer: CertificatePart, below: CertificatePart): boolean =>
  signed(new X509Certificate(below.der), new X509Certificate(issuer.der))
