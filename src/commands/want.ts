/** `dns01 want`: asks for one certificate for these names, and gets it. */

import { shortList } from '../core/errors.js'
import { parseNames } from '../core/names.js'
import { addWanted } from '../manage/desired.js'
import { locked, reconcileNow } from '../renew/run.js'
import { report } from '../report/report.js'
import { tellSummary } from '../report/summary.js'
import { type Command, texts } from './command.js'

export const want: Command = {
  command: 'want <names..>',
  describe: 'Ask for one certificate for these names, and get it.',
  example: "want www.example.com '*.example.com'",
  options: {
    reconcile: { type: 'boolean', default: true, describe: 'get it now; --no-reconcile leaves it to the next run' },
  },
  placesRecords: true,
  run: async ({ names, reconcile }, context) => {
    const wanted = parseNames(texts(names))
    return locked(context, async state => {
      await state.conform()
      const files = await addWanted(context.world, state, wanted)
      if (reconcile === false) {
        context.out.show({ files }, () => [])
        context.out.tell([`${shortList(wanted)}: noted; dns01 reconcile gets the certificate`])
        return []
      }
      const outcomes = await reconcileNow(context, state, { wanted })
      const errors = report(context, state, outcomes, { names: wanted, files })
      await tellSummary(context, state, files)
      return errors
    })
  },
}
