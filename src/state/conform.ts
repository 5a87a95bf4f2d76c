import { dirname, join, normalize } from 'node:path'
import { messageOf } from '../errors.js'
import type { FileInfo, World } from '../world.js'
import { type Disk, TEMPORARY } from './disk.js'
import { FOLDERS, ID_FORM, isHidden, isServerPart, SET_ASIDE } from './layout.js'
import type { Rule } from './permissions.js'

/** What acmetool or another program left in tmp/ is removed after this time: it takes no lock and may be at work. */
const foreignLeftoverSeconds = 3600

/** Something that is not as it should be: what to say of it, and how to put it right, if that is ours to do. */
interface Fault {
  readonly says: string
  readonly mend?: () => Promise<void>
  /** Going on is safe when mending fails: who does not own a file cannot correct it. */
  readonly bearable?: boolean
  /** Links that led there are broken once it is mended: look again. */
  readonly removes?: boolean
}

interface Walk {
  readonly disk: Disk
  readonly faults: Fault[]
}

/**
 * Makes the state directory what the schema says, as acmetool does when it opens one: missing folders, an empty tmp/,
 * modes and owners, no broken links, nothing half-made. Says what it changes. Changes nothing when all is well.
 * To be called under the lock. Costs a listing a folder, a look an entry, two a link.
 * @throws Dns01Error STATE when something cannot be corrected that must be: keys that others can read
 */
export async function conform(disk: Disk, world: Pick<World, 'log' | 'clock'>): Promise<void> {
  for (const folder of FOLDERS) await disk.makeFolder(folder)
  for (const path of leftovers(disk, world.clock.now()))
    await disk.remove(path).catch((error: unknown) => world.log.warn(messageOf(error))) // the next run tries again
  for (let again = true; again; ) {
    const faults = inspect(disk)
    for (const fault of faults) await mend(fault, world)
    again = faults.some(fault => fault.removes)
  }
}

async function mend(fault: Fault, { log }: Pick<World, 'log'>): Promise<void> {
  log.warn(fault.says)
  try {
    await fault.mend?.()
  } catch (error) {
    if (!fault.bearable) throw error
    log.warn(messageOf(error))
  }
}

function leftovers(disk: Disk, now: Date): string[] {
  return disk.list('tmp').flatMap(({ name }) => {
    const path = `tmp/${name}`
    const ageSeconds = (now.getTime() - (disk.info(path)?.changedAt ?? now).getTime()) / 1000
    return name.startsWith(TEMPORARY) || ageSeconds > foreignLeftoverSeconds ? [path] : []
  })
}

type Entries = ReturnType<Disk['list']>

function inspect(disk: Disk): Fault[] {
  const faults: Fault[] = []
  walk({ disk, faults }, '.', disk.permissions.of('.'), disk.list('.'))
  return faults
}

function walk(parts: Walk, folder: string, rule: Rule, entries: Entries): void {
  const { disk, faults } = parts
  for (const { name, kind } of entries) {
    const path = folder === '.' ? name : `${folder}/${name}`
    if (isHidden(name) || path === 'tmp') continue
    const own = disk.permissions.below(rule, path)
    if (kind === 'other') faults.push({ says: `${path} is no file, folder or link: remove it (acmetool stops at it)` })
    else if (kind === 'link') checkLink(parts, path, own)
    else {
      const inside = kind === 'folder' ? disk.list(path) : []
      const halfMade = kind === 'folder' ? whatIsWrong(disk, folder, name, inside) : undefined
      if (halfMade) faults.push(halfMade)
      if (halfMade?.mend) continue
      checkMode(parts, path, own)
      walk(parts, path, own, inside)
    }
  }
}

function checkMode(parts: Walk, path: string, rule: Rule): void {
  const info = parts.disk.info(path)
  if (!info) return
  const right = info.kind === 'folder' ? rule.folderMode : rule.fileMode
  if (info.mode !== right)
    parts.faults.push({
      says: `${path} has mode ${octal(info.mode)}; changing it to ${octal(right)}`,
      mend: () => parts.disk.setMode(path, right),
      bearable: !/^(accounts|keys)(\/|$)/.test(path) || (info.mode & ~right & 0o077) === 0,
    })
  checkOwner(parts, path, rule, info)
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

function checkOwner({ disk, faults }: Walk, path: string, rule: Rule, info: FileInfo): void {
  const [uid, gid] = [rule.uid ?? info.uid, rule.gid ?? info.gid]
  if (uid === info.uid && gid === info.gid) return
  faults.push({
    says: `${path} belongs to ${info.uid}:${info.gid}; changing it to ${uid}:${gid}`,
    mend: () => disk.setOwner(path, uid, gid),
    bearable: true,
  })
}

/** Broken links go, as in acmetool. One that leads out of the directory, or is absolute, is the user's to mend. */
function checkLink(parts: Walk, path: string, rule: Rule): void {
  const { disk, faults } = parts
  const target = disk.linkAt(path)
  if (target === undefined) return
  const leadsTo = beside(path, target)
  if (target.startsWith('/') || leadsTo.startsWith('..') || /(^|\/)\./.test(leadsTo))
    faults.push({
      says: `${path} leads to ${target}: make it a relative link within the directory (acmetool stops at it)`,
    })
  else if (!isThere(disk, leadsTo)) {
    faults.push({
      says: `${path} leads to ${target}, where nothing is; removing it`,
      mend: () => disk.remove(path),
      removes: true,
    })
    return
  }
  const info = rule.uid === undefined && rule.gid === undefined ? undefined : disk.info(path)
  if (info) checkOwner(parts, path, rule, info)
}

const beside = (link: string, target: string): string => normalize(join(dirname(link), target))

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
    return { says: `${path} is not how a server is spelled here; its accounts are not used (acmetool stops at it)` }
  const must = mustHold(parent)
  if (must === undefined || !ID_FORM.test(name) || inside.some(entry => entry.name === must)) return undefined
  if (inside.length === 0)
    return { says: `${path} is empty, a half-made folder; removing it`, mend: () => disk.remove(path), removes: true }
  if (parent === 'certs' && isLive(disk, name))
    return { says: `${path} has no ${must} but is live; it stays (acmetool stops at it)` }
  const place = freePlace(disk, `${SET_ASIDE}/${path}`)
  return {
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

function freePlace(disk: Disk, path: string): string {
  for (let i = 0; ; i++) {
    const place = i === 0 ? path : `${path}.${i}`
    if (!disk.info(place)) return place
  }
}
