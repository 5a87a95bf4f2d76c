/** `dns01 reconcile`, and `dns01` alone: gets, renews and links what is wanted; this is what cron runs. */

import { Dns01Error } from '../core/errors.js'
import { forcedNames, targetFiles } from '../manage/desired.js'
import { watched } from '../notify/watched.js'
import { pauseBeforeRenewals } from '../renew/jitter.js'
import { type Context, looking, reconcileNow } from '../renew/run.js'
import { setUpOf } from '../renew/status.js'
import { nothingWanted } from '../renew/status-text.js'
import { report } from '../report/report.js'
import { tellRun } from '../report/summary.js'
import { type Command, texts } from './command.js'

/** Of `reconcile`, and what cron may type: src/cli/cron-args.ts reads it, too. */
export const METRICS_FLAG = {
  metrics: { type: 'string', describe: 'write what Prometheus wants to know into this file (DNS01_METRICS)' },
} as const

export const reconcile: Command = {
  command: 'reconcile [targets..]',
  describe: 'Make true what is wanted: get, renew and link certificates. The default.',
  example: 'reconcile --force www.example.com',
  options: {
    force: { type: 'string', array: true, describe: 'renew the certificates of these names now' },
    ...METRICS_FLAG,
  },
  placesRecords: true,
  run: ({ targets, force, metrics }, context) =>
    watched(context, metrics as string | undefined, async underLock => {
      if (metrics === '')
        throw new Dns01Error('USAGE', '--metrics wants a value', { hint: 'the path of a file that is written' })
      if (await isTooEarly(context)) return []
      const forced = force === undefined ? [] : forcedNames(await looking(context), texts(force))
      await pauseBeforeRenewals(context, forced)
      return underLock(async state => {
        await state.conform({ andRead: true })
        const onlyFiles = texts(targets).length > 0 ? targetFiles(state, texts(targets)) : undefined
        const outcomes = await reconcileNow(context, state, { onlyFiles, force: forced })
        const errors = report(context, state, outcomes)
        await tellRun(context, state, outcomes)
        return { outcomes, errors }
      })
    }),
}

/** A person who types `dns01` before anything is set up, or mistypes --state, gets a word for it instead of a folder. */
async function isTooEarly(context: Context): Promise<boolean> {
  if (context.out.columns === undefined) return false
  const setUp = setUpOf(await looking(context))
  if (setUp !== 'yes') context.out.tell([nothingWanted({ setUp, stateDirectory: context.stateRoot })])
  return setUp !== 'yes'
}
