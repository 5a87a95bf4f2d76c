import { dirname, join, normalize } from 'node:path'
import type { FileInfo, Files, Rights } from '../../src/core/world.js'

/** The power went, or kill -9: from here on nothing happens any more. */
export class Stopped extends Error {
  constructor() {
    super('stopped')
    this.name = 'Stopped'
  }
}

interface Inode {
  readonly inode: number
  /** Names it has. */
  links: number
  kind: FileInfo['kind']
  mode: number
  uid: number
  gid: number
  changedAt: Date
  bytes: Uint8Array
  target: string
  /** Of a folder: what is there, and what would be after a power loss. */
  entries: Map<string, Inode>
  durable: Map<string, Inode>
}

export type Change =
  | 'makeFolder'
  | 'create'
  | 'write'
  | 'symlink'
  | 'rename'
  | 'remove'
  | 'chmod'
  | 'chown'
  | 'sync'
  | 'hardLink'

export interface MemoryFilesOptions {
  readonly now?: () => Date
  /** An error code to fail with instead: `ENOSPC`, `EROFS`. */
  readonly fail?: (change: Change, path: string) => string | undefined
  /** Called after every change that was made. */
  readonly changed?: (change: Change, path: string) => void
}

/** World.files in memory, with modes, links, and a disk that forgets what was not synced. */
export class MemoryFiles implements Files {
  /** Changes made so far; writeNew() counts as two, so that a stop between them leaves an empty file. */
  changes = 0
  /** Whether calls fail as if the process were gone. */
  stopped = false
  /** Stops instead of making this change (0: the first). */
  stopAt = Number.POSITIVE_INFINITY
  options: MemoryFilesOptions
  #root = inode('folder', 0o755, new Date(0))

  constructor(options: MemoryFilesOptions = {}) {
    this.options = options
  }

  /** A new process on the same disk. */
  restart(): void {
    this.stopped = false
    this.stopAt = Number.POSITIVE_INFINITY
    this.changes = 0
  }

  /** The power fails: every folder goes back to what was synced, but for entries that `lucky` lets survive. A folder
   *  that was being moved is in one of the two places: file systems journal that much. */
  losePower(lucky: () => boolean = () => false): void {
    const seen = new Set<Inode>()
    const forget = (folder: Inode): void => {
      seen.add(folder)
      const names = new Set([...folder.entries.keys(), ...folder.durable.keys()])
      for (const name of names) {
        const kept = lucky() ? folder.entries.get(name) : folder.durable.get(name)
        if (kept && !seen.has(kept)) folder.durable.set(name, kept)
        else folder.durable.delete(name)
      }
      folder.entries = new Map(folder.durable)
      for (const child of folder.entries.values()) if (child.kind === 'folder') forget(child)
    }
    forget(this.#root)
  }

  /** A file with its folders, synced, as a test's starting point. */
  put(path: string, text: string, mode = 0o644): void {
    this.#prepare(path, { ...inode('file', mode, this.#now()), bytes: new TextEncoder().encode(text) })
  }
  putLink(path: string, target: string): void {
    this.#prepare(path, { ...inode('link', 0o777, this.#now()), target })
  }
  putFolder(path: string, mode = 0o755): void {
    this.#prepare(path, inode('folder', mode, this.#now()))
  }
  putOther(path: string): void {
    this.#prepare(path, inode('other', 0o600, this.#now()))
  }

  /** Rights as somebody else left them. */
  give(path: string, { mode, uid, gid }: Rights): void {
    const node = this.#there(path, 'give')
    Object.assign(node, { mode: mode ?? node.mode, uid: uid ?? node.uid, gid: gid ?? node.gid })
  }

  text(path: string): string {
    return Buffer.from(this.#file(path).bytes).toString('utf8')
  }

  /** Every path below `folder` with kind and mode: `folder 755 certs`, `link live/a -> ../certs/x`. */
  tree(folder: string): string[] {
    return this.#walk(this.#find(folder), '').map(([path, node]) =>
      node.kind === 'link' ? `link ${path} -> ${node.target}` : `${node.kind} ${node.mode.toString(8)} ${path}`,
    )
  }

  // asking

  list(folder: string): { name: string; kind: FileInfo['kind'] }[] {
    this.#alive()
    const node = this.#find(folder, 'scandir')
    if (node.kind !== 'folder') throw failure('ENOTDIR', 'scandir', folder)
    return [...node.entries]
      .map(([name, child]) => ({ name, kind: child.kind }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  }

  info(path: string): FileInfo | undefined {
    this.#alive()
    const node = this.#lookUp(path, false, 'lstat')
    return node && infoOf(node)
  }

  /** Reading a FIFO waits for its writer: no test may come to that. */
  read(path: string): Uint8Array {
    this.#alive()
    if (this.#find(path).kind === 'other') throw new Error(`read() of ${path} would wait for ever`)
    return this.#file(path).bytes
  }

  readPlain(path: string): Uint8Array {
    this.#alive()
    if (this.#find(path).kind === 'other') throw failure('EFTYPE', 'read', path)
    return this.#file(path).bytes
  }

  readWithInfo(path: string): { info: FileInfo; text: string } {
    this.#alive()
    const node = this.#there(path, 'open')
    if (node.kind === 'link') throw failure('ELOOP', 'open', path)
    if (node.kind === 'other') throw failure('EFTYPE', 'read', path)
    return { info: infoOf(node), text: this.text(path) }
  }

  readLink(path: string): string {
    this.#alive()
    const node = this.#lookUp(path, false, 'readlink')
    if (!node) throw failure('ENOENT', 'readlink', path)
    if (node.kind !== 'link') throw failure('EINVAL', 'readlink', path)
    return node.target
  }

  // changing

  async makeFolder(path: string, mode: number): Promise<void> {
    await this.#change('makeFolder', path, () => this.#add(path, inode('folder', mode, this.#now())))
  }

  async writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void> {
    const node = inode('file', mode, this.#now())
    await this.#change('create', path, () => this.#add(path, node))
    await this.#change('write', path, () => {
      node.bytes = Uint8Array.from(bytes)
    }).catch(error => {
      if (!this.stopped) this.#folderOf(path).entries.delete(nameOf(path))
      throw error
    })
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.#change('symlink', path, () => this.#add(path, { ...inode('link', 0o777, this.#now()), target }))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change('rename', to, () => {
      const node = this.#there(from, 'rename')
      const old = this.#lookUp(to, false, 'rename')
      if (old === node) return
      if (old?.kind === 'folder' && node.kind !== 'folder') throw failure('EISDIR', 'rename', to)
      if (old && old.kind !== 'folder' && node.kind === 'folder') throw failure('ENOTDIR', 'rename', to)
      if (old?.kind === 'folder' && old.entries.size > 0) throw failure('ENOTEMPTY', 'rename', to)
      if (old) old.links--
      this.#folderOf(to).entries.set(nameOf(to), node)
      this.#folderOf(from).entries.delete(nameOf(from))
    })
  }

  async remove(path: string): Promise<void> {
    await this.#change('remove', path, () => {
      if (this.#there(path, 'unlink').entries.size > 0) throw failure('ENOTEMPTY', 'rmdir', path)
      this.#there(path, 'unlink').links--
      this.#folderOf(path).entries.delete(nameOf(path))
    })
  }

  async setRights(_root: string, path: string, seen: FileInfo, { mode, ...owner }: Rights): Promise<void> {
    const node = this.#there(path, 'open')
    if (node.inode !== seen.inode) throw failure('ESTALE', 'open', path)
    if (node.kind === 'file' && node.links !== 1) throw failure('EMLINK', 'open', path)
    if (owner.uid !== undefined || owner.gid !== undefined)
      await this.#change('chown', path, () => Object.assign(node, owner))
    if (mode !== undefined)
      await this.#change('chmod', path, () => {
        node.mode = mode
      })
  }

  async syncFolder(path: string): Promise<void> {
    await this.#change('sync', path, () => {
      const folder = this.#find(path, 'fsync')
      folder.durable = new Map(folder.entries)
    })
  }

  async hardLink(existing: string, path: string): Promise<void> {
    await this.#change('hardLink', path, () => {
      const node = this.#there(existing, 'link')
      this.#add(path, node)
      node.links++
    })
  }

  #now(): Date {
    return this.options.now?.() ?? new Date(0)
  }

  #alive(): void {
    if (this.stopped) throw new Stopped()
  }

  /** In a later turn of the loop, as a real disk would. */
  async #change(change: Change, path: string, act: () => void): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    if (this.changes >= this.stopAt) this.stopped = true
    this.#alive()
    const code = this.options.fail?.(change, path)
    if (code !== undefined) throw failure(code, change, path)
    act()
    this.changes++
    this.options.changed?.(change, path)
  }

  #prepare(path: string, node: Inode): void {
    const above = dirname(path)
    if (above !== path && !this.#lookUp(above, true, 'put')) this.putFolder(above)
    const folder = this.#folderOf(path)
    folder.entries.set(nameOf(path), node)
    folder.durable.set(nameOf(path), node)
  }

  #add(path: string, node: Inode): void {
    const { entries } = this.#folderOf(path)
    if (entries.has(nameOf(path))) throw failure('EEXIST', 'create', path)
    entries.set(nameOf(path), node)
  }

  #folderOf(path: string): Inode {
    const folder = this.#find(dirname(normalize(path)))
    if (folder.kind !== 'folder') throw failure('ENOTDIR', 'open', path)
    return folder
  }

  #file(path: string): Inode {
    const node = this.#find(path)
    if (node.kind === 'folder') throw failure('EISDIR', 'read', path)
    return node
  }

  #there(path: string, call: string): Inode {
    const node = this.#lookUp(path, false, call)
    if (!node) throw failure('ENOENT', call, path)
    return node
  }

  #find(path: string, call = 'open'): Inode {
    const node = this.#lookUp(path, true, call)
    if (!node) throw failure('ENOENT', call, path)
    return node
  }

  #lookUp(path: string, follow: boolean, call: string, hops = 0): Inode | undefined {
    if (hops > 40) throw failure('ELOOP', call, path)
    const parts = normalize(path).split('/').filter(Boolean)
    let node = this.#root
    for (const [i, part] of parts.entries()) {
      if (node.kind !== 'folder') throw failure('ENOTDIR', call, path)
      const child = node.entries.get(part)
      if (!child) return undefined
      const last = i === parts.length - 1
      if (child.kind === 'link' && (!last || follow)) {
        const here = `/${parts.slice(0, i).join('/')}`
        const target = child.target.startsWith('/') ? child.target : join(here, child.target)
        return this.#lookUp(join(target, ...parts.slice(i + 1)), follow, call, hops + 1)
      }
      node = child
    }
    return node
  }

  #walk(folder: Inode, prefix: string): [string, Inode][] {
    return [...folder.entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, child]): [string, Inode][] => [
        [prefix + name, child],
        ...(child.kind === 'folder' ? this.#walk(child, `${prefix}${name}/`) : []),
      ])
  }
}

const nameOf = (path: string): string => normalize(path).split('/').filter(Boolean).at(-1) ?? ''

const infoOf = (node: Inode): FileInfo => ({
  kind: node.kind,
  mode: node.mode,
  sizeBytes: node.bytes.length,
  changedAt: node.changedAt,
  uid: node.uid,
  gid: node.gid,
  inode: node.inode,
  links: node.links,
})

let inodes = 0

const inode = (kind: FileInfo['kind'], mode: number, changedAt: Date): Inode => ({
  inode: ++inodes,
  links: 1,
  kind,
  mode,
  uid: 0,
  gid: 0,
  changedAt,
  bytes: new Uint8Array(),
  target: '',
  entries: new Map(),
  durable: new Map(),
})

const failure = (code: string, call: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path })
