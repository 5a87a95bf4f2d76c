/** `dns01 account-url`: prints the URL of the account with the CA of conf/target. */

import { accountUrl } from '../manage/accounts.js'
import { looking } from '../renew/run.js'
import type { Command } from './command.js'

export const accountUrlCommand: Command = {
  command: 'account-url',
  describe: 'Print the URL of the account with the CA of conf/target, without a newline.',
  example: 'account-url',
  run: async (_args, context) => {
    const url = await accountUrl(context.world, await looking(context), context.signal)
    context.out.show({ url }, () => [url], '')
    return []
  },
}
