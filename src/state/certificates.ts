// Reads certs/ and says of each certificate whether a server could use it. Files may be half there after a crash, or
// damaged by hand: that is a fact to be told, not a reason to stop a run.
import { codeOf, messageOf } from '../core/errors.js'
import type { FileInfo, Log } from '../core/world.js'
import { type CertificateFacts, readCertificate } from '../x509/certificate.js'
import type { Disk } from './disk.js'
import { certificateId, certificatePath, ID_FORM, isHidden, keyPath } from './layout.js'
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
  /** What is wrong with its files, in a few words: a server that loads it anew fails. It is downloaded again, or another issued. */
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
interface Reading {
  readonly disk: Disk
  readonly keyIds: ReadonlySet<string>
  /** The id of the key in that folder of keys/. */
  readonly idOfKey: (keyId: string) => string
  /** A link of live/ leads to it. */
  readonly isLive: (id: string) => boolean
  readonly log: Pick<Log, 'warn'>
  readonly accountOf: (link: string | undefined) => string | undefined
}

/**
 * All of certs/ in one pass: two links, two files and five looks a certificate (10,000 in about a second). Looking for
 * each file by name takes half the time of listing the folder. What acmetool would stop at is a warning here.
 *
 * Keys are not read, which would take as long as all the rest: one is looked at closely only when it is empty, or was
 * changed after its certificate came. Damage that leaves size and time as they were is seen by no run.
 * @throws Dns01Error STATE when something cannot be read
 */
export function readCertificates(parts: Omit<Reading, 'accountOf'>): Certificate[] {
  const { disk, log } = parts
  const reading = { ...parts, accountOf: accountReader() }
  return disk.list('certs').flatMap(({ name, kind }) => {
    if (isHidden(name)) return []
    if (!ID_FORM.test(name)) {
      log.warn(`certs/${name}: the name is not a certificate id; it is left alone`)
      return []
    }
    return (kind === 'folder' ? readOne(reading, name) : undefined) ?? []
  })
}

/** SERVER/KEYID of what an `account` link says; thousands of certificates share one text. */
function accountReader(): Reading['accountOf'] {
  const known = new Map<string, string>()
  return link => {
    if (link === undefined) return undefined
    const id = known.get(link) ?? link.split('/').slice(-2).join('/')
    known.set(link, id)
    return id
  }
}

function readOne(parts: Reading, id: string): Certificate | undefined {
  const { disk, keyIds, log, accountOf } = parts
  const isThere = (file: string): boolean => disk.info(certificatePath(id, file)) !== undefined
  const url = readUrl(disk, id, log)
  if (url === undefined) return undefined
  if (certificateId(url) !== id) {
    log.warn(`certs/${id}: the id of ${url} in its file url is another; it is left out (acmetool stops at this)`)
    return undefined
  }
  const { facts, damage, cert } = readChain(disk, id)
  const linked = disk.linkAt(certificatePath(id, 'privkey'))?.split('/').at(-2)
  const keyId = linked === facts?.keyId ? facts?.keyId : linked // one text instead of two
  const keyThere = keyIds.has(facts?.keyId ?? keyId ?? '')
  const keyDamage = facts && keyThere ? whatIsWrongWithKey(parts, facts.keyId, cert) : undefined
  const wrong = damage ?? keyDamage
  if (wrong !== undefined && parts.isLive(id)) log.warn(`certs/${id}: ${wrong}`) // of one that nobody reads cron hears nothing
  return {
    id,
    url,
    facts,
    complete: facts !== undefined && damage === undefined,
    damage: wrong,
    revokeWanted: isThere('revoke'),
    revoked: isThere('revoked'),
    accountId: accountOf(disk.linkAt(certificatePath(id, 'account'))),
    keyId,
    hasKey: keyThere && keyDamage === undefined,
  }
}

/** What is there and is not a readable file: that one certificate's trouble. Who may not read at all must be told so. */
const isItsOwnTrouble = (error: unknown): boolean =>
  ['EFTYPE', 'EISDIR', 'ELOOP', 'EIO'].includes(String((error as { cause?: { code?: unknown } } | null)?.cause?.code))

function readUrl(disk: Disk, id: string, log: Pick<Log, 'warn'>): string | undefined {
  try {
    return disk.readIfThere(certificatePath(id, 'url'))?.trim()
  } catch (error) {
    if (!isItsOwnTrouble(error)) throw error
    log.warn(`certs/${id} is left out: ${messageOf(error)}`)
    return undefined
  }
}

/** Of `fullchain`, and whether that is `cert` and `chain`, by their sizes. `cert` came before its key could be wrong. */
function readChain(
  disk: Disk,
  id: string,
): Pick<Certificate, 'facts' | 'damage'> & { readonly cert?: FileInfo | undefined } {
  try {
    const fullchain = disk.readIfThere(certificatePath(id, 'fullchain'))
    if (fullchain === undefined) return {}
    const facts = readCertificate(fullchain)
    const [cert, chain] = ['cert', 'chain'].map(file => disk.info(certificatePath(id, file)))
    if (!cert || !chain) return { facts, cert: cert ?? disk.info(certificatePath(id, 'fullchain')) } // other programs may not make them
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

function whatIsWrongWithKey({ disk, idOfKey }: Reading, keyId: string, cert: FileInfo | undefined): string | undefined {
  const key = disk.info(keyPath(keyId))
  if (key?.sizeBytes === 0) return 'its private key is empty'
  if (!key || !cert || key.changedAt <= cert.changedAt) return undefined
  try {
    return idOfKey(keyId) === keyId ? undefined : 'its private key is that of another certificate'
  } catch (error) {
    if (codeOf(error) === 'BUG') throw error
    return `its private key is damaged (${messageOf(error)})`
  }
}
