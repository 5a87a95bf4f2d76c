// A World for tests of providers that talk to real servers or doubles, with an environment of its own, so that
// credentials of whoever runs the test are not used by chance.
import type { World } from '../core/world.js'
import { realWorld } from '../platform/index.js'
import { listeningLog } from './subject.js'

/**
 * The World that dns01 hands to a provider: the real clock, disk and network, but of the environment only what is given
 * here, and a log that goes into `said`.
 */
export const openWorld = (env: World['env'] = {}, said: string[] = []): World =>
  realWorld({ env, log: listeningLog(said), program: [] })
