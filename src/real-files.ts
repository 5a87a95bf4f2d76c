import fs from 'node:fs'
import { chmod, lchown, link, lstat, mkdir, open, rename, rmdir, symlink, unlink } from 'node:fs/promises'
import type { FileInfo, Files } from './world.js'

/** Modes are exact whatever the umask is: what it took away is put back by a chmod. */
export const openFiles = (): Files => ({
  list: folder =>
    fs
      .readdirSync(folder, { withFileTypes: true })
      .map(entry => ({ name: entry.name, kind: kindOf(entry) }))
      .sort(byName),
  info: path => {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false })
    return stat && infoOf(stat)
  },
  read: path => fs.readFileSync(path),
  readLink: path => fs.readlinkSync(path),
  async makeFolder(path, mode) {
    await mkdir(path, { mode })
    await chmod(path, mode)
  },
  async writeNew(path, bytes, mode) {
    const file = await open(path, 'wx', mode)
    try {
      await file.chmod(mode)
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  },
  symlink: (target, path) => symlink(target, path),
  rename: (from, to) => rename(from, to),
  remove: async path => ((await lstat(path)).isDirectory() ? rmdir(path) : unlink(path)),
  chmod: (path, mode) => chmod(path, mode),
  chown: (path, uid, gid) => lchown(path, uid, gid),
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
})

/** UTF-16 order is byte order but for characters beyond U+FFFF. */
function byName(a: { name: string }, b: { name: string }): number {
  if (SURROGATE.test(a.name) || SURROGATE.test(b.name)) return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

const SURROGATE = /[\ud800-\udfff]/
