// Before a folder is believed to be a state directory: where it really is, whether it is one at all, and what its
// conf/perm says. A slip in --state must cost nobody his files.
import { dirname, join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { Disk } from './disk.js'
import * as layout from './layout.js'
import { ownersFrom, type Permissions, parsePermissions, permissions } from './permissions.js'

type OpeningWorld = Pick<World, 'files' | 'log' | 'random' | 'self'>

/** The root may be a link to where it really is; links in it are relative to that place. */
export function followLinks(world: OpeningWorld, root: string, hops = 40): string {
  const target = new Disk(world, root, { readOnly: true }).linkAt('.')
  return target === undefined || hops === 0
    ? root
    : followLinks(world, join(target.startsWith('/') ? '/' : dirname(root), target), hops - 1)
}

/**
 * conf/perm as it is at the beginning of a run; one that is changed meanwhile counts from the next run on. Users and
 * groups are looked up in the files themselves: node knows no getpwnam(3), and what NSS has besides goes by number.
 */
export function readPermissions(world: OpeningWorld, disk: Disk): Permissions {
  const text = disk.readIfThere(layout.confPath('perm'))
  if (text === undefined) return permissions()
  const table = (path: string): string => {
    try {
      return Buffer.from(world.files.read(path)).toString('utf8')
    } catch {
      return ''
    }
  }
  const owners = ownersFrom(table('/etc/passwd'), table('/etc/group'), world.self)
  const found = parsePermissions(text, { ...owners, directory: disk.info('.')?.uid })
  for (const warning of found.warnings) world.log.warn(warning)
  return found.permissions
}

/**
 * What was meant for something else would come to harm: a slip in `--state`. Names alone do not tell: certbot's folder
 * has `accounts`, `keys` and `live`, the root of a machine has `tmp`. So beside anything that is not ours there must be
 * `desired`, and something that is named by an id as nobody else names things.
 */
export function refuseForeignFolder(disk: Disk): void {
  const all = disk.list('.').map(({ name }) => name)
  const visible = all.filter(name => !layout.isHidden(name) && name !== 'lost+found')
  const ours = (name: string): boolean => ([...layout.FOLDERS, layout.HAPROXY] as string[]).includes(name)
  const strange = visible.join() === 'tmp' && !all.includes(layout.HIDDEN) ? 'tmp' : visible.find(name => !ours(name))
  if (strange === undefined || (visible.includes('desired') && holdsAnId(disk))) return
  const isCertbots = ['archive', 'live', 'renewal'].every(name => visible.includes(name))
  throw new Dns01Error(
    'STATE',
    `${disk.root} is not a state directory: it holds ${strange}, and no certificate, account or key of dns01 or acmetool`,
    {
      hint: isCertbots
        ? `this is certbot's folder: \`dns01 import-le ${disk.root}\` takes over what it holds; give --state a folder of its own`
        : 'give an empty folder, or one of acmetool or dns01, with --state or ACME_STATE_DIR',
    },
  )
}

/** One is enough: of a directory that acmetool has just begun there is an account and nothing else. */
const holdsAnId = (disk: Disk): boolean => {
  const hasId = (folder: string): boolean => disk.list(folder).some(({ name }) => layout.ID_FORM.test(name))
  const folders = disk.list('accounts').filter(({ kind }) => kind === 'folder')
  return ['certs', 'keys', ...folders.map(({ name }) => `accounts/${name}`)].some(hasId)
}

/**
 * A link in the place of a folder leads to files that nobody meant us to list, correct or remove; acmetool stops
 * there, too.
 */
export function refuseWrongKinds(disk: Disk): void {
  for (const path of [...layout.FOLDERS, layout.HIDDEN, layout.JOURNAL, layout.SET_ASIDE]) {
    const kind = disk.info(path)?.kind ?? 'folder'
    if (kind !== 'folder')
      throw new Dns01Error(
        'STATE',
        `${disk.root}/${path} is a ${kind === 'other' ? 'special file' : kind}, not a folder`,
        {
          hint: `put a folder in its place; to keep everything elsewhere, let ${disk.root} itself be a link`,
        },
      )
  }
}
