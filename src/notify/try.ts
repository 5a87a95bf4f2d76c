// `dns01 notify`: who would be told, and whether a test arrives there.
import { variable } from '../config/secret-file.js'
import { Dns01Error, errorDocument, linesOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { deliverySeconds, noAnswer } from './deliver.js'
import { testMessage } from './message.js'
import { PING, sendPing } from './ping.js'
import { openNotifying } from './settings.js'
import { postUrl } from './url.js'

/** A channel, or the ping. */
interface Way {
  readonly name: string
  readonly to: string
  test(signal: AbortSignal): Promise<string>
}

interface Tried {
  readonly name: string
  readonly to: string
  /** What came back. */
  readonly answer?: string
  readonly error?: unknown
}

/** @throws Dns01Error CONFIG when a setting is wrong */
export function waysOf(world: World, stateDirectory: string): Way[] {
  const message = testMessage(world.clock.now(), { world, stateDirectory })
  const { channels } = openNotifying(world)
  const url = variable(world, PING)
  const pinging = url === undefined ? [] : [pingTo(world, url)]
  return [
    ...channels.map(({ name, to, send }) => ({ name, to, test: (signal: AbortSignal) => send(message, signal) })),
    ...pinging,
  ]
}

function pingTo(world: World, url: string): Way {
  world.log.mask(url)
  return { name: 'ping', to: postUrl(world, PING, url).host, test: () => sendPing(world, url, undefined) }
}

/** All at once. @throws Dns01Error CONFIG when there is nobody to tell */
export async function tryAll(world: World, ways: readonly Way[]): Promise<Tried[]> {
  if (ways.length === 0) throw new Dns01Error('CONFIG', 'nobody is told: no notices are set up', { hint: howTo })
  const signal = world.clock.deadline(deliverySeconds)
  return Promise.all(
    ways.map(async ({ name, to, test }) => {
      try {
        return { name, to, answer: await test(signal) }
      } catch (error) {
        return { name, to, error: error === signal.reason ? new Dns01Error('UNAVAILABLE', noAnswer) : error }
      }
    }),
  )
}

const howTo = 'set DNS01_NOTIFY_MAIL=admin@example.com in the env file (docs/notices.md)'

export const waysLines = (ways: readonly Way[]): string[] =>
  ways.length === 0 ? [`nobody is told; ${howTo}`] : ways.map(({ name, to }) => `${name}: ${to}`)

export const triedLines = (tried: readonly Tried[]): string[] =>
  tried.flatMap(({ name, to, answer, error }) => {
    if (error === undefined) return [`ok      ${name} to ${to}: ${answer}`]
    const [what, ...hints] = linesOf(error)
    return [`failed  ${name} to ${to}: ${what}`, ...hints.map(hint => `          ${hint}`)]
  })

export const triedDocument = (tried: readonly Tried[]) => ({
  channels: tried.map(({ name, to, answer, error }) => ({
    ...{ name, to },
    ...(error === undefined ? { answer } : { error: errorDocument(error) }),
  })),
})
