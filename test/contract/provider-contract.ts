// The contract that we ship (src/contract/), on our own test runner.
import * as vitest from 'vitest'
import { providerContract as contract } from '../../src/contract/provider-contract.js'
import type { Subject } from '../../src/contract/subject.js'

export { listeningLog, record, txtValue } from '../../src/contract/subject.js'

/** What every provider owes. `makeSubject` runs once, before the tests. */
export const providerContract = (name: string, makeSubject: () => Promise<Subject>, timeoutSeconds = 20): void =>
  contract(vitest, name, makeSubject, { timeoutSeconds })
