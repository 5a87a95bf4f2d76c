// Which certificates a run asks their CAs about (renewal information, RFC 9773 §4.3), and what is kept of the answers. Pure:
// three years of it are played in test/simulation.
import type { RenewalAnswer } from '../acme/renewal-info.js'
import type { KeptRenewal, KeptService, KeptWindow } from '../state/renewal-memory.js'

/** A certificate that is in use. */
export interface InUse {
  readonly id: string
  readonly notAfter: Date
}

/**
 * A run asks about so many, or a half of all if that is more: the next runs ask about the others. Our own choice: even with
 * one run a day a CA that takes certificates back is heard within two days, of the five that it may take (CA/Browser Forum,
 * Baseline Requirements §4.9.1.1). With a quarter some were too late, as test/simulation showed.
 */
const mostPerRun = 100
const shareOfAll = 1 / 2

/** Those beyond, that no CA was asked about yet, come one after the other within a day. */
const spreadMs = 86_400_000

/** A pause that is longer than any we make comes of a clock that was wrong. */
const longestPauseMs = 2 * spreadMs

export interface Asking {
  /** To be asked about now, most urgent first. */
  readonly now: readonly InUse[]
  /** When those are to be asked about that nobody has thought of before. */
  readonly later: ReadonlyMap<string, Date>
}

/** Of those whose CA answers at all. */
export function whomToAsk(all: readonly InUse[], known: ReadonlyMap<string, KeptRenewal>, now: Date): Asking {
  const most = Math.max(mostPerRun, Math.ceil(all.length * shareOfAll))
  const alive = all.filter(({ id, notAfter }) => now < notAfter && !known.get(id)?.replaced) // §4.3: not after its end, nor once replaced
  const thoughtOf = (one: InUse): Date | undefined => known.get(one.id)?.askAgain
  const waiting = alive.filter(one => thoughtOf(one) !== undefined && isTime(thoughtOf(one), now))
  const news = alive.filter(one => thoughtOf(one) === undefined)
  const soonestEnd = [...news].sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime())
  const soonestAsked = [...waiting].sort((a, b) => (thoughtOf(a)?.getTime() ?? 0) - (thoughtOf(b)?.getTime() ?? 0))
  const first = soonestEnd.slice(0, mostPerRun)
  const later = new Map(soonestEnd.slice(mostPerRun).map(({ id }) => [id, spread(id, now)] as const))
  return { now: [...first, ...soonestAsked].slice(0, most), later }
}

/** Whether to look into the directory of a CA. */
export const isToLookUp = (service: KeptService | undefined, now: Date): boolean =>
  service === undefined || isTime(service.askAgain, now)

const isTime = (at: Date | undefined, now: Date): boolean =>
  at !== undefined && (at <= now || at.getTime() - now.getTime() > longestPauseMs)

/** Between one twenty-fourth of the spread and all of it: by the id, which is a hash. */
function spread(id: string, now: Date): Date {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  const fraction = [...id.slice(0, 4)].reduceRight((sum, letter) => (sum + alphabet.indexOf(letter)) / 32, 0)
  return new Date(now.getTime() + spreadMs * (1 / 24 + (fraction * 23) / 24))
}

/** What is kept when the CA has answered, or has not. `fraction`: a random number of at least 0 and less than 1. */
export function afterAnswer(
  before: KeptRenewal | undefined,
  { window, askAgainSeconds }: RenewalAnswer,
  now: Date,
  fraction: number,
): KeptRenewal {
  const askAgain = new Date(now.getTime() + askAgainSeconds * 1000)
  if (!window) return { ...before, askAgain }
  return { ...before, askAgain, window: { ...window, asked: now, chosen: chosenIn(window, before?.window, fraction) } }
}

/**
 * "A uniform random time within the suggested window" (§4.2), and the same one as long as the window stays: else each look
 * would draw again, and the earliest would win.
 */
function chosenIn(
  { start, end }: Pick<KeptWindow, 'start' | 'end'>,
  before: KeptWindow | undefined,
  fraction: number,
): Date {
  const stays = before?.start.getTime() === start.getTime() && before.end.getTime() === end.getTime()
  return stays ? before.chosen : new Date(start.getTime() + (end.getTime() - start.getTime()) * fraction)
}
