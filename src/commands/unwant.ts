import { parseName } from '../names.js'
import { locked } from '../session.js'
import { removeWanted } from '../target-files.js'
import { type Command, texts } from './command.js'

export const unwant: Command = {
  command: 'unwant <names..>',
  describe: 'Stop asking for certificates for these names. What was issued stays.',
  run: async ({ names }, context) => {
    const unwanted = texts(names).map(parseName)
    return locked(context, async state => {
      await state.conform()
      const changed = await removeWanted(state, unwanted)
      context.out.show({ changed }, () => [])
      if (changed.length === 0) context.world.log.notice(`nothing asks for ${unwanted.join(', ')}`)
      return []
    })
  },
}
