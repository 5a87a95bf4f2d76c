// The files of certs/ID, from the order to the revoked certificate. Their order on disk is the promise: `url` before the
// order is finalized, `fullchain` last, so that a stop at any moment leaves something that the next run understands.
import { join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { readCertificate } from '../x509/certificate.js'
import { pemBodies } from '../x509/pem.js'
import type { Certificate } from './certificates.js'
import type { Disk } from './disk.js'
import * as layout from './layout.js'

/** What must be known of an order to take it up again after a stop (docs/state-directory.md, "An interrupted order"). */
export interface StoredOrder {
  readonly url: string
  /** SERVER/KEYID; undefined: another client ordered, and left no word of its account. */
  readonly accountId: string | undefined
  /** undefined: the key is with whoever made the request (request.csr), and there is no link to it. */
  readonly keyId: string | undefined
}

/** A certificate that no order of ours leads to. */
export interface WithoutOrder {
  /** As if of an order: layout.PLACEHOLDERS. */
  readonly url: string
  readonly keyId: string
  /** Both PEM, newline at the end; `chain` may be empty. */
  readonly cert: string
  readonly chain: string
  /** It serves no target, for acmetool as for us. */
  readonly revoked: boolean
}

/** See StateDir.addCertificate(). */
export async function placeWithoutOrder(disk: Disk, one: WithoutOrder): Promise<string> {
  const id = layout.certificateId(one.url)
  await disk.placeFolder(layout.certificateFolder(id), {
    url: { bytes: one.url },
    privkey: { linkTo: layout.keyLinkTo(one.keyId) },
    cert: { bytes: one.cert },
    chain: { bytes: one.chain },
    ...(one.revoked && { revoked: { bytes: '' } }),
    fullchain: { bytes: one.cert + one.chain },
  })
  return id
}

/** See StateDir.addOrder(). The folder comes whole: acmetool stops at one without `url`. */
export async function placeOrder(disk: Disk, order: StoredOrder): Promise<string> {
  const id = layout.certificateId(order.url)
  await disk.placeFolder(layout.certificateFolder(id), {
    ...(order.accountId !== undefined && { account: { linkTo: layout.accountLinkTo(order.accountId) } }),
    url: { bytes: order.url.trim() },
    ...(order.keyId !== undefined && { privkey: { linkTo: layout.keyLinkTo(order.keyId) } }),
  })
  return id
}

/**
 * See StateDir.storeCertificate(). The link to the key comes first: a CA's answer may be for another key than was
 * noted.
 */
export async function storeFiles(
  disk: Disk,
  id: string,
  { cert, chain }: { readonly cert: string; readonly chain: string },
): Promise<void> {
  await mendKeyLink(disk, id, readCertificate(cert).keyId)
  await disk.writeFiles(layout.certificateFolder(id), { cert, chain })
  await disk.writeFile(layout.certificatePath(id, 'fullchain'), cert + chain)
}

/** See StateDir.mendKeyLinks(). A missing link is made in silence, as acmetool does at its next load. */
export async function mendKeyLinks(
  disk: Disk,
  log: Pick<World['log'], 'warn'>,
  certificates: readonly Certificate[],
): Promise<ReadonlySet<string>> {
  const mended = new Set<string>()
  for (const { id, complete, hasKey, keyId, facts } of certificates) {
    if (!complete || !hasKey || !facts || keyId === facts.keyId) continue
    if (disk.info(layout.certificatePath(id, 'privkey'))) {
      log.warn(`certs/${id}/privkey is not the link to the key of its certificate; correcting it`)
      mended.add(id)
    }
    await mendKeyLink(disk, id, facts.keyId)
  }
  return mended
}

/** A certificate whose key is there has a `privkey` link to it; acmetool mends this on every load. */
export async function mendKeyLink(disk: Disk, id: string, keyId: string): Promise<void> {
  const path = layout.certificatePath(id, 'privkey')
  const right = layout.keyLinkTo(keyId)
  if (disk.linkAt(path) === right || !disk.info(layout.keyPath(keyId))) return
  await disk.pointLink(path, right)
}

/** See StateDir.certificateDer(). */
export function readDerOf(disk: Disk, id: string): Uint8Array {
  const path = layout.certificatePath(id, 'cert')
  const [der] = pemBodies(disk.read(path))
  if (!der) throw new Dns01Error('STATE', `${join(disk.root, path)} holds no certificate`)
  return der
}

/** The reason in `revoke`: a number (RFC 5280 §5.3.1), or nothing, as in a file that acmetool made. */
export function readRevocationReason(disk: Disk, id: string): number | undefined {
  const text = (disk.readIfThere(layout.certificatePath(id, 'revoke')) ?? '').trim()
  return /^\d+$/.test(text) ? Number(text) : undefined
}
