/** `dns01 probe`: examines all that certificates for these names depend on, and says what to mend. */

import { type Name, parseNames } from '../core/names.js'
import type { Wanted } from '../probe/probe.js'
import { defaultProvider } from '../provider/default.js'
import { openDnsContext } from '../provider/dns-context.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { dnsConfig, looking } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Command, texts } from './command.js'

export const probe: Command = {
  command: 'probe <names..>',
  describe: 'Examine all that certificates for these names depend on, try the provider, and say what to correct.',
  example: 'probe www.example.com',
  placesRecords: true,
  run: async ({ names }, context) => {
    const { probe: probeNames } = await import('../probe/probe.js') // much, and seldom needed
    const { probeErrors, probeLines } = await import('../probe/report.js')
    const { world, signal, stateRoot, commandLine, out } = context
    const state = await looking(context)
    const wanted = wantedOf(state, [...new Set(parseNames(texts(names)))])
    const config = await dnsConfig(context, state)
    const { providers, resolver } = openDnsContext(world, config, () => defaultProvider(world, hookFolders(world.env)))
    const parts = { world, config, providers, resolver, stateRoot, commandLine, signal }
    const document = await probeNames(parts, wanted).finally(() => providers.close())
    out.show(document, () => probeLines(document))
    return probeErrors(document)
  },
}

/** As their target has it; what nobody wants yet, as conf/target has it. */
function wantedOf(state: StateDir, names: readonly Name[]): Wanted[] {
  const { targets } = state.targets()
  const defaults = state.defaults()
  return names.map(name => {
    const { ca, dns, env } = targets.find(target => target.requestNames.includes(name)) ?? defaults
    return { name, ca, dns, env }
  })
}
