import { setMaxListeners } from 'node:events'
import { defaultPropagation } from '../../src/config/dns-config.js'
import { Dns01Error } from '../../src/core/errors.js'
import type { Log } from '../../src/core/world.js'
import { openResolver } from '../../src/dns/resolver.js'
import type { OpenProvider, Providers } from '../../src/provider/loader.js'
import { DirectPublisher } from '../../src/publish/direct.js'
import { type LocatedRecord, Locator, type RecordRequest } from '../../src/publish/locate.js'
import { Publisher, type PublisherParts } from '../../src/publish/publisher.js'
import type { JournalEntry } from '../../src/state/journal.js'
import { listeningLog } from '../contract/provider-contract.js'
import { fakeClock } from './clock.js'
import { fakeDns } from './dns.js'
import { MemoryFiles } from './memory-files.js'
import { countingRandom, fakeJournal, fakeProvider, type ProviderTraits, txt } from './provider.js'
import { fakeWorld } from './world.js'

interface Options {
  /** Who serves a name (after CNAMEs); else the one fake provider. */
  readonly choose?: (name: string, house: House) => OpenProvider | Error
  readonly provider?: ProviderTraits
  readonly propagation?: Partial<PublisherParts['propagation']>
  readonly left?: readonly JournalEntry[]
}

export interface House {
  readonly events: string[]
  readonly said: string[]
  /** A provider that writes into the fake DNS. */
  provider(traits?: ProviderTraits): OpenProvider
}

/** Zones a.test (two servers) and b.test (one) in a fake DNS, and a provider that writes there. */
export function aHouse(options: Options = {}) {
  const clock = fakeClock()
  const dns = fakeDns(clock)
  const events: string[] = []
  const said: string[] = []
  const stopping = new AbortController()
  setMaxListeners(0, stopping.signal)
  dns.zone('a.test', { 'ns1.a.test': ['192.0.2.1'], 'ns2.a.test': ['192.0.2.2'] })
  dns.zone('b.test', { 'ns.b.test': ['192.0.2.3'] })
  const provider = (traits: ProviderTraits = {}): OpenProvider =>
    fakeProvider(events, {
      ...traits,
      present: async (records, call) => {
        await traits.present?.(records, call)
        for (const { name, value } of records) dns.add(name, 'TXT', value)
      },
      cleanup: async (records, call) => {
        await traits.cleanup?.(records, call)
        for (const { name, value } of records) dns.remove(name, 'TXT', value)
      },
    })
  const house = { events, said, provider }
  const one = provider(options.provider)
  const providers: Providers = {
    for: async name => {
      const chosen = options.choose?.(name, house) ?? one
      if (chosen instanceof Error) throw chosen
      return chosen
    },
    open: async ({ provider: name }) => {
      if (name !== one.definition.name) throw new Dns01Error('CONFIG', `there is no provider "${name}"`)
      return one
    },
    close: async () => {},
  }
  const steps = new Map<string, string[]>()
  const step: Log['step'] = ({ subject, stage = 'done', detail }) => {
    steps.set(subject, [...(steps.get(subject) ?? []), detail ? `${stage}: ${detail()}` : stage])
  }
  const files = new MemoryFiles()
  const env = { XDG_STATE_HOME: '/var/lib' } // of the notes that DirectPublisher makes
  const self = { uid: 0, gid: 0 }
  const log = { ...listeningLog(said), step, debug: () => {} }
  const world = fakeWorld({ clock, dns, env, files, log, random: countingRandom(), self })
  const journal = fakeJournal(events, options.left)
  const parts = {
    world,
    providers,
    resolver: openResolver(world, []),
    propagation: { ...defaultPropagation, ...options.propagation },
    signal: stopping.signal,
  }
  const publisher = clock.along(new Publisher({ ...parts, journal }))
  Object.assign(publisher, { locator: clock.along(publisher.locator) })
  const direct = clock.along(new DirectPublisher({ ...parts, stateRoot: '/state' }))
  return { ...house, clock, dns, stopping, journal, locator: clock.along(new Locator(parts)), publisher, direct, steps }
}

export const requestFor = (host: string, value: string, targetFile = host): RecordRequest => ({
  challenge: { ...txt(host, value, 'any.test', targetFile).challenge },
  value,
  dns: { settings: {} },
})

export const places = (located: readonly LocatedRecord[]) =>
  located.map(({ record, by, zone }) => ({
    name: record.name,
    zone: record.zone,
    by: by.definition.name,
    asked: zone?.servers.flatMap(server => server.addresses),
  }))

export const calls = (events: readonly string[]) => events.filter(event => /^(present|cleanup)/.test(event))

export const noProvider = (name: string) => new Dns01Error('CONFIG', `no DNS provider is chosen for ${name}`)
