// Notes of what calls of `dns01 hook` have placed: a small file for each TXT value, made before the value and removed after
// it. The client that called remembers what it has to take back, until it is killed; then the value would stay for ever.
// Whoever comes later removes what has been there for an hour.
//
// A file each and not the journal of a run: calls come side by side, take no lock, and a run must leave alone what a client
// is waiting for just now.
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { messageOf } from '../core/errors.js'
import { weakness } from '../core/trust.js'
import type { FileInfo, World } from '../core/world.js'
import type { JournalEntry } from '../state/journal.js'
import { HIDDEN } from '../state/layout.js'
import type { LocatedRecord } from './locate.js'
import { type RecoverParts, recover } from './recover.js'

/** No client waits so long between start and stop: acmetool and certbot give a CA some minutes. */
const forgottenAfterSeconds = 3600

/** A value that nobody could remove for so long is for a person to remove. */
const givenUpAfterSeconds = 30 * 24 * 3600

type NotesWorld = Pick<World, 'clock' | 'env' | 'files' | 'log' | 'self'>

/**
 * Folders of notes, best first: in the state directory if it is ours, else in one of root's or of this user's. There each
 * state directory has a folder of its own: a run elsewhere has neither its providers nor its secrets.
 */
function noteFolders({ env, files, self }: NotesWorld, stateRoot: string): string[] {
  const isState = ['desired', HIDDEN].some(name => look(files, join(stateRoot, name))?.kind === 'folder')
  const isOurs = isState && look(files, `${stateRoot}/.`)?.uid === self.uid // a folder of root's there would be in the way of its owner
  // XDG Base Directory Specification, "XDG_STATE_HOME"; for root where the state directory's own default lies, too
  const home = env.XDG_STATE_HOME || (self.uid === 0 ? '/var/lib' : env.HOME && join(env.HOME, '.local/state'))
  const caller = createHash('sha256').update(stateRoot).digest('hex').slice(0, 16)
  return [...(isOurs ? [join(stateRoot, HIDDEN, 'placed')] : []), ...(home ? [join(home, 'dns01/placed', caller)] : [])]
}

/** Before values are placed. Where no note can be made, the log says so, and all goes on. */
export async function note(world: NotesWorld, stateRoot: string, located: readonly LocatedRecord[]): Promise<void> {
  const failures: string[] = []
  for (const folder of noteFolders(world, stateRoot))
    try {
      await makeFolders(world, folder)
      for (const one of located) await write(world, folder, entryOf(one))
      return
    } catch (error) {
      failures.push(messageOf(error))
    }
  world.log.info(`no note of what is placed now can be made: ${failures.join('; ') || 'there is no folder for it'}`)
}

/** After they are gone. From all folders: which of them could be written may have changed since. Never throws. */
export async function gone(world: NotesWorld, stateRoot: string, located: readonly LocatedRecord[]): Promise<void> {
  try {
    for (const folder of noteFolders(world, stateRoot))
      for (const one of located) await removeIfThere(world, pathOf(folder, entryOf(one).id))
  } catch (error) {
    world.log.info(`a note of what was placed stays: ${messageOf(error)}`)
  }
}

/** Removes values that calls placed and nobody took back within an hour: those of the notes, and no others. */
export async function removeForgotten(
  parts: Omit<RecoverParts, 'journal'> & { readonly world: NotesWorld },
  stateRoot: string,
): Promise<void> {
  const { world } = parts
  const old = noteFolders(world, stateRoot).flatMap(folder => forgotten(world, folder))
  if (old.length === 0) return
  const { parseEntry } = await import('../state/journal.js') // not before there is something to read: a hook call is quick
  const read = (path: string): JournalEntry[] => {
    try {
      return [{ ...parseEntry(Buffer.from(world.files.readPlain(path)).toString('utf8')), id: path }]
    } catch {
      return [] // cut off while it was written, and so before anything was placed
    }
  }
  const entries = old.flatMap(({ path }) => read(path))
  const journal = { entries: () => entries, gone: (path: string) => removeIfThere(world, path) }
  await recover({ ...parts, journal })
  // also what could not be read: such a note was cut off before anything was placed, and nobody will complete it
  for (const { path, ageSeconds } of old)
    if (ageSeconds > givenUpAfterSeconds || !entries.some(({ id }) => id === path)) await removeIfThere(world, path)
}

/** Notes that are old enough, and that nobody else can have made: one says which provider is opened, and with what. */
function forgotten(world: NotesWorld, folder: string): { readonly path: string; readonly ageSeconds: number }[] {
  const { clock, files } = world
  if (look(files, folder)?.kind !== 'folder' || weakness(world, folder)) return []
  return listed(files, folder).flatMap(({ name, kind }) => {
    const path = join(folder, name)
    const info = kind === 'file' && name.endsWith('.json') ? look(files, path) : undefined
    const ageSeconds = info ? (clock.now().getTime() - info.changedAt.getTime()) / 1000 : 0
    return ageSeconds > forgottenAfterSeconds && !weakness(world, path) ? [{ path, ageSeconds }] : []
  })
}

/** What we may not see is not there for us. */
function look(files: World['files'], path: string): FileInfo | undefined {
  try {
    return files.info(path)
  } catch {
    return undefined
  }
}

function listed(files: World['files'], folder: string): ReturnType<World['files']['list']> {
  try {
    return files.list(folder)
  } catch {
    return []
  }
}

const pathOf = (folder: string, id: string): string => join(folder, `${id}.json`)

/** The id is made of what identifies the value, so that the call that takes it away finds it. */
function entryOf({ by, record }: LocatedRecord): JournalEntry {
  const { provider, settings } = by.config
  const facts = [provider, Object.entries(settings).sort(), record.zone, record.name, record.value]
  const id = createHash('sha256').update(JSON.stringify(facts)).digest('hex')
  return { id, provider, settings, zone: record.zone, records: [record] }
}

/** Readable by its owner alone: settings may name accounts and servers. */
async function write(world: NotesWorld, folder: string, entry: JournalEntry): Promise<void> {
  const path = pathOf(folder, entry.id)
  await removeIfThere(world, path) // of the same value, an hour old perhaps
  await world.files.writeNew(path, Buffer.from(`${JSON.stringify(entry)}\n`), 0o600)
}

async function makeFolders(world: NotesWorld, folder: string): Promise<void> {
  if (world.files.info(folder) !== undefined) return
  if (dirname(folder) !== folder) await makeFolders(world, dirname(folder))
  await world.files.makeFolder(folder, 0o700).catch(unless('EEXIST'))
}

const removeIfThere = (world: NotesWorld, path: string): Promise<void> =>
  world.files.remove(path).catch(unless('ENOENT', 'ENOTDIR'))

/** Passes over these errors of node: two calls at once make and remove the same. */
const unless =
  (...codes: readonly string[]) =>
  (error: NodeJS.ErrnoException): void => {
    if (!codes.includes(error.code ?? '')) throw error
  }
