// The journal for a process that only looks, such as `dns01 serve-dns`: it holds no lock, so files vanish and appear
// under its eyes, and that is no error.
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { type JournalEntry, othersMayWrite, parseEntry } from './journal.js'
import { JOURNAL } from './layout.js'

/** What was read counts for so long: a flood of questions costs five looks at the disk a second. */
const keptSeconds = 0.2

/** A file of the journal as it was read; `entry` is undefined for one that was unreadable, so that it is told once. */
interface Held {
  readonly changedAt: number
  readonly entry: JournalEntry | undefined
}

/**
 * The journal as a process sees it that does not hold the lock: entries come and go meanwhile, and each file is read
 * once. Before anything stands there it is empty.
 * @param root of the state directory
 * @returns a look, at most 0.2 s old; the same list while nothing has changed. Throws Dns01Error STATE when the
 * folder cannot be read
 */
export function openJournalView(
  { files, clock, log }: Pick<World, 'files' | 'clock' | 'log'>,
  root: string,
): () => readonly JournalEntry[] {
  const folder = `${root}/${JOURNAL}`
  let held = new Map<string, Held>()
  let entries: readonly JournalEntry[] = []
  let readAt = Number.NEGATIVE_INFINITY

  const read = (name: string, changedAt: number): Held => {
    try {
      return { changedAt, entry: parseEntry(Buffer.from(files.readPlain(`${folder}/${name}`)).toString('utf8')) }
    } catch (error) {
      if (!isGone(error)) log.warn(`${folder}/${name} cannot be read (${messageOf(error)}); going on without it`)
      return { changedAt, entry: undefined }
    }
  }
  const look = (): void => {
    const now = new Map<string, Held>()
    for (const name of namesIn(files, folder)) {
      const info = files.info(`${folder}/${name}`)
      // as the journal itself does: an entry that others may write could make us show a value of theirs
      if (info === undefined || othersMayWrite(info)) continue
      const changedAt = info.changedAt.getTime()
      const before = held.get(name)
      now.set(name, before?.changedAt === changedAt ? before : read(name, changedAt))
    }
    // the same list for the same journal: who holds it compares by identity, and need not look through it again
    const isSame = now.size === held.size && [...now].every(([name, one]) => held.get(name) === one)
    held = now
    if (!isSame) entries = [...now.values()].flatMap(({ entry }) => entry ?? [])
  }
  return () => {
    const time = clock.now().getTime()
    // either way: a clock that is set back must not make the view stay as it is until it has caught up
    if (Math.abs(time - readAt) >= keptSeconds * 1000) {
      look()
      readAt = time
    }
    return entries
  }
}

/** Between the listing and the look a run may have removed it: that is what the journal is for. */
const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

function namesIn(files: World['files'], folder: string): string[] {
  try {
    return files.list(folder).flatMap(({ name }) => (name.endsWith('.json') ? [name] : []))
  } catch (error) {
    if (isGone(error)) return []
    throw new Dns01Error('STATE', `listing ${folder}: ${messageOf(error)}`, {
      hint: 'run it as the user that runs reconcile',
      cause: error,
    })
  }
}
