import { parseNames } from '../names.js'
import { looking } from '../session.js'
import { statusDocument } from '../status.js'
import { aboutNames, detailLines, statusLines } from '../status-text.js'
import { warnOfSlowRenewal } from '../summary.js'
import { wantedFiles } from '../target-files.js'
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
