/** `dns01 hook`: places and removes TXT records for another ACME client, called as that client calls its hooks. */

import { readHookCall } from '../hook/dialects.js'
import { runHook } from '../hook/run.js'
import { type Command, texts } from './command.js'

export const hook: Command = {
  command: 'hook <dialect> [words..]',
  describe: 'Be a hook of another ACME client: acmetool, certbot, dehydrated, lego or uacme.',
  example: 'hook certbot auth',
  options: {
    provider: { type: 'string', describe: 'who places the records, whatever conf/dns.yml says' },
    wait: { type: 'boolean', describe: 'wait until every name server shows the record, as for all but lego' },
  },
  placesRecords: true,
  run: async ({ dialect, words, provider, wait }, context) => {
    const call = readHookCall(String(dialect), texts(words), context.world.env)
    if (typeof call === 'number') return call
    const options = { provider: texts(provider)[0], wait: wait === undefined ? undefined : wait === true }
    await runHook(context, call, options)
    return []
  },
}
