import { type DnsConfig, zoneConfigFor } from '../config/dns-config.js'
import type { Target } from '../core/target.js'
import { startsPrograms } from '../core/trust.js'
import type { World } from '../core/world.js'
import { choose, type OpenProvider } from '../provider/loader.js'
import type { Journal, JournalEntry } from '../state/journal.js'

/**
 * A second lock on the journal's door: an entry whose settings or variables would start a program is left out, with a
 * warning, unless conf/dns.yml or a target says the same today. Who can write .dns01 shall not run commands by it. Other providers are
 * opened as the entry says: a server that conf/dns.yml no longer names may still hold our records.
 */
export function withoutStrangePrograms(
  { log }: Pick<World, 'log'>,
  journal: Journal,
  config: DnsConfig,
  targets: () => readonly Target[],
): Journal {
  const entries = (): JournalEntry[] => {
    const all = journal.entries()
    const doubtful = all.filter(entry => startsPrograms(asked(entry)))
    if (doubtful.length === 0) return all
    const wanted = targets()
    const said = choices(config, wanted)
    const isSaid = (entry: JournalEntry): boolean =>
      (!startsPrograms({ dns: asked(entry).dns }) || said.some(choice => isSame(choice, entry))) &&
      entry.records.every(
        ({ challenge: { env } }) => isNone(env) || wanted.some(one => inOrder(one.env) === inOrder(env)),
      )
    const strange = doubtful.filter(entry => !isSaid(entry))
    for (const { id, provider, zone, records } of strange)
      log.warn(
        `.dns01/journal/${id}.json has settings or variables for ${provider} that neither conf/dns.yml nor a target has; ${records.length} TXT record(s) of an earlier run in ${zone} stay: remove them and the file by hand`,
      )
    return all.filter(entry => !strange.includes(entry))
  }
  return { ...journal, entries }
}

const isNone = (env: Readonly<Record<string, string>>): boolean => Object.keys(env).length === 0

/** What the entry says about programs. */
const asked = ({ settings = {}, records }: JournalEntry): Parameters<typeof startsPrograms>[0] => ({
  dns: { settings },
  env: Object.assign({}, ...records.map(record => record.challenge.env)),
})

type Choice = { readonly provider?: string | undefined; readonly settings: OpenProvider['config']['settings'] }

/** Every provider with its settings that a name could be given to. */
function choices(config: DnsConfig, targets: readonly Target[]): Choice[] {
  const zones = [config.fallback, ...[...config.zones.keys()].map(name => zoneConfigFor(config, name))]
  return [...zones, ...targets.flatMap(({ dns }) => zones.map(zone => choose(zone, dns)))]
}

/** Without a provider of its own it is the default one, whichever that was then. */
const isSame = (said: Choice, { provider, settings = {} }: JournalEntry): boolean =>
  (said.provider ?? provider) === provider && inOrder(said.settings) === inOrder(settings)

const inOrder = (settings: Choice['settings']): string => JSON.stringify(Object.entries(settings).sort())
