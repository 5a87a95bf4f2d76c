/** `dns01 import-key`: puts a private key into keys/, so that a target can name it. */

import { importKey } from '../manage/import-keys.js'
import { locked } from '../renew/run.js'
import type { Command } from './command.js'

export const importKeyCommand: Command = {
  command: 'import-key <file>',
  describe: 'Put a private key (PEM) into keys/ and print its id, for request.key.id of a target.',
  example: 'import-key /root/www.key',
  run: ({ file }, context) =>
    locked(context, async state => {
      await state.conform()
      const id = await importKey(context.world, state, String(file))
      context.out.show({ key: id }, () => [id])
      return []
    }),
}
