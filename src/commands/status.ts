/** `dns01 status`: shows every wanted name, or all that is known of the names that are given; or answers a monitor. */

import { parseNames } from '../core/names.js'
import { isUtf8 } from '../core/text-width.js'
import { wantedFiles } from '../manage/desired.js'
import { type Context, looking } from '../renew/run.js'
import { type StatusDocument, statusDocument } from '../renew/status.js'
import { aboutNames, servedFaults } from '../renew/status-text.js'
import { checkStatus, parseLimits, unknownLine } from '../report/status-check.js'
import { detailLines } from '../report/status-detail.js'
import { statusLines } from '../report/status-table.js'
import { warnOfSlowRenewal } from '../report/summary.js'
import { type Command, type CommandArgs, texts } from './command.js'

export const status: Command = {
  command: 'status [names..]',
  describe: 'Show every wanted name: its certificate, days left, when it renews, what is wrong; of a name, all of it.',
  example: 'status www.example.com',
  options: {
    all: { type: 'boolean', describe: 'every certificate with each of its names, however many there are' },
    check: {
      type: 'string',
      describe: 'for a monitor: one line, and exit 0, 1, 2 or 3; fewer DAYS left warn (DAYS[,DAYS])',
    },
  },
  run: async (args, context) => {
    if (args.check !== undefined) return check(args, context)
    const { world, out, verbose } = context
    const state = await looking(context)
    const asked = parseNames(texts(args.names))
    const document = statusDocument(world, state)
    const now = world.clock.now()
    const reader = { columns: out.columns, rows: out.rows, isUnicode: isUtf8(world.env) }
    if (asked.length === 0) {
      const all = args.all === true
      out.show(document, () => statusLines(document, now, { ...reader, all, whole: verbose > 0 }))
      await warnOfSlowRenewal(context, state, document)
      return servedFaults(document)
    }
    wantedFiles(state, asked)
    const some = aboutNames(document, asked)
    out.show(some, () => detailLines(some, now, reader))
    return servedFaults(some)
  },
}

/** Whatever goes wrong is said in the monitor's way: a status that is not read would be taken for one that is good. */
async function check({ check: limits, names }: CommandArgs, context: Context): Promise<number> {
  const { out, world } = context
  try {
    const limit = parseLimits(String(limits))
    const state = await looking(context)
    const asked = parseNames(texts(names))
    wantedFiles(state, asked)
    const document: StatusDocument = statusDocument(world, state)
    const about = asked.length === 0 ? document : aboutNames(document, asked)
    const found = checkStatus(about, world.clock.now(), limit)
    out.show({ check: found, ...about }, () => [found.line])
    return found.exit
  } catch (error) {
    const found = unknownLine(error)
    out.show({ check: found }, () => [found.line])
    return found.exit
  }
}
