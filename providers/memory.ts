// The smallest provider there is, for tests and the demo: records live in this process and nowhere else.
import { defineProvider, type Name, type Provider, type ProviderCall, type TxtRecord } from '../src/provider/api.js'

/** What an opened `memory` provider also lets a test see and touch. */
export interface MemoryProvider extends Provider {
  /** Name → values, whoever put them there. */
  readonly values: Map<Name, Set<string>>
}

export default defineProvider({
  name: 'memory',
  summary: 'keeps the records in this process and serves them to nobody; for tests and for trying things out',
  settings: {},
  batch: true,
  additive: true,
  testedWith: 'itself: it is the reference for the contract',
  open: (): MemoryProvider => {
    const values = new Map<Name, Set<string>>()
    const present = async (records: readonly TxtRecord[], { signal }: ProviderCall): Promise<void> => {
      signal.throwIfAborted()
      for (const { name, value } of records) values.set(name, new Set([...(values.get(name) ?? []), value]))
    }
    const cleanup = async (records: readonly TxtRecord[], { signal }: ProviderCall): Promise<void> => {
      signal.throwIfAborted()
      for (const { name, value } of records) {
        values.get(name)?.delete(value)
        if (values.get(name)?.size === 0) values.delete(name)
      }
    }
    return { values, present, cleanup }
  },
})
