// What is done for those who do not watch, when a run is over. Whatever goes wrong here is said, and makes no run fail.
import { variable } from '../config/secret-file.js'
import { exitStatus, linesOf, messageOf } from '../core/errors.js'
import type { Outcome } from '../renew/outcome.js'
import type { Context } from '../renew/run.js'
import { statusDocument } from '../renew/status.js'
import { lastSuccess } from '../state/history.js'
import type { StateDir } from '../state/state-dir.js'
import { deliver } from './deliver.js'
import { metricsText, writeMetrics } from './metrics.js'
import { sendPing } from './ping.js'
import { openNotifying } from './settings.js'

/** `complete`: the run came to its end, so that what it does not complain of is well. */
export async function notify(
  { world, signal }: Context,
  state: StateDir,
  outcomes: readonly Outcome[],
  complete: boolean,
): Promise<void> {
  try {
    const notifying = openNotifying(world)
    const ledger = state.ledger()
    if (outcomes.length === 0 && ledger.notices.size === 0) return
    const { targets } = statusDocument(world, state)
    const situation = { now: world.clock.now(), outcomes, targets, complete }
    await deliver({ world, signal, ledger, stateDirectory: state.root }, notifying, situation)
  } catch (error) {
    const [what, ...hints] = linesOf(error)
    world.log.warn(`nobody is told by a notice: ${what}`, ...hints)
  }
}

interface Measured {
  readonly file: string
  readonly began: Date
  readonly errors: readonly unknown[]
}

export async function measure({ world }: Context, state: StateDir, { file, began, errors }: Measured): Promise<void> {
  try {
    const run = { began, ended: world.clock.now(), errors, lastSuccess: lastSuccess(await state.history()) }
    const about = { stateDirectory: state.root, memory: state.ledger(), env: world.env }
    await writeMetrics(world, file, metricsText({ ...about, run, document: statusDocument(world, state) }))
  } catch (error) {
    world.log.warn(`the metrics in ${file} could not be written: ${messageOf(error)}`)
  }
}

export async function ping({ world }: Context, errors: readonly unknown[]): Promise<void> {
  const failure = exitStatus(errors) === 0 ? undefined : errors.map(messageOf).join('\n')
  try {
    world.log.debug(`ping: ${await sendPing(world, variable(world, 'DNS01_PING_URL') ?? '', failure)}`)
  } catch (error) {
    const [what, ...hints] = linesOf(error)
    world.log.warn(`no ping could be sent (DNS01_PING_URL): ${what}`, ...hints)
  }
}
