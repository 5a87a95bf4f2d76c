// Reads certs/ and says of each certificate whether a server could use it. Files may be half there after a crash, or
// damaged by hand: that is a fact to be told, not a reason to stop a run.
import { codeOf, messageOf } from '../core/errors.js'
import type { FileInfo, Log } from '../core/world.js'
import { type CertificateFacts, readCertificate } from '../x509/certificate.js'
import type { Disk } from './disk.js'
import { FolderLook } from './folder-look.js'
import { certificateFolder, certificateId, ID_FORM, isHidden } from './layout.js'
import type { KeptRenewal } from './renewal-memory.js'

/** A folder of certs/. */
export interface Certificate {
  readonly id: string
  /** Of the order; in old directories, of the certificate. */
  readonly url: string
  /** What `fullchain`, which servers use, says; absent when it is not downloaded, or holds no certificate. */
  readonly facts?: CertificateFacts | undefined
  /** Downloaded: `fullchain` is there, which is written last, has a certificate in it, and is `cert` and `chain`. */
  readonly complete: boolean
  /**
   * What is wrong with its files, in a few words: a server that loads it anew fails. It is downloaded again, or
   * another issued.
   */
  readonly damage?: string | undefined
  readonly revokeWanted: boolean
  readonly revoked: boolean
  /** SERVER/KEYID, as the `account` link says. */
  readonly accountId?: string | undefined
  /** As the `privkey` link says. */
  readonly keyId?: string | undefined
  /** The private key is in keys/, and is not known to be another. */
  readonly hasKey: boolean
  /** What its CA said of when to renew it. */
  readonly renewal?: KeptRenewal | undefined
}

/** What a look at one certificate needs to know of the others. */
export interface Neighbours {
  /** Folders of keys/. */
  readonly hasKeyFolder: (keyId: string) => boolean
  /** Of the private key in that folder: when it was put there; `empty` when nothing is in it. */
  readonly keyChanged: (keyId: string) => Date | 'empty' | undefined
  /** The id of the key in that folder of keys/. */
  readonly idOfKey: (keyId: string) => string
  /** A link of live/ leads to it. */
  readonly isLive: (id: string) => boolean
  readonly warn: Log['warn']
}

/**
 * All of certs/ in one pass, three looks, two links and two files a certificate. What acmetool would stop at is a
 * warning here. A run that has just been through the directory with conform() has them already
 * (StateDir.certificates()).
 *
 * Keys are not read, which would take as long as all the rest: one is looked at closely only when it is empty, or was
 * changed after its certificate came. Damage that leaves size and time as they were is seen by no run.
 * @throws Dns01Error STATE when something cannot be read
 */
export function readCertificates(disk: Disk, neighbours: Neighbours): Certificate[] {
  const reader = new CertificateReader(neighbours)
  return disk
    .list('certs')
    .flatMap(({ name, kind }) => reader.read(name, kind, () => new FolderLook(disk, certificateFolder(name))) ?? [])
}

/** See Neighbours.keyChanged(). */
export const keyChange = (info: FileInfo | undefined): Date | 'empty' | undefined =>
  info?.sizeBytes === 0 ? 'empty' : info?.changedAt

/** Reads one certificate after the other; thousands share texts that are kept once. */
export class CertificateReader {
  readonly #neighbours: Neighbours
  readonly #accountOf = accountReader()

  constructor(neighbours: Neighbours) {
    this.#neighbours = neighbours
  }

  /** An entry of certs/; undefined when there is no certificate to be had from it. */
  read(name: string, kind: FileInfo['kind'], look: () => FolderLook): Certificate | undefined {
    if (isHidden(name)) return undefined
    if (!ID_FORM.test(name)) {
      this.#neighbours.warn(`certs/${name}: the name is not a certificate id; it is left alone`)
      return undefined
    }
    return kind === 'folder' ? readOne(this.#neighbours, name, look(), this.#accountOf) : undefined
  }
}

/** SERVER/KEYID of what an `account` link says. */
type AccountOf = (link: string | undefined) => string | undefined

/** SERVER/KEYID of what an `account` link says; thousands of certificates share one text. */
function accountReader(): AccountOf {
  const known = new Map<string, string>()
  return link => {
    if (link === undefined) return undefined
    const id = known.get(link) ?? link.split('/').slice(-2).join('/')
    known.set(link, id)
    return id
  }
}

/** undefined for what is no certificate of ours: no `url`, or that of another id. */
function readOne(parts: Neighbours, id: string, look: FolderLook, accountOf: AccountOf): Certificate | undefined {
  const url = readUrl(look, id, parts.warn)
  if (url === undefined) return undefined
  if (certificateId(url) !== id) {
    parts.warn(`certs/${id}: the id of ${url} in its file url is another; it is left out (acmetool stops at this)`)
    return undefined
  }
  const { facts, damage, cert } = readChain(look)
  const linked = look.linkAt('privkey')?.split('/').at(-2)
  const keyId = linked === facts?.keyId ? facts?.keyId : linked // one text instead of two
  const keyThere = parts.hasKeyFolder(facts?.keyId ?? keyId ?? '')
  // no link can be pointed where a folder is; as damage it is this certificate's trouble, and not the end of the run
  const inTheWay =
    linked === undefined && look.info('privkey')?.kind === 'folder' ? 'its privkey is a folder' : undefined
  const keyDamage = facts && keyThere ? (inTheWay ?? whatIsWrongWithKey(parts, facts.keyId, cert)) : undefined
  const wrong = damage ?? keyDamage
  if (wrong !== undefined && parts.isLive(id)) parts.warn(`certs/${id}: ${wrong}`) // of one that nobody reads cron hears nothing
  return {
    id,
    url,
    facts,
    complete: facts !== undefined && damage === undefined,
    damage: wrong,
    revokeWanted: look.info('revoke') !== undefined,
    revoked: look.info('revoked') !== undefined,
    accountId: accountOf(look.linkAt('account')),
    keyId,
    hasKey: keyThere && keyDamage === undefined,
  }
}

/**
 * What is there and is not a readable file: that one certificate's trouble. Who may not read at all must be told so.
 */
const isItsOwnTrouble = (error: unknown): boolean =>
  ['EFTYPE', 'EISDIR', 'ELOOP', 'EIO'].includes(String((error as { cause?: { code?: unknown } } | null)?.cause?.code))

/** Without `url` nothing says which order it was; conform() sets such a folder aside, or leaves it where it is live. */
function readUrl(look: FolderLook, id: string, warn: Log['warn']): string | undefined {
  try {
    return look.text('url')?.trim()
  } catch (error) {
    if (!isItsOwnTrouble(error)) throw error
    warn(`certs/${id} is left out: ${messageOf(error)}`)
    return undefined
  }
}

/**
 * Of `fullchain`, and whether that is `cert` and `chain`, by their sizes. `cert` came before its key could be wrong.
 */
function readChain(look: FolderLook): Pick<Certificate, 'facts' | 'damage'> & { readonly cert?: FileInfo | undefined } {
  try {
    const fullchain = look.text('fullchain')
    if (fullchain === undefined) return {}
    const facts = readCertificate(fullchain)
    const [cert, chain] = [look.info('cert'), look.info('chain')]
    if (!cert || !chain) return { facts, cert: cert ?? look.info('fullchain') } // other programs may not make them
    const sizes = cert.sizeBytes + chain.sizeBytes
    if (sizes === Buffer.byteLength(fullchain)) return { facts, cert }
    return { facts, cert, damage: `its files cert and chain, ${sizes} bytes, are not its fullchain` }
  } catch (error) {
    if (codeOf(error) === 'BUG' || !(isReadable(error) || isItsOwnTrouble(error))) throw error
    return { damage: `its file fullchain is damaged (${messageOf(error)})` }
  }
}

/** The disk had nothing against it: what came was not a certificate. */
const isReadable = (error: unknown): boolean => (error as { cause?: { code?: unknown } }).cause?.code === undefined

/** A backup that was put back in part, or a slip of `cp`: the server would fail when it is started anew. */
function whatIsWrongWithKey(parts: Neighbours, keyId: string, cert: FileInfo | undefined): string | undefined {
  const changed = parts.keyChanged(keyId)
  if (changed === 'empty') return 'its private key is empty'
  if (!changed || !cert || changed <= cert.changedAt) return undefined
  try {
    return parts.idOfKey(keyId) === keyId ? undefined : 'its private key is that of another certificate'
  } catch (error) {
    if (codeOf(error) === 'BUG') throw error
    return `its private key is damaged (${messageOf(error)})`
  }
}
