import type { World } from '../../src/core/world.js'
import { type CertificateAuthorities, openAuthorities } from '../../src/renew/authorities.js'
import { parseResponses, responses } from '../../src/state/responses.js'
import { StateDir } from '../../src/state/state-dir.js'
import { type FakeCa, fakeCa } from './ca.js'
import { type StateWorld, stateWorld } from './state-world.js'

/** A state directory in memory, and one CA at https://ca.test whose terms are agreed to. */
export interface CaWorld {
  readonly fake: StateWorld
  readonly ca: FakeCa
  readonly state: StateDir
  readonly world: World
  readonly authorities: CertificateAuthorities
  readonly signal: AbortSignal
}

export async function caWorld(now: Date): Promise<CaWorld> {
  const fake = stateWorld()
  fake.time = now
  const ca = fakeCa()
  const world = { ...fake.world, fetch: ca.fetch }
  const state = await StateDir.open(world, '/s')
  await state.conform()
  await state.writeConf('target', `request: {provider: "${ca.directoryUrl}"}\n`)
  const { signal } = new AbortController()
  const agreed = responses(
    parseResponses('"acme-agreement:https://ca.test/terms": true\n"acme-enter-email": ""\n', 'r').answers,
  )
  const authorities = openAuthorities({ world, state, defaults: state.defaults(), responses: agreed, signal })
  return { fake, ca, state, world, authorities, signal }
}
