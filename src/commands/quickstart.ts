/** `dns01 quickstart`: sets a machine up, from the choice of the CA to the schedule of renewals. */

import { Dns01Error } from '../core/errors.js'
import type { Context } from '../renew/run.js'
import type { Command, CommandArgs } from './command.js'

export const quickstart: Command = {
  command: 'quickstart',
  describe: 'Choose CA and DNS provider, register, install hooks and renewal. Safe to repeat.',
  example: 'quickstart --expert',
  options: {
    undo: { type: 'boolean', describe: 'take away cron line or timer and hooks again; keys and certificates stay' },
    simulate: { type: 'boolean', alias: 'n', describe: 'with --undo: show it only' },
    expert: { type: 'boolean', describe: 'ask about keys and hooks, too' },
    user: {
      type: 'string',
      describe: 'as root: make this user, its folders and what sudo lets it reload; it renews, not root',
    },
  },
  run: async ({ expert, user, undo, simulate }, given) => {
    if (undo) return takeBack({ expert, user }, simulate === true, given)
    if (simulate)
      throw new Dns01Error('USAGE', '--simulate is for quickstart --undo', {
        hint: 'quickstart changes nothing before its last question is answered',
      })
    const { quickstart: prepare, readyLines } = await import('../quickstart/quickstart.js') // much, and seldom needed
    const { callAs, prepareUser } = await import('../quickstart/user.js')
    const context = user === undefined ? given : await prepareUser(given, String(user))
    const call = user === undefined ? undefined : callAs(String(user), context)
    const ready = { ...(await prepare(context, expert === true)), call }
    context.out.show(ready, () => readyLines(ready))
    return []
  },
}

async function takeBack({ expert, user }: CommandArgs, simulated: boolean, context: Context): Promise<[]> {
  if (expert || user !== undefined)
    throw new Dns01Error('USAGE', `--undo goes without --${expert ? 'expert' : 'user'}`, {
      hint: user === undefined ? undefined : `as ${user} itself: dns01 quickstart --undo`,
    })
  const { undo, undoLines } = await import('../quickstart/undo.js')
  const undone = await undo(context, simulated)
  context.out.show(undone, () => undoLines(undone))
  return []
}
