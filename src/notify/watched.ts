// The doorway: a run, and what those who do not watch it are told of it (notices, the ping, metrics). It is part of every run, also
// of those that have nothing to do and nobody to tell; so whatever they need not have is loaded when it is needed.
import { variable } from '../config/secret-file.js'
import { codeOf, exitStatus, linesOf, messageOf } from '../core/errors.js'
import type { Outcome } from '../renew/outcome.js'
import { type Done, recorded } from '../renew/recorded.js'
import type { Context } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'

type UnderLock = (work: (state: StateDir) => Promise<Done>) => Promise<readonly unknown[]>

/**
 * Runs `run`, which does its work by the function that it is given: under the lock, and told of afterwards. Without --batch somebody
 * watches, and reads it on the terminal.
 */
export async function watched(
  context: Context,
  run: (underLock: UnderLock) => Promise<readonly unknown[]>,
): Promise<readonly unknown[]> {
  const { world, batch, signal } = context
  const notifies = batch && Object.keys(world.env).some(name => name.startsWith('DNS01_NOTIFY_'))
  const underLock: UnderLock = work =>
    recorded(context, async state => {
      const told = (ran: Done, complete: boolean) => (notifies ? tell(context, state, ran, complete) : undefined)
      try {
        const ran = await work(state)
        await told(ran, true)
        return ran
      } catch (error) {
        const outcome: Outcome = { subject: 'the run', names: [], result: 'failed', error }
        if (!signal.aborted) await told({ outcomes: [outcome], errors: [error] }, false)
        throw error
      }
    })
  try {
    const errors = await run(underLock)
    await pinged(context, errors)
    return errors
  } catch (error) {
    // another run does the work, and pings; who is stopped by somebody says nothing of how things are
    if (codeOf(error) !== 'LOCKED' && !signal.aborted) await pinged(context, [error])
    throw error
  }
}

/** Whatever goes wrong here is said, and no more than that. */
async function tell(context: Context, state: StateDir, { outcomes }: Done, complete: boolean): Promise<void> {
  const { world } = context
  try {
    const { openNotifying } = await import('./settings.js')
    const notifying = openNotifying(world)
    const ledger = state.ledger()
    if (outcomes.length === 0 && ledger.notices.size === 0) return
    const { deliver } = await import('./deliver.js')
    const { targets } = (await import('../renew/status.js')).statusDocument(world, state)
    const situation = { now: world.clock.now(), outcomes, targets, complete }
    await deliver({ world, ledger, stateDirectory: state.root }, notifying, situation)
  } catch (error) {
    const [what, ...hints] = linesOf(error)
    world.log.warn(`nobody is told by a notice: ${what}`, ...hints)
  }
}

async function pinged({ world, batch }: Context, errors: readonly unknown[]): Promise<void> {
  if (!batch || !(world.env.DNS01_PING_URL || world.env.DNS01_PING_URL_FILE)) return
  try {
    const url = variable(world, 'DNS01_PING_URL') ?? ''
    const failure = exitStatus(errors) === 0 ? undefined : errors.map(messageOf).join('\n')
    await (await import('./ping.js')).ping(world, url, failure)
  } catch (error) {
    world.log.warn(...linesOf(error))
  }
}
