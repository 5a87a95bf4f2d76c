// What a run may have to undo or tell, noted before it happens: TXT records, and links whose hooks have not run. A
// run that is killed leaves its notes to the next one; without them a value would stay in the zone for ever.
import * as v from 'valibot'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { TxtRecord } from '../core/txt-record.js'
import type { FileInfo, World } from '../core/world.js'
import { type Disk, freePlace } from './disk.js'
import { HIDDEN, JOURNAL, journalPath, SET_ASIDE } from './layout.js'

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
  /** What can be read and believed; the rest is warned about. */
  entries(): JournalEntry[]
  /** Link names that changed and that no `live-updated` hook was told yet; added to those noted before. */
  noteUntold(links: readonly string[]): Promise<void>
  untold(): string[]
  clearUntold(): Promise<void>
}

export interface StateJournal extends Journal {
  /** Moves what can be neither read nor believed to .dns01/set-aside. To be called before modes are corrected. */
  setDoubtfulAside(): Promise<void>
}

/** One link name a line, so that a person can read what hooks have still to be told. */
const UNTOLD = `${HIDDEN}/untold`

const name = v.pipe(
  v.string(),
  v.transform(text => text as Name), // was a Name when it was written
)
/** What a provider is told besides the record; hooks get it in their environment, also when a later run withdraws. */
const challenge = v.object({
  host: name,
  wildcard: v.boolean(),
  token: v.string(),
  keyAuthorization: v.string(),
  targetFile: v.string(),
  env: v.record(v.string(), v.string()),
})
/** Checked when it is read: an older version of this program, or a person, may have written it. */
const schema = v.object({
  id: v.string(),
  provider: v.string(),
  settings: v.optional(v.record(v.string(), v.string()), {}),
  zone: name,
  records: v.array(v.object({ name, value: v.string(), zone: name, ttlSeconds: v.number(), challenge })),
})

/** @throws SyntaxError, ValiError when the text is not an entry of the journal */
export const parseEntry = (text: string): JournalEntry => v.parse(schema, JSON.parse(text))

/** Whether others than its owner may write it: group and everybody (inode(7)). */
export const othersMayWrite = (info: Pick<FileInfo, 'mode'>): boolean => (info.mode & 0o022) !== 0

/** `stays`: it is nobody's mistake, and another run or another user's will understand it. */
type ReadEntry = { readonly entry: JournalEntry } | { readonly why: string; readonly stays: boolean }

/**
 * An entry says which provider to open, and so what to do to whose zone: one that others could write is not believed.
 * One that another user wrote stays for that user's run, as in a directory that a service and root use in turn.
 */
export function openJournal(disk: Disk, { log, self }: Pick<World, 'log' | 'self'>): StateJournal {
  const judge = (path: string): ReadEntry => {
    const info = disk.info(path)
    const folders = [HIDDEN, JOURNAL].map(folder => disk.info(folder))
    if (info?.kind !== 'file') return { why: 'it is not a plain file', stays: false }
    if ([info, ...folders].some(each => each && othersMayWrite(each)))
      return { why: 'others than its owner could write it', stays: false }
    if (info.uid !== self.uid && info.uid !== 0)
      return { why: `user ${info.uid} wrote it, and a run of that user must deal with it`, stays: true }
    try {
      return { entry: parseEntry(disk.read(path)) }
    } catch (error) {
      return { why: messageOf(error), stays: error instanceof Dns01Error }
    }
  }
  const all = (): [string, ReadEntry][] =>
    disk
      .list(JOURNAL)
      .flatMap(({ name: file }) => (file.endsWith('.json') ? [[file, judge(`${JOURNAL}/${file}`)]] : []))
  const untold = (): string[] => (disk.readIfThere(UNTOLD) ?? '').split('\n').filter(line => line !== '')
  return {
    note: entry => disk.writeFile(journalPath(entry.id), `${JSON.stringify(entry, null, 2)}\n`),
    gone: id => disk.remove(journalPath(id)),
    entries: () =>
      all().flatMap(([file, read]) => {
        if ('entry' in read) return [read.entry]
        log.warn(`${disk.root}/${JOURNAL}/${file} is not believed (${read.why})`)
        return []
      }),
    async setDoubtfulAside() {
      for (const [file, read] of all()) {
        if ('entry' in read || read.stays) continue
        const place = freePlace(disk, `${SET_ASIDE}/journal/${file}`)
        log.warn(
          `${disk.root}/${JOURNAL}/${file} is not believed (${read.why}); moving it to ${place}. TXT records that it names are yours to remove`,
        )
        await disk.moveFolder(`${JOURNAL}/${file}`, place)
      }
    },
    noteUntold: links =>
      disk.writeFile(UNTOLD, [...new Set([...untold(), ...links])].map(link => `${link}\n`).join('')),
    untold,
    clearUntold: () => disk.remove(UNTOLD),
  }
}
