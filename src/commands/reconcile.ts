import { parseName } from '../names.js'
import { pauseBeforeRenewals } from '../renewal-pause.js'
import { locked, reconcileNow, report } from '../session.js'
import { targetFiles } from '../target-files.js'
import { type Command, texts } from './command.js'

export const reconcile: Command = {
  command: 'reconcile [targets..]',
  describe: 'Make true what is wanted: get, renew and link certificates. The default.',
  options: { force: { type: 'string', array: true, describe: 'renew the certificates of these names now' } },
  run: async ({ targets, force }, context) => {
    const forced = texts(force).map(parseName)
    await pauseBeforeRenewals(context, forced)
    return locked(context, async state => {
      await state.conform()
      const onlyFiles = texts(targets).length > 0 ? targetFiles(state, texts(targets)) : undefined
      return report(context, await reconcileNow(context, state, { onlyFiles, force: forced }))
    })
  },
}
