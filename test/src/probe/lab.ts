// A probe in memory: DNS, CA, provider and state directory, of which a test says what is wrong.
import { setMaxListeners } from 'node:events'
import { parseDnsConfig } from '../../../src/config/dns-yml.js'
import { parseName } from '../../../src/core/names.js'
import type { ChallengeMethod } from '../../../src/core/target.js'
import type { World } from '../../../src/core/world.js'
import { openResolver } from '../../../src/dns/resolver.js'
import type { Finding, ProbeDocument } from '../../../src/probe/finding.js'
import { probe } from '../../../src/probe/probe.js'
import type { Providers } from '../../../src/provider/loader.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { type FakeClock, fakeClock } from '../../fakes/clock.js'
import { type FakeDns, fakeDns } from '../../fakes/dns.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { countingRandom, fakeProvider, type ProviderTraits } from '../../fakes/provider.js'
import { fakeWorld } from '../../fakes/world.js'

export const root = '/var/lib/acme'
export const ca = 'https://ca.test/directory'
export const directory = {
  newNonce: 'https://ca.test/n',
  newAccount: 'https://ca.test/a',
  newOrder: 'https://ca.test/o',
  revokeCert: 'https://ca.test/r',
  meta: { caaIdentities: ['ca.test'] },
}

export interface Options {
  readonly dns?: (dns: FakeDns, clock: FakeClock) => void
  readonly provider?: ProviderTraits
  readonly fetch?: World['fetch']
  readonly world?: (world: World) => World
  readonly dnsYml?: string
  /** false: something hangs, and only a deadline ends it. */
  readonly patient?: boolean
  readonly before?: (world: World) => Promise<void>
  readonly resolvers?: readonly string[]
  readonly method?: ChallengeMethod
  /** More for the meta of the CA's directory. */
  readonly meta?: object
}

/** a.test has two servers; the provider writes there; the CA answers. What `options` say is wrong. */
export async function run(names: readonly string[], options: Options = {}) {
  const clock = fakeClock(undefined, { patient: options.patient ?? true })
  const dns = fakeDns(clock)
  dns.zone('a.test', { 'ns1.a.test': ['192.0.2.1'], 'ns2.a.test': ['192.0.2.2'] })
  dns.zone('b.test', { 'ns.b.test': ['192.0.2.3'] })
  options.dns?.(dns, clock)
  const files = new MemoryFiles({ now: clock.now })
  files.putFolder('/var/lib')
  const events: string[] = []
  const by = fakeProvider(events, {
    present: async records => {
      for (const { name, value } of records) dns.add(name, 'TXT', value)
    },
    cleanup: async records => {
      for (const { name, value } of records) dns.remove(name, 'TXT', value)
    },
    ...options.provider,
  })
  const providers: Providers = { for: async () => by, open: async () => by, close: async () => {} }
  const said: string[] = []
  const plain = fakeWorld({
    ...{ clock, dns, files, random: countingRandom(), log: listeningLog(said), self: { alive: () => true } },
    fetch: options.fetch ?? (async () => answer(200, JSON.stringify(directory))),
  })
  const world = options.world?.(plain) ?? plain
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  await options.before?.(world)
  const document = await clock.along(probe)(
    {
      ...{ world, providers, signal, stateRoot: root, commandLine: 'dns01 probe' },
      config: parseDnsConfig(options.dnsYml ?? '', 'conf/dns.yml', {}),
      resolver: openResolver(world, options.resolvers ?? []),
    },
    names.map(name => ({ name: parseName(name), ca, dns: { settings: {}, method: options.method }, env: {} })),
  )
  const journal = `${root}/.dns01/journal`
  const left = files.info(journal) ? files.list(journal).map(({ name }) => name) : []
  return { document, dns, events, said, left, seconds: clock.seconds }
}

export const answer = (status: number, body: string, headers = {}) => ({
  status,
  headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT', ...headers } as Record<string, string>,
  body: Buffer.from(body),
})

export const all = ({ authorities, names }: ProbeDocument): Finding[] =>
  [...authorities, ...names].flatMap(one => one.findings)
export const not = (state: string, document: ProbeDocument) => all(document).filter(finding => finding.state !== state)
export const line = ({ check, state, text, mend }: Finding): string =>
  `${state} ${check}: ${text}${mend ? ` → ${mend}` : ''}`
