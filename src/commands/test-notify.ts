/** `dns01 test-notify`: runs the hooks as if links had changed, so that a hook can be tried without a new certificate. */

import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { tellHooks } from '../renew/links.js'
import { looking } from '../renew/run.js'
import { type Command, texts } from './command.js'

export const testNotify: Command = {
  command: 'test-notify [names..]',
  describe: 'Run the hooks as if these links of live/ had just changed. (Mail and webhooks: notify --test.)',
  example: 'test-notify www.example.com',
  run: async ({ names }, context) => {
    const { world, signal } = context
    const state = await looking(context)
    refuseUnknown(texts(names), [...state.links().keys()])
    const failed = await tellHooks({ world, state, hookFolders: hookFolders(world.env), signal }, texts(names))
    for (const { error } of failed) world.log.error(`hook ${error.message}`)
    context.out.show({ failed: failed.map(({ hook }) => hook) }, () => [])
    return failed.map(({ error }) => error)
  },
}

/** More names than these make no hint. */
const fewNames = 10

/** A hook would fail for a name that is not live, in words of its own. @throws Dns01Error USAGE */
function refuseUnknown(names: readonly string[], links: readonly string[]): void {
  const unknown = names.find(name => !links.includes(name))
  if (unknown === undefined) return
  const meant = didYouMean(unknown, links)
  const hint = links.length > fewNames && !meant.startsWith('did you mean') ? 'dns01 status shows the names' : meant
  throw new Dns01Error('USAGE', `live/ has no link "${unknown}"; no hook is called`, { hint })
}
