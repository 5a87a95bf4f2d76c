import { codeOf, messageOf } from '../errors.js'
import type { Log } from '../world.js'
import { type CertificateFacts, readCertificate } from '../x509/certificate.js'
import type { Disk } from './disk.js'
import { certificateId, certificatePath, ID_FORM, isHidden } from './layout.js'

/** A folder of certs/. */
export interface Certificate {
  readonly id: string
  /** Of the order; in old directories, of the certificate. */
  readonly url: string
  /** What the certificate says; absent when it is not downloaded, or damaged. */
  readonly facts?: CertificateFacts | undefined
  /** Downloaded: `fullchain` is there, which is written last, and has a certificate in it. */
  readonly complete: boolean
  readonly revokeWanted: boolean
  readonly revoked: boolean
  /** SERVER/KEYID, as the `account` link says. */
  readonly accountId?: string | undefined
  /** As the `privkey` link says. */
  readonly keyId?: string | undefined
  /** The private key is in keys/. */
  readonly hasKey: boolean
}

/**
 * All of certs/ in one pass: two links, two files and three looks a certificate, no private key (10,000 in under a
 * second). Looking for each file by name takes half the time of listing the folder. What acmetool would stop at is a
 * warning here.
 * @throws Dns01Error STATE when something cannot be read
 */
export function readCertificates(disk: Disk, keyIds: ReadonlySet<string>, log: Pick<Log, 'warn'>): Certificate[] {
  const accountOf = accountReader()
  return disk.list('certs').flatMap(({ name, kind }) => {
    if (isHidden(name)) return []
    if (!ID_FORM.test(name)) {
      log.warn(`certs/${name}: the name is no certificate id; it is left alone`)
      return []
    }
    return (kind === 'folder' ? readOne({ disk, keyIds, log, accountOf }, name) : undefined) ?? []
  })
}

interface Reading {
  readonly disk: Disk
  readonly keyIds: ReadonlySet<string>
  readonly log: Pick<Log, 'warn'>
  readonly accountOf: (link: string | undefined) => string | undefined
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

function readOne({ disk, keyIds, log, accountOf }: Reading, id: string): Certificate | undefined {
  const isThere = (file: string): boolean => disk.info(certificatePath(id, file)) !== undefined
  const url = disk.readIfThere(certificatePath(id, 'url'))?.trim()
  if (url === undefined) return undefined
  if (certificateId(url) !== id) {
    log.warn(`certs/${id}: the id of ${url} in its file url is another; it is left out (acmetool stops at this)`)
    return undefined
  }
  const facts = isThere('fullchain') ? readFacts(disk, id, log) : undefined
  const linked = disk.linkAt(certificatePath(id, 'privkey'))?.split('/').at(-2)
  const keyId = linked === facts?.keyId ? facts?.keyId : linked // one text instead of two
  return {
    id,
    url,
    facts,
    complete: facts !== undefined,
    revokeWanted: isThere('revoke'),
    revoked: isThere('revoked'),
    accountId: accountOf(disk.linkAt(certificatePath(id, 'account'))),
    keyId,
    hasKey: keyIds.has(facts?.keyId ?? keyId ?? ''),
  }
}

/** Of `cert`, or of the first in `fullchain` when that file is not there. */
function readFacts(disk: Disk, id: string, log: Pick<Log, 'warn'>): CertificateFacts | undefined {
  const cert = disk.readIfThere(certificatePath(id, 'cert'))
  const file = certificatePath(id, cert === undefined ? 'fullchain' : 'cert')
  const text = cert ?? disk.read(file)
  try {
    return readCertificate(text)
  } catch (error) {
    if (codeOf(error) === 'BUG') throw error
    log.warn(`${file}: ${messageOf(error)}; it is downloaded again`)
    return undefined
  }
}
