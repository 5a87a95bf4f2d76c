import { codeOf, messageOf } from '../errors.js'
import type { Log } from '../world.js'
import { type CertificateFacts, readCertificate } from '../x509/certificate.js'
import type { Disk } from './disk.js'
import { certificateFolder, certificateId, certificatePath, ID_FORM, isHidden } from './layout.js'

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
 * All of certs/ in one pass: a listing, two links and two files a certificate, no private key (10,000 in under a
 * second). What acmetool would stop at is a warning here.
 * @throws Dns01Error STATE when something cannot be read
 */
export function readCertificates(disk: Disk, keyIds: ReadonlySet<string>, log: Pick<Log, 'warn'>): Certificate[] {
  return disk.list('certs').flatMap(({ name, kind }) => {
    if (isHidden(name)) return []
    const found = kind === 'folder' ? readOne(disk, name, keyIds, log) : undefined
    if (!found && !ID_FORM.test(name)) log.warn(`certs/${name}: the name is no certificate id; it is left alone`)
    return found ?? []
  })
}

function readOne(disk: Disk, id: string, keyIds: ReadonlySet<string>, log: Pick<Log, 'warn'>): Certificate | undefined {
  const files = new Set(disk.list(certificateFolder(id)).map(entry => entry.name))
  if (!ID_FORM.test(id) || !files.has('url')) return undefined
  const url = disk.read(certificatePath(id, 'url')).trim()
  if (certificateId(url) !== id) {
    log.warn(`certs/${id}: the id of ${url} in its file url is another; it is left out (acmetool stops at this)`)
    return undefined
  }
  const facts = files.has('fullchain') ? readFacts(disk, id, files, log) : undefined
  const keyId = files.has('privkey') ? disk.linkAt(certificatePath(id, 'privkey'))?.split('/').at(-2) : undefined
  const accountId = files.has('account') ? disk.linkAt(certificatePath(id, 'account')) : undefined
  return {
    id,
    url,
    facts,
    complete: facts !== undefined,
    revokeWanted: files.has('revoke'),
    revoked: files.has('revoked'),
    accountId: accountId?.split('/').slice(-2).join('/'),
    keyId,
    hasKey: keyIds.has(facts?.keyId ?? keyId ?? ''),
  }
}

/** Of `cert`, or of the first in `fullchain` when that file is not there. */
function readFacts(
  disk: Disk,
  id: string,
  files: ReadonlySet<string>,
  log: Pick<Log, 'warn'>,
): CertificateFacts | undefined {
  const file = certificatePath(id, files.has('cert') ? 'cert' : 'fullchain')
  const text = disk.read(file)
  try {
    return readCertificate(text)
  } catch (error) {
    if (codeOf(error) === 'BUG') throw error
    log.warn(`${file}: ${messageOf(error)}; it is downloaded again`)
    return undefined
  }
}
