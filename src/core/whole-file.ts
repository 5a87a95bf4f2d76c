// Files outside the state directory, written whole or not at all, with their final mode and owner from the first moment that
// anybody can open them by their name.
import { basename, dirname, join } from 'node:path'
import { Dns01Error, messageOf } from './errors.js'
import type { Rights, World } from './world.js'

/**
 * The temporary name beside it is hidden: no program that reads all files of a folder looks at it.
 * @throws Dns01Error STATE; nothing is left then
 */
export async function writeWhole(
  { files, random }: Pick<World, 'files' | 'random'>,
  path: string,
  bytes: Uint8Array,
  { mode, ...owner }: Rights & { readonly mode: number },
): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `.${basename(path)}.${Buffer.from(random(6)).toString('hex')}`)
  try {
    const isGiven = owner.uid !== undefined || owner.gid !== undefined
    await files.writeNew(temporary, bytes, isGiven ? mode & 0o700 : mode)
    const made = files.info(temporary)
    if (isGiven && made) await files.setRights(folder, temporary, made, { ...owner, mode })
    await files.rename(temporary, path)
    await files.syncFolder(folder)
  } catch (cause) {
    await files.remove(temporary).catch(() => {}) // mostly it is not there
    throw new Dns01Error('STATE', `cannot write ${path}: ${messageOf(cause)}`, { cause })
  }
}
