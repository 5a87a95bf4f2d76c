// When to look whether a CA is done, where it does not say so by Retry-After. The first look should be the last: later,
// and a run is slower for nothing; sooner, and the CA is asked for nothing. So what it took before is what it is given
// now, a little less each time until that was too little. A fixed first pause loses: with 40 ms, a CA that signs in two
// seconds is looked at eight times for each order, and one that answers at once is waited for.

/**
 * What a CA is waited for, and for how many names. These two decide how long it takes: validating is a matter of DNS as the
 * CA sees it, signing of the CA alone, and each name of an order is validated by itself.
 */
export interface Stage {
  readonly stage: 'validating' | 'signing'
  readonly names: number
}

/** Pauses before the looks at one CA, and what is learnt from them. */
export interface Pace {
  /** From when it was asked until the first look. */
  firstPauseSeconds(stage: Stage | undefined): number
  /** After a look at so many seconds in vain. */
  nextPauseSeconds(stage: Stage | undefined, elapsedSeconds: number): number
  /** It was done when it was looked at after so many seconds. `first`: no look before was in vain; so it may have been done
   *  long before, and only then a shorter time is tried. */
  done(stage: Stage | undefined, elapsedSeconds: number, first: boolean): void
}

/**
 * Of a CA that is not known: it works a few times as long as a request and its answer take, and so many seconds more for
 * each name. Pebble on the same machine answers in 1 to 2 ms, and takes 1 to 4 to validate or sign, 13 for a hundred
 * names; with 6 ms at least, none of 48 first looks was in vain, also on a busy machine, where requests take longer, too.
 */
const guess = { roundTrips: 4, perNameSeconds: 0.0001, atLeastSeconds: 0.006, atMostSeconds: 1 } as const

/** Later looks: the unknown CA is looked at again after so large a part of the time gone by, the known one sooner. */
const again = { unknown: 0.7, known: 0.2, atMostSeconds: 5 } as const

/**
 * What was time enough is shortened, what was too little made longer, by no more than this: one hour of a slow CA is
 * soon forgotten. By the ratio of the two steps about one first look of five is in vain.
 */
const step = { shorter: 0.95, longer: 1.2 } as const

/** How many seconds each stage took, by keys of ours: what one run has learnt, the next may use. */
export interface PaceMemory {
  get(key: string): number | undefined
  set(key: string, seconds: number): void
}

/** `took`: what earlier runs learnt, added to here; `roundTripSeconds`: for what nobody has waited for yet. */
export function openPace(
  roundTripSeconds: () => number | undefined,
  took: PaceMemory = new Map<string, number>(),
): Pace {
  const known = (stage: Stage | undefined): number | undefined => stage && took.get(stageKey(stage))
  return {
    firstPauseSeconds: stage => known(stage) ?? guessed(stage, roundTripSeconds() ?? 0),
    nextPauseSeconds: (stage, elapsedSeconds) => {
      const part = known(stage) !== undefined ? again.known : again.unknown
      return Math.min(Math.max(elapsedSeconds * part, guess.atLeastSeconds), again.atMostSeconds)
    },
    done: (stage, elapsedSeconds, first) => {
      if (!stage) return
      const before = took.get(stageKey(stage)) ?? elapsedSeconds
      const after = first ? elapsedSeconds * step.shorter : Math.min(elapsedSeconds, before * step.longer)
      took.set(stageKey(stage), Math.max(after, guess.atLeastSeconds))
    },
  }
}

function guessed(stage: Stage | undefined, roundTripSeconds: number): number {
  const seconds = roundTripSeconds * guess.roundTrips + (stage?.names ?? 1) * guess.perNameSeconds
  return Math.min(Math.max(seconds, guess.atLeastSeconds), guess.atMostSeconds)
}

/** Of 1, 2, up to 4, up to 8 names …: so many as one order has, others rarely have exactly. */
const stageKey = ({ stage, names }: Stage): string => `${stage} ${Math.ceil(Math.log2(Math.max(names, 1)))}`
