// A second lock on the journal's door. The journal says which provider is opened to take values back, and with which
// settings; some of these start programs. Whoever can write .dns01 shall not be able to run commands by it.
import { type DnsConfig, zoneConfigFor } from '../config/dns-config.js'
import type { Target } from '../core/target.js'
import { startsPrograms } from '../core/trust.js'
import type { World } from '../core/world.js'
import { choose, type OpenProvider } from '../provider/loader.js'
import type { Journal, JournalEntry } from '../state/journal.js'

/**
 * The journal without entries whose settings or variables would start a program, unless conf/dns.yml or a target asks for
 * the same today; each is warned of. Other providers are opened as the entry says: a server that conf/dns.yml no longer
 * names may still hold our records.
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
    const chosen = choices(config, wanted)
    const isAskedForToday = (entry: JournalEntry): boolean =>
      (!startsPrograms({ dns: asked(entry).dns }) || chosen.some(choice => isSame(choice, entry))) &&
      entry.records.every(
        ({ challenge: { env } }) => isNone(env) || wanted.some(one => inOrder(one.env) === inOrder(env)),
      )
    const strange = doubtful.filter(entry => !isAskedForToday(entry))
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
const isSame = (choice: Choice, { provider, settings = {} }: JournalEntry): boolean =>
  (choice.provider ?? provider) === provider && inOrder(choice.settings) === inOrder(settings)

/** As text, to compare: the order of keys in a file means nothing. */
const inOrder = (settings: Choice['settings']): string => JSON.stringify(Object.entries(settings).sort())
