/** `dns01 account-thumbprint`: prints the thumbprint of every account key. */

import { thumbprints } from '../manage/accounts.js'
import { looking } from '../renew/run.js'
import type { Command } from './command.js'

export const accountThumbprint: Command = {
  command: 'account-thumbprint',
  describe: 'Print the thumbprint of every account key: THUMBPRINT, a tab, SERVER/KEYID.',
  example: 'account-thumbprint',
  run: async (_args, context) => {
    const accounts = thumbprints(await looking(context))
    context.out.show(accounts, () => accounts.map(({ id, thumbprint }) => `${thumbprint}\t${id}`))
    return []
  },
}
