// Every change to the state directory, in the few forms that survive a stop at any moment: something is written
// aside, synced, and renamed into place. A file written in place can be found half written, and a private key would
// be readable before its mode is set.
import { basename, dirname, join } from 'node:path'
import type { FileInfo, Rights, World } from '../core/world.js'
import { errno, stateError } from './disk-errors.js'
import * as steps from './disk-steps.js'
import type { Fence } from './fence.js'
import { type Permissions, permissions } from './permissions.js'

/** What a new folder holds: file contents, or where a link leads. */
export type NewEntry = { readonly bytes: Uint8Array | string } | { readonly linkTo: string }

/** Prefix of what we make in tmp/: under our lock, anything of this name is a leftover. */
export const TEMPORARY = 'dns01.'

/**
 * Random bytes in such a name: two runs never meet, even where the lock cannot keep them apart (a network file
 * system).
 */
const temporaryNameBytes = 12

/** The root and the folders above it, which are not the schema's: as mkdir(1) makes them under the usual umask. */
const folderModeAbove = 0o755

/**
 * The ways in which a state directory changes; there are no others. Each is one rename, removal or chmod, of something
 * that is whole and synced: a stop at any moment leaves the old or the new. Modes come from the rules, from the first
 * byte. Paths are relative to the root. Everything throws Dns01Error STATE, with what to do.
 *
 * Nothing of what it saw is kept: each question is put to the disk anew.
 */
export class Disk {
  readonly root: string
  readonly permissions: Permissions
  readonly #files: World['files']
  readonly #random: World['random']
  /** Opened to look: every change is a bug of ours. */
  readonly #readOnly: boolean
  #changes = 0
  /** Looked at before each change, and again right before each rename: between them lie writes that may take long. */
  readonly #fence: Pick<Fence, 'check'> | undefined

  constructor(
    world: Pick<World, 'files' | 'random'>,
    root: string,
    options: {
      readonly permissions?: Permissions
      readonly readOnly?: boolean
      readonly fence?: Pick<Fence, 'check'>
    } = {},
  ) {
    this.root = root
    this.permissions = options.permissions ?? permissions()
    this.#files = world.files
    this.#random = world.random
    this.#readOnly = options.readOnly ?? false
    this.#fence = options.fence
  }

  /** How many changes were begun: what was seen before the last of them may be another now. */
  get changes(): number {
    return this.#changes
  }

  // looks

  /** Undefined when there is nothing. Does not follow a link. */
  info(path: string): FileInfo | undefined {
    return this.#look('looking at', path, at => steps.infoOrNothing(this.#files, at))
  }
  /** Entries in byte order; none when there is no such folder. */
  list(folder: string): { readonly name: string; readonly kind: FileInfo['kind'] }[] {
    return this.#look('listing', folder, at => steps.listOrNothing(this.#files, at))
  }
  read(path: string): string {
    return this.#look('reading', path, at => steps.textOf(this.#files.readPlain(at)))
  }
  /** The text, or undefined when there is no such file. */
  readIfThere(path: string): string | undefined {
    return this.#look('reading', path, at => steps.textOrNothing(this.#files, at))
  }
  /**
   * Rights and text of a plain file by one descriptor; undefined when it is anything else, or may not be read: info()
   * and read() say what.
   */
  file(path: string): { readonly info: FileInfo; readonly text: string } | undefined {
    return steps.fileOrNothing(this.#files, this.#at(path))
  }
  /** Where a link leads, as it stands there; undefined when there is no link. */
  linkAt(path: string): string | undefined {
    return this.#look('reading the link', path, at => steps.linkOrNothing(this.#files, at))
  }

  // changes

  /** With all its parents; nothing when it is there. */
  makeFolder(path: string): Promise<void> {
    return this.#change('making the folder', path, async () => {
      for (const missing of steps.missingAbove(this.#files, this.root))
        await steps.makeFolder(this.#files, missing, folderModeAbove)
      for (const missing of steps.missingFolders(this.#files, this.root, path)) {
        await steps.makeFolder(this.#files, this.#at(missing), this.permissions.of(missing).folderMode)
        await this.#own(this.#at(missing), missing)
      }
    })
  }

  /** Files of one folder, replaced in this order; all of them last through a power loss once this resolves. */
  async writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>, mode?: number): Promise<void> {
    await this.makeFolder(folder)
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(folder, name)
      await this.#viaTemporary('writing', path, async temp => {
        await this.#create(temp, path, bytes, mode)
        this.#fence?.check()
        await this.#files.rename(temp, this.#at(path))
      })
    }
    await this.#change('syncing', folder, () => this.#files.syncFolder(this.#at(folder)))
  }
  writeFile(path: string, bytes: Uint8Array | string, mode?: number): Promise<void> {
    return this.writeFiles(dirname(path), { [basename(path)]: bytes }, mode)
  }

  /**
   * Appears whole or not at all: acmetool refuses the whole directory for a half-made one. False when there is a
   * folder already; that one stays.
   */
  async placeFolder(path: string, entries: Readonly<Record<string, NewEntry>>): Promise<boolean> {
    if (this.info(path)) return false
    await this.makeFolder(dirname(path))
    await this.#viaTemporary('making', path, async temp => {
      await this.#files.makeFolder(temp, this.permissions.of(path).folderMode)
      for (const [name, entry] of Object.entries(entries))
        if ('linkTo' in entry) await this.#files.symlink(entry.linkTo, join(temp, name))
        else await this.#create(join(temp, name), join(path, name), entry.bytes)
      await this.#own(temp, path)
      await this.#files.syncFolder(temp)
      this.#fence?.check()
      await this.#files.rename(temp, this.#at(path))
      await this.#files.syncFolder(this.#parent(path))
    })
    return true
  }

  async pointLink(path: string, target: string): Promise<void> {
    await this.makeFolder(dirname(path))
    await this.#viaTemporary('pointing the link', path, async temp => {
      await this.#files.symlink(target, temp)
      await this.#own(temp, path)
      await this.#files.rename(temp, this.#at(path))
      await this.#files.syncFolder(this.#parent(path))
    })
  }

  async moveFolder(from: string, to: string): Promise<void> {
    await this.makeFolder(dirname(to))
    await this.#change('moving', from, async () => {
      await this.#files.rename(this.#at(from), this.#at(to))
      await this.#files.syncFolder(this.#parent(to))
      await this.#files.syncFolder(this.#parent(from))
    })
  }

  /** A file or link, or a folder with all it holds, which disappears at once. Nothing when it is gone already. */
  async remove(path: string): Promise<void> {
    const there = this.info(path)
    if (there?.kind === 'folder')
      await this.#viaTemporary('removing', path, async temp => {
        await this.#files.rename(this.#at(path), temp) // a stop in the middle of the rest leaves a leftover, no half folder
        await this.#files.syncFolder(this.#parent(path))
        await steps.removeTree(this.#files, temp)
      })
    else if (there)
      await this.#change('removing', path, async () => {
        await this.#files.remove(this.#at(path))
        await this.#files.syncFolder(this.#parent(path))
      })
  }

  /** Of what `seen` was when info() told of it; STATE when it is something else by now. */
  setRights(path: string, seen: FileInfo, rights: Rights): Promise<void> {
    return this.#change(`setting the ${rights.mode === undefined ? 'owner' : 'mode'} of`, path, () =>
      this.#files.setRights(this.root, this.#at(path), seen, rights),
    )
  }

  // how

  #at(path: string): string {
    return path === '.' ? this.root : `${this.root}/${path}`
  }
  #parent(path: string): string {
    return dirname(this.#at(path))
  }

  #look<T>(doing: string, path: string, ask: (at: string) => T): T {
    const at = this.#at(path)
    try {
      return ask(at)
    } catch (error) {
      throw stateError(doing, at, error)
    }
  }

  async #change(doing: string, path: string, act: () => Promise<void>): Promise<void> {
    const at = this.#at(path)
    if (this.#readOnly) throw new Error(`${doing} ${at}: the state directory was opened for reading only`)
    this.#fence?.check()
    this.#changes++
    try {
      await act()
    } catch (error) {
      throw stateError(doing, at, error)
    }
  }

  /** Runs `act` with a name in tmp/, which is on the same file system, and leaves nothing there when it fails. */
  async #viaTemporary(doing: string, path: string, act: (temp: string) => Promise<void>): Promise<void> {
    await this.makeFolder('tmp')
    await this.#change(doing, path, async () => {
      const name = Buffer.from(this.#random(temporaryNameBytes)).toString('hex')
      const temp = this.#at(`tmp/${TEMPORARY}${name}`)
      try {
        await act(temp)
      } catch (error) {
        await steps.removeTree(this.#files, temp).catch(() => {}) // what went wrong first is what to tell; conform() sweeps
        throw error
      }
    })
  }

  /** A file at `place`, on its way to `path`, whose rules it gets. */
  async #create(place: string, path: string, bytes: Uint8Array | string, mode?: number): Promise<void> {
    await this.#files.writeNew(place, steps.bytesOf(bytes), mode ?? this.permissions.of(path).fileMode)
    await this.#own(place, path)
  }

  /** Gives what stands at `place` to whom a line of conf/perm wants to own `path`. */
  async #own(place: string, path: string): Promise<void> {
    const { uid, gid } = this.permissions.of(path)
    const is = uid === undefined && gid === undefined ? undefined : this.#files.info(place)
    if (is && ((uid ?? is.uid) !== is.uid || (gid ?? is.gid) !== is.gid))
      await this.#files.setRights(this.root, place, is, { uid: uid ?? is.uid, gid: gid ?? is.gid }).catch(onlyRootMay)
  }
}

/** `path`, or `path.1`, `path.2` …: where nothing stands yet. */
export function freePlace(disk: Pick<Disk, 'info'>, path: string): string {
  for (let i = 0; ; i++) {
    const place = i === 0 ? path : `${path}.${i}`
    if (!disk.info(place)) return place
  }
}

/** Only root may give files away (POSIX chown); conform() complains about the owner on every run. */
function onlyRootMay(error: unknown): void {
  if (errno(error) !== 'EPERM') throw error
}
