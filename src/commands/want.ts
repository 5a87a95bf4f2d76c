/** `dns01 want`: asks for one certificate for these names, and gets it. */

import { Dns01Error, shortList } from '../core/errors.js'
import { type Name, parseNames } from '../core/names.js'
import { addWanted, addWantedCsr } from '../manage/desired.js'
import { recorded } from '../renew/recorded.js'
import { type Context, reconcileNow } from '../renew/run.js'
import { report } from '../report/report.js'
import { tellSummary } from '../report/summary.js'
import type { StateDir } from '../state/state-dir.js'
import { type Command, texts } from './command.js'

export const want: Command = {
  command: 'want [names..]',
  describe: 'Ask for one certificate for these names, and get it.',
  example: "want www.example.com '*.example.com'",
  options: {
    csr: {
      type: 'string',
      describe: 'for the key and the names of this certificate request (PEM or DER), which is copied',
    },
    reconcile: { type: 'boolean', default: true, describe: 'get it now; --no-reconcile leaves it to the next run' },
  },
  placesRecords: true,
  run: async ({ names, reconcile, csr }, context) => {
    const given = parseNames(texts(names))
    if (given.length === 0 && csr === undefined)
      throw new Dns01Error('USAGE', 'want lacks an argument', {
        hint: 'dns01 want <names..>, or dns01 want --csr FILE',
      })
    return recorded(context, async state => {
      await state.conform()
      const { files, wanted } = await add(context, state, given, csr as string | undefined)
      if (reconcile === false) {
        context.out.show({ files }, () => [])
        context.out.tell([`${shortList(wanted)}: noted; dns01 reconcile gets the certificate`])
        return { outcomes: [], errors: [] }
      }
      const outcomes = await reconcileNow(context, state, { wanted })
      const errors = report(context, state, outcomes, { names: wanted, files })
      await tellSummary(context, state, files)
      return { outcomes, errors }
    })
  },
}

async function add({ world }: Context, state: StateDir, names: readonly Name[], csr: string | undefined) {
  if (csr === undefined) return { files: await addWanted(world, state, names), wanted: names }
  const added = await addWantedCsr(world, state, csr, names)
  return { files: [added.file], wanted: added.names }
}
