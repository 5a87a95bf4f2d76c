// What somebody wants: one target is one file of desired/. Which target owns which name is decided here, purely,
// since links and orders must both follow the same rule, acmetool's.
import { type Name, shortNames } from './names.js'
import type { Place } from './place.js'
import { groupBy } from './txt-record.js'

export interface KeySpec {
  readonly type: 'ecdsa' | 'rsa'
  readonly curve: 'nistp256' | 'nistp384' | 'nistp521'
  /** 2048 to 4096. */
  readonly rsaBits: number
  /** An existing key to use (request.key.id). */
  readonly id?: string | undefined
  /** Whether the key of the certificate that is replaced is used again: always, or while it is younger than so many days. */
  readonly reuse?: boolean | number | undefined
}

/** A certificate request that somebody else has made (RFC 2986): its private key is not here. */
export interface Csr {
  /** As request.csr says it. */
  readonly path: string
  /** Of subjectAltName, in its order. */
  readonly names: readonly Name[]
  /** As KeyPair.id, and `keyId` of the certificate for it. */
  readonly keyId: string
  readonly keyType: KeySpec['type']
  /** base64url of its DER, as finalize sends it (RFC 8555 §7.4). */
  readonly der: string
}

/** What is asked of a CA that offers several kinds of certificates (draft-ietf-acme-profiles). */
export interface WantedProfile {
  readonly name: string
  /** Without it no certificate at all; else the CA's own choice will do. */
  readonly required: boolean
}

/**
 * How names are proved (request.challenge.dns.method). `auto`: by dns-persist-01 where its record stands and the CA offers
 * it, else by dns-01.
 */
export const challengeMethods = ['dns-01', 'dns-account-01', 'dns-persist-01', 'auto'] as const
export type ChallengeMethod = (typeof challengeMethods)[number]

/** What `dns01 export` makes of a certificate and its key. */
export const exportFormats = ['pem', 'der', 'p12', 'jks', 'bundle'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** Those that programs open with a passphrase only. */
export const needsPassphrase = (format: ExportFormat): boolean => format === 'p12' || format === 'jks'

/** An entry of `export:`: what is live, kept in another form at another place. */
export interface Export {
  readonly format: ExportFormat
  /** Absolute. */
  readonly path: string
  readonly passphraseFile?: string | undefined
  /** Encryption that old programs know. */
  readonly legacy?: boolean | undefined
  /** Names or numbers; absent: whoever runs dns01. */
  readonly owner?: string | undefined
  readonly group?: string | undefined
  /** 0600 when absent; never for all. */
  readonly mode?: number | undefined
}

/** One file of desired/, with what conf/target hands down. */
export interface Target {
  /** Base name in desired/, as on disk. */
  readonly file: string
  /** satisfy.names: a certificate that has all of them serves this target; each gets a live link. */
  readonly names: readonly Name[]
  /** request.names: what an order asks for, in this order; holds at least `names`. */
  readonly requestNames: readonly Name[]
  /** Directory URL of the CA, as written. */
  readonly ca: string
  /** request.fallback: CAs to be asked in its place when it fails, in this order. Absent: none. */
  readonly fallback?: readonly string[] | undefined
  /** request.fallback-after: not only when a name would be without a certificate, but whenever it has failed so long. */
  readonly fallbackAfterHours?: number | undefined
  /** The CA in whose place `ca` is asked: set where a run has taken one of `fallback`, never by a file. */
  readonly insteadOf?: string | undefined
  readonly key: KeySpec
  /** satisfy.key.type: certificates with another key do not serve this target. */
  readonly requiredKeyType?: 'ecdsa' | 'rsa' | undefined
  readonly marginDays: number
  /** Somebody wrote the margin down (satisfy.margin): it may renew before the time that the CA suggests. */
  readonly marginGiven?: boolean | undefined
  readonly priority: number
  /** '' or the part after ':' in live/NAME:LABEL. */
  readonly label: string
  readonly mustStaple: boolean
  /** request.partial: issue for the names that pass, keep asking for the rest. */
  readonly partial: boolean
  /** request.by-hand: from a CA without ACME; no run asks for it. */
  readonly byHand?: boolean | undefined
  /** request.csr: what finalize sends, instead of a request of our own with a key of our own. */
  readonly csr?: Csr | undefined
  /** export: files that are made of what is live for the first name. */
  readonly exports?: readonly Export[] | undefined
  /** Absent: the CA chooses. */
  readonly profile?: WantedProfile | undefined
  /** request.preferred-chain: who issued the last certificate of the chain. Absent: the CA chooses. */
  readonly chain?: string | undefined
  /** check: where it is served, to be looked at after each renewal. Absent: nowhere that we know of. */
  readonly check?: readonly Place[] | undefined
  /** request.challenge.env, for hooks. */
  readonly env: Readonly<Record<string, string>>
  /** request.challenge.dns: ours, not acmetool's. */
  readonly dns: {
    readonly provider?: string | undefined
    readonly settings: Readonly<Record<string, string>>
    /** dns-01 when absent. */
    readonly method?: ChallengeMethod | undefined
  }
}

export const methodOf = ({ dns }: Pick<Target, 'dns'>): ChallengeMethod => dns.method ?? 'dns-01'

/** What people know it by: `www.example.com +2`. */
export const titleOf = ({ names, file }: Target): string => shortNames(names, file)

/** What conf/target hands down to every target (acmetool's inheritance; never names). */
export interface TargetDefaults extends Omit<Target, 'file' | 'names' | 'requestNames' | 'csr' | 'exports' | 'byHand'> {
  /** Whether conf/target names a CA; then a legacy `provider:` at the root of a target counts for nothing. */
  readonly caGiven: boolean
  /** HTTP-01 only: kept for `status`, used for nothing. */
  readonly webrootPaths: readonly string[]
}

/** The order in which targets are served and claim their links: priority, then number of names, then file name. */
export const inOrderOfPriority = (targets: readonly Target[]): Target[] =>
  [...targets].sort(
    (a, b) =>
      b.priority - a.priority || b.names.length - a.names.length || (a.file < b.file ? -1 : a.file > b.file ? 1 : 0),
  )

/** Which target owns which link of live/: per label, the first in order of priority that has the name (the schema's disjunction). */
export function claims(targets: readonly Target[]): Map<string, Target> {
  const owners = new Map<string, Target>()
  for (const [label, group] of groupBy(inOrderOfPriority(targets), target => target.label))
    for (const target of group)
      for (const name of target.names) {
        const link = linkName(name, label)
        if (!owners.has(link)) owners.set(link, target)
      }
  return owners
}

/** The name of a link in live/: NAME or NAME:LABEL. */
export const linkName = (name: Name, label: string): string => (label === '' ? name : `${name}:${label}`)
