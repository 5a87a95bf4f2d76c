/** What other ACME clients keep, in one form: their accounts, and the certificates that they keep renewed. */

import { join } from 'node:path'
import { messageOf } from '../core/errors.js'
import type { Files } from '../core/world.js'
import { type CertificateFacts, readCertificate, splitPems } from '../x509/certificate.js'
import type { KeyPair } from '../x509/keys.js'

export type ClientName = 'certbot' | 'acmesh' | 'lego'

export interface ClientAccount {
  /** The client's own id. */
  readonly id: string
  readonly directoryUrl: string
  readonly key: KeyPair
}

/** A certificate that the client keeps renewed. */
export interface Lineage {
  /** The client's name for it. */
  readonly name: string
  readonly directoryUrl: string
  /** Of the client's account, if that is known. */
  readonly accountId: string | undefined
  readonly facts: CertificateFacts
  readonly cert: string
  readonly chain: string
  readonly key: KeyPair
  /** Of the order or the certificate, if the client keeps it. */
  readonly url?: string | undefined
  readonly wants: Wants
}

/** What the next certificate is to be like, as a target says it; absent: as conf/target has it. */
export interface Wants {
  readonly curve?: string | undefined
  readonly rsaBits?: number | undefined
  /** The very key of now. */
  readonly keepsKey?: boolean
  readonly preferredChain?: string | undefined
  /** request.challenge.dns */
  readonly dns?: Readonly<Record<string, string>> | undefined
}

export interface ClientFolder {
  readonly accounts: readonly ClientAccount[]
  readonly lineages: readonly Lineage[]
  /** What cannot be read or taken over, in words. */
  readonly problems: readonly string[]
  /** For the env file: what the targets' providers need to know, secrets among it. */
  readonly variables: Readonly<Record<string, string>>
}

export type Reading = Pick<Files, 'list' | 'read' | 'info'>

/** Names in a folder, or behind a link to one; none where no folder is. */
export function namesBelow(files: Reading, folder: string): string[] {
  try {
    return files.list(folder).map(({ name }) => name)
  } catch {
    return []
  }
}

/** Folders below that hold this file, relative; the path of a server may have several parts. */
export function foldersWith(files: Reading, root: string, file: string, below = '', depth = 0): string[] {
  return namesBelow(files, join(root, below)).flatMap(name => {
    if (name === file) return [below]
    return depth < 8 ? foldersWith(files, root, file, below === '' ? name : `${below}/${name}`, depth + 1) : []
  })
}

export const textOf = (files: Reading, path: string): string => Buffer.from(files.read(path)).toString('utf8')

/** One thing that cannot be read does not hide the others: it becomes a problem. */
export const attempting =
  (problems: string[]) =>
  <T>(what: string, read: () => T): T[] => {
    try {
      return [read()]
    } catch (error) {
      problems.push(`${what}: ${messageOf(error)}`)
      return []
    }
  }

/** A chain and its key that belong together. @throws Error when they do not */
export function certificateWith(key: KeyPair, fullchain: string): Pick<Lineage, 'facts' | 'cert' | 'chain' | 'key'> {
  const [cert = '', ...chain] = splitPems(fullchain)
  const facts = readCertificate(cert)
  if (facts.keyId !== key.id) throw new Error('the private key is not the key of the certificate')
  return { facts, cert, chain: chain.join(''), key }
}
