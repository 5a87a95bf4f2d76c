// How long a run may last that nobody watches. Whatever hangs, be it a CA, a name server or a provider, must not hold the
// lock for ever: what the one run leaves, the next one does.
import { setMaxListeners } from 'node:events'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { parseSeconds } from '../provider/api.js'

/** After it no new order begins. Our own choice: with the grace, an hourly run is over before the next one comes. */
const defaultSeconds = 1800

/**
 * What is under way then has so much longer: what a CA is given to validate or to sign (renew/finalize.ts, publish/). Stopping at
 * once would waste what is nearly done; and where records take a quarter of an hour to appear, the first orders of a run
 * get 40 minutes, so that each run brings some to their end.
 */
const graceSeconds = 600

export interface RunLimit {
  /** undefined: none. */
  readonly seconds?: number
  /** No new order may begin. */
  over(): boolean
  /** Aborted by whoever stops the run, and when the grace is over. */
  readonly signal: AbortSignal
}

export const noRunLimit = (signal: AbortSignal): RunLimit => ({ over: () => false, signal })

/**
 * DNS01_RUN_LIMIT seconds from now, with --batch; a person who watches has Ctrl-C.
 * @throws Dns01Error CONFIG when the setting is not a number
 */
export function openRunLimit({ clock, env }: Pick<World, 'clock' | 'env'>, batch: boolean, by: AbortSignal): RunLimit {
  if (!batch) return noRunLimit(by)
  const seconds = parseSeconds('DNS01_RUN_LIMIT', env.DNS01_RUN_LIMIT || String(defaultSeconds))
  const endsAt = clock.now().getTime() + seconds * 1000
  const stopping = new AbortController()
  setMaxListeners(0, stopping.signal) // every wait of a run listens to it; node warns of eleven
  const stop = (reason: unknown): void => stopping.abort(reason)
  by.addEventListener('abort', () => stop(by.reason), { once: true })
  if (by.aborted) stop(by.reason)
  const late = clock.deadline(seconds + graceSeconds)
  late.addEventListener('abort', () => stop(tooLong(seconds + graceSeconds)), { once: true })
  return { seconds, over: () => clock.now().getTime() >= endsAt, signal: stopping.signal }
}

const tooLong = (seconds: number): Dns01Error =>
  new Dns01Error('UNAVAILABLE', `stopped: the run has lasted ${seconds} s`, { hint: 'the next run tries again' })

/** The error of a run that left some targets to the next one. */
export const leftOver = ({ seconds }: RunLimit, targets: number): Dns01Error =>
  new Dns01Error('UNAVAILABLE', `the run has lasted its ${seconds} s: ${targets} targets are left to the next run`, {
    hint: 'DNS01_RUN_LIMIT sets another number of seconds',
  })
