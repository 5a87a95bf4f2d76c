/** `dns01 persist`: prints the records of dns-persist-01 that somebody is to publish. */

import { isPersistDraft } from '../acme/persist.js'
import { Dns01Error } from '../core/errors.js'
import { parseNames } from '../core/names.js'
import { parseUntil, persistLines, zoneLines } from '../manage/persist.js'
import { looking } from '../renew/run.js'
import { type Command, texts } from './command.js'

export const persist: Command = {
  command: 'persist <names..>',
  describe: 'Print the records of dns-persist-01 for these names. You publish them; dns01 never writes them.',
  example: "persist www.example.com '*.example.com'",
  options: {
    wildcard: { type: 'boolean', describe: 'they cover *.NAME, too' },
    until: { type: 'string', describe: 'the last day on which they count, as 2027-12-31; for ever if absent' },
    draft: { type: 'string', describe: 'the form that the CA reads, 01 or 02, where its directory does not say' },
    issuer: { type: 'string', describe: 'the name by which CAA knows the CA, where its directory does not say' },
  },
  run: async ({ names, wildcard, until, draft, issuer }, context) => {
    const { world, signal, out } = context
    const form = draft === undefined ? undefined : String(draft)
    if (form !== undefined && !isPersistDraft(form))
      throw new Dns01Error('USAGE', `--draft: "${form}" is not a draft that we know`, { hint: 'it is 01 or 02' })
    const lines = await persistLines(
      world,
      await looking(context),
      [...new Set(parseNames(texts(names)))],
      {
        wildcard: wildcard === true,
        until: until === undefined ? undefined : parseUntil(String(until), world.clock.now()),
        draft: form,
        issuer: issuer === undefined ? undefined : String(issuer),
      },
      signal,
    )
    out.show(lines, () => zoneLines(lines))
    const [first] = lines
    if (first)
      out.tell([
        '',
        `For the account ${first.account}, in the form of draft ${first.draft}.`,
        'Publish it, look at it with  dns01 probe NAME,  and then set request.challenge.dns.method: dns-persist-01',
      ])
    return []
  },
}
