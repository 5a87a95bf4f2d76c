import { Dns01Error, messageOf } from '../errors.js'
import type { Name } from '../names.js'
import type { TxtRecord } from '../records.js'
import type { Log } from '../world.js'
import type { Disk } from './disk.js'
import { HIDDEN, JOURNAL, journalPath } from './layout.js'

/** TXT values that may stand in a zone because of us, and who can take them away. Holds no secret. */
export interface JournalEntry {
  readonly id: string
  readonly provider: string
  readonly settings?: Readonly<Record<string, string>>
  readonly zone: Name
  readonly records: readonly TxtRecord[]
}

/** What the next run must know if this one stops here. Every change is on disk when its promise resolves. */
export interface Journal {
  /** Before the records are placed. The same id again replaces the entry. */
  note(entry: JournalEntry): Promise<void>
  /** After they are gone. */
  gone(id: string): Promise<void>
  entries(): JournalEntry[]
  /** Link names that changed and that no `live-updated` hook was told yet; added to those noted before. */
  noteUntold(links: readonly string[]): Promise<void>
  untold(): string[]
  clearUntold(): Promise<void>
}

const UNTOLD = `${HIDDEN}/untold`

export function openJournal(disk: Disk, log: Pick<Log, 'warn'>): Journal {
  const read = (file: string): JournalEntry[] => {
    try {
      return [JSON.parse(disk.read(`${JOURNAL}/${file}`)) as JournalEntry]
    } catch (error) {
      if (error instanceof Dns01Error) throw error
      log.warn(`${disk.root}/${JOURNAL}/${file} cannot be read (${messageOf(error)}); it stays, remove it by hand`)
      return []
    }
  }
  const untold = (): string[] => (disk.readIfThere(UNTOLD) ?? '').split('\n').filter(line => line !== '')
  return {
    note: entry => disk.writeFile(journalPath(entry.id), `${JSON.stringify(entry, null, 2)}\n`),
    gone: id => disk.remove(journalPath(id)),
    entries: () => disk.list(JOURNAL).flatMap(({ name }) => (name.endsWith('.json') ? read(name) : [])),
    noteUntold: links =>
      disk.writeFile(UNTOLD, [...new Set([...untold(), ...links])].map(link => `${link}\n`).join('')),
    untold,
    clearUntold: () => disk.remove(UNTOLD),
  }
}
