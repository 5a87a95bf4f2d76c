import { dirname, join, normalize } from 'node:path'
import { Dns01Error } from '../errors.js'
import type { FileInfo, World } from '../world.js'
import { type Disk, TEMPORARY } from './disk.js'
import { FOLDERS, ID_FORM, isHidden, isServerPart, SET_ASIDE } from './layout.js'
import type { Rule } from './permissions.js'

/** What acmetool or another program left in tmp/ is removed after this time: it takes no lock and may be at work. */
const foreignLeftoverSeconds = 3600

interface Walk {
  readonly disk: Disk
  readonly world: Pick<World, 'log' | 'clock'>
  /** Folders of certs/ that a link of live/ names: they are never moved, whatever is wrong with them. */
  readonly live: ReadonlySet<string>
}

/**
 * Makes the state directory what the schema says, as acmetool does when it opens one: missing folders, an empty tmp/,
 * modes and owners, no broken links, nothing half-made. Says what it changes. Changes nothing when all is well.
 * To be called under the lock. Costs one listing a folder and one look an entry.
 * @throws Dns01Error STATE when something cannot be corrected that must be: keys that others can read
 */
export async function conform(disk: Disk, world: Walk['world']): Promise<void> {
  for (const folder of FOLDERS) await disk.makeFolder(folder)
  await sweepTemporary(disk, world)
  const live = new Set(disk.list('live').map(({ name }) => disk.linkAt(`live/${name}`)?.split('/').at(-1) ?? ''))
  await walk({ disk, world, live }, '.', disk.permissions.of('.'))
}

async function sweepTemporary(disk: Disk, { clock, log }: Walk['world']): Promise<void> {
  for (const { name } of disk.list('tmp')) {
    const path = `tmp/${name}`
    const info = disk.info(path)
    const ageSeconds = info ? (clock.now().getTime() - info.changedAt.getTime()) / 1000 : 0
    if (!name.startsWith(TEMPORARY) && ageSeconds < foreignLeftoverSeconds) continue
    log.debug(`removing ${path}, a leftover`)
    await disk.remove(path)
  }
}

async function walk(parts: Walk, folder: string, rule: Rule): Promise<void> {
  for (const { name, kind } of parts.disk.list(folder)) {
    const path = folder === '.' ? name : `${folder}/${name}`
    if (isHidden(name) || path === 'tmp') continue
    const own = parts.disk.permissions.below(rule, path)
    if (kind === 'folder' && (await setAsideIfHalfMade(parts, folder, name))) continue
    if (kind === 'other') parts.world.log.warn(`${path} is no file, folder or link: remove it (acmetool stops at it)`)
    else if (kind === 'link') await checkLink(parts, path)
    else await enforce(parts, path, own)
    if (kind === 'link') await enforceOwner(parts, path, own)
    if (kind === 'folder') await walk(parts, path, own)
  }
}

async function enforce(parts: Walk, path: string, rule: Rule): Promise<void> {
  const { disk, world } = parts
  const info = disk.info(path)
  if (!info) return
  const right = info.kind === 'folder' ? rule.folderMode : rule.fileMode
  if (info.mode !== right) {
    world.log.warn(`${path} has mode ${octal(info.mode)}; changing it to ${octal(right)}`)
    await disk.setMode(path, right).catch(error => bearable(parts, path, info, right, error))
  }
  await enforceOwner(parts, path, rule, info)
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

/** Who does not own a file cannot correct it; that matters where a key may lie open. */
function bearable({ world }: Walk, path: string, { mode }: FileInfo, right: number, error: unknown): void {
  const isPrivate = /^(accounts|keys|tmp)(\/|$)/.test(path)
  if (isPrivate && (mode & ~right & 0o077) !== 0) throw error
  world.log.warn(error instanceof Dns01Error ? error.message : String(error))
}

async function enforceOwner(parts: Walk, path: string, rule: Rule, known?: FileInfo): Promise<void> {
  const { uid, gid } = rule
  if (uid === undefined && gid === undefined) return
  const info = known ?? parts.disk.info(path)
  if (!info || ((uid ?? info.uid) === info.uid && (gid ?? info.gid) === info.gid)) return
  parts.world.log.warn(
    `${path} belongs to ${info.uid}:${info.gid}; changing it to ${uid ?? info.uid}:${gid ?? info.gid}`,
  )
  await parts.disk
    .setOwner(path, uid ?? info.uid, gid ?? info.gid)
    .catch(error => parts.world.log.error(error instanceof Dns01Error ? error.message : String(error)))
}

/** Broken links go, as in acmetool. One that leads out of the directory, or is absolute, is the user's to mend. */
async function checkLink({ disk, world }: Walk, path: string): Promise<void> {
  const target = disk.linkAt(path)
  if (target === undefined) return
  const leadsTo = normalize(join(dirname(path), target))
  if (target.startsWith('/') || leadsTo.startsWith('..') || leadsTo.split('/').some(isHidden))
    world.log.warn(`${path} leads to ${target}: make it a relative link within the directory (acmetool stops at it)`)
  else if (!leads(disk, path)) {
    world.log.warn(`${path} leads to ${target}, where nothing is; removing it`)
    await disk.remove(path)
  }
}

/** Whether a link ends at something, after at most so many others. */
function leads(disk: Disk, path: string, hops = 8): boolean {
  const target = disk.linkAt(path)
  if (target === undefined) return disk.info(path) !== undefined
  return hops > 0 && leads(disk, normalize(join(dirname(path), target)), hops - 1)
}

/** acmetool refuses the whole directory for a folder that is named by an id and is not whole; we never make one. */
async function setAsideIfHalfMade(parts: Walk, parent: string, name: string): Promise<boolean> {
  const must = mustHold(parent)
  if (must === undefined) return warnMisspelt(parts, parent, name)
  if (!ID_FORM.test(name)) return false
  const { disk, world, live } = parts
  const path = `${parent}/${name}`
  const entries = disk.list(path)
  if (entries.some(entry => entry.name === must)) return false
  if (entries.length === 0) {
    world.log.warn(`${path} is empty, a half-made folder; removing it`)
    await disk.remove(path)
    return true
  }
  if (parent === 'certs' && live.has(name)) {
    world.log.warn(`${path} has no ${must} but is live; it stays (acmetool stops at it)`)
    return false
  }
  const place = freePlace(disk, `${SET_ASIDE}/${path}`)
  world.log.warn(`${path} has no ${must}; moving it to ${place}`)
  await disk.moveFolder(path, place)
  return true
}

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

function warnMisspelt({ world }: Walk, parent: string, name: string): false {
  if (parent === 'accounts' && !isServerPart(name))
    world.log.warn(
      `accounts/${name} is not how a server is spelled here; its accounts are not used (acmetool stops at it)`,
    )
  return false
}
