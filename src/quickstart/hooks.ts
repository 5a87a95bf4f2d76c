/** The hooks that quickstart installs, without a change to those that somebody wrote. */

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Files, World } from '../core/world.js'
import { managedMarker } from '../provider/default.js'
import type { Answers } from './answers.js'
import { ID } from './ids.js'
import { isForbidden, isThere, missingFolders, namesIn, readText, writeOutside } from './outside.js'

/** Installed by quickstart. What a hook does stands at its top. */
export const RELOAD = 'reload'
export const HAPROXY = 'haproxy'

/** Those that `hook enable` installs besides. */
const OTHERS = ['copy', 'push'] as const
export const SHIPPED: readonly string[] = [HAPROXY, RELOAD, ...OTHERS]

/** `reload-nginx`, `restart-my@1.service`: the text of `reload`, which looks at its own name. */
const FOR_ONE = /^(reload|restart)-[\w@][\w@.:-]*$/

export const isShipped = (name: string): boolean => SHIPPED.includes(name) || FOR_ONE.test(name)

/** Where to install, and which. */
export interface HookPlan {
  readonly folder: string
  readonly hooks: readonly { readonly name: string; readonly text: string }[]
}

/**
 * `reload` always, `haproxy` unless declined; asked about with --expert only, and not when it is there (docs/hooks.md,
 * "The hooks that come with dns01"). Of the others those that are there are renewed. Changes nothing.
 */
export async function planHooks(
  { files }: Pick<World, 'files'>,
  { answers, folders, expert }: { answers: Answers; folders: readonly string[]; expert: boolean },
): Promise<HookPlan> {
  const folder = folderFor(files, folders)
  const wantsHaproxy =
    isThere(files, join(folder, HAPROXY)) ||
    ((expert
      ? await answers.yes(ID.haproxy, 'Install the hook that makes files with key and chain for HAProxy and its like?')
      : answers.saidYes(ID.haproxy)) ??
      true)
  const usual = wantsHaproxy ? [HAPROXY, RELOAD] : [RELOAD]
  const there = namesIn(files, folder).filter(name => name !== HAPROXY && name !== RELOAD && isShipped(name))
  return { folder, hooks: [...usual, ...there].map(name => ({ name, text: shippedText(files, name) })) }
}

/** The one with the fewest missing components. */
export function folderFor(files: Files, folders: readonly string[]): string {
  const missing = new Map(folders.map(folder => [folder, missingFolders(files, folder).length]))
  return [...folders].sort((a, b) => (missing.get(a) ?? 0) - (missing.get(b) ?? 0))[0] ?? ''
}

/** The folder `hooks` of the package, nearest above this file: beside src/, or beside dist/ when bundled. */
function shippedHooks(files: Files): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (folder !== dirname(folder) && !isThere(files, join(folder, 'hooks', RELOAD))) folder = dirname(folder)
  return join(folder, 'hooks')
}

/** @throws Dns01Error STATE when the package is not whole */
export function shippedText(files: Files, name: string): string {
  const path = join(shippedHooks(files), FOR_ONE.test(name) ? RELOAD : name)
  const text = readText(files, path)
  if (text !== undefined) return text
  throw new Dns01Error('STATE', `the hook ${name} of this program is missing: ${path}`, {
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

const mayReplace = (files: Files, path: string): boolean => !isThere(files, path) || isOurs(files, path)

/** It has acmetool's marker in its first 4096 bytes. */
export function isOurs(files: Files, path: string): boolean {
  const isFile = files.info(path)?.kind === 'file'
  return isFile && Buffer.from(files.read(path)).subarray(0, 4096).includes(managedMarker)
}
