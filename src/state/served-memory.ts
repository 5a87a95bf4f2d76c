// What was served when it was last looked at (`check` of targets), kept in .dns01/served.json: with it `status` can tell
// without asking anybody, and the next run looks again where it was not well, or a new certificate is live since.
import * as v from 'valibot'
import type { Name } from '../core/names.js'
import type { World } from '../core/world.js'
import type { Disk } from './disk.js'
import { SERVED } from './layout.js'

/** What came of the last look at one place. */
export interface Seen {
  readonly at: Date
  /** Since when it is so: of what is not well, that it is not. */
  readonly since: Date
  readonly state: 'ok' | 'failed'
  /** In words, without the place. */
  readonly text: string
  readonly hint?: string | undefined
  /** The certificate that was live then. */
  readonly certificate?: string | undefined
}

export interface ServedMemory {
  readonly seen: ReadonlyMap<string, Seen>
  /** Keeps these, and of all others those for which `isWanted` holds. Nothing is written where nothing changed. */
  keep(news: ReadonlyMap<string, Seen>, isWanted: (key: string) => boolean): Promise<void>
}

/** Of a look: the file of the target, the place, the name that is asked for there. */
export const servedKey = (file: string, place: string, name: Name | undefined): string =>
  [file, place, name ?? ''].join(' ')

const date = v.pipe(
  v.string(),
  v.transform(text => new Date(text)),
  v.date(), // no Invalid Date
)
const schema = v.record(
  v.string(),
  v.object({
    at: date,
    since: date,
    state: v.picklist(['ok', 'failed']),
    text: v.string(),
    hint: v.optional(v.string()),
    certificate: v.optional(v.string()),
  }),
)

/** A file that is damaged counts as empty: then all is looked at once more. */
export function openServedMemory(disk: Disk, log: World['log']): ServedMemory {
  const seen = read(disk)
  return {
    seen,
    async keep(news, isWanted) {
      const gone = [...seen.keys()].filter(key => !isWanted(key))
      for (const key of gone) seen.delete(key)
      // what came from a server is masked here: who reads it later (status) knows no secret
      for (const [key, one] of news) seen.set(key, { ...one, text: log.masked(one.text) })
      if (gone.length + news.size === 0) return
      if (seen.size === 0) await disk.remove(SERVED)
      else await disk.writeFile(SERVED, `${JSON.stringify(Object.fromEntries(seen), null, 1)}\n`)
    },
  }
}

function read(disk: Disk): Map<string, Seen> {
  const text = disk.readIfThere(SERVED)
  try {
    return new Map(text === undefined ? [] : Object.entries(v.parse(schema, JSON.parse(text))))
  } catch {
    return new Map()
  }
}
