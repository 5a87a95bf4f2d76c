/**
 * What the providers that we ship use besides the plugin API. It may change with any version, and with them: who writes
 * a provider elsewhere imports `dns01/provider` (api.ts) alone. One file and not an import of each, so that it can be seen
 * at a glance what our own providers need more than others get; what proves useful moves to api.ts.
 */
export { readSecretFile } from '../config/secret-file.js'
export { settleAll } from '../core/combine-errors.js'
export { doubtful, messageOf, systemCodeOf, wasNeverSent, withDetails } from '../core/errors.js'
export { issueText } from '../core/gate.js'
export { ancestors, withoutChallengeLabel } from '../core/names.js'
export { retry } from '../core/retry.js'
export { weakness } from '../core/trust.js'
export type { DnsAnswer, DnsServer, Question, ResourceRecord, RunResult } from '../core/world.js'
export * from './api.js'
export {
  findHooks,
  type HookResult,
  holdSeveralValues,
  hookFolders,
  hookTimeoutSeconds,
  notMyEvent,
  runHooks,
} from './hook-scripts.js'
