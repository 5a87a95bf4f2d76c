/** The hooks that quickstart installs, without a change to those that somebody wrote. */

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Files, World } from '../core/world.js'
import { managedMarker } from '../provider/default.js'
import type { Answers } from './answers.js'
import { ID } from './ids.js'
import { isForbidden, isThere, missingFolders, readText, writeOutside } from './outside.js'

/** The hooks that quickstart installs: what they do stands at their top. */
const RELOAD = 'reload'
const HAPROXY = 'haproxy'

/** Where to install, and which. */
export interface HookPlan {
  readonly folder: string
  readonly hooks: readonly { readonly name: string; readonly text: string }[]
}

/**
 * `reload` always, `haproxy` unless declined; asked about with --expert only, and not when it is there (docs/hooks.md,
 * "The hooks that quickstart installs"). The folder is the one with the fewest missing components. Changes nothing.
 */
export async function planHooks(
  { files }: Pick<World, 'files'>,
  { answers, folders, expert }: { answers: Answers; folders: readonly string[]; expert: boolean },
): Promise<HookPlan> {
  const missing = new Map(folders.map(folder => [folder, missingFolders(files, folder).length]))
  const [folder = ''] = [...folders].sort((a, b) => (missing.get(a) ?? 0) - (missing.get(b) ?? 0))
  const shipped = shippedHooks(files)
  const wantsHaproxy =
    isThere(files, join(folder, HAPROXY)) ||
    ((expert
      ? await answers.yes(ID.haproxy, 'Install the hook that makes files with key and chain for HAProxy and its like?')
      : answers.saidYes(ID.haproxy)) ??
      true)
  const names = wantsHaproxy ? [HAPROXY, RELOAD] : [RELOAD]
  return { folder, hooks: names.map(name => ({ name, text: shippedText(files, shipped, name) })) }
}

/** The folder `hooks` of the package, nearest above this file: beside src/, or beside dist/ when bundled. */
function shippedHooks(files: Files): string {
  const start = dirname(fileURLToPath(import.meta.url))
  let folder = start
  while (folder !== dirname(folder) && !isThere(files, join(folder, 'hooks', RELOAD))) folder = dirname(folder)
  return join(folder, 'hooks')
}

function shippedText(files: Files, folder: string, name: string): string {
  const text = readText(files, join(folder, name))
  if (text !== undefined) return text
  throw new Dns01Error('STATE', `the hook ${name} of this program is missing: ${join(folder, name)}`, {
    hint: 'install dns01 again, with its folder hooks',
  })
}

/**
 * Installs them, executable. What somebody wrote himself stays: only a file with acmetool's marker in its first 4096
 * bytes is replaced. Where this user may not write it is said, and is not an error. Returns the paths that were written.
 * @throws Dns01Error STATE when the disk fails
 */
export async function installHooks(
  world: Pick<World, 'files' | 'random' | 'log'>,
  { folder, hooks }: HookPlan,
): Promise<string[]> {
  const written: string[] = []
  for (const { name, text } of hooks) {
    const path = join(folder, name)
    if (!mayReplace(world.files, path)) {
      world.log.info(`the hook ${path} is not ours, and stays as it is`)
      continue
    }
    try {
      if (await writeOutside(world, path, text, 0o755)) written.push(path)
    } catch (error) {
      if (!isForbidden(error)) throw error
      world.log.warn(`the hook ${name} is not installed: ${messageOf(error)}; --hooks names another folder`)
    }
  }
  return written
}

function mayReplace(files: Files, path: string): boolean {
  if (!isThere(files, path)) return true
  const isFile = files.info(path)?.kind === 'file'
  return isFile && Buffer.from(files.read(path)).subarray(0, 4096).includes(managedMarker)
}
