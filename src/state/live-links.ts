// live/: what servers are configured with. One link a name, pointed at another certificate in one rename, so that a
// server that starts at any moment finds a certificate and the key that fits.
import { join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import { readCertificate } from '../x509/certificate.js'
import { mendKeyLink } from './certificate-files.js'
import type { Disk } from './disk.js'
import * as layout from './layout.js'

/** Where such a link leads; a final slash, as a person may type it, leads to the same. */
const TO_CERTIFICATE = /^\.\.\/certs\/([^/]+)\/?$/

/** The id of the certificate that a link of live/ leads to; undefined: it leads elsewhere. */
export const certificateOf = (target: string): string | undefined => TO_CERTIFICATE.exec(target)?.[1]

/** Link name → certificate id. What is not a link to a certificate is left out. */
export function readLinks(disk: Disk): Map<string, string> {
  const links = new Map<string, string>()
  for (const { name, kind } of disk.list('live')) {
    if (kind !== 'link' || layout.isHidden(name)) continue
    const id = certificateOf(disk.linkAt(layout.livePath(name)) ?? '')
    if (id !== undefined) links.set(name, id)
  }
  return links
}

/** What is live under one link, as far as its files can be read; `revoked`: or is to be. */
export interface LiveCertificate {
  readonly id: string
  readonly keyId: string
  readonly revoked: boolean
}

/** Of one link, without a look at all the others. undefined: nothing is live there, or nothing that can be read. */
export function readLive(disk: Disk, link: string): LiveCertificate | undefined {
  const id = certificateOf(disk.linkAt(layout.livePath(link)) ?? '')
  if (id === undefined) return undefined
  const isThere = (file: string): boolean => disk.info(layout.certificatePath(id, file)) !== undefined
  try {
    const { keyId } = readCertificate(disk.read(layout.certificatePath(id, 'fullchain')))
    return { id, keyId, revoked: isThere('revoke') || isThere('revoked') }
  } catch (error) {
    if (error instanceof Dns01Error) return undefined
    throw error
  }
}

/** What points links of live/, and remembers what it need not look at twice in a run. */
export class LivePointer {
  readonly #disk: Disk
  /** Certificates whose `privkey` link was looked at: a hundred names make a hundred links to one of them. */
  readonly #keyLinkIsRight = new Set<string>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** See StateDir.pointLive(). The key first: what is live must be whole from the first moment. */
  async point(link: string, certificateId: string): Promise<boolean> {
    const path = layout.livePath(link)
    const fullchain = layout.certificatePath(certificateId, 'fullchain')
    if (!this.#disk.info(fullchain))
      throw new Dns01Error('STATE', `certs/${certificateId} is not complete; ${path} is not pointed at it`)
    if (!this.#keyLinkIsRight.has(certificateId)) {
      await mendKeyLink(this.#disk, certificateId, readCertificate(this.#disk.read(fullchain)).keyId)
      this.#keyLinkIsRight.add(certificateId)
    }
    const before = this.#disk.info(path)
    if (before && before.kind !== 'link')
      throw new Dns01Error('STATE', `${join(this.#disk.root, path)} is a ${before.kind}, not a link`, {
        hint: 'move it out of the way; live/ is for links only',
      })
    // false: nobody need be told; with the same link written once more, hooks would restart servers for nothing
    if (before && this.#disk.linkAt(path) === layout.liveLinkTo(certificateId)) return false
    await this.#disk.pointLink(path, layout.liveLinkTo(certificateId))
    return true
  }
}
