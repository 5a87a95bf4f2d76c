/** `dns01 import-le`: takes over certbot's accounts, its valid certificates, and what it renews. */

import { planTakeover, takeOver, takeoverDocument, takeoverLines } from '../manage/import-certbot.js'
import { linkUp } from '../renew/links.js'
import { locked, looking } from '../renew/run.js'
import type { Command } from './command.js'

export const importLe: Command = {
  command: 'import-le [dir]',
  describe: "Take over certbot's folder (/etc/letsencrypt): accounts, certificates, and what it renews.",
  example: 'import-le --simulate',
  options: { simulate: { type: 'boolean', alias: 'n', describe: 'show it only' } },
  run: async ({ dir, simulate }, context) => {
    const { world, out } = context
    const folder = String(dir ?? '/etc/letsencrypt')
    const found = simulate
      ? planTakeover(world, await looking(context), folder)
      : await locked(context, async state => {
          await state.conform()
          const takeover = planTakeover(world, state, folder)
          await takeOver(state, takeover)
          await linkUp(world, state)
          return takeover
        })
    for (const problem of found.problems) world.log.warn(problem)
    out.show({ ...takeoverDocument(found), done: !simulate }, () => takeoverLines(found))
    if (!simulate && found.targets.length > 0)
      world.log.notice(
        'certbot goes on renewing these, too, until its timer is off: systemctl disable --now certbot.timer',
      )
    return []
  },
}
