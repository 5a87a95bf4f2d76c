/** `dns01 unwant`: stops asking for certificates for these names; what was issued stays. */

import { linesOf, shortList } from '../core/errors.js'
import { type Name, parseNames } from '../core/names.js'
import { notWanted, removeWanted } from '../manage/desired.js'
import { nameOf } from '../renew/link-changes.js'
import { locked } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Command, texts } from './command.js'

export const unwant: Command = {
  command: 'unwant <names..>',
  describe: 'Stop asking for certificates for these names. What was issued stays.',
  example: 'unwant www.example.com',
  run: async ({ names }, context) => {
    const unwanted = parseNames(texts(names))
    return locked(context, async state => {
      await state.conform()
      const strange = notWanted(state, unwanted)
      const broken = strange.find(({ code }) => code !== 'USAGE')
      if (broken) throw broken // who is told that it is done would hear of the name again, once the file is mended
      const changed = await removeWanted(state, unwanted)
      context.out.show({ changed }, () => [])
      for (const error of strange) context.world.log.notice(...linesOf(error))
      if (changed.length > 0) context.out.tell(farewell(state, unwanted))
      return []
    })
  },
}

function farewell(state: StateDir, names: readonly Name[]): string[] {
  const links = [...state.links().keys()].filter(link => names.includes(nameOf(link)))
  const stays = links.map(link => `live/${link} stays as it is, and is renewed no more; dns01 cull removes it`)
  return [`no longer wanted: ${shortList(names)}`, ...stays]
}
