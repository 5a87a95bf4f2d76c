// Tells what a run is waiting for, zone by zone. Propagation takes minutes in which nothing else happens; without a
// line now and then, people stop a run that is well.
import { shortList } from './errors.js'
import type { Name } from './names.js'
import type { World } from './world.js'

/** What a look at the servers of a zone brought: how many there are to ask, and which lack a value. */
export interface Seen {
  readonly servers: number
  readonly missing: readonly string[]
}

/** A record that is waited for. */
export interface Watched {
  news(seen: Seen): void
  /** `shown`: every server has it. */
  end(shown: boolean): void
}

/** What goes on in one zone, in numbers: a line on a terminal that counts seconds, and a line of the log for each thing that changes. */
export interface ZoneProgress {
  /** A record is with the provider until the returned function is called. */
  placing(provider: string): () => void
  watching(atMostSeconds: number): Watched
}

/** A log gets a line of a wait at least this often as long as answers come. */
const tellAgainSeconds = 60
/** A wait that is over at once is not worth a line before its end. */
const tellAfterSeconds = 1

interface Placing {
  readonly since: Date
  readonly provider: string
}

interface Watching {
  readonly since: Date
  readonly atMostSeconds: number
  seen: Seen | undefined
}

/** Records of a zone share one line, as they share the calls of the provider and the questions to the servers. */
export function openProgress({ clock, log }: Pick<World, 'clock' | 'log'>, zone: Name): ZoneProgress {
  const placed = new Set<Placing>()
  const watched = new Set<Watching>()
  let told = { text: '', at: clock.now() }
  /** Since it was looked for news last: a thousand names hear of each answer to any of them. */
  let changed = true
  /** Since nobody waited last. */
  let finished = { names: 0, since: clock.now() }

  const secondsSince = (then: Date): number => Math.round((clock.now().getTime() - then.getTime()) / 1000)
  const oldest = <T extends { readonly since: Date }>(all: ReadonlySet<T>): T | undefined => [...all][0]

  const placingText = (first: Placing): string =>
    `placing ${counted(placed.size, 'TXT record')} with ${first.provider} · ${secondsSince(first.since)} s`
  const watchingText = (first: Watching): string =>
    `${whoHasThem()} · ${secondsSince(first.since)} s of at most ${first.atMostSeconds}`
  const whoHasThem = (): string => {
    const names = counted(watched.size, 'name')
    const servers = Math.max(0, ...[...watched].map(({ seen }) => seen?.servers ?? 0))
    if (servers === 0) return `${names} · asking the name servers`
    const missing = [...new Set([...watched].flatMap(({ seen }) => seen?.missing ?? []))]
    const who = missing.length > 0 ? `, missing ${shortList(missing, 2)}` : ''
    return `${names} · ${servers - missing.length} of ${counted(servers, 'server')}${who}`
  }
  const text = (): string => {
    const [watching, placing] = [oldest(watched), oldest(placed)]
    if (watching) return watchingText(watching)
    return placing ? placingText(placing) : ''
  }

  const show = (): void => log.step(zone, placed.size + watched.size > 0 ? text : undefined)
  const tell = (first: Watching): void => {
    if (secondsSince(first.since) < tellAfterSeconds) return
    if (!changed && secondsSince(told.at) < tellAgainSeconds) return
    changed = false
    const news = whoHasThem()
    if (news === told.text && secondsSince(told.at) < tellAgainSeconds) return
    told = { text: news, at: clock.now() }
    log.info(`${zone}: ${text()}`)
  }

  const finish = (): void => {
    finished.names++
    if (watched.size > 0) return
    const seconds = secondsSince(finished.since)
    log.info(`${zone}: every name server shows ${counted(finished.names, 'name')} after ${seconds} s`)
  }

  return {
    placing: provider => {
      const one = { since: clock.now(), provider }
      placed.add(one)
      show()
      return () => {
        placed.delete(one)
        show()
      }
    },
    watching: atMostSeconds => {
      const one: Watching = { since: clock.now(), atMostSeconds, seen: undefined }
      if (watched.size === 0) finished = { names: 0, since: one.since }
      watched.add(one)
      changed = true
      show()
      return {
        news: seen => {
          changed ||= !sameSight(one.seen, seen)
          one.seen = seen
          if (seen.missing.length > 0) tell(oldest(watched) ?? one)
        },
        end: shown => {
          watched.delete(one)
          changed = true
          if (shown) finish()
          show()
        },
      }
    },
  }
}

const sameSight = (a: Seen | undefined, b: Seen): boolean =>
  a?.servers === b.servers && a.missing.length === b.missing.length && a.missing.every((who, i) => who === b.missing[i])

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
