// How a run begins and ends: the state directory, its lock, what is opened for the run, and what is said at the end.
// Commands that change the state directory go through here, so that none of them does so without the lock.
import { setMaxListeners } from 'node:events'
import type { DnsConfig } from '../config/dns-config.js'
import { Dns01Error } from '../core/errors.js'
import type { Line } from '../core/styled.js'
import type { World } from '../core/world.js'
import { defaultProvider } from '../provider/default.js'
import { openDnsContext, readDnsConfig } from '../provider/dns-context.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { removeForgotten } from '../publish/hook-notes.js'
import { withoutStrangePrograms } from '../publish/journal-trust.js'
import { Publisher } from '../publish/publisher.js'
import { type LockOptions, withLock } from '../state/lock.js'
import { StateDir } from '../state/state-dir.js'
import type { ReconcileOptions } from './due.js'
import type { Outcome } from './outcome.js'
import { reconcile } from './reconcile.js'
import { openRunLimit } from './run-limit.js'
import { statusDocument } from './status.js'
import { decisionLines } from './status-text.js'

/** What every command is given: the World, and what the global flags say. */
export interface Context {
  readonly world: World
  readonly stateRoot: string
  readonly responseFile: string | undefined
  readonly lockWaitSeconds: number
  /** Targets worked on at the same time. */
  readonly parallel: number
  /** The command line's words, for who waits for the lock. */
  readonly commandLine: string
  /** Nobody watches: --batch. */
  readonly batch: boolean
  /** How many -v: 1 tells errors whole, 2 each decision. */
  readonly verbose: number
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
  readonly out: Out
}

/** Results: text for people, or one JSON document (--json). */
export interface Out {
  readonly json: boolean
  /** Width of the terminal where a person reads them; undefined where none does. */
  readonly columns: number | undefined
  /** Its height, likewise. */
  readonly rows?: number | undefined
  /** `end`: what comes after the last line; a newline if not given. */
  show(document: unknown, lines: () => readonly Line[], end?: string): void
  /** A word for who sits at the terminal; where nobody reads, nothing is said, as acmetool's users expect. */
  tell(lines: readonly Line[]): void
}

/** Opens the state directory and does the work under its lock. @throws Dns01Error LOCKED when another run keeps it too long */
export async function locked<T>(
  context: Context,
  work: (state: StateDir) => Promise<T>,
  more: Pick<LockOptions, 'leave' | 'tookOver'> = {},
): Promise<T> {
  const { world, stateRoot, lockWaitSeconds: waitSeconds, commandLine: command, signal } = context
  const state = await StateDir.open(world, stateRoot)
  return withLock(world, state, { waitSeconds, command, signal, ...more }, () => work(state))
}

/** For commands that only look. */
export const looking = ({ world, stateRoot }: Context): Promise<StateDir> =>
  StateDir.open(world, stateRoot, { readOnly: true })

/** conf/dns.yml, checked as a whole. @throws Dns01Error CONFIG with file, line and a suggestion */
export async function dnsConfig({ world }: Pick<Context, 'world'>, state: StateDir): Promise<DnsConfig> {
  const [text, path] = [state.confText('dns.yml') ?? '', `${state.root}/conf/dns.yml`]
  return readDnsConfig(world, { text, path }, { checkProviders: true })
}

/** At DEBUG a run that finds nothing to do says what it looked at, and why that was enough. */
function tellDecisions(world: World, state: StateDir): void {
  for (const line of decisionLines(statusDocument(world, state), world.clock.now())) world.log.debug(line)
}

/** Reconciles, the lock being held. */
export async function reconcileNow(
  context: Context,
  state: StateDir,
  options: ReconcileOptions = {},
): Promise<Outcome[]> {
  const { world, parallel, responseFile } = context
  const signal = AbortSignal.any([context.signal, state.fence.lost.signal])
  setMaxListeners(0, signal) // every wait of a run listens to it
  if (context.verbose > 1) tellDecisions(world, state)
  const config = await dnsConfig(context, state)
  const folders = hookFolders(world.env)
  const { providers, resolver, propagation } = openDnsContext(world, config, () => defaultProvider(world, folders))
  const journal = withoutStrangePrograms(world, state.journal, config, () => state.targets().targets)
  const left: string[] = []
  const limit = openRunLimit(world, context.batch, signal)
  const dns = {
    ...{ world, providers, resolver, propagation, signal: limit.signal },
    leftBehind: (text: string) => void left.push(text),
    changed: () => state.tally.dnsChanged(),
  }
  const publisher = new Publisher({ ...dns, journal })
  const responses = state.responses(responseFile)
  try {
    await removeForgotten(dns, state.root)
    const outcomes = await reconcile(
      { world, state, publisher, responses, signal, parallel, hookFolders: folders, limit },
      options,
    )
    signal.throwIfAborted()
    return [...outcomes, ...left.splice(0).map(leftBehind)]
  } finally {
    for (const text of left) world.log.warn(text)
    await providers.close()
  }
}

/** Told after what went wrong, which mostly is the reason for it. */
const leftBehind = (text: string): Outcome => ({
  subject: 'dns',
  names: [],
  result: 'left',
  error: new Dns01Error('UNAVAILABLE', text),
})
