import { parseReason, REASONS, requestRevocation } from '../revoke.js'
import { locked, reconcileNow, report } from '../session.js'
import type { Command } from './command.js'

export const revoke: Command = {
  command: 'revoke <id>',
  describe: 'Have the CA revoke a certificate, or all with that key, and get new ones for what is wanted.',
  options: {
    reason: { type: 'string', describe: `why, for those who check: ${Object.keys(REASONS).join(', ')}, or its number` },
  },
  run: ({ id, reason }, context) => {
    const why = reason === undefined ? undefined : parseReason(String(reason))
    return locked(context, async state => {
      await state.conform()
      await requestRevocation({ state, world: context.world }, String(id), why)
      return report(context, await reconcileNow(context, state))
    })
  },
}
