// The one place where something is tried again, and only what FAULTS calls temporary. Loops on several levels would
// multiply their attempts, and a bug that is repeated is a bug that is hidden.
import pRetry, { AbortError } from 'p-retry'
import { Dns01Error, doubtful, FAULTS, isUnwritten } from './errors.js'
import type { World } from './world.js'

export interface RetryLimits {
  /** No new attempt begins after this time, and each is told what is left of it; the last error is thrown. */
  readonly giveUpAfterSeconds: number
  readonly signal: AbortSignal
  /** First pause; doubled each time up to maxPauseSeconds. Default 0.5. */
  readonly firstPauseSeconds?: number
  readonly maxPauseSeconds?: number
  /** What is tried, for the log: `newOrder`. */
  readonly what: string
}

/** A server's Retry-After is obeyed up to this; longer ones are left to the next run. */
export const longestRetryAfterSeconds = 120

/**
 * Runs `attempt` again while it fails with what FAULTS calls temporary and time is left. Anything else, a TypeError
 * above all, comes out at once. `retryAfterSeconds` of the error beats our own pause (RFC 9110 §10.2.3). The last word
 * proves that nothing was written (`nothingWritten`) only if each attempt before it proved the same: an answer may be lost
 * and the request have been done.
 */
export async function retry<T>(
  world: Pick<World, 'clock' | 'random' | 'log'>,
  limits: RetryLimits,
  attempt: (leftSeconds: number) => Promise<T>,
): Promise<T> {
  const endsAt = world.clock.now().getTime() + limits.giveUpAfterSeconds * 1000
  const left = (): number => (endsAt - world.clock.now().getTime()) / 1000
  let mayBeWritten = false
  return pRetry(
    () =>
      attempt(left()).catch(caught => {
        const error = mayBeWritten ? doubtful(caught) : caught
        mayBeWritten ||= !isUnwritten(error)
        throw isTemporary(error) ? error : new AbortError(asError(error))
      }),
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      maxTimeout: 0,
      onFailedAttempt: async ({ error, attemptNumber }) => {
        const pause = pauseSeconds(world, limits, error, attemptNumber)
        const worthSeconds = (error as Partial<Dns01Error>).worthSeconds ?? limits.giveUpAfterSeconds
        const worthIt = Math.min(left(), left() - limits.giveUpAfterSeconds + worthSeconds)
        if (pause > longestRetryAfterSeconds || pause > worthIt) throw error
        world.log.info(`${limits.what}: ${error.message}; again in ${pause.toFixed(1)} s`)
        await pauseInSight(world, limits, pause, error.message)
      },
    },
  )
}

/** On a terminal the pause shows what went wrong and when it is tried again: `192.0.2.1 answered SERVFAIL; again in 8 s`. */
async function pauseInSight(
  { clock, log }: Pick<World, 'clock' | 'log'>,
  { what, signal }: RetryLimits,
  seconds: number,
  problem: string,
): Promise<void> {
  const endsAt = clock.now().getTime() + seconds * 1000
  const leftSeconds = (): number => Math.max(0, Math.ceil((endsAt - clock.now().getTime()) / 1000))
  log.step({ subject: what, stage: problem, detail: () => `again in ${leftSeconds()} s`, kind: 'pause' })
  try {
    await clock.sleep(seconds, signal)
  } finally {
    log.step({ subject: what, kind: 'pause' })
  }
}

const isTemporary = (error: unknown): boolean => error instanceof Dns01Error && FAULTS[error.code].again

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** Full pause times 0.75 to 1.25, so that a fleet does not knock at the same second. */
function pauseSeconds(world: Pick<World, 'random'>, limits: RetryLimits, error: unknown, attempt: number): number {
  if (error instanceof Dns01Error && error.retryAfterSeconds !== undefined) return error.retryAfterSeconds
  const full = Math.min((limits.firstPauseSeconds ?? 0.5) * 2 ** (attempt - 1), limits.maxPauseSeconds ?? 30)
  return full * (0.75 + (world.random(1)[0] ?? 0) / 512)
}
