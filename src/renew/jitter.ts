// Spreads renewals of many machines over time. Cron starts them all on the same minute, and CAs ask their clients not
// to come all at once.
import type { Name } from '../core/names.js'
import { admit, circumstances } from '../limits/admission.js'
import { parseSeconds } from '../provider/api.js'
import { dueTargets } from './due.js'
import { held } from './links.js'
import { type Context, looking } from './run.js'

/**
 * With --batch and DNS01_RENEWAL_PAUSE: waits a random part of so many seconds, so that machines set up alike do not
 * come to the CA in the same second. Only when all that is to be done are renewals; and before the lock is taken, so that
 * nobody waits for us.
 * @throws Dns01Error CONFIG when the setting is not a number
 */
export async function pauseBeforeRenewals(context: Context, force: readonly Name[]): Promise<void> {
  const { world, batch, signal } = context
  const said = world.env.DNS01_RENEWAL_PAUSE
  if (said === undefined || said === '' || Number(said) === 0) return
  const atMostSeconds = parseSeconds('DNS01_RENEWAL_PAUSE', said)
  if (!batch || force.length > 0 || !(await onlyRenewals(context))) return
  const [high = 0, low = 0] = world.random(2) // one byte would give 256 moments, and a thousand machines are more
  const seconds = (atMostSeconds * (high * 256 + low)) / 65_536
  world.log.info(`pausing ${Math.round(seconds)} s before renewals`)
  await world.clock.sleep(seconds, signal)
}

/**
 * Whether there is something to do, and none of it is a certificate that is not there yet, or no longer valid: with those
 * somebody waits. Read without the lock; the run looks again under it.
 */
async function onlyRenewals(context: Context): Promise<boolean> {
  const { world } = context
  const state = await looking(context)
  const { targets } = state.targets()
  const now = world.clock.now()
  const issue = dueTargets(held(state, targets), { now })
  const { admitted } = admit(issue, state.ledger(), circumstances(world, targets.length))
  return admitted.length > 0 && admitted.every(due => due.live)
}
