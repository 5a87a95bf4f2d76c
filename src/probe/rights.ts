/**
 * Whether a provider may write what it must: the only way to know is to place a harmless value and remove it again. An API's
 * own answer to "may I?" (where it has one) knows nothing of the zone's servers, which are watched here as well.
 */

import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { LocatedRecord } from '../publish/locate.js'
import type { Publisher } from '../publish/publisher.js'
import type { Journal } from '../state/journal.js'
import { type Finding, failed, failure, limits, ok, warning } from './finding.js'

/** A value to place. */
export interface Trial {
  readonly located: LocatedRecord
  /** Its servers are asked; else the provider's word is all that the finding rests on. */
  readonly watched: boolean
}

/**
 * Places each value, watches until all servers show it, and takes it back, through the journal: a probe that is killed
 * leaves nothing for longer than to the next run. One change a zone. The findings are in the order of the trials.
 */
export async function tryRights(
  world: Pick<World, 'clock'>,
  publisher: Publisher,
  journal: Journal,
  trials: readonly Trial[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings = await Promise.all(trials.map(trial => place(world, publisher, trial, signal)))
  await takeBack(world, publisher, trials) // also those that failed: they may be up all the same
  // By the journal and not by an error: withdraw() never rejects, and what it could not remove stays there.
  const left = new Set(journal.entries().flatMap(entry => entry.records.map(({ value }) => value)))
  return trials.map(({ located }, i) => {
    const finding = findings[i] as Finding
    if (finding.state !== 'ok' || !left.has(located.record.value)) return finding
    const text = `${finding.text}; but it could not be removed`
    return warning(
      'rights',
      text,
      'may the provider add but not remove? The journal has it, and the next run tries again',
    )
  })
}

/** Never throws but for a bug: what goes wrong is the finding. */
async function place(
  world: Pick<World, 'clock'>,
  publisher: Publisher,
  { located, watched }: Trial,
  signal: AbortSignal,
): Promise<Finding> {
  const { by, record } = located
  const what = `${by.definition.name} placed a value at ${record.name}`
  const began = world.clock.now().getTime()
  try {
    await unlessStopped(publisher.publish(located), signal)
    const seconds = ((world.clock.now().getTime() - began) / 1000).toFixed(1)
    const seen = watched ? `all servers showed it after ${seconds} s` : 'nobody was asked whether it is there'
    return ok('rights', `${what}; ${seen}; removed`)
  } catch (error) {
    if (signal.aborted)
      return failed('rights', `${by.definition.name}: not within ${limits.placeSeconds} s`, slow, 'UNAVAILABLE')
    if (!(error instanceof Dns01Error)) throw error
    // Placed but not shown everywhere: the rights are fine then, and it is the servers that need somebody's attention.
    return error.code === 'NOT_VISIBLE'
      ? failed('rights', `${what}; ${messageOf(error)}`, lagging, error.code)
      : failure('rights', error)
  }
}

/** A provider that hangs does not heed the signal. Its promise is left alone then: nothing can be done with it any more. */
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return Promise.race([work, stopped])
}

/** The time of a trial is short for the report's sake, so it need not mean that a certificate would fail. */
const slow = 'a run of reconcile waits longer; look at the provider, and at its request limits'
const lagging =
  'those servers must take the zone from the same primary: look at NOTIFY, allow-transfer and their logs, or take them out of the NS records'

/** A provider that hangs does not hold up the report: the journal has what is left. */
async function takeBack(
  { clock }: Pick<World, 'clock'>,
  publisher: Publisher,
  trials: readonly Trial[],
): Promise<void> {
  const late = clock.deadline(limits.removeSeconds)
  const timeIsUp = new Promise<void>(resolve => late.addEventListener('abort', () => resolve()))
  await Promise.race([publisher.withdraw(trials.map(({ located }) => located)), timeIsUp])
}
