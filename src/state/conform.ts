// Brings a state directory to its schema before a run works in it. acmetool shares the directory and refuses all of
// it for one folder that is not whole; so what a crash or a person left there is mended, or set aside.
import { dirname, join, normalize } from 'node:path'
import { codeOf, messageOf } from '../core/errors.js'
import type { FileInfo, Rights, World } from '../core/world.js'
import { type Disk, freePlace, TEMPORARY } from './disk.js'
import { FolderLook } from './folder-look.js'
import { FOLDERS, HIDDEN, ID_FORM, isHidden, isPublic, isServerPart, SET_ASIDE } from './layout.js'
import type { Rule } from './permissions.js'

/** What acmetool or another program left in tmp/ is removed after this time: it takes no lock and may be at work. */
const foreignLeftoverSeconds = 3600

/** Something that is not as it should be: what to say of it, and how to put it right, if that is ours to do. */
interface Fault {
  readonly path: string
  readonly says: string
  readonly mend?: () => Promise<void>
  /** Going on is safe when mending fails: who does not own a file cannot correct it. */
  readonly bearable?: boolean
  /** Links that led there are broken once it is mended: look again. */
  readonly removes?: boolean
  /** It is as the schema wants it, but a line of conf/perm wants something else: this line. */
  readonly askedBy?: string | undefined
}

/** What conform() comes by, for who would otherwise look at all of it again. */
export interface Finds {
  /** An entry of certs/ as it was listed, after those of keys/. */
  certificate(name: string, kind: FileInfo['kind'], look: () => FolderLook): void
  /** A folder of keys/. */
  key(name: string, look: FolderLook): void
  /** A link of live/, and where it leads. */
  live(name: string, target: string): void
}

interface Walk {
  readonly disk: Disk
  readonly self: World['self']
  readonly finds: Finds | undefined
  readonly faults: Fault[]
  /** What was come by of what links lead to: a link that leads there needs no look of its own. */
  readonly seen: Seen
}

/** By name and not by path: the names are kept anyway, and 20,000 paths of their own are 3 MB. */
interface Seen {
  /** Folders of certs/. */
  readonly certs: Set<string>
  /** Folders of keys/ that have a `privkey`. */
  readonly keys: Set<string>
  /** SERVER/KEYID. */
  readonly accounts: Set<string>
}

/** By `certs/ID`, `keys/ID/privkey`, `accounts/SERVER/KEYID`, where links of live/ and of certs/ID lead. */
function isSeen({ certs, keys, accounts }: Seen, path: string): boolean {
  const slash = path.indexOf('/')
  const rest = path.slice(slash + 1)
  switch (path.slice(0, slash)) {
    case 'certs':
      return certs.has(rest)
    case 'keys':
      return rest.endsWith('/privkey') && keys.has(rest.slice(0, -'/privkey'.length))
    case 'accounts':
      return accounts.has(rest)
    default:
      return false
  }
}

/**
 * Makes the state directory what the schema says, as acmetool does when it opens one: missing folders, an empty tmp/,
 * modes and owners, no broken links, nothing half-made. Says what it changes. Changes nothing when all is well.
 *
 * acmetool gives each file the mode of its rule. We only take rights away, unless the schema or a line of conf/perm
 * names the file: a secret that somebody put beside, or a directory given by mistake, must not become readable by
 * all.
 *
 * To be called under the lock. Costs a listing a folder, a look an entry, two a link.
 * @throws Dns01Error STATE when something cannot be corrected that must be: keys that others can read
 */
export async function conform(
  disk: Disk,
  world: Pick<World, 'log' | 'clock' | 'self'>,
  finds?: Finds,
): Promise<'nothing to mend' | 'mended'> {
  for (const folder of FOLDERS) await disk.makeFolder(folder)
  for (const path of leftovers(disk, world.clock.now()))
    await disk.remove(path).catch((error: unknown) => world.log.warn(messageOf(error))) // the next run tries again
  for (let had = 0; ; ) {
    const faults = inspect(disk, world.self, had === 0 ? finds : undefined)
    had += faults.length
    for (const fault of faults) if (fault.askedBy === undefined) await mend(fault, world)
    await obeyPermissions(faults, world)
    if (!faults.some(fault => fault.removes)) return had === 0 ? 'nothing to mend' : 'mended'
  }
}

/** Says what is done before it is done, so that a run that is stopped has said it. */
async function mend(fault: Fault, { log }: Pick<World, 'log'>): Promise<void> {
  log.warn(fault.says)
  try {
    await fault.mend?.()
  } catch (error) {
    if (!fault.bearable) throw error
    log.warn(messageOf(error))
  }
}

/** What a new line of conf/perm asks of a hundred keys is one notice, and one warning if it cannot be done. */
async function obeyPermissions(faults: readonly Fault[], { log }: Pick<World, 'log'>): Promise<void> {
  const byLine = new Map<string, Fault[]>()
  for (const fault of faults)
    if (fault.askedBy !== undefined) byLine.set(fault.askedBy, [...(byLine.get(fault.askedBy) ?? []), fault])
  for (const [line, asked] of byLine) {
    const count = new Set(asked.map(fault => fault.path)).size
    log.notice(`${line}: changing the mode or owner of ${count} ${count === 1 ? 'path' : 'paths'}`)
    const failed: unknown[] = []
    for (const fault of asked) {
      log.debug(fault.says)
      try {
        await fault.mend?.()
      } catch (error) {
        if (codeOf(error) !== 'STATE') throw error
        failed.push(error)
      }
    }
    if (failed.length > 0)
      log.warn(`${line}: ${failed.length} of these changes failed; the first: ${messageOf(failed[0])}`)
  }
}

/** Hidden names in tmp/ too: acmetool empties it whole, and nobody keeps anything there. */
function leftovers(disk: Disk, now: Date): string[] {
  return disk.list('tmp').flatMap(({ name }) => {
    const path = `tmp/${name}`
    const ageSeconds = (now.getTime() - (disk.info(path)?.changedAt ?? now).getTime()) / 1000
    return name.startsWith(TEMPORARY) || ageSeconds > foreignLeftoverSeconds ? [path] : []
  })
}

/** A folder as it was listed, in byte order: warnings come in the same order in every run. */
type Entries = ReturnType<Disk['list']>

/** Looks at everything and changes nothing; what it finds is mended afterwards, in the order found. */
function inspect(disk: Disk, self: World['self'], finds: Finds | undefined): Fault[] {
  const parts: Walk = {
    disk,
    self,
    finds,
    faults: [],
    seen: { certs: new Set(), keys: new Set(), accounts: new Set() },
  }
  walk(parts, '.', disk.permissions.of('.'), keysFirst(disk.list('.')))
  if (disk.info(HIDDEN)) walkHidden(parts, HIDDEN)
  return parts.faults
}

/** Then what links of certs/ID lead to has been come by, and whoever reads certificates knows their keys. */
const keysFirst = (entries: Entries): Entries => [
  ...entries.filter(({ name }) => name === 'keys'),
  ...entries.filter(({ name }) => name !== 'keys'),
]

/** Hidden names are passed over, as acmetool does, and so is what fsck(8) puts at the top of a file system. */
function walk(parts: Walk, folder: string, rule: Rule, entries: Entries, look?: FolderLook): void {
  const { disk, faults, finds } = parts
  for (const { name, kind } of entries) {
    const path = folder === '.' ? name : `${folder}/${name}`
    if (isHidden(name) || path === 'lost+found') continue
    const own = disk.permissions.below(rule, path)
    if (kind === 'other')
      faults.push({ path, says: `${path} is not a file, folder or link: remove it (acmetool stops at it)` })
    else if (kind === 'link') checkLink(parts, path, own, look ? look.linkAt(name) : disk.linkAt(path))
    else if (kind === 'file') checkRights(parts, path, own, look ? look.info(name) : disk.info(path))
    else walkFolder(parts, folder, name, own)
    if (folder === 'certs' && kind !== 'folder') finds?.certificate(name, kind, () => new FolderLook(disk, path))
  }
}

/** A folder that is to be removed or set aside is not looked into: its files go with it. */
function walkFolder(parts: Walk, parent: string, name: string, rule: Rule): void {
  const { disk, faults, finds } = parts
  const path = parent === '.' ? name : `${parent}/${name}`
  const inside = disk.list(path)
  const halfMade = whatIsWrong(disk, parent, name, inside)
  if (halfMade) faults.push(halfMade)
  if (halfMade?.mend) return
  if (parent === 'certs') parts.seen.certs.add(name)
  if (parent.startsWith('accounts/')) parts.seen.accounts.add(path.slice('accounts/'.length))
  checkRights(parts, path, rule, disk.info(path))
  const look = parent === 'certs' || parent === 'keys' ? new FolderLook(disk, path, inside) : undefined
  if (path !== 'tmp') walk(parts, path, rule, inside, look)
  if (parent === 'keys' && inside.some(entry => entry.name === 'privkey')) parts.seen.keys.add(name)
  if (look && parent === 'keys') finds?.key(name, look)
  if (look && parent === 'certs') finds?.certificate(name, 'folder', () => look)
}

/**
 * Ours alone: the journal decides what the next run does. Whose it is must be right, and nobody else may read or
 * write it. What was set aside stays as it was found.
 */
function walkHidden(parts: Walk, path: string): void {
  const info = parts.disk.info(path)
  if (info?.kind !== 'file' && info?.kind !== 'folder') return
  checkMode(parts, path, parts.disk.permissions.of(path), info)
  checkTrusted(parts, path, info)
  if (info.kind === 'folder' && path !== SET_ASIDE)
    for (const { name } of parts.disk.list(path)) walkHidden(parts, `${path}/${name}`)
}

/**
 * Who runs us, root, or whose directory it is. Folders only: what a stranger wrote is not made ours, and the journal
 * does not believe it.
 */
function checkTrusted({ disk, self, faults }: Walk, path: string, info: FileInfo): void {
  const owner = disk.info('.')?.uid ?? self.uid
  if (info.kind !== 'folder' || [0, self.uid, owner].includes(info.uid)) return
  faults.push({
    path,
    says: `${path} belongs to user ${info.uid}; changing it to ${owner}`,
    mend: () => disk.setRights(path, info, { uid: owner }),
  })
}

function checkRights(parts: Walk, path: string, rule: Rule, info: FileInfo | undefined): void {
  if (info?.kind !== 'file' && info?.kind !== 'folder') return
  checkMode(parts, path, rule, info)
  checkOwner(parts, path, rule, info)
}

/** Where a right too many is not to be borne. New keys come by way of tmp/. */
const SECRET = /^(accounts|keys|tmp|\.dns01)(\/|$)/

/**
 * By the rule of the path. The mode was told by lstat(2) or by the descriptor that the file was read by; setRights()
 * looks again, by a descriptor, whether it is still the same file.
 */
function checkMode({ disk, faults }: Walk, path: string, rule: Rule, info: FileInfo): void {
  if (info.mode === (info.kind === 'folder' ? rule.folderMode : rule.fileMode)) return // nearly always
  const { right, tooOpen } = rightMode(path, rule, info)
  if (info.mode === right) return
  faults.push({
    path,
    says: `${path} has mode ${octal(info.mode)}; changing it to ${octal(right)}`,
    mend: () => disk.setRights(path, info, { mode: right }),
    bearable: !SECRET.test(path) || !tooOpen,
    askedBy: tooOpen ? undefined : rule.given,
  })
}

/**
 * The mode that it should have. Where neither schema nor conf/perm names it, what it has beyond the rule goes, and
 * nothing comes.
 */
export function rightMode(
  path: string,
  rule: Rule,
  info: Pick<FileInfo, 'kind' | 'mode'>,
): { readonly right: number; readonly tooOpen: boolean } {
  const isFolder = info.kind === 'folder'
  const full = isFolder ? rule.folderMode : rule.fileMode
  const isNamed = rule.given !== undefined || isPublic(path, isFolder ? 'folder' : 'file')
  const ours = SECRET.test(path) ? full & 0o700 : 0
  return { right: isNamed ? full : (info.mode & full) | ours, tooOpen: (info.mode & ~full & 0o7077) !== 0 }
}

/** As chmod(1) and ls(1) users know it. */
const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

/** Only what conf/perm names has an owner that it must have; acmetool leaves all others alone, too. */
function checkOwner({ disk, faults }: Walk, path: string, rule: Rule, info: FileInfo): void {
  const owner: Rights = { uid: rule.uid ?? info.uid, gid: rule.gid ?? info.gid }
  if (owner.uid === info.uid && owner.gid === info.gid) return
  faults.push({
    path,
    says: `${path} belongs to ${info.uid}:${info.gid}; changing it to ${owner.uid}:${owner.gid}`,
    mend: () => disk.setRights(path, info, owner),
    bearable: true,
    askedBy: rule.given,
  })
}

/** Broken links go, as in acmetool. One that leads out of the directory, or is absolute, is the user's to mend. */
function checkLink(parts: Walk, path: string, rule: Rule, target: string | undefined): void {
  const { disk, faults } = parts
  if (target === undefined) return
  if (path.startsWith('live/')) parts.finds?.live(path.slice('live/'.length), target)
  const leadsTo = beside(path, target)
  if (target.startsWith('/') || leadsTo.startsWith('..') || /(^|\/)\./.test(leadsTo))
    faults.push({
      path,
      says: `${path} leads to ${target}: make it a relative link within the directory (acmetool stops at it)`,
    })
  else if (!isSeen(parts.seen, leadsTo) && !isThere(disk, leadsTo)) {
    faults.push({
      path,
      says: `${path} leads to ${target}, where nothing is; removing it`,
      mend: () => disk.remove(path),
      removes: true,
    })
    return
  }
  const info = rule.uid === undefined && rule.gid === undefined ? undefined : disk.info(path)
  if (info?.kind === 'link') checkOwner(parts, path, rule, info)
}

/** Nearly every link is `../` and plain names, which takes no library to resolve. */
const PLAIN_TARGET = /^(\.\.\/)+[^./][^/]*(\/[^./][^/]*)*$/

function beside(link: string, target: string): string {
  if (!PLAIN_TARGET.test(target)) return normalize(join(dirname(link), target))
  let folder = dirname(link)
  let rest = target
  for (; rest.startsWith('../') && folder !== '.'; rest = rest.slice(3)) folder = dirname(folder)
  return folder === '.' ? rest : `${folder}/${rest}`
}

/** Whether there is something, at the end of at most so many links. */
function isThere(disk: Disk, path: string, hops = 8): boolean {
  const info = disk.info(path)
  if (info?.kind !== 'link') return info !== undefined
  const target = disk.linkAt(path)
  return target !== undefined && hops > 0 && isThere(disk, beside(path, target), hops - 1)
}

/** acmetool refuses the whole directory for a folder that is named by an id and is not whole; we never make one. */
function whatIsWrong(disk: Disk, parent: string, name: string, inside: Entries): Fault | undefined {
  const path = `${parent}/${name}`
  if (parent === 'accounts' && !isServerPart(name))
    return {
      path,
      says: `${path} is not how a server is spelled here; its accounts are not used (acmetool stops at it)`,
    }
  const must = mustHold(parent)
  if (must === undefined || !ID_FORM.test(name) || inside.some(entry => entry.name === must)) return undefined
  if (inside.length === 0)
    return {
      path,
      says: `${path} is empty, a half-made folder; removing it`,
      mend: () => disk.remove(path),
      removes: true,
    }
  if (parent === 'certs' && isLive(disk, name))
    return { path, says: `${path} has no ${must} but is live; it stays (acmetool stops at it)` }
  const place = freePlace(disk, `${SET_ASIDE}/${path}`)
  return {
    path,
    says: `${path} has no ${must}; moving it to ${place}`,
    mend: () => disk.moveFolder(path, place),
    removes: true,
  }
}

/** Whether a link of live/ names this folder of certs/: then it is never moved, whatever is wrong with it. */
const isLive = (disk: Disk, id: string): boolean =>
  disk.list('live').some(({ name }) => disk.linkAt(`live/${name}`)?.split('/').at(-1) === id)

/** What a folder named by an id must have in it, by the folder it is in. */
function mustHold(parent: string): 'privkey' | 'url' | undefined {
  if (parent === 'certs') return 'url'
  return parent === 'keys' || /^accounts\/[^/]+$/.test(parent) ? 'privkey' : undefined
}
