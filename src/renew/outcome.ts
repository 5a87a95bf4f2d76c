// What a run says of each thing that it had to do: for the report, the exit status, and --json.
import { Dns01Error, hintsOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { type Deferred, deferralText, forceHint } from '../limits/admission.js'
import type { Due } from './due.js'
import type { LinkChange } from './link-changes.js'

/** What became of one thing the run had to do. */
export interface Outcome {
  /** Target file, certificate id, or hook. */
  readonly subject: string
  readonly names: readonly Name[]
  /** `waits`: earlier failures, or what the CA allows, leave it to a later run. `left`: TXT records that may be up. */
  readonly result: 'issued' | 'resumed' | 'revoked' | 'linked' | 'failed' | 'waits' | 'left'
  readonly error?: unknown
  /** Of what waits: a name has no valid certificate meanwhile. */
  readonly notLive?: boolean
}

export const linked = ({ link }: LinkChange): Outcome => ({ subject: link, names: [], result: 'linked' })

/** About something that is no target: a hook, `desired`, `live`. */
export const failed = (subject: string, error: unknown): Outcome => ({ subject, names: [], result: 'failed', error })

/** As cron must know it: not an error of this run, but a name that is not live is not a success. */
export const waits = (deferred: Deferred<Due>): Outcome => ({
  subject: deferred.target.file,
  names: deferred.target.names,
  result: 'waits',
  notLive: !deferred.live,
  error: new Dns01Error('UNAVAILABLE', `${deferred.target.file}: ${deferred.why}; ${deferralText(deferred)}`, {
    hint: deferred.failure && [...(hintsOf(deferred.failure.hint) ?? []), forceHint(deferred.target.names)],
  }),
})
