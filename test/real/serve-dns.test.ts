import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Bind, startBind } from './servers/bind.js'
import { type Dns01Options, runDns01, startDns01 } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { type Pebble, startPebble } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'
import { prepareState } from './servers/state.js'

const alias = 'www.example.test.acme.example.test'
const parent = `
acme NS ns.acme
ns.acme A 127.0.0.2
_acme-challenge.www CNAME ${alias}.
_acme-challenge.gone CNAME elsewhere.example.test.
bare NS ns.acme
`

interface Scene {
  readonly state: string
  readonly options: Dns01Options
  /** What dig prints, short, asking this server. */
  dig(server: string, name: string, type?: string): Promise<string>
}

/**
 * example.test delegates acme.example.test to 127.0.0.2. One BIND resolves for us and one for Pebble: a resolver knows for
 * another second what it was told before (that there is no record), whatever the TTL.
 */
async function scene(sleepSeconds: number, work: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = temporaryFolder('serve-dns')
  await withNetns({}, async netns => {
    const binds: Bind[] = []
    let pebble: Pebble | undefined
    try {
      for (const address of ['127.0.0.1', '127.0.0.3']) {
        const zones = { test: {}, 'example.test': { records: parent } }
        binds.push(await startBind({ zones, addresses: [address], netns: netns.name, recursion: true }))
      }
      pebble = await startPebble({
        dnsServer: '127.0.0.3:53',
        authzReuse: 0,
        netns: netns.name,
        ...(sleepSeconds > 0 ? { noSleep: false, sleepSeconds } : {}),
      })
      const state = join(folder.path, 'state')
      prepareState(state, pebble.directoryUrl)
      const env = {
        ACME_STATE_DIR: state,
        ACME_HOOKS_DIR: folder.path,
        SSL_CERT_FILE: pebble.caFile,
        DNS01_PROVIDER: 'builtin',
        DNS01_BUILTIN_ZONE: 'acme.example.test',
        DNS01_BUILTIN_LISTEN: '127.0.0.2:53,[::1]:53',
        DNS01_BUILTIN_ADDRESSES: '127.0.0.2',
      }
      const dig: Scene['dig'] = async (server, name, type = 'TXT') =>
        (
          await netns.exec([need('dig'), `@${server}`, '+short', '+tries=1', '+time=1', name, type]).catch(() => '-')
        ).trim()
      await work({ state, options: { env, netns: netns.name }, dig })
    } finally {
      await pebble?.stop()
      for (const bind of binds) await bind.stop()
      folder.remove()
    }
  })
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await what()); await sleep(30))
    if (Date.now() > end) throw new Error(`not within 20 s: ${what}`)
}

describe.skipIf(lacking('named', 'pebble', 'dig', 'netns'))('a zone delegated to this machine', () => {
  test('what must stand in the DNS is printed and checked', { timeout: 60_000 }, () =>
    scene(0, async ({ options }) => {
      const guide = (...args: string[]) => runDns01(['providers', 'builtin', ...args], options)
      const good = await guide('www.example.test')
      expect(good.stderr).toBe('')
      expect(good.stdout.split('\n').slice(4)).toEqual([
        'ok       acme.example.test NS ns.acme.example.test.',
        'ok       ns.acme.example.test A 127.0.0.2',
        `ok       _acme-challenge.www.example.test CNAME ${alias}.`,
        'All are there.',
        '',
      ])
      expect(good.exit).toBe(0)

      const doctor = await runDns01(['probe', 'www.example.test'], options)
      expect(doctor.stdout).toMatch(/ok +delegation +acme\.example\.test NS ns\.acme\.example\.test\./)
      expect(doctor.stdout).toMatch(/ok +rights .*all servers showed it/)
      expect(doctor.stdout).toContain('All is well.')
      expect(doctor.stderr).toBe('')
      expect(doctor.exit).toBe(0)

      const bad = await guide('gone.example.test', 'new.example.test')
      expect(bad.stdout).toContain('gone.example.test.acme.example.test.: it leads to elsewhere.example.test')
      expect(bad.stdout).toContain('new.example.test.acme.example.test.: there is none')
      expect(bad.stdout).toContain('Create the 2 that are missing')
      expect(bad.exit).toBe(3)

      const withZone = (zone: string, more = {}) =>
        runDns01(['providers', 'builtin', zone.replace('_acme-challenge.', ''), '--json'], {
          ...options,
          env: { ...options.env, DNS01_BUILTIN_ZONE: zone, ...more },
        })
      const missing = async (zone: string, more = {}) =>
        JSON.parse((await withZone(zone, more)).stdout).flatMap((r: { type: string; missing?: string }) =>
          r.missing === undefined ? [] : [`${r.type}: ${r.missing}`],
        )
      const other = await missing('_acme-challenge.www.example.test')
      expect(other[0]).toBe('NS: the zone example.test does not delegate it so')
      const bare = await missing('bare.example.test', { DNS01_BUILTIN_NS: 'other.example.test' })
      expect(bare).toContain('NS: the zone example.test does not delegate it so; it names ns.acme.example.test')
      expect(await missing('acme.example.test', { DNS01_BUILTIN_ADDRESSES: '127.0.0.9' })).toContain(
        'A: it is not there; found: 127.0.0.2',
      )
    }),
  )

  test('serve-dns answers for every run, and a killed run leaves nothing for long', { timeout: 120_000 }, () =>
    scene(2, async ({ state, options, dig }) => {
      const serving = startDns01(['serve-dns'], { ...options, timeoutSeconds: 110 })
      for (const server of ['127.0.0.2', '::1'])
        await until(async () => (await dig(server, 'acme.example.test', 'NS')) === 'ns.acme.example.test.')

      const issued = await runDns01(['want', 'www.example.test', '*.www.example.test'], options)
      expect(issued.stderr).toBe('')
      expect(issued.exit).toBe(0)
      expect(existsSync(join(state, 'live/www.example.test/fullchain'))).toBe(true)
      await until(async () => (await dig('127.0.0.2', alias)) === '')

      const killed = startDns01(['reconcile', '--force', 'www.example.test'], options)
      await until(async () => (await dig('127.0.0.2', alias)).startsWith('"'))
      killed.kill('SIGKILL')
      expect((await killed.result).exit).toBe(137)
      expect(await dig('::1', alias)).toMatch(/^"/)
      const next = await runDns01(['reconcile'], options)
      expect(next.exit).toBe(0)
      expect(next.stderr).toContain('of an earlier run in acme.example.test')
      await until(async () => (await dig('127.0.0.2', alias)) === '' && (await dig('::1', alias)) === '')

      serving.kill('SIGTERM')
      const { exit, stderr } = await serving.result
      expect(stderr).toContain('answering for acme.example.test at 127.0.0.2:53, [::1]:53')
      expect(stderr).not.toContain('ERROR')
      expect(exit).toBe(143)
      expect(await dig('127.0.0.2', 'acme.example.test', 'NS')).toBe('-')

      const alone = await runDns01(['reconcile', '--force', 'www.example.test'], options)
      expect(alone.stderr).toBe('')
      expect(alone.exit).toBe(0)

      const env = { ...options.env, DNS01_BUILTIN_LISTEN: '127.0.0.1:53' }
      const taken = await runDns01(['reconcile', '--force', 'www.example.test'], { ...options, env })
      expect(taken.stderr).toMatch(/127\.0\.0\.1:53[\s\S]*another program listens there/)
      expect(taken.exit).toBe(3)
    }),
  )
})
