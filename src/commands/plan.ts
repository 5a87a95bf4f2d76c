/** `dns01 plan`: shows what reconcile would do and why; it changes nothing and asks no CA. */

import type { Target } from '../core/target.js'
import { admit, circumstances, deferralText } from '../limits/admission.js'
import { forcedNames } from '../manage/desired.js'
import { plan as planOf } from '../renew/plan.js'
import { dnsConfig, looking } from '../renew/run.js'
import { statusDocument } from '../renew/status.js'
import { nothingToDo } from '../report/summary.js'
import { type Command, texts } from './command.js'

export const plan: Command = {
  command: 'plan',
  describe: 'Show what reconcile would do and why. Touches nothing, asks nobody.',
  example: 'plan --force www.example.com',
  options: { force: { type: 'string', array: true, describe: 'as for reconcile' } },
  run: async ({ force }, context) => {
    const state = await looking(context)
    await dnsConfig(context, state) // as every run does
    const { targets, problems } = state.targets()
    const held = { targets, certificates: state.certificates(), links: state.links() }
    const now = context.world.clock.now()
    const forced = force === undefined ? [] : forcedNames(state, texts(force))
    const made = planOf(held, { now, force: forced })
    const { admitted, deferred, afterwards } = admit(
      made.issue,
      state.ledger(),
      circumstances(context.world, targets.length),
    )
    const asked = admitted.map(({ mostOrders: _, ...due }) => due)
    const issue = [...asked, ...afterwards.map(due => ({ ...due, names: due.target.requestNames }))]
    const left = state.journal.entries()
    const lines = [
      ...left.map(entry => `remove   ${entry.records.length} TXT record(s) that an earlier run left in ${entry.zone}`),
      ...made.revoke.map(c => `revoke   ${c.facts?.names.join(', ')} (${c.id})`),
      ...made.resume.map(c => `resume   the order ${c.url}`),
      ...issue.map(({ target, names, why }) => `issue    ${names.join(', ')}: ${why} (${whichCa(target)})`),
      ...deferred.map(one => `wait     ${one.target.requestNames.join(', ')}: ${one.why}; ${deferralText(one)}`),
      ...made.link.map(({ link, certificateId }) => `link     live/${link} to ${certificateId}`),
    ]
    context.out.show({ ...made, issue, wait: deferred, remove: left }, () => lines)
    if (lines.length === 0) context.out.tell([nothingToDo(statusDocument(context.world, state), now)])
    return problems
  },
}

const whichCa = ({ ca, insteadOf }: Target): string =>
  insteadOf === undefined ? ca : `${ca} in the place of ${insteadOf}`
