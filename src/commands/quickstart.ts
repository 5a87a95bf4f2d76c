/** `dns01 quickstart`: sets a machine up, from the choice of the CA to the schedule of renewals. */

import type { Command } from './command.js'

export const quickstart: Command = {
  command: 'quickstart',
  describe: 'Choose CA and DNS provider, register, install hooks and renewal. Safe to repeat.',
  example: 'quickstart --expert',
  options: {
    expert: { type: 'boolean', describe: 'ask about keys and hooks, too' },
    user: {
      type: 'string',
      describe: 'as root: make this user, its folders and what sudo lets it reload; it renews, not root',
    },
  },
  run: async ({ expert, user }, given) => {
    const context =
      user === undefined ? given : await (await import('../quickstart/user.js')).prepareUser(given, String(user))
    const { quickstart: prepare, readyLines } = await import('../quickstart/quickstart.js') // much, and seldom needed
    const ready = await prepare(context, expert === true)
    context.out.show(ready, () => readyLines(ready))
    return []
  },
}
