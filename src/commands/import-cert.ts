/** `dns01 import-cert`: a certificate that a CA without ACME has issued. */

import { recorded } from '../renew/recorded.js'
import { reconcileNow } from '../renew/run.js'
import { report } from '../report/report.js'
import { tellSummary } from '../report/summary.js'
import { type Command, texts } from './command.js'

export const importCert: Command = {
  command: 'import-cert <files..>',
  describe: 'Store and link a certificate that came from a CA by hand, with its chain: PEM, DER or PKCS #7.',
  example: 'import-cert www.crt intermediate.crt',
  run: async ({ files: paths }, context) => {
    const { importCertificate } = await import('../manage/by-hand.js')
    const { world } = context
    return recorded(context, async state => {
      await state.conform()
      const { issuerMissing, files, facts } = await importCertificate(world, state, texts(paths))
      if (issuerMissing !== undefined)
        world.log.notice(
          `${facts.names[0]}: nobody in these files has signed it: ${issuerMissing}`,
          'if that is not a root which all programs know: dns01 import-cert again, with the intermediate certificate',
        )
      // nothing is ordered: links, files of export:, hooks
      const outcomes = await reconcileNow(context, state, { onlyFiles: [] })
      const errors = report(context, state, outcomes, { names: facts.names, files })
      await tellSummary(context, state, files)
      return { outcomes, errors }
    })
  },
}
