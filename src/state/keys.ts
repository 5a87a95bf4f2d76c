// keys/ and accounts/: private keys, each in a folder that is named by its id. acmetool stops at a folder that holds
// another key than its name says, so we never use one either.
import { join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import { type KeyPair, parseKey } from '../x509/keys.js'
import type { Disk } from './disk.js'
import { ID_FORM, isServerPart, keyPath } from './layout.js'

/** An account as it is stored: accounts/SERVER/KEYID. Its contact and its URL are not: the CA is asked for them. */
export interface StoredAccount {
  /** SERVER/KEYID. */
  readonly id: string
  readonly server: string
  readonly keyId: string
}

/** Of every folder of keys/ that is named by an id; a listing, no key is read. */
export const listKeyIds = (disk: Disk): Set<string> =>
  new Set(disk.list('keys').flatMap(({ name, kind }) => (kind === 'folder' && ID_FORM.test(name) ? [name] : [])))

/** In byte order, which decides between accounts of one CA; those of misspelt servers are left out. */
export function listAccounts(disk: Disk): StoredAccount[] {
  const servers = disk.list('accounts').filter(({ name, kind }) => kind === 'folder' && isServerPart(name))
  return servers.flatMap(({ name: server }) =>
    disk
      .list(`accounts/${server}`)
      .flatMap(({ name: keyId }) => (ID_FORM.test(keyId) ? [{ id: `${server}/${keyId}`, server, keyId }] : [])),
  )
}

/** The key at `path`, in a folder named `id`. @throws Dns01Error STATE when it is no key, or another one */
export function readKey(disk: Disk, path: string, id: string): KeyPair {
  const key = parsed(disk.read(path), path)
  if (key.id !== id)
    throw new Dns01Error('STATE', `${join(disk.root, path)} holds another key, ${key.id}`, {
      hint: 'the folder must be named by the id of its key; acmetool stops at this',
    })
  return key
}

/** Of the key that lies in that folder, whatever the folder is called. @throws Dns01Error STATE when it is no key */
export const idOfKeyIn = (disk: Disk, folder: string): string => parsed(disk.read(keyPath(folder)), keyPath(folder)).id

/** @throws Dns01Error STATE, naming the file, when it is no key */
export function parsed(pem: string, path: string): KeyPair {
  try {
    return parseKey(pem)
  } catch (cause) {
    if (!(cause instanceof Dns01Error)) throw cause
    throw new Dns01Error('STATE', `${path}: ${cause.message}`, { hint: cause.hint, cause })
  }
}
