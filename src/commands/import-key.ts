import { importKey } from '../import-keys.js'
import { locked } from '../session.js'
import type { Command } from './command.js'

export const importKeyCommand: Command = {
  command: 'import-key <file>',
  describe: 'Put a private key (PEM) into keys/, for request.key.id of a target.',
  run: ({ file }, context) =>
    locked(context, async state => {
      await state.conform()
      const id = await importKey(context.world, state, String(file))
      context.out.show({ key: id }, () => [])
      return []
    }),
}
