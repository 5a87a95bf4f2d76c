/** `dns01 notify`: shows who is told when a renewal fails, and tries it. */

import type { Command } from './command.js'

export const notify: Command = {
  command: 'notify',
  describe: 'Show who is told when a renewal fails (mail, webhooks, the ping); with --test send a test to each.',
  example: 'notify --test',
  options: { test: { type: 'boolean', describe: 'send a test, and say what came back' } },
  run: async ({ test }, { world, out, stateRoot }) => {
    const { triedDocument, triedLines, tryAll, waysLines, waysOf } = await import('../notify/try.js')
    const ways = waysOf(world, stateRoot)
    if (test !== true) {
      out.show({ channels: ways.map(({ name, to }) => ({ name, to })) }, () => waysLines(ways))
      return []
    }
    const tried = await tryAll(world, ways)
    out.show(triedDocument(tried), () => triedLines(tried))
    return tried.flatMap(({ error }) => error ?? [])
  },
}
