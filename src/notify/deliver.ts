// Sends what there is to tell by every channel at once, and notes what was told. Nothing that goes wrong here makes a run
// fail: its certificates are what counts. It is said in the log, which cron mails.
import { linesOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { Ledger } from '../state/ledger.js'
import { decide, type Situation, type ToldAbout } from './decide.js'
import { type Message, messageOf } from './message.js'
import type { Channel, Notifying } from './settings.js'

/** For all notices of a run together: the lock is held meanwhile, and others wait 60 s for it (state/lock.ts). */
export const deliverySeconds = 30

export const noAnswer = `no answer within ${deliverySeconds} s`

interface Parts {
  /** Stops the sending, too. */
  readonly signal: AbortSignal
  readonly world: Pick<World, 'clock' | 'log' | 'self'>
  readonly stateDirectory: string
  readonly ledger: Pick<Ledger, 'notices' | 'noticesTold'>
}

/** Noted while a notice is on its way. */
const ON_ITS_WAY = 'on its way'

/**
 * What was told is noted after it was sent, for each channel by itself: a run that is killed in between tells it once more, where the
 * other order would lose it; and a channel that does not work is tried again in each run, while the others are not told twice.
 * But that it can be noted is made sure first: with a full disk each run would tell the same.
 * @throws Dns01Error STATE
 */
export async function deliver(parts: Parts, { channels, daysLeft }: Notifying, situation: Situation): Promise<void> {
  const { world, ledger } = parts
  const signal = AbortSignal.any([parts.signal, world.clock.deadline(deliverySeconds)])
  await Promise.all(
    channels.map(async channel => {
      const { [ON_ITS_WAY]: _, ...before } = ledger.notices.get(channel.name) ?? ({} as ToldAbout)
      const { notices, told } = decide(before, situation, daysLeft)
      if (notices.length > 0) {
        await ledger.noticesTold(channel.name, { ...before, [ON_ITS_WAY]: { since: situation.now } })
        const isSent = await send(world, channel, messageOf(notices, situation, parts), signal)
        if (!isSent) return
      }
      await ledger.noticesTold(channel.name, told)
    }),
  )
}

async function send(world: Parts['world'], channel: Channel, message: Message, signal: AbortSignal): Promise<boolean> {
  const by = `${channel.name} to ${channel.to}`
  try {
    const said = await channel.send(message, signal)
    world.log.info(`notice sent by ${by}: ${said}`)
    return true
  } catch (error) {
    const [what, ...hints] = error === signal.reason ? [noAnswer] : linesOf(error)
    world.log.warn(`no notice could be sent by ${by}: ${what}`, ...hints, 'the next run tries again')
    return false
  }
}
