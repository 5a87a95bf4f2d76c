import { hookFolders } from '../hooks.js'
import { tellHooks } from '../live.js'
import { looking } from '../session.js'
import { type Command, texts } from './command.js'

export const testNotify: Command = {
  command: 'test-notify [names..]',
  describe: 'Run the hooks as if these links of live/ had just changed.',
  run: async ({ names }, context) => {
    const { world, signal } = context
    const parts = { world, state: await looking(context), hookFolders: hookFolders(world.env), signal }
    const failed = await tellHooks(parts, texts(names))
    context.out.show({ failed: failed.map(({ hook }) => hook) }, () => [])
    return failed.map(({ error }) => error)
  },
}
