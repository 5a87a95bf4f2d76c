// The small steps of which disk.ts makes its looks and changes, on whole paths. That something is not there is an answer
// here and no error: another program may work in the same directory.
import { dirname, join } from 'node:path'
import type { FileInfo, World } from '../core/world.js'
import { errno } from './disk-errors.js'

type FilesOf = World['files']

/** As they are, or UTF-8. */
export const bytesOf = (bytes: Uint8Array | string): Uint8Array =>
  typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes

/** UTF-8; what is no UTF-8 becomes U+FFFD, and is refused by whoever parses it. */
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')

/** Below a file, and below a link to itself, there is nothing either. */
const NOWHERE = ['ENOENT', 'ENOTDIR', 'ELOOP']

/** What stands at a path, a link by itself; undefined: nothing. @throws errors of the system but those of NOWHERE */
export function infoOrNothing(files: FilesOf, path: string): FileInfo | undefined {
  try {
    return files.info(path)
  } catch (error) {
    if (NOWHERE.includes(errno(error))) return undefined
    throw error
  }
}

/** A folder that is not there has no entries; a file in its place is an error, as with all who list. */
export function listOrNothing(files: FilesOf, folder: string): { name: string; kind: FileInfo['kind'] }[] {
  try {
    return files.list(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}

/** A plain file as text; a FIFO or a device in its place is an error (EFTYPE), as it might never end. */
export function textOrNothing(files: FilesOf, path: string): string | undefined {
  try {
    return textOf(files.readPlain(path))
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Any failure of the system is "nothing": whoever needs the reason asks by info() or read(), which tell it in words. */
export function fileOrNothing(files: FilesOf, path: string): ReturnType<FilesOf['readWithInfo']> | undefined {
  try {
    return files.readWithInfo(path)
  } catch (error) {
    if (errno(error) === '') throw error // of ours, not of the system
    return undefined
  }
}

/** EINVAL is readlink(2)'s word for something that is no link. */
export function linkOrNothing(files: FilesOf, path: string): string | undefined {
  try {
    return files.readLink(path)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'EINVAL') return undefined
    throw error
  }
}

/** The root and every folder on the way to `path` that is not there, outermost first. */
export function missingFolders(files: FilesOf, root: string, path: string): string[] {
  const parts = path === '.' ? [] : path.split('/')
  const all = ['.', ...parts.map((_, i) => parts.slice(0, i + 1).join('/'))]
  const firstMissing = all.findIndex(each => infoOrNothing(files, join(root, each)) === undefined)
  return firstMissing < 0 ? [] : all.slice(firstMissing)
}

/** Of the folders above the root, outermost first: --state may name a place on a fresh disk. */
export function missingAbove(files: FilesOf, root: string): string[] {
  const above = dirname(root)
  return above === root || infoOrNothing(files, above) ? [] : [...missingAbove(files, above), above]
}

/** Another run may have made it since we looked. The folder above is synced, or a power loss takes the new one with all in it. */
export async function makeFolder(files: FilesOf, path: string, mode: number): Promise<void> {
  await files.makeFolder(path, mode).catch(error => {
    if (errno(error) !== 'EEXIST') throw error
  })
  await files.syncFolder(dirname(path))
}

/** From the leaves up. Links are removed, never followed: what they lead to is not part of the tree. */
export async function removeTree(files: FilesOf, path: string): Promise<void> {
  const there = infoOrNothing(files, path)
  if (there?.kind === 'folder') for (const { name } of files.list(path)) await removeTree(files, join(path, name))
  if (there) await files.remove(path)
}
