import { looking } from '../session.js'
import { statusDocument, statusLines } from '../status.js'
import type { Command } from './command.js'

export const status: Command = {
  command: 'status',
  describe: 'Show every wanted name: its certificate, days left, when it renews, what is wrong.',
  run: async (_args, context) => {
    const document = statusDocument(context.world, await looking(context))
    context.out.show(document, () => statusLines(document))
    return []
  },
}
