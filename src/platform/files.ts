/**
 * The World's `files` over node:fs. A new file is synced before writeNew() is done, since keys and orders
 * must outlive a power cut.
 */

import fs from 'node:fs'
import { lchown, link, lstat, mkdir, open, readlink, realpath, rmdir, symlink, unlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { FileInfo, Files } from '../core/world.js'

/** Follows no link in the last component and waits for no writer of a FIFO (open(2)); not every system has both. */
const AS_IT_IS = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0)
const AT_ONCE = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)

/** Our own choice: a run over fewer certificates stays below 80 MB by itself. */
const manyEntries = 1000
let isSaving = false

/**
 * V8 doubles the space for new objects whenever much of it is still in use, up to 2 × 16 MB, which gains nothing where
 * nearly all of them are kept: with 10,000 certificates 99 MB instead of 123 at the peak, for 3 % of processor time.
 * As late as this, since node:v8 takes 2 ms to load. (A flag on the command line of node is nobody's who calls dns01 by npx.)
 */
function saveMemory(): void {
  if (!isSaving) process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1')
  isSaving = true
}

/** Modes are exact whatever the umask is: what it took away is put back by a chmod. */
export const openFiles = (): Files => ({
  list: folder => {
    const entries = fs.readdirSync(folder, { withFileTypes: true })
    if (entries.length >= manyEntries) saveMemory()
    const listed = entries.map(entry => ({ name: entry.name, kind: kindOf(entry) }))
    return isSorted(listed) ? listed : listed.sort(byName) // as libuv gives them, mostly
  },
  info: path => {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false })
    return stat && infoOf(stat)
  },
  read: path => fs.readFileSync(path),
  readPlain: path =>
    openPlain(path, AT_ONCE, (file, { size }) => {
      const bytes = Buffer.allocUnsafe(size)
      const isWhole = size > 0 && fs.readSync(file, bytes, 0, size, 0) === size
      return isWhole ? bytes : fs.readFileSync(file) // of size 0 are the files of /proc, too
    }),
  readWithInfo: path =>
    openPlain(path, AS_IT_IS, (file, stat) => {
      const isWhole = stat.size <= scratch.length && fs.readSync(file, scratch, 0, stat.size, 0) === stat.size
      return {
        info: infoOf(stat),
        text: isWhole ? scratch.toString('utf8', 0, stat.size) : fs.readFileSync(file, 'utf8'),
      }
    }),
  readLink: path => fs.readlinkSync(path),
  async makeFolder(path, mode) {
    await mkdir(path, { mode })
    const folder = await open(path, AS_IT_IS)
    try {
      await folder.chmod(mode)
    } finally {
      await folder.close()
    }
  },
  async writeNew(path, bytes, mode) {
    const file = await open(path, 'wx', mode)
    try {
      await file.chmod(mode)
      await file.writeFile(bytes)
      await file.sync()
    } catch (error) {
      await unlink(path).catch(() => {}) // a full disk is not to be left with a file of nothing
      throw error
    } finally {
      await file.close()
    }
  },
  symlink: (target, path) => symlink(target, path),
  /**
   * At once: waiting for a thread, it would come long after the look at the lock that allowed it (state/fence.ts). It costs
   * no wait for the disk.
   */
  rename: async (from, to) => fs.renameSync(from, to),
  remove: async path => ((await lstat(path)).isDirectory() ? rmdir(path) : unlink(path)),
  setRights,
  async syncFolder(path) {
    const folder = await open(path, 'r')
    try {
      await folder.sync().catch(tolerateNoSync)
    } finally {
      await folder.close()
    }
  },
  hardLink: (existing, path) => link(existing, path),
})

/**
 * What thousands of small files are read into, one after the other: a buffer for each is 16 MB of garbage for 10,000
 * certificates.
 */
const scratch = Buffer.allocUnsafe(65_536)

function openPlain<T>(path: string, flags: number, read: (file: number, stat: fs.Stats) => T): T {
  const file = fs.openSync(path, flags)
  try {
    const stat = fs.fstatSync(file)
    if (!stat.isFile()) throw failure(stat.isDirectory() ? 'EISDIR' : 'EFTYPE', 'read', path)
    return read(file, stat)
  } finally {
    fs.closeSync(file)
  }
}

/**
 * By descriptor, so that what is changed is what was looked at, whatever is renamed meanwhile. A link has no descriptor:
 * only its owner can be changed, and lchown(2) does not follow it.
 */
async function setRights(...[root, path, seen, { mode, uid, gid }]: Parameters<Files['setRights']>): Promise<void> {
  if (seen.kind === 'link') {
    if (!isStill(await lstat(path), seen)) throw failure('ESTALE', 'lchown', path)
    return lchown(path, uid ?? seen.uid, gid ?? seen.gid)
  }
  const file = await open(path, AS_IT_IS)
  try {
    const stat = await file.stat()
    if (!isStill(stat, seen) || (await isElsewhere(file.fd, root, path))) throw failure('ESTALE', 'open', path)
    if (stat.isFile() && stat.nlink !== 1) throw failure('EMLINK', 'open', path)
    if (uid !== undefined || gid !== undefined) await file.chown(uid ?? stat.uid, gid ?? stat.gid)
    if (mode !== undefined) await file.chmod(mode)
  } finally {
    await file.close()
  }
}

const isStill = (stat: fs.Stats, seen: FileInfo): boolean => stat.ino === seen.inode && kindOf(stat) === seen.kind

/** Whether a folder on the way has become a link to another place: Linux tells where an open file is (proc(5)). */
async function isElsewhere(descriptor: number, root: string, path: string): Promise<boolean> {
  const place = await readlink(`/proc/self/fd/${descriptor}`).catch(() => undefined)
  return place !== undefined && place !== join(await realpath(root), relative(root, path))
}

const failure = (code: string, call: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path })

/** Some network file systems cannot sync a folder and say EINVAL; their renames are as safe as they will ever be. */
function tolerateNoSync(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EINVAL' && error.code !== 'ENOTSUP') throw error
}

const kindOf = (entry: fs.Dirent | fs.Stats): FileInfo['kind'] =>
  entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other'

const infoOf = (stat: fs.Stats): FileInfo => ({
  kind: kindOf(stat),
  mode: stat.mode & 0o7777,
  sizeBytes: stat.size,
  changedAt: stat.mtime,
  uid: stat.uid,
  gid: stat.gid,
  inode: stat.ino,
  links: stat.nlink,
})

const isSorted = (entries: readonly { name: string }[]): boolean =>
  entries.every((entry, i) => i === 0 || byName(entries[i - 1] as { name: string }, entry) < 0)

/** UTF-16 order is byte order but for characters beyond U+FFFF. */
function byName(a: { name: string }, b: { name: string }): number {
  if (SURROGATE.test(a.name) || SURROGATE.test(b.name)) return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

const SURROGATE = /[\ud800-\udfff]/
