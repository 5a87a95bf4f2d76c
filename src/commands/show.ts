/** `dns01 show`: says in words what a certificate, request, key or chain is, by name, by id or in a file. */

import { looking } from '../renew/run.js'
import { type Command, texts } from './command.js'

export const show: Command = {
  command: 'show <what..>',
  describe:
    'Say what a certificate, request, key or chain is and whether they belong together: a NAME, an ID, a FILE, or -.',
  example: 'show www.example.com',
  run: async ({ what }, context) => {
    const { show } = await import('../manage/show.js') // seldom needed
    const { showDocument, showErrors, showLines } = await import('../manage/show-text.js')
    const { world, out, stateRoot } = context
    const state = await looking(context).catch(error => () => {
      throw error // only who asks for something of it need know
    })
    const shown = show(world, () => (typeof state === 'function' ? state() : state), texts(what))
    const now = world.clock.now()
    out.show(showDocument(shown, now), () => showLines(shown, stateRoot, now))
    return showErrors(shown)
  },
}
