/** `dns01 status`: shows every wanted name, or all that is known of the names that are given. */

import { parseNames } from '../core/names.js'
import { wantedFiles } from '../manage/desired.js'
import { looking } from '../renew/run.js'
import { statusDocument } from '../renew/status.js'
import { aboutNames, detailLines, statusLines } from '../renew/status-text.js'
import { warnOfSlowRenewal } from '../report/summary.js'
import { type Command, texts } from './command.js'

export const status: Command = {
  command: 'status [names..]',
  describe: 'Show every wanted name: its certificate, days left, when it renews, what is wrong; of a name, all of it.',
  example: 'status www.example.com',
  run: async ({ names }, context) => {
    const { world, out, verbose } = context
    const state = await looking(context)
    const asked = parseNames(texts(names))
    const document = statusDocument(world, state)
    const now = world.clock.now()
    if (asked.length === 0) {
      out.show(document, () => statusLines(document, now, { columns: out.columns, whole: verbose > 0 }))
      await warnOfSlowRenewal(context, state, document)
      return []
    }
    wantedFiles(state, asked)
    const some = aboutNames(document, asked)
    out.show(some, () => detailLines(some, now))
    return []
  },
}
