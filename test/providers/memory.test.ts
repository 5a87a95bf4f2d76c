import memory, { type MemoryProvider } from '../../providers/memory.js'
import type { Name } from '../../src/core/names.js'
import { providerContract } from '../contract/provider-contract.js'
import { fakeWorld } from '../fakes/world.js'

providerContract('memory', async () => {
  const provider = memory.open({}, fakeWorld()) as MemoryProvider
  return {
    provider,
    zones: ['example.test', 'example.org'],
    values: async (name: Name) => [...(provider.values.get(name) ?? [])],
    put: async (name: Name, value: string) => void provider.values.set(name, new Set([value])),
  }
})
