/** `dns01 probe`: examines all that certificates for these names depend on, and says what to mend. */

import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, parseNames } from '../core/names.js'
import { dialogues } from '../core/place.js'
import type { Wanted } from '../probe/probe.js'
import { defaultProvider } from '../provider/default.js'
import { openDnsContext } from '../provider/dns-context.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { type Context, dnsConfig, looking } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Command, texts } from './command.js'

/** Besides TLS at once. */
const spoken = dialogues.filter(one => one !== 'tls')

export const probe: Command = {
  command: 'probe [names..]',
  describe:
    'Examine all that certificates for these names depend on, try the provider, and say what to correct; or what is served.',
  example: 'probe www.example.com',
  options: {
    served: {
      type: 'boolean',
      describe: 'look at what is served at HOST[:PORT], of a NAME where its target says (check); without any: of all',
    },
    starttls: { type: 'string', describe: `what is spoken there before TLS begins: ${spoken.join(', ')}` },
  },
  placesRecords: true,
  run: async ({ names, served, starttls }, context) => {
    if (served === true) return probeServedPlaces(context, texts(names), starttls)
    if (starttls !== undefined) throw new Dns01Error('USAGE', '--starttls goes with --served')
    if (texts(names).length === 0)
      throw new Dns01Error('USAGE', 'probe lacks an argument', {
        hint: 'dns01 probe <names..>, or dns01 probe --served HOST:PORT',
      })
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

async function probeServedPlaces(context: Context, words: readonly string[], starttls: unknown): Promise<Dns01Error[]> {
  const { probeServed } = await import('../probe/served.js')
  const { servedErrors, servedLines } = await import('../probe/report.js')
  const { world, signal, stateRoot, commandLine, out } = context
  const dialogue = starttls === undefined ? undefined : spoken.find(one => one === starttls)
  if (starttls !== undefined && dialogue === undefined)
    throw new Dns01Error('USAGE', `--starttls: "${starttls}" is not spoken here`, {
      hint: didYouMean(String(starttls), spoken),
    })
  const document = await probeServed({ world, signal, stateRoot, commandLine }, { words, dialogue })
  out.show(document, () => servedLines(document))
  return servedErrors(document)
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
