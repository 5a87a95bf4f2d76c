// The doorway: a run, and what those who do not watch it are told of it (notices, the ping, metrics). It is part of every run, also
// of those that have nothing to do and nobody to tell; so all that they need not have is loaded when it is needed, in one piece.
import { codeOf } from '../core/errors.js'
import type { Outcome } from '../renew/outcome.js'
import { type Done, recorded } from '../renew/recorded.js'
import type { Context } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'

type UnderLock = (work: (state: StateDir) => Promise<Done>) => Promise<readonly unknown[]>

/**
 * Runs `run`, which does its work by the function that it is given: under the lock, and told of afterwards. Notices and the
 * ping are for runs with --batch: without it somebody watches. `metrics`: the file of --metrics.
 */
export async function watched(
  context: Context,
  metrics: string | undefined,
  run: (underLock: UnderLock) => Promise<readonly unknown[]>,
): Promise<readonly unknown[]> {
  const { world, signal, batch } = context
  const { env } = world
  const file = metrics ?? (env.DNS01_METRICS || undefined)
  const isNotifying = batch && Object.keys(env).some(name => name.startsWith('DNS01_NOTIFY_'))
  const isPinging = batch && Boolean(env.DNS01_PING_URL || env.DNS01_PING_URL_FILE)
  const after = () => import('./after-run.js')
  const underLock: UnderLock = work =>
    recorded(context, async state => {
      const began = world.clock.now()
      const told = async (done: Done, complete: boolean): Promise<void> => {
        if (isNotifying) await (await after()).notify(context, state, done.outcomes, complete)
        if (file !== undefined) await (await after()).measure(context, state, { file, began, errors: done.errors })
      }
      try {
        const done = await work(state)
        await told(done, true)
        return done
      } catch (error) {
        const outcome: Outcome = { subject: 'the run', names: [], result: 'failed', error }
        if (!signal.aborted) await told({ outcomes: [outcome], errors: [error] }, false)
        throw error
      }
    })
  try {
    const errors = await run(underLock)
    if (isPinging) await (await after()).ping(context, errors)
    return errors
  } catch (error) {
    // another run does the work, and pings; who is stopped by somebody says nothing of how things are
    if (isPinging && codeOf(error) !== 'LOCKED' && !signal.aborted) await (await after()).ping(context, [error])
    throw error
  }
}
