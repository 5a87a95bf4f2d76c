import { parseName } from '../names.js'
import { locked, reconcileNow, report } from '../session.js'
import { addWanted } from '../target-files.js'
import { type Command, texts } from './command.js'

export const want: Command = {
  command: 'want <names..>',
  describe: 'Ask for one certificate for these names, and get it.',
  options: {
    reconcile: { type: 'boolean', default: true, describe: 'get it now; --no-reconcile leaves it to the next run' },
  },
  run: async ({ names, reconcile }, context) => {
    const wanted = texts(names).map(parseName)
    return locked(context, async state => {
      await state.conform()
      await addWanted(context.world, state, wanted)
      return reconcile === false ? [] : report(context, await reconcileNow(context, state, { wanted }))
    })
  },
}
