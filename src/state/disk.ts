// Every change to the state directory, in the few forms that survive a stop at any moment: something is written
// aside, synced, and renamed into place. A file written in place can be found half written, and a private key would
// be readable before its mode is set.
import { basename, dirname, join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { FileInfo, Rights, World } from '../core/world.js'
import type { Fence } from './fence.js'
import { type Permissions, permissions } from './permissions.js'

/** What a new folder holds: file contents, or where a link leads. */
export type NewEntry = { readonly bytes: Uint8Array | string } | { readonly linkTo: string }

/**
 * The ways in which a state directory changes; there are no others. Each is one rename, removal or chmod, of something
 * that is whole and synced: a stop at any moment leaves the old or the new. Modes come from the rules, from the first
 * byte. Paths are relative to the root. Everything throws Dns01Error STATE, with what to do.
 */
export interface Disk {
  readonly root: string
  readonly permissions: Permissions
  /** Undefined when there is nothing. Does not follow a link. */
  info(path: string): FileInfo | undefined
  /** Entries in byte order; none when there is no such folder. */
  list(folder: string): { readonly name: string; readonly kind: FileInfo['kind'] }[]
  read(path: string): string
  /** The text, or undefined when there is no such file. */
  readIfThere(path: string): string | undefined
  /** Where a link leads, as it stands there; undefined when there is no link. */
  linkAt(path: string): string | undefined

  /** With all its parents; nothing when it is there. */
  makeFolder(path: string): Promise<void>
  /** Files of one folder, replaced in this order; all of them last through a power loss once this resolves. */
  writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>, mode?: number): Promise<void>
  writeFile(path: string, bytes: Uint8Array | string, mode?: number): Promise<void>
  /** Appears whole or not at all. False when there is a folder already; that one stays. */
  placeFolder(path: string, entries: Readonly<Record<string, NewEntry>>): Promise<boolean>
  pointLink(path: string, target: string): Promise<void>
  moveFolder(from: string, to: string): Promise<void>
  /** A file or link, or a folder with all it holds, which disappears at once. Nothing when it is gone already. */
  remove(path: string): Promise<void>
  /** Of what `seen` was when info() told of it; STATE when it is something else by now. */
  setRights(path: string, seen: FileInfo, rights: Rights): Promise<void>
}

/** Prefix of what we make in tmp/: under our lock, anything of this name is a leftover. */
export const TEMPORARY = 'dns01.'

export function openDisk(
  world: Pick<World, 'files' | 'random'>,
  root: string,
  options: {
    readonly permissions?: Permissions
    readonly readOnly?: boolean
    readonly fence?: Pick<Fence, 'check'>
  } = {},
): Disk {
  const { files } = world
  const rules = options.permissions ?? permissions()
  const at = (path: string): string => (path === '.' ? root : `${root}/${path}`)
  const parent = (path: string): string => dirname(at(path))
  const temporary = (): string => `tmp/${TEMPORARY}${Buffer.from(world.random(12)).toString('hex')}`

  const look = <T>(doing: string, path: string, ask: () => T): T => {
    try {
      return ask()
    } catch (error) {
      throw stateError(doing, at(path), error)
    }
  }
  const change = async (doing: string, path: string, act: () => Promise<void>): Promise<void> => {
    if (options.readOnly) throw new Error(`${doing} ${at(path)}: the state directory was opened for reading only`)
    options.fence?.check()
    try {
      await act()
    } catch (error) {
      throw stateError(doing, at(path), error)
    }
  }
  /** Runs `act` with a name in tmp/ and leaves nothing there when it fails. */
  const viaTemporary = async (doing: string, path: string, act: (name: string) => Promise<void>): Promise<void> => {
    await disk.makeFolder('tmp')
    await change(doing, path, async () => {
      const name = temporary()
      try {
        await act(at(name))
      } catch (error) {
        await removeTree(files, at(name)).catch(() => {})
        throw error
      }
    })
  }
  const own = async (place: string, path: string): Promise<void> => {
    const { uid, gid } = rules.of(path)
    const is = uid === undefined && gid === undefined ? undefined : files.info(place)
    if (is && ((uid ?? is.uid) !== is.uid || (gid ?? is.gid) !== is.gid))
      await files.setRights(root, place, is, { uid: uid ?? is.uid, gid: gid ?? is.gid }).catch(onlyRootMay)
  }
  const create = async (place: string, path: string, bytes: Uint8Array | string, mode?: number): Promise<void> => {
    await files.writeNew(place, bytesOf(bytes), mode ?? rules.of(path).fileMode)
    await own(place, path)
  }

  const disk: Disk = {
    root,
    permissions: rules,
    info: path => look('looking at', path, () => infoOrNothing(files, at(path))),
    list: folder => look('listing', folder, () => listOrNothing(files, at(folder))),
    read: path => look('reading', path, () => textOf(files.readPlain(at(path)))),
    readIfThere: path => look('reading', path, () => textOrNothing(files, at(path))),
    linkAt: path => look('reading the link', path, () => linkOrNothing(files, at(path))),

    makeFolder: path =>
      change('making the folder', path, async () => {
        for (const missing of missingAbove(files, root)) await makeFolder(files, missing, 0o755)
        for (const missing of missingFolders(files, root, path)) {
          await makeFolder(files, at(missing), rules.of(missing).folderMode)
          await own(at(missing), missing)
        }
      }),
    async writeFiles(folder, contents, mode) {
      await disk.makeFolder(folder)
      for (const [name, bytes] of Object.entries(contents))
        await viaTemporary('writing', join(folder, name), async temp => {
          await create(temp, join(folder, name), bytes, mode)
          options.fence?.check()
          await files.rename(temp, at(join(folder, name)))
        })
      await change('syncing', folder, () => files.syncFolder(at(folder)))
    },
    writeFile: (path, bytes, mode) => disk.writeFiles(dirname(path), { [basename(path)]: bytes }, mode),
    async placeFolder(path, entries) {
      if (disk.info(path)) return false
      await disk.makeFolder(dirname(path))
      await viaTemporary('making', path, async temp => {
        await files.makeFolder(temp, rules.of(path).folderMode)
        for (const [name, entry] of Object.entries(entries))
          if ('linkTo' in entry) await files.symlink(entry.linkTo, join(temp, name))
          else await create(join(temp, name), join(path, name), entry.bytes)
        await own(temp, path)
        await files.syncFolder(temp)
        options.fence?.check()
        await files.rename(temp, at(path))
        await files.syncFolder(parent(path))
      })
      return true
    },
    async pointLink(path, target) {
      await disk.makeFolder(dirname(path))
      await viaTemporary('pointing the link', path, async temp => {
        await files.symlink(target, temp)
        await own(temp, path)
        await files.rename(temp, at(path))
        await files.syncFolder(parent(path))
      })
    },
    async moveFolder(from, to) {
      await disk.makeFolder(dirname(to))
      await change('moving', from, async () => {
        await files.rename(at(from), at(to))
        await files.syncFolder(parent(to))
        await files.syncFolder(parent(from))
      })
    },
    async remove(path) {
      const there = disk.info(path)
      if (there?.kind === 'folder')
        await viaTemporary('removing', path, async temp => {
          await files.rename(at(path), temp)
          await files.syncFolder(parent(path))
          await removeTree(files, temp)
        })
      else if (there)
        await change('removing', path, async () => {
          await files.remove(at(path))
          await files.syncFolder(parent(path))
        })
    },
    setRights: (path, seen, rights) =>
      change(`setting the ${rights.mode === undefined ? 'owner' : 'mode'} of`, path, () =>
        files.setRights(root, at(path), seen, rights),
      ),
  }
  return disk
}

/** `path`, or `path.1`, `path.2` …: where nothing stands yet. */
export function freePlace(disk: Pick<Disk, 'info'>, path: string): string {
  for (let i = 0; ; i++) {
    const place = i === 0 ? path : `${path}.${i}`
    if (!disk.info(place)) return place
  }
}

type FilesOf = World['files']

const bytesOf = (bytes: Uint8Array | string): Uint8Array =>
  typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')

const errno = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '')

/** Below a file, and below a link to itself, there is nothing either. */
const NOWHERE = ['ENOENT', 'ENOTDIR', 'ELOOP']

function infoOrNothing(files: FilesOf, path: string): FileInfo | undefined {
  try {
    return files.info(path)
  } catch (error) {
    if (NOWHERE.includes(errno(error))) return undefined
    throw error
  }
}

function listOrNothing(files: FilesOf, folder: string): { name: string; kind: FileInfo['kind'] }[] {
  try {
    return files.list(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}

function textOrNothing(files: FilesOf, path: string): string | undefined {
  try {
    return textOf(files.readPlain(path))
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

function linkOrNothing(files: FilesOf, path: string): string | undefined {
  try {
    return files.readLink(path)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'EINVAL') return undefined
    throw error
  }
}

/** The root and every folder on the way to `path` that is not there, outermost first. */
function missingFolders(files: FilesOf, root: string, path: string): string[] {
  const parts = path === '.' ? [] : path.split('/')
  const all = ['.', ...parts.map((_, i) => parts.slice(0, i + 1).join('/'))]
  const firstMissing = all.findIndex(each => infoOrNothing(files, join(root, each)) === undefined)
  return firstMissing < 0 ? [] : all.slice(firstMissing)
}

function missingAbove(files: FilesOf, root: string): string[] {
  const above = dirname(root)
  return above === root || infoOrNothing(files, above) ? [] : [...missingAbove(files, above), above]
}

/** Another run may have made it since we looked. */
async function makeFolder(files: FilesOf, path: string, mode: number): Promise<void> {
  await files.makeFolder(path, mode).catch(error => {
    if (errno(error) !== 'EEXIST') throw error
  })
  await files.syncFolder(dirname(path))
}

async function removeTree(files: FilesOf, path: string): Promise<void> {
  const there = infoOrNothing(files, path)
  if (there?.kind === 'folder') for (const { name } of files.list(path)) await removeTree(files, join(path, name))
  if (there) await files.remove(path)
}

/** Only root may give files away (POSIX chown); conform() complains about the owner on every run. */
function onlyRootMay(error: unknown): void {
  if (errno(error) !== 'EPERM') throw error
}

const notOwner = 'run as the user who owns the state directory, mostly root, or choose another one with --state'

const MEANING: Readonly<Record<string, { says: string; hint: (path: string) => string }>> = {
  ENOSPC: { says: 'the disk is full', hint: path => `free some space on the file system of ${path}` },
  EDQUOT: { says: 'the disk quota is used up', hint: path => `free some space on the file system of ${path}` },
  EROFS: {
    says: 'the file system is read-only',
    hint: path => `remount the file system of ${path} for writing, or choose another directory with --state`,
  },
  EACCES: {
    says: 'permission denied',
    hint: () => notOwner,
  },
  EPERM: {
    says: 'not permitted',
    hint: () => notOwner,
  },
  ENOTDIR: { says: 'a file stands where a folder must be', hint: path => `look at ${path} and the folders above it` },
  EISDIR: { says: 'a folder stands where a file must be', hint: path => `move ${path} out of the way` },
  ENOTEMPTY: { says: 'a folder stands there already', hint: path => `move ${path} out of the way` },
  EEXIST: { says: 'something stands there already', hint: path => `move ${path} out of the way` },
  ENOENT: { says: 'it is gone', hint: () => 'another program changed the state directory; run again' },
  EFTYPE: { says: 'it is not a file, but a FIFO, a socket or a device', hint: path => `move ${path} out of the way` },
  ESTALE: { says: 'something else stands there than a moment ago', hint: () => 'who else writes there? run again' },
  ELOOP: { says: 'a link stands there', hint: path => `put in place of ${path} what it leads to` },
  EMLINK: { says: 'the file has another name elsewhere (a hard link)', hint: path => `replace ${path} by a copy` },
  EMFILE: { says: 'too many open files', hint: () => 'raise the limit (ulimit -n)' },
  EIO: { says: 'the disk failed', hint: () => 'look into the kernel log' },
}

/** Any failure of the disk as STATE, in words. A BUG or an error of ours passes as it is. */
export function stateError(doing: string, path: string, error: unknown): unknown {
  const code = errno(error)
  if (error instanceof Dns01Error || !/^E[A-Z0-9]+$/.test(code)) return error
  const meaning = MEANING[code]
  return new Dns01Error(
    'STATE',
    `${doing} ${path}: ${meaning ? `${meaning.says} (${code})` : (error as Error).message}`,
    {
      hint: meaning?.hint(path),
      cause: error,
    },
  )
}
