/** `dns01 serve-dns`: answers DNS for the zones of the provider `builtin` until it is stopped. */

import { dnsConfig, looking } from '../renew/run.js'
import type { Command } from './command.js'

export const serveDnsCommand: Command = {
  command: 'serve-dns',
  describe: 'Answer DNS for the zones of the provider builtin, always and not only during a run, until stopped.',
  example: 'serve-dns',
  run: async (_args, context) => {
    const { serveDns } = await import('../manage/serve-dns.js') // DNS messages take 5 ms to load
    const state = await looking(context)
    const { world, signal } = context
    await serveDns({ world, signal, config: await dnsConfig(context, state), root: state.root })
    return []
  },
}
