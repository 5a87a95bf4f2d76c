/** `dns01 snippet`: prints the configuration of a server for a certificate that is live. */

import { looking } from '../renew/run.js'
import type { Command } from './command.js'

export const snippetCommand: Command = {
  command: 'snippet <server> <name>',
  describe:
    'Print TLS configuration for nginx, apache, haproxy, postfix or dovecot, with the paths of this certificate.',
  example: 'snippet nginx www.example.com',
  run: async ({ server, name }, context) => {
    const { world, out, signal } = context
    const { snippet } = await import('../manage/snippet.js')
    const made = await snippet(world, await looking(context), { server: String(server), link: String(name), signal })
    out.show(made, () => made.text.trimEnd().split('\n'))
    if (made.lacks !== undefined) world.log.notice(made.lacks)
    return []
  },
}
