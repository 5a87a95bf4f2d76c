import { agreed, clearAway, findWaste, wasteLines } from '../cull.js'
import { pointLinks } from '../live.js'
import { locked, looking } from '../session.js'
import type { Command } from './command.js'

export const cull: Command = {
  command: 'cull',
  describe: 'Remove what nobody needs: spent certificates that are not live, unwanted links, unused keys.',
  options: { simulate: { type: 'boolean', alias: 'n', describe: 'show it only' } },
  run: async ({ simulate }, context) => {
    const { world, out } = context
    if (simulate) {
      const { waste } = findWaste(world, await looking(context))
      out.show({ ...waste, removed: false }, () => wasteLines(waste))
      return []
    }
    return locked(context, async state => {
      await state.conform()
      const { waste, relink } = findWaste(world, state)
      await pointLinks(state, relink)
      const removed = await agreed(world.prompt, wasteLines(waste))
      if (removed) await clearAway(state, waste)
      out.show({ ...waste, removed }, () => (world.prompt ? [] : wasteLines(waste)))
      return []
    })
  },
}
