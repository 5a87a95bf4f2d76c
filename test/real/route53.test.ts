import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { runDns01, startDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { type Netns, withNetns } from './servers/netns.js'
import { type Pebble, startPebble } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'
import { type Route53Facts, type RunningRoute53, resolverAddress, startRoute53 } from './servers/route53.js'
import { prepareState } from './servers/state.js'

interface Machine {
  readonly state: string
  run(...args: string[]): ReturnType<typeof runDns01>
  start(...args: string[]): ReturnType<typeof startDns01>
}

interface Lab {
  readonly route53: RunningRoute53
  readonly pebble: Pebble
  readonly netns: Netns
  /** A machine of its own: state directory and how to run dns01 with it. */
  machine(): Machine
}

type Setup = Parameters<typeof startRoute53>[1]

/** Real dns01, real Pebble, real DNS over real sockets; only Amazon is a double. */
const inLab = (setup: Setup, work: (lab: Lab) => Promise<void>): Promise<void> =>
  withNetns({ resolvers: [resolverAddress] }, async netns => {
    const route53 = await startRoute53(netns.name, setup)
    const pebble = await startPebble({ dnsServer: route53.resolver, netns: netns.name, authzReuse: 0, nonceReject: 0 })
    const folders: { remove(): void }[] = []
    const machine = (): Machine => {
      const folder = temporaryFolder('route53-state')
      folders.push(folder)
      prepareState(folder.path, pebble.directoryUrl)
      const env = {
        ...route53.env,
        DNS01_PROVIDER: 'route53',
        ACME_STATE_DIR: folder.path,
        SSL_CERT_FILE: pebble.caFile,
      }
      const options = { env, netns: netns.name }
      return {
        state: folder.path,
        run: (...args) => runDns01(args, options),
        start: (...args) => startDns01(args, options),
      }
    }
    try {
      await work({ route53, pebble, netns, machine })
    } finally {
      await pebble.stop()
      await route53.stop()
      for (const folder of folders) folder.remove()
    }
  })

const hosts = (count: number, zone = 'example.test'): string[] =>
  Array.from({ length: count }, (_, i) => `h${i}.${zone}`)

const zones = [{ name: 'example.test', id: 'Z1' }]

describe.skipIf(lacking('pebble', 'netns'))('route53 with a real CA', () => {
  test('50 names: two changes, at most 10 calls, soon after INSYNC, nothing left', () => {
    const syncSeconds = Number(process.env.DNS01_SYNC_SECONDS ?? 4)
    const lagSeconds = { 'ns-2.awsdns-02.test': syncSeconds / 2, 'ns-4.awsdns-04.test': syncSeconds }
    return inLab({ zones, syncSeconds, lagSeconds }, async ({ route53, machine }) => {
      const { state, run } = machine()
      expect(await run('want', '--no-reconcile', ...hosts(50))).toMatchObject({ exit: 0 })
      const { exit, stderr, seconds } = await run('reconcile')
      expect(stderr).toBe('')
      expect(exit).toBe(0)
      const facts = await route53.control()
      process.stderr.write(`${JSON.stringify(facts.calls)} in ${seconds.toFixed(1)} s, INSYNC after ${syncSeconds} s\n`)
      expect(facts).toMatchObject({ batches: 2, refusals: 0, txt: [] })
      expect(Object.values(facts.calls).reduce((sum, count) => sum + count)).toBeLessThanOrEqual(10)
      expect(seconds).toBeLessThan(syncSeconds + 20)
      expect(readFileSync(join(state, 'live/h49.example.test/fullchain'), 'utf8')).toContain('BEGIN CERTIFICATE')
    })
  })

  test("apex and wildcard, in ten targets, beside somebody else's value", () =>
    inLab({ zones, syncSeconds: 1 }, async ({ route53, machine }) => {
      await route53.control({ put: { zone: 'Z1', name: '_acme-challenge.h0.example.test', values: ['theirs'] } })
      const { state, run } = machine()
      for (const host of hosts(10)) expect((await run('want', '--no-reconcile', host, `*.${host}`)).exit).toBe(0)
      expect(await run('reconcile')).toMatchObject({ exit: 0, stderr: '' })
      const facts = await route53.control()
      expect(facts.txt).toEqual([{ name: '_acme-challenge.h0.example.test', values: ['theirs'] }])
      expect(facts.batches).toBeLessThanOrEqual(4)
      for (const host of hosts(10)) expect(existsSync(join(state, 'live', `*.${host}`, 'fullchain'))).toBe(true)
    }))

  test('two machines that want the same names at once', () =>
    inLab({ zones, syncSeconds: 1 }, async ({ route53, machine }) => {
      const machines = [machine(), machine()]
      const names = ['example.test', '*.example.test', 'www.example.test']
      for (const { run } of machines) expect((await run('want', '--no-reconcile', ...names)).exit).toBe(0)
      const results = await Promise.all(machines.map(({ run }) => run('reconcile')))
      expect(results).toMatchObject([{ exit: 0 }, { exit: 0 }])
      expect((await route53.control()).txt).toEqual([])
    }))

  test('a wrong secret: said in words, status 6, nothing left', () =>
    inLab({ zones, syncSeconds: 1 }, async ({ route53, machine }) => {
      const { run } = machine()
      await run('want', '--no-reconcile', 'www.example.test')
      await route53.control({ faults: { denied: ['ChangeResourceRecordSets'] } })
      const { exit, stderr } = await run('reconcile')
      expect(exit).toBe(6)
      expect(stderr).toContain(
        'access key AKIA…MPLE lacks the right route53:ChangeResourceRecordSets for example.test (Z1)',
      )
      expect((await route53.control()).txt).toEqual([])
    }))

  test('a server that lags behind INSYNC is waited for: the CA may be asking just that one', () =>
    inLab({ zones, syncSeconds: 1, lagSeconds: { 'ns-4.awsdns-04.test': 5 } }, async ({ machine }) => {
      const { exit, stderr, seconds } = await machine().run('want', 'www.example.test')
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
      expect(seconds).toBeGreaterThan(5)
    }))

  test('a CNAME into another zone: the value stands there', () =>
    inLab({ zones: [...zones, { name: 'acme.test', id: 'Z2' }], syncSeconds: 1 }, async ({ route53, machine }) => {
      const alias = { zone: 'Z1', name: '_acme-challenge.www.example.test', type: 'CNAME', values: ['www.acme.test.'] }
      await route53.control({ put: alias })
      const { run } = machine()
      expect(await run('want', 'www.example.test')).toMatchObject({ exit: 0, stderr: '' })
      expect(await route53.control()).toMatchObject({ batches: 2, txt: [] })
    }))

  test('the CA refuses: status 6, its words, and the records are gone', () =>
    inLab({ zones, syncSeconds: 1 }, async ({ route53, machine }) => {
      await route53.control({ hideTxt: true })
      const { exit, stderr } = await machine().run('want', 'www.example.test')
      expect({ exit, stderr }).toMatchObject({ exit: 6, stderr: expect.stringContaining('No TXT records found') })
      expect(await route53.control()).toMatchObject({ batches: 2, txt: [] })
    }))

  test.each([
    ['before the change is asked for', { failOnce: true }, (facts: Route53Facts) => facts.calls.ListHostedZonesByName],
    ['after the change, its answer lost', { loseAnswers: { by: 'reset', times: 99 } as const }, applied],
    ['after the change, before INSYNC', {}, applied],
  ])("killed %s: the next run leaves nothing but somebody else's value", (_, faults, isMoment) =>
    inLab({ zones, syncSeconds: 1 }, async ({ route53, machine }) => {
      const name = '_acme-challenge.www.example.test'
      await route53.control({ faults, put: { zone: 'Z1', name, values: ['theirs'] } })
      const { run, start } = machine()
      const killed = start('want', 'www.example.test')
      while (!isMoment(await route53.control())) {
        if (await Promise.race([killed.result, sleep(5)])) break // it ended before its time
      }
      killed.kill('SIGKILL')
      expect((await killed.result).exit).toBe(137)
      await route53.control({ faults: { failOnce: false, loseAnswers: { by: 'reset', times: 0 } } })
      expect(await run('reconcile')).toMatchObject({ exit: 0 })
      expect((await route53.control()).txt).toEqual([{ name, values: ['theirs'] }])
    }),
  )
})

function applied({ batches }: Route53Facts): boolean {
  return batches > 0
}
