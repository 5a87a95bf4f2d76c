import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dns01Program } from '../real/servers/dns01.js'
import { withNetns } from '../real/servers/netns.js'
import { startPebble } from '../real/servers/pebble.js'
import { temporaryFolder } from '../real/servers/process.js'
import { type RunningRoute53, resolverAddress, startRoute53 } from '../real/servers/route53.js'
import { prepareState } from '../real/servers/state.js'
import { wantAll } from './clients.js'
import { atMost } from './goals.js'
import { trust } from './lab.js'
import { measure } from './measure.js'
import { type Racer, race, type Sample } from './race.js'
import type { Row, Size } from './rows.js'

const zones = [{ name: 'example.test', id: 'Z1' }]
const syncSeconds: Readonly<Record<Size, number>> = { full: 20, quick: 2, tiny: 0.2 }

export const fiftyNames: Row = {
  id: 'route53',
  title: 'Route 53, 1 certificate, 50 names',
  needs: ['pebble', 'netns', 'time', 'setpriv'],
  measure: ({ size }) =>
    withNetns({ resolvers: [resolverAddress] }, async netns => {
      const route53 = await startRoute53(netns.name, { zones, syncSeconds: syncSeconds[size] })
      const pebble = await startPebble({
        dnsServer: route53.resolver,
        netns: netns.name,
        authzReuse: 0,
        nonceReject: 0,
      })
      const folder = temporaryFolder('bench-route53')
      try {
        trust(netns.name, pebble.caFile)
        prepareState(folder.path, pebble.directoryUrl)
        const names = Array.from({ length: size === 'tiny' ? 3 : 50 }, (_, i) => `h${i}.example.test`)
        wantAll(folder.path, [names])
        const env = { ...route53.env, DNS01_PROVIDER: 'route53', ACME_STATE_DIR: folder.path }
        const run = () => measure([process.execPath, dns01Program, '--batch', 'reconcile'], { env, netns: netns.name })
        const results = await race([{ name: 'dns01', run: () => withCalls(route53, run) }], oneRun)
        const most = syncSeconds[size] + 8
        return {
          results,
          goals: [
            atMost(results, 'calls', 10, 'calls'),
            atMost(results, 'changes', 2, 'changes'),
            atMost(results, 'seconds', most, 's'),
          ],
          notes: [
            `INSYNC after ${syncSeconds[size]} s; a double of Route 53 (test/fakes/route53.ts)`,
            'certbot makes 5 calls a name and lego 8: 250 and 400 (from their source, not measured)',
          ],
        }
      } finally {
        await pebble.stop()
        await route53.stop()
        folder.remove()
      }
    }),
}

const oneRun = { rounds: 1, secondsEach: 0 }

async function withCalls(route53: RunningRoute53, run: () => Promise<Sample & { stdout: string }>): Promise<Sample> {
  const { stdout: _, ...measured } = await run()
  const { calls, batches } = await route53.control()
  return { ...measured, calls: Object.values(calls).reduce((sum, count) => sum + count, 0), changes: batches }
}

const boto3 = '/usr/lib/python3/dist-packages/boto3'
const python = `import boto3, os
client = boto3.client("route53", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL_ROUTE_53"])
client.list_hosted_zones_by_name(DNSName="www.example.test")`

export const hookStart: Row = {
  id: 'hook',
  title: 'start of hooks/route53 to its first API call',
  needs: ['netns', 'time', 'setpriv'],
  measure: ({ pace }) =>
    withNetns({ resolvers: [resolverAddress] }, async netns => {
      const route53 = await startRoute53(netns.name, { zones, syncSeconds: 0 })
      try {
        const hook = join(dirname(dns01Program), '../hooks/route53')
        const start = [hook, 'challenge-dns-start', 'www.example.test', 'www.example.test', `${'v'.repeat(43)}`, '']
        const started = (name: string, argv: readonly string[]): Racer => ({
          name,
          run: () => untilFirstCall(route53, netns.name, argv),
        })
        const racers = [started('dns01', start)]
        if (existsSync(boto3)) racers.push(started('boto3', ['/usr/bin/python3', '-c', python]))
        const results = await race(racers, { ...pace, rounds: pace.rounds * 2 })
        return {
          results,
          goals: [atMost(results, 'seconds', 0.09, 's')],
          notes: [
            'wall time from starting the process to the arrival of the call',
            ...(existsSync(boto3) ? [] : ['missing: boto3 (python3-boto3)']),
          ],
        }
      } finally {
        await route53.stop()
      }
    }),
}

async function untilFirstCall(route53: RunningRoute53, netns: string, argv: readonly string[]): Promise<Sample> {
  const before = (await route53.control()).callTimes.length
  const began = Date.now()
  const { cpuSeconds, peakMb } = await measure(argv, { env: route53.env, netns })
  const first = (await route53.control()).callTimes[before]
  if (first === undefined) throw new Error(`${argv[0]} made no API call`)
  return { seconds: (first - began) / 1000, cpuSeconds, peakMb }
}
