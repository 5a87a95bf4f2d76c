// Keeps the files of a target's `export:` list fresh: what is live, in other formats, at other places, for programs that read no
// PEM, or nothing below the state directory. They are written before the hooks are told, so that a hook that reloads such a
// program finds them. What is stale is seen by the times of the files, so that a list that was edited, a file that was
// removed and a failure of the last run are all put right by the next one.
import { isAbsolute, join, relative } from 'node:path'
import { readSecretFile } from '../config/secret-file.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type Export, linkName, type Target } from '../core/target.js'
import { writeWhole } from '../core/whole-file.js'
import type { World } from '../core/world.js'
import { certificatePath, livePath, targetPath } from '../state/layout.js'
import { ownersFrom } from '../state/permissions.js'
import type { StateDir } from '../state/state-dir.js'
import { formatted, type Material } from '../x509/formats.js'

type ExportWorld = Pick<World, 'files' | 'random' | 'self'>

/** An entry of a list, and what it is made of. */
export interface Stale {
  readonly link: string
  readonly certificateId: string
  readonly wanted: Export
}

/** The entries whose file is not there, or older than what it is made of. A look at some files for each entry; none without a list. */
export function staleExports(
  { files, clock }: Pick<World, 'files' | 'clock'>,
  state: Pick<StateDir, 'root' | 'links'>,
  targets: readonly Target[],
): Stale[] {
  const listing = targets.filter(target => target.exports !== undefined)
  if (listing.length === 0) return []
  const links = state.links()
  const now = clock.now().getTime()
  /** A time to come is a mistake, by which a file would be made anew in every run. What cannot be looked at fails when it is written. */
  const changed = (path: string): number => {
    try {
      const at = files.info(path)?.changedAt.getTime() ?? 0
      return at > now ? 0 : at
    } catch {
      return 0
    }
  }
  return listing.flatMap(({ names, label, file, exports = [] }) => {
    const link = linkName(names[0] as Target['names'][0], label)
    const certificateId = links.get(link)
    if (certificateId === undefined) return []
    const newest = Math.max(
      ...[certificatePath(certificateId, 'fullchain'), livePath(link), targetPath(file)].map(path =>
        changed(join(state.root, path)),
      ),
    )
    const isStale = ({ format, path, passphraseFile }: Export): boolean => {
      const since = passphraseFile === undefined ? newest : Math.max(newest, changed(passphraseFile))
      return changed(path) < since || (format === 'der' && changed(keyPathOf(path)) < since)
    }
    return exports.filter(isStale).map(wanted => ({ link, certificateId, wanted }))
  })
}

/** Where the key of a `der` export goes, beside the certificate: web.der, web.key.der. */
export const keyPathOf = (path: string): string => path.replace(/(\.[^./]+)?$/, '.key$1')

/** The certificate and key of a folder of certs/. @throws Dns01Error STATE, USAGE for one whose key is elsewhere */
export function materialOf({ files }: Pick<World, 'files'>, root: string, id: string, name: string): Material {
  const read = (file: string): string => Buffer.from(files.read(join(root, certificatePath(id, file)))).toString('utf8')
  if (!files.info(join(root, certificatePath(id, 'privkey'))))
    throw new Dns01Error('USAGE', `${name}: its key is not here, but with whoever made the request`, {
      hint: `its certificate: ${join(root, certificatePath(id, 'fullchain'))}`,
    })
  try {
    return { name, cert: read('cert'), chain: read('chain'), keyPem: read('privkey') }
  } catch (cause) {
    throw new Dns01Error('STATE', `cannot read certs/${id}: ${messageOf(cause)}`, { cause })
  }
}

/** The first line of a file that others cannot read. @throws Dns01Error CONFIG */
export const passphraseIn = (files: World['files'], path: string): string =>
  readSecretFile(files, path, 'the passphrase file').split(/\r?\n/, 1)[0] ?? ''

/** Writes one entry's file, or two. @throws Dns01Error */
export async function writeExport(
  world: ExportWorld,
  root: string,
  { link, certificateId, wanted }: Stale,
): Promise<void> {
  const { format, path, passphraseFile, legacy } = wanted
  if (!relative(root, path).startsWith('..') && !isAbsolute(relative(root, path)))
    throw new Dns01Error('CONFIG', `export: ${path} is within the state directory`, { hint: 'choose a place outside' })
  const passphrase = passphraseFile === undefined ? undefined : passphraseIn(world.files, passphraseFile)
  const rights = rightsOf(world, wanted)
  const made = formatted(materialOf(world, root, certificateId, link), { format, passphrase, legacy }, world.random)
  for (const { part, bytes } of made) await writeWhole(world, part === 'key' ? keyPathOf(path) : path, bytes, rights)
}

/** For its owner alone, unless the list says otherwise. @throws Dns01Error CONFIG for a user or group that there is not */
function rightsOf({ files, self }: ExportWorld, { path, owner, group, mode = 0o600 }: Export) {
  if (owner === undefined && group === undefined) return { mode }
  const text = (file: string): string => Buffer.from(files.read(file)).toString('utf8')
  const owners = ownersFrom(text('/etc/passwd'), text('/etc/group'), self)
  const idOf = (name: string | undefined, find: (name: string) => number | undefined, what: string) => {
    if (name === undefined) return {}
    const id = /^\d+$/.test(name) ? Number(name) : find(name)
    if (id === undefined) throw new Dns01Error('CONFIG', `export: ${path}: there is no ${what} ${name}`)
    return what === 'user' ? { uid: id } : { gid: id }
  }
  return { mode, ...idOf(owner, owners.uid, 'user'), ...idOf(group, owners.gid, 'group') }
}
