/** Files outside the state directory: hooks, a cron file, systemd units. */

import { basename, dirname, join, resolve } from 'node:path'
import { Dns01Error, messageOf } from '../core/errors.js'
import { writeWhole } from '../core/whole-file.js'
import type { Files, World } from '../core/world.js'

type Outside = Pick<World, 'files' | 'random'>

/**
 * Writes a file whole or not at all, with its folders (0755). Nothing is touched when it has these bytes and this mode
 * already; then the answer is false. The temporary name is hidden: neither cron nor a hook runner looks at it.
 * @throws Dns01Error STATE
 */
export async function writeOutside(world: Outside, path: string, text: string, mode: number): Promise<boolean> {
  const { files } = world
  const there = files.info(path)
  if (there?.kind === 'file' && there.mode === mode && readText(files, path) === text) return false
  try {
    await makeFolders(files, dirname(path))
  } catch (cause) {
    throw new Dns01Error('STATE', `cannot write ${path}: ${messageOf(cause)}`, { cause })
  }
  await writeWhole(world, path, new TextEncoder().encode(text), { mode })
  return true
}

async function makeFolders(files: Files, folder: string): Promise<void> {
  for (const missing of missingFolders(files, folder)) await files.makeFolder(missing, 0o755)
}

/** The folders on the way there that do not exist, outermost first. */
export const missingFolders = (files: Pick<Files, 'info'>, folder: string): string[] =>
  isThere(files, folder) ? [] : [...missingFolders(files, dirname(folder)), folder]

/** Also false where we may not look, or where a file stands in the way. */
export function isThere(files: Pick<Files, 'info'>, path: string): boolean {
  if (path === '/') return true
  try {
    return files.info(path) !== undefined
  } catch {
    return false
  }
}

/** undefined when there is nothing, or nothing that we may read. */
export function readText(files: Pick<Files, 'read'>, path: string): string | undefined {
  try {
    return Buffer.from(files.read(path)).toString('utf8')
  } catch {
    return undefined
  }
}

/** Names in a folder; none where there is no such folder, or none that we may look into. */
export function namesIn(files: Pick<Files, 'list'>, folder: string): string[] {
  try {
    return files.list(folder).map(({ name }) => name)
  } catch {
    return []
  }
}

/** Those failures that only say that this user may not, or that the system is a read-only image. */
export const isForbidden = (error: unknown): boolean =>
  error instanceof Dns01Error && /^(EACCES|EPERM|EROFS)$/.test(String((error.cause as { code?: unknown })?.code))

/** The git checkout that a folder lies in; of a package below node_modules, links followed, none. */
export function gitCheckout(files: Pick<Files, 'info'>, folder: string): string | undefined {
  if (folder === '/' || basename(folder) === 'node_modules') return undefined
  return isThere(files, join(folder, '.git')) ? folder : gitCheckout(files, dirname(folder))
}

/** The path of the very file or folder; of one that does not exist, as far as it does. */
export function withoutLinks(files: Pick<Files, 'info' | 'readLink'>, path: string, hops = 40): string {
  const whole = resolve('/', path)
  if (whole === '/' || hops === 0) return whole
  const parent = withoutLinks(files, dirname(whole), hops - 1)
  const here = join(parent, whole.slice(dirname(whole).length).replace(/^\//, ''))
  try {
    if (files.info(here)?.kind === 'link') return withoutLinks(files, resolve(parent, files.readLink(here)), hops - 1)
  } catch {
    return here // where we may not look
  }
  return here
}
