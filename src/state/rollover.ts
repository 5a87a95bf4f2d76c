// Changes of account keys that are under way. The new key is on disk before the CA hears of it, since afterwards it alone
// opens the account. It waits in .dns01, where acmetool does not look, and not in accounts/, where both programs would take
// it for an account: one that the CA does not know, and so one to be registered.
import { Dns01Error } from '../core/errors.js'
import type { KeyPair } from '../x509/keys.js'
import { type Disk, freePlace } from './disk.js'
import { parsed } from './keys.js'
import * as layout from './layout.js'

/** A change of key of which it is not certain that both the CA and the disk have made it. */
export interface Rollover {
  /** SERVER/KEYID, as the account was called before. */
  readonly accountId: string
  /** The new key. */
  readonly key: KeyPair
}

/** What cannot be read is told, and stops nobody: the account goes on by the key that it has in accounts/. */
export function listRollovers(disk: Disk, warn: (text: string) => void): Rollover[] {
  return disk.list(layout.ROLLOVER).flatMap(({ name }) => {
    const folder = layout.rolloverFolder(name)
    try {
      const accountId = disk.read(`${folder}/account`).trim()
      return [{ accountId, key: parsed(disk.read(`${folder}/privkey`), `${folder}/privkey`) }]
    } catch (error) {
      if (!(error instanceof Dns01Error)) throw error
      warn(`a change of an account's key cannot be finished: ${error.message}; move ${folder} away`)
      return []
    }
  })
}

export async function noteRollover(disk: Disk, { accountId, key }: Rollover): Promise<void> {
  const entries = { privkey: { bytes: key.pem }, account: { bytes: `${accountId}\n` } }
  await disk.placeFolder(layout.rolloverFolder(key.id), entries)
}

/**
 * What the CA has done is done here, too: the account gets its new name, and all certificates lead to that. The old key
 * goes when nothing leads to it any more: acmetool removes a link that leads nowhere, and would register the old key again
 * if it found it. Each step may have been done by a run that was stopped. @returns SERVER/KEYID
 */
export async function settleRollover(disk: Disk, { accountId, key }: Rollover): Promise<string> {
  const next = `${accountId.split('/')[0]}/${key.id}`
  await disk.placeFolder(layout.accountFolder(next), { privkey: { bytes: key.pem } })
  for (const certificateId of certificatesOf(disk, accountId))
    await disk.pointLink(layout.certificatePath(certificateId, 'account'), layout.accountLinkTo(next))
  await disk.remove(layout.accountFolder(accountId))
  await disk.remove(layout.rolloverFolder(key.id))
  return next
}

/** Of those whose `account` link leads there. */
const certificatesOf = (disk: Disk, accountId: string): string[] =>
  disk.list('certs').flatMap(({ name }) => {
    const link = disk.linkAt(layout.certificatePath(name, 'account'))
    return link?.split('/').filter(Boolean).slice(-2).join('/') === accountId ? [name] : []
  })

/** The CA would not have it. The key is kept: if the CA is mistaken, it is all that opens the account. @returns where */
export async function setRolloverAside(disk: Disk, { key }: Rollover): Promise<string> {
  const place = freePlace(disk, `${layout.SET_ASIDE}/rollover.${key.id}`)
  await disk.moveFolder(layout.rolloverFolder(key.id), place)
  return place
}

/**
 * An account that the CA has closed goes, with what leads to it: orders that were never completed, which acmetool would
 * stop at, and the links of certificates, which stay good and live. Its key opens nothing any more.
 */
export async function removeAccount(disk: Disk, accountId: string): Promise<void> {
  for (const id of certificatesOf(disk, accountId)) {
    const isComplete = disk.info(layout.certificatePath(id, 'fullchain')) !== undefined
    await disk.remove(isComplete ? layout.certificatePath(id, 'account') : layout.certificateFolder(id))
  }
  await disk.remove(layout.accountFolder(accountId))
}
