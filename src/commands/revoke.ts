/** `dns01 revoke`: has the CA revoke certificates, and gets new ones at once for what is still wanted. */

import type { Outcome } from '../renew/outcome.js'
import { recorded } from '../renew/recorded.js'
import { parseReason, REASONS, requestRevocation } from '../renew/revoke.js'
import { type Context, reconcileNow } from '../renew/run.js'
import { report } from '../report/report.js'
import type { StateDir } from '../state/state-dir.js'
import type { Command } from './command.js'

export const revoke: Command = {
  command: 'revoke <id>',
  describe: 'Have the CA revoke a certificate, or all with that key, and get new ones for what is wanted.',
  example: 'revoke CERTIFICATE --reason keyCompromise',
  options: {
    reason: { type: 'string', describe: `why, for those who check: ${Object.keys(REASONS).join(', ')}, or its number` },
  },
  placesRecords: true,
  run: ({ id, reason }, context) => {
    const why = reason === undefined ? undefined : parseReason(String(reason))
    return recorded(context, async state => {
      await state.conform()
      await requestRevocation({ state, world: context.world }, String(id), why)
      const outcomes = await reconcileNow(context, state)
      tellRevoked(context, state, outcomes)
      return { outcomes, errors: report(context, state, outcomes) }
    })
  },
}

function tellRevoked({ out }: Context, state: StateDir, outcomes: readonly Outcome[]): void {
  const links = state.links()
  for (const { subject, names, result } of outcomes) {
    if (result !== 'revoked') continue
    const now = links.get(names[0] ?? '')
    const next = now === undefined || now === subject ? 'nothing is live in its place' : `the new one, ${now}, is live`
    out.tell([`revoked ${subject} (${names.join(', ')}); ${next}`])
  }
}
