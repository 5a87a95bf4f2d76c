/**
 * What `dns01 hook` does with a call: it places or removes the values by the same providers that reconcile uses. It must work
 * without a state directory, since the other client may run as a user who may not read ours. It takes no lock: a client may
 * call several hooks at once, and a run of dns01 that holds the lock for half an hour must not make a client's order fail.
 */

import { Dns01Error, isUnwritten, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { defaultProvider } from '../provider/default.js'
import { openDnsContext, readDnsConfig } from '../provider/dns-context.js'
import { DirectPublisher } from '../publish/direct.js'
import { removeForgotten } from '../publish/hook-notes.js'
import { inRounds, type LocatedRecord, Locator, zoneKey } from '../publish/locate.js'
import type { Context } from '../renew/run.js'
import type { HookCall } from './dialects.js'

export interface HookOptions {
  /** Places the records, whatever conf/dns.yml says. */
  readonly provider?: string | undefined
  /** Whether to wait for the servers; undefined: if the client doesn't. */
  readonly wait?: boolean | undefined
}

/**
 * Does what another client wants. Needs no state directory: the client itself remembers what it has to take back, and for
 * one that is killed there are notes. A present that fails takes its own values back first.
 * @throws Dns01Error of any code but STATE and LOCKED
 */
export async function runHook(
  { world, stateRoot, signal }: Pick<Context, 'world' | 'stateRoot' | 'signal'>,
  call: HookCall,
  options: HookOptions,
): Promise<void> {
  const inside = deeper(world)
  const path = `${stateRoot}/conf/dns.yml`
  const config = await readDnsConfig(world, { text: readIfAny(world, path), path }, { checkProviders: false })
  const context = openDnsContext(inside, config, () => defaultProvider(world, [])) // no hook folders: one of them may hold us
  const parts = { ...context, world: inside, signal, stateRoot }
  const locator = new Locator(parts)
  const publisher = new DirectPublisher(parts)
  const locate = (requests: HookCall['requests']): Promise<LocatedRecord[]> =>
    locator.locate(requests.map(request => ({ ...request, dns: { provider: options.provider, settings: {} } })))
  try {
    const located = await locate(call.requests)
    if (call.action === 'cleanup') await takeBack(world, publisher, located, call)
    else await present(world, publisher, located, await mustProve(call, options, located, locate))
    const leftBehind = (text: string): void => inside.log.info(text) // each call would say it
    const removing = removeForgotten({ ...parts, leftBehind }, stateRoot)
    await Promise.race([removing, aborted(world.clock.deadline(forgottenSeconds))])
  } finally {
    await context.providers.close()
  }
}

/** The client waits for us, and not for what another one forgot. */
const forgottenSeconds = 20

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))

/**
 * Places, and proves if `proven`. What fails on the way is taken back here: whether a client calls again for that is its
 * own affair.
 */
async function present(
  world: Pick<World, 'log'>,
  publisher: DirectPublisher,
  located: readonly LocatedRecord[],
  proven: boolean,
): Promise<void> {
  refuseWhatCannotStay(located)
  try {
    await publisher.place(located, { acceptedIsEnough: !proven })
    if (proven) await publisher.prove(located)
    // else the client waits, or a later call of it will
  } catch (error) {
    if (isUnwritten(error)) throw error // there is nothing to remove
    await publisher
      .remove(located)
      .catch((also: unknown) => world.log.warn(`TXT records may be left: ${messageOf(also)}`))
    throw error
  }
}

/** @throws Dns01Error what the provider says, unless the client would give the whole certificate up for it */
async function takeBack(
  world: Pick<World, 'log'>,
  publisher: DirectPublisher,
  located: readonly LocatedRecord[],
  call: HookCall,
): Promise<void> {
  try {
    await publisher.remove(located)
  } catch (error) {
    if (!call.cleanupMustNotFail) throw error
    world.log.error(`${messageOf(error)}; the client is not told, since it would give the certificate up`)
  }
}

/**
 * Whether this call waits. A client that calls again before it tells the CA (certbot) waits once a zone, at its last value
 * there: name servers take the changes of a zone in their order (RFC 1995 §2: by serial), so who shows the last one has
 * the others. To wait for all values in the last call of all would need a place where the calls leave them for each other.
 */
async function mustProve(
  call: HookCall,
  options: HookOptions,
  [mine]: readonly LocatedRecord[],
  locate: (requests: HookCall['requests']) => Promise<LocatedRecord[]>,
): Promise<boolean> {
  if (!(options.wait ?? call.waits)) return false
  const [request] = call.requests
  if (!mine || !request) return true
  for (const host of call.later) {
    const later = { ...request, challenge: { ...request.challenge, host } }
    const [other] = await locate([later]).catch((): LocatedRecord[] => []) // its own call will say what is wrong
    if (other && zoneKey(other.by, other.record.zone) === zoneKey(mine.by, mine.record.zone)) return false
  }
  return true
}

/**
 * What would be gone when the CA looks: a server that lives only as long as this call, or a second value that takes the place of
 * the first. Before anything is placed, since each of them would look like a success. @throws Dns01Error CONFIG
 */
function refuseWhatCannotStay(located: readonly LocatedRecord[]): void {
  const brief = located.find(({ by }) => by.definition.ephemeral)
  if (brief)
    throw new Dns01Error('CONFIG', `the provider ${brief.by.definition.name} answers only while dns01 runs`, {
      hint: 'a hook ends before the CA looks: choose another provider, or let dns01 itself get the certificate',
    })
  const [, second] = inRounds(located)
  if (second?.[0])
    throw new Dns01Error(
      'CONFIG',
      `${second[0].record.name} needs several values, but ${second[0].by.definition.name} holds one for each name`,
      { hint: 'get the wildcard in a certificate of its own' },
    )
}

/** The text of conf/dns.yml; '' when there is none that we may read: the hook may run as a user who may not. */
function readIfAny({ files, log }: Pick<World, 'files' | 'log'>, path: string): string {
  try {
    return Buffer.from(files.read(path)).toString('utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTDIR') log.info(`going on without ${path}: ${messageOf(error)}`)
    return ''
  }
}

const depthVariable = 'DNS01_HOOK_DEPTH'
/** certbot → dns01 → provider `hooks` → dns01 → provider `exec` makes sense; more is a circle. */
const greatestDepth = 3

/** The World whose child processes know that they are called by a hook: a provider that calls us again ends here. */
function deeper(world: World): World {
  const depth = Number(world.env[depthVariable] ?? 0) + 1
  if (depth <= greatestDepth) return { ...world, env: { ...world.env, [depthVariable]: String(depth) } }
  throw new Dns01Error('CONFIG', 'this hook is called by the very provider that it calls', {
    hint: 'choose the provider that writes the records: --provider, DNS01_PROVIDER or conf/dns.yml',
  })
}
