import type { World } from '../../src/core/world.js'
import type { Provider } from '../../src/provider/api.js'
import { callProvider } from '../../src/publish/call-provider.js'

/** A provider called as dns01 calls it: again while it says "later". */
export function repeating(provider: Provider, world: World, name = 'provider'): Pick<Provider, 'present' | 'cleanup'> {
  const by = { provider, definition: { name }, config: { provider: name, settings: {} } } as never
  return {
    present: (records, { log, ...call }) => callProvider({ ...world, log }, by, 'present', records, call),
    cleanup: (records, { log, ...call }) => callProvider({ ...world, log }, by, 'cleanup', records, call),
  }
}
