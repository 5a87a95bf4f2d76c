// How much each wanted certificate needs a person: for the order of `status`, its colours, and what a monitor is told.
import { minute } from '../core/dates.js'
import type { TargetStatus } from './status.js'

/**
 * Worst first. `broken`: programs have no valid certificate for it; `troubled`: they have one, and something does not go as it
 * should; `due`: the next run gets a new one; `ok`: nothing is to be done.
 */
export const URGENCIES = ['broken', 'troubled', 'due', 'ok'] as const
export type Urgency = (typeof URGENCIES)[number]

export interface State {
  readonly urgency: Urgency
  /** In a word or two, where a line is short. */
  readonly word: string
  /** Whole, for a line of a table. */
  readonly text: string
  /** The word alone tells too little to act on. */
  readonly isUnclear: boolean
}

type Known = Omit<TargetStatus, 'urgency'>

/** The worst first: what breaks programs now, then what the clock may have wrong, then what the next run will do. */
export function stateOf(target: Known, now: Date): State {
  const { byHand, damage, due, failure, missing, notAfter, notBefore, recordsEnd, served, staging, unlinked, waits } =
    target
  const dueText = due !== undefined && waits?.until ? `${due}; next try ${minute(waits.until)}` : (due ?? '')
  if (damage !== undefined) return unclear('broken', 'damaged', `what is live is damaged: ${damage}`)
  if (notBefore && now < notBefore)
    return unclear('broken', 'not valid', `not valid before ${minute(notBefore)}; is the clock right?`)
  if (!notAfter) return clear('broken', failure ? 'none, fails' : 'none yet', dueText)
  if (now >= notAfter) return clear('broken', 'expired', dueText)
  const unseen = served?.find(({ state }) => state === 'failed')
  if (unseen) return clear('troubled', 'not served', `not served at ${unseen.place}`)
  if (failure) return clear('troubled', 'fails', dueText)
  if (missing.length > 0) return clear('troubled', 'lacks names', dueText)
  const endsOrNot = recordsEnd.length > 0 ? 'troubled' : undefined
  if (due !== undefined && byHand) return clear('troubled', 'by hand', dueText)
  if (due !== undefined) return clear(endsOrNot ?? 'due', 'due', dueText)
  if (unlinked.length > 0) return unclear('troubled', 'not linked', `not linked: ${unlinked.join(', ')}`)
  return clear(endsOrNot ?? 'ok', 'ok', staging ? 'ok, of a staging CA: nobody trusts it' : 'ok')
}

const clear = (urgency: Urgency, word: string, text: string): State => ({ urgency, word, text, isUnclear: false })
const unclear = (urgency: Urgency, word: string, text: string): State => ({ urgency, word, text, isUnclear: true })

/** What needs somebody first, then what is renewed first; what has no dates yet before all of its kind. */
export function byUrgency<T extends TargetStatus>(targets: readonly T[]): T[] {
  const rank = ({ urgency }: TargetStatus): number => URGENCIES.indexOf(urgency)
  const next = ({ urgency, notAfter, renewAt }: TargetStatus): number =>
    (urgency === 'ok' ? renewAt : notAfter)?.getTime() ?? 0
  return [...targets].sort((a, b) => rank(a) - rank(b) || next(a) - next(b))
}
