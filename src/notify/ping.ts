// The dead man's ping: a request at the end of each run, to a service that raises the alarm when none comes (healthchecks.io and
// those that do as it does). It is what tells of a machine that is off, of cron that does not run, of a disk that is full.
import { Dns01Error } from '../core/errors.js'
import { brief } from '../core/gate.js'
import type { World } from '../core/world.js'
import { postUrl } from './url.js'
import { acceptedBy } from './webhooks.js'

export const PING = 'DNS01_PING_URL'

/** Our own choice: a run must not be held up by who only wants to know that it was. */
const pingSeconds = 5

/** Longer ones are cut off there, too (healthchecks.io/docs/http_api: 100 kB). */
const longestWords = 2000

type PingWorld = Pick<World, 'clock' | 'fetch' | 'log'>

/** `failure`: why the run failed; undefined: all is well. @throws Dns01Error */
export async function sendPing(world: PingWorld, to: string, failure: string | undefined): Promise<string> {
  world.log.mask(to)
  const url = postUrl(world, PING, to)
  if (failure !== undefined) url.pathname = `${url.pathname.replace(/\/$/, '')}/fail`
  const body = failure === undefined ? '' : brief(world.log.masked(failure), longestWords)
  const signal = world.clock.deadline(pingSeconds)
  try {
    return acceptedBy(url, await world.fetch(url, { method: 'POST', body, signal }))
  } catch (error) {
    if (error !== signal.reason) throw error
    throw new Dns01Error('UNAVAILABLE', `${url.host} gives no answer within ${pingSeconds} s`)
  }
}
