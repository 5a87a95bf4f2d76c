// Tells what a run is waiting for: in the log zone by zone, in the list on a terminal certificate by certificate. Propagation
// takes minutes in which nothing else happens; without a word now and then, people stop a run that is well.
import { shortList } from './errors.js'
import { type Target, titleOf } from './target.js'
import type { Step, World } from './world.js'

/** What is done about a target's certificate. */
export const certificateStep = (target: Target, more: Pick<Step, 'stage' | 'detail' | 'result'>): Step => ({
  ...{ id: target.file, subject: titleOf(target), kind: 'certificate' },
  ...more,
})

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

/** What goes on with some records, in numbers. */
export interface RecordProgress {
  /** A record is with the provider until the returned function is called. */
  placing(provider: string): () => void
  watching(atMostSeconds: number): Watched
}

/** Whose records. `told`: the log hears of them at INFO; `shown`: the list on the terminal has them. */
export interface Whose extends Pick<Step, 'subject' | 'id' | 'kind'> {
  readonly told?: boolean
  readonly shown?: boolean
  /** What people call the server of this address. */
  readonly serverName?: (address: string) => string
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

/** Records of a zone, or of a certificate, share one line. */
export function openProgress({ clock, log }: Pick<World, 'clock' | 'log'>, whose: Whose): RecordProgress {
  const { subject, id, kind, told: isTold = false, shown: isShown = false, serverName = address => address } = whose
  const placed = new Set<Placing>()
  const watched = new Set<Watching>()
  let told = { text: '', at: clock.now() }
  /** Since it was looked for news last: a thousand names hear of each answer to any of them. */
  let changed = true
  /** Since nobody waited last. */
  let finished = { names: 0, since: clock.now() }

  const secondsSince = (then: Date): number => Math.round((clock.now().getTime() - then.getTime()) / 1000)
  const oldest = <T extends { readonly since: Date }>(all: ReadonlySet<T>): T | undefined => [...all][0]

  const whoHasThem = (): string => {
    const names = counted(watched.size, 'name')
    const { servers, missing } = sight()
    if (servers === 0) return `${names} · asking the name servers`
    const who = missing.length > 0 ? `, missing ${shortList(missing, 2)}` : ''
    return `${names} · ${servers - missing.length} of ${counted(servers, 'server')}${who}`
  }
  const sight = (): Seen => {
    const servers = Math.max(0, ...[...watched].map(({ seen }) => seen?.servers ?? 0))
    return { servers, missing: [...new Set([...watched].flatMap(({ seen }) => seen?.missing ?? []))] }
  }
  const placingDetail = (): string =>
    `${counted(placed.size, 'TXT record')} with ${shortList([...new Set([...placed].map(({ provider }) => provider))], 2)}`
  const watchingDetail = (): string => {
    const { servers, missing } = sight()
    const names = watched.size > 1 ? `${watched.size} names, ` : ''
    if (servers === 0) return `${names}nobody has answered yet`
    const who = missing.length > 0 ? `${shortList(missing.map(serverName), 2)} ` : ''
    return `${names}${who}(${servers - missing.length} of ${counted(servers, 'server')} show it)`
  }
  const about = { subject, ...(id !== undefined && { id }), ...(kind && { kind }) }
  const show = (): void => {
    if (!isShown) return
    const [watching] = watched
    if (watching) {
      const { atMostSeconds } = watching
      log.step({ ...about, stage: 'waiting for the name servers', detail: watchingDetail, atMostSeconds })
    } else if (placed.size > 0) log.step({ ...about, stage: 'placing records', detail: placingDetail })
    else if (kind !== 'certificate') log.step(about) // what comes next with a certificate, its order tells
  }
  const tell = (first: Watching): void => {
    if (!isTold) return
    if (secondsSince(first.since) < tellAfterSeconds) return
    if (!changed && secondsSince(told.at) < tellAgainSeconds) return
    changed = false
    const news = whoHasThem()
    if (news === told.text && secondsSince(told.at) < tellAgainSeconds) return
    told = { text: news, at: clock.now() }
    log.info(`${subject}: ${news} · ${secondsSince(first.since)} s of at most ${first.atMostSeconds}`)
  }

  const finish = (): void => {
    finished.names++
    if (watched.size > 0 || !isTold) return
    const seconds = secondsSince(finished.since)
    log.info(`${subject}: every name server shows ${counted(finished.names, 'name')} after ${seconds} s`)
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
