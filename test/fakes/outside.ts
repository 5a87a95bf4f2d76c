import { setMaxListeners } from 'node:events'
import { parseDnsConfig } from '../../src/config/dns-yml.js'
import { Dns01Error } from '../../src/core/errors.js'
import type { Log, World } from '../../src/core/world.js'
import { openResolver } from '../../src/dns/resolver.js'
import { type LiveList, openLog, type Severity } from '../../src/platform/log.js'
import type { Providers } from '../../src/provider/loader.js'
import { Publisher } from '../../src/publish/publisher.js'
import type { ReconcileOptions } from '../../src/renew/due.js'
import type { Outcome } from '../../src/renew/outcome.js'
import { reconcile } from '../../src/renew/reconcile.js'
import { openRunLimit } from '../../src/renew/run-limit.js'
import { withLock } from '../../src/state/lock.js'
import { StateDir } from '../../src/state/state-dir.js'
import { fakeClock } from './clock.js'
import { type FakeDns, fakeDns } from './dns.js'
import { type IssuingCa, issuingCa } from './issuing-ca.js'
import { MemoryFiles, Stopped } from './memory-files.js'
import { countingRandom, fakeProvider } from './provider.js'
import { noTls } from './world.js'

/** Where a run touches the outside: a change on disk, the way there and the way back of a call. */
export type Step = 'disk' | 'request' | 'answer' | 'question' | 'change asked' | 'change done'

/** What happens instead of a step: the process ends, a message is lost, the disk says an error code. */
export type Fault = 'stop' | 'lose' | 'ENOSPC' | 'EROFS' | 'EIO' | undefined

export interface Run {
  /** undefined: it threw. */
  readonly outcomes: readonly Outcome[] | undefined
  readonly error: unknown
  /** All steps it came to, in order. */
  readonly steps: readonly Step[]
  readonly seconds: number
  /** The log, as people see it; warn and worse unless the options say else. */
  readonly said: readonly string[]
}

const unused = (): never => {
  throw new Error('no run of these tests sends mail')
}

/** Everything that outlives a process: disk, CA, zones, time. */
export interface Outside {
  readonly files: MemoryFiles
  readonly ca: IssuingCa
  /** By its URL, as `otherCaUrls` has it. */
  readonly others: Readonly<Record<string, IssuingCa>>
  readonly dns: FakeDns
  /** Every TXT record that is up: `NAME VALUE`. */
  txt(): string[]
  /** Time goes on. */
  later(seconds: number): Promise<void>
  /** A new process that reconciles; `fault` is asked before each step, which is counted from 0. */
  run(fault?: (step: Step, count: number) => Fault, how?: How): Promise<Run>
}

export interface How extends ReconcileOptions {
  /** Since the last run; an hour when absent. */
  readonly afterSeconds?: number
  /** As with --batch: so DNS01_RUN_LIMIT counts. */
  readonly batch?: boolean
  /** What the command does before it reconciles, under the same lock: `revoke` marks a certificate. */
  readonly first?: (state: StateDir, world: World) => Promise<void>
}

export interface OutsideOptions {
  /** Names of each target. */
  readonly targets: readonly (readonly string[])[]
  /** Apex of each zone; each has two servers. */
  readonly zones: readonly string[]
  /** conf/dns.yml */
  readonly dnsYml?: string
  /** What the machine's clock is ahead of everybody else's. */
  readonly clockAheadSeconds?: number
  /** https://ca.test when absent. */
  readonly caUrl?: string
  /** More CAs; nobody has agreed to their terms. */
  readonly otherCaUrls?: readonly string[]
  readonly env?: World['env']
  /** Of what is in `said`. */
  readonly severity?: Severity
  /** Throws for a challenge name that has no provider, or one that is not set up. */
  readonly choose?: (name: string) => void
  /** Targets worked on at the same time; 40 when absent. */
  readonly parallel?: number
  /** Hears of progress, as the list on a terminal does. */
  readonly live?: LiveList
  /** The one hook: what it is told; gives its exit status. */
  readonly hook?: (names: readonly string[]) => number
}

export const ROOT = '/var/lib/acme'
const HOOKS = '/hooks'
/** Addresses of a zone's two servers. */
export const serversOf = (zone: string, zones: readonly string[]): [string, string] => {
  const net = zones.indexOf(zone) + 1
  return [`192.0.2.${net}`, `198.51.100.${net}`]
}

/** A disk with these targets and no certificates, a CA that wants them proved, and zones for it. */
export function outside(options: OutsideOptions): Outside {
  const clock = fakeClock(undefined, { patient: true })
  const dns = fakeDns(clock)
  for (const zone of options.zones) {
    const [one, two] = serversOf(zone, options.zones)
    dns.zone(zone, { [`ns1.${zone}`]: [one], [`ns2.${zone}`]: [two] })
  }
  const challenges = options.targets.flat().map(name => `_acme-challenge.${name.replace('*.', '')}`)
  const around = { txt: dns.values, now: clock.now }
  const ca = issuingCa(around, options.caUrl)
  const others = Object.fromEntries((options.otherCaUrls ?? []).map(url => [url, issuingCa(around, url)]))
  const files = new MemoryFiles({ now: clock.now })
  files.put(`${ROOT}/conf/target`, `request:\n  provider: ${ca.directoryUrl}\n  key:\n    type: ecdsa\n`)
  const terms = `${options.caUrl ?? 'https://ca.test'}/terms`
  files.put(`${ROOT}/conf/responses`, `"acme-enter-email": ""\n"acme-agreement:${terms}": true\n`)
  for (const names of options.targets)
    files.put(`${ROOT}/desired/${names[0]}`, `satisfy:\n  names:\n${names.map(name => `    - '${name}'\n`).join('')}`)
  if (options.hook) files.put(`${HOOKS}/reload`, '#!/bin/sh\n', 0o755)
  const random = countingRandom()
  let pid = 0

  async function run(
    fault: (step: Step, count: number) => Fault = () => undefined,
    { afterSeconds = 3600, ...how }: How = {},
  ): Promise<Run> {
    await clock.advance(afterSeconds)
    const steps: Step[] = []
    const said: string[] = []
    const began = clock.seconds
    pid++
    /** Throws what happens instead. */
    const step = (kind: Step): string | undefined => {
      if (files.stopped) throw new Stopped()
      const what = fault(kind, steps.push(kind) - 1)
      if (what === 'stop') files.stopped = true
      if (what === 'stop') throw new Stopped()
      if (what === 'lose') throw new Dns01Error('UNAVAILABLE', `the ${kind} was lost`)
      return what
    }
    files.restart()
    files.options = { now: clock.now, fail: () => step('disk') }
    const world = worldOf({ step, said })
    const running = reconcileOnce(world, options, providersOf(dns, step, options.choose), how)
    const ended = await clock.runUntil(running).then(
      outcomes => ({ outcomes, error: undefined }),
      (error: unknown) => ({ outcomes: undefined, error }),
    )
    return { ...ended, steps, said, seconds: clock.seconds - began }
  }

  function worldOf({ step, said }: { step: (kind: Step) => unknown; said: string[] }): World {
    const self = pid
    return {
      files,
      tls: noTls,
      random,
      clock: {
        now: () => new Date(clock.now().getTime() + (options.clockAheadSeconds ?? 0) * 1000),
        deadline: clock.deadline,
        sleep: clock.sleep,
      },
      mail: { compose: unused, send: unused },
      fetch: async (url, request) => {
        step('request')
        const answer = await (others[url.origin] ?? ca).fetch(url, request)
        step('answer')
        return answer
      },
      dns: {
        ...dns,
        query: async (question, where) => {
          step('question')
          return dns.query(question, where)
        },
      },
      run: async (_, { input }) => {
        const names = input.split('\n').filter(line => line !== '')
        return { exit: options.hook?.(names) ?? 42, output: '' }
      },
      env: options.env ?? {},
      self: {
        pid: self,
        pidNamespace: 'pid:[1]',
        host: 'here',
        uid: 0,
        gid: 0,
        program: ['dns01'],
        alive: other => other === self,
      },
      log: logInto(said, options),
    }
  }

  return {
    files,
    ca,
    others,
    dns,
    later: clock.advance,
    run,
    txt: () => challenges.flatMap(name => dns.values(name).map(v => `${name} ${v}`)),
  }
}

/** As people see it. */
function logInto(said: string[], { severity = 'WARN', live }: OutsideOptions): Log {
  const write = (line: string): void => void said.push(line)
  return openLog({ sinks: [{ severity, format: 'human', write }], live, now: () => new Date(0) })
}

/** One provider for all, which changes the zones themselves. */
function providersOf(dns: FakeDns, step: (kind: Step) => unknown, choose: OutsideOptions['choose']): Providers {
  const changing =
    (change: (name: string, value: string) => void) => async (records: readonly { name: string; value: string }[]) => {
      step('change asked')
      for (const { name, value } of records) change(name, value)
      step('change done')
    }
  const open = fakeProvider([], {
    present: changing((name, value) => {
      if (!dns.values(name).includes(value)) dns.add(name, 'TXT', value)
    }),
    cleanup: changing((name, value) => dns.remove(name, 'TXT', value)),
  })
  const forName: Providers['for'] = async name => {
    choose?.(name)
    return open
  }
  return { for: forName, open: async () => open, close: async () => {} }
}

/** As the command does it. */
async function reconcileOnce(
  world: World,
  { dnsYml = '', parallel = 40, hook }: OutsideOptions,
  providers: Providers,
  { batch = false, first, ...how }: How,
): Promise<Outcome[]> {
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  const state = await StateDir.open(world, ROOT)
  return withLock(world, state, { command: 'dns01 reconcile', waitSeconds: 0, signal }, async () => {
    await state.conform({ andRead: true })
    await first?.(state, world)
    const { propagation } = parseDnsConfig(dnsYml, 'conf/dns.yml', world.env)
    const resolver = openResolver(world, [])
    const limit = openRunLimit(world, batch, signal)
    const { journal } = state
    const publisher = new Publisher({ world, providers, journal, resolver, propagation, signal: limit.signal })
    const responses = state.responses()
    const hookFolders = hook ? [HOOKS] : []
    return reconcile({ world, state, publisher, responses, signal, parallel, hookFolders, limit }, how)
  })
}
