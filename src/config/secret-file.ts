// Reads files that may hold secrets, and refuses those that everybody can read: a token that leaked must be changed,
// and a warning in a cron mail is overlooked.
import { dirname, resolve } from 'node:path'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Files, World } from '../core/world.js'

/** As many as Linux follows (path_resolution(7)) before it says ELOOP, and enough for any sane set-up. */
const mostLinks = 40

/**
 * The text of a file that may hold a secret, links followed.
 * @throws Dns01Error CONFIG when it cannot be read, or everybody can read it (the hint is the chmod that mends it)
 */
export function readSecretFile(files: Pick<Files, 'info' | 'read' | 'readLink'>, path: string, what: string): string {
  try {
    const real = afterLinks(files, path)
    const info = files.info(real)
    if (info?.kind === 'file' && (info.mode & 0o007) !== 0) {
      const hint = `chmod o= ${real}`
      throw new Dns01Error('CONFIG', `${what} ${path} may hold a secret and everybody can read it`, { hint })
    }
    return Buffer.from(files.read(real)).toString('utf8')
  } catch (cause) {
    if (cause instanceof Dns01Error) throw cause
    throw new Dns01Error('CONFIG', `cannot read ${what} ${path}: ${messageOf(cause)}`, { cause })
  }
}

/** What a variable says, or the file that NAME_FILE names; undefined for neither. @throws as readSecretFile() */
export function variable({ env, files }: Pick<World, 'env' | 'files'>, name: string): string | undefined {
  if (env[name]) return env[name]
  const path = env[`${name}_FILE`]
  return path ? readSecretFile(files, path, 'the setting in').trim() : undefined
}

function afterLinks(files: Pick<Files, 'info' | 'readLink'>, path: string): string {
  let at = path
  for (let i = 0; i < mostLinks && files.info(at)?.kind === 'link'; i++) at = resolve(dirname(at), files.readLink(at))
  return at
}
