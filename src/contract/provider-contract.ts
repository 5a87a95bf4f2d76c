/**
 * What every provider owes, as tests: shipped as `dns01/provider-contract` for providers that live elsewhere, and kept by
 * our own. Each test hands records to a provider, then asks behind its back what stands in the DNS.
 */
import { parseName } from '../core/names.js'
import type { ProviderCall } from '../provider/api.js'
import { PROMISES } from './promises.js'
import { listeningLog, type Subject } from './subject.js'

/** The test runner: `import * as runner from 'node:test'`, or from 'vitest'. */
export interface Runner {
  describe(name: string, body: () => void): unknown
  test(name: string, options: { readonly timeout: number }, body: (context: Skippable) => Promise<void>): unknown
  /** node:test's name for what runs at the end */
  readonly after?: After
  /** vitest's */
  readonly afterAll?: After
}

type After = (body: () => Promise<void>) => unknown

interface Skippable {
  skip(): unknown
}

/**
 * Registers the tests of the contract with a test runner. `makeSubject` runs once, before the first of them.
 * @example
 * import * as runner from 'node:test'
 * providerContract(runner, 'example', async () => ({ provider, zones: ['a.test', 'b.test'], values }))
 */
export function providerContract(
  runner: Runner,
  name: string,
  makeSubject: () => Promise<Subject>,
  { timeoutSeconds = 20 } = {},
): void {
  const timeout = timeoutSeconds * 1000
  const said: string[] = []
  const call = (zone: string): ProviderCall => ({
    zone: parseName(zone),
    signal: AbortSignal.timeout(timeout),
    log: listeningLog(said),
  })
  runner.describe(`${name} keeps the provider contract`, () => {
    let made: Promise<Subject> | undefined
    for (const [title, keep] of Object.entries(PROMISES)) {
      runner.test(title, { timeout }, async context => {
        made ??= makeSubject()
        const it = await made
        await keep({ it, call, said, zone: it.zones[0], skip: () => void context.skip() })
      })
    }
    const end = runner.after ?? runner.afterAll
    end?.(async () => {
      const it = await made
      await it?.provider.close?.()
      await it?.stop?.()
    })
  })
}
