/** `dns01 cull`: removes what nobody needs, after asking where somebody can be asked. */

import { agreed, clearAway, findWaste, stillWaste, wasteLines } from '../manage/cull.js'
import { pointLinks } from '../renew/links.js'
import { locked, looking } from '../renew/run.js'
import type { Command } from './command.js'

export const cull: Command = {
  command: 'cull',
  describe: 'Remove what nobody needs: spent certificates that are not live, unwanted links, unused keys.',
  example: 'cull --simulate',
  options: { simulate: { type: 'boolean', alias: 'n', describe: 'show it only' } },
  run: async ({ simulate }, context) => {
    const { world, out } = context
    const { waste: shown } = findWaste(world, await looking(context))
    // asked before the lock is taken: a question may stand for hours, and cron's run must not wait for it
    if (simulate || !(await agreed(world.prompt, wasteLines(shown)))) {
      out.show({ ...shown, removed: false }, () => (simulate ? wasteLines(shown) : []))
      return []
    }
    return locked(context, async state => {
      await state.conform()
      const { waste, relink } = findWaste(world, state)
      await pointLinks(state, relink)
      const gone = world.prompt ? stillWaste(shown, waste) : waste
      await clearAway(state, gone)
      out.show({ ...gone, removed: true }, () => (world.prompt ? [] : wasteLines(gone)))
      return []
    })
  },
}
