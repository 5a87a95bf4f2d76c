/** `dns01 quickstart`: sets a machine up, from the choice of the CA to the schedule of renewals. */

import type { Command } from './command.js'

export const quickstart: Command = {
  command: 'quickstart',
  describe: 'Choose CA and DNS provider, register, install hooks and renewal. Safe to repeat.',
  example: 'quickstart --expert',
  options: { expert: { type: 'boolean', describe: 'ask about keys and hooks, too' } },
  run: async ({ expert }, context) => {
    const { quickstart: prepare, readyLines } = await import('../quickstart/quickstart.js') // much, and seldom needed
    const ready = await prepare(context, expert === true)
    context.out.show(ready, () => readyLines(ready))
    return []
  },
}
