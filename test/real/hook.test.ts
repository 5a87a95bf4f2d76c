import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { txtValue } from '../contract/provider-contract.js'
import { type Bind, type BindOptions, startBind } from './servers/bind.js'
import { hook } from './servers/clients.js'
import { dns01Program, type RunningDns01, startProgram } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { temporaryFolder } from './servers/process.js'

const secret = randomBytes(32).toString('base64')
const secondary = '127.0.0.2'

interface Lab {
  readonly bind: Bind
  readonly folder: string
  /** What the provider needs, as variables. */
  readonly settings: Readonly<Record<string, string>>
  /** Starts a program of ours in `/`, with umask 000, the least PATH, no HOME, and no disk to write to. */
  start(argv: readonly string[], env?: Record<string, string>): RunningDns01
  call(argv: readonly string[], env?: Record<string, string>): Promise<{ exit: number; said: string }>
  /** TXT values at the challenge name of a host, as this server shows them. */
  values(host: string, server?: string): Promise<string[]>
}

/** A new mount namespace whose root is read-only. */
const readOnly = 'umask 000; mount --make-rprivate / && mount -o remount,bind,ro / && exec "$@"'

const inLab = (options: Partial<BindOptions>, work: (lab: Lab) => Promise<void>): Promise<void> =>
  withNetns({}, async netns => {
    const folder = temporaryFolder('hook')
    const bind = await startBind({
      netns: netns.name,
      keys: { 'acme-key': { algorithm: 'hmac-sha256', secret } },
      zones: { 'corp.test': { allowUpdate: ['acme-key'] } },
      secondaries: [secondary],
      recursion: true,
      ...options,
    })
    const start: Lab['start'] = (argv, env = {}) =>
      startProgram(
        [
          'env',
          '-i',
          ...Object.entries({ PATH: '/usr/bin:/bin', ...env }).map(pair => pair.join('=')),
          'unshare',
          '-m',
          'sh',
          '-c',
          readOnly,
          'sh',
          ...argv,
        ],
        {
          netns: netns.name,
          cwd: '/',
        },
      )
    try {
      await work({
        bind,
        folder: folder.path,
        settings: {
          DNS01_PROVIDER: 'rfc2136',
          RFC2136_NAMESERVER: '127.0.0.1',
          RFC2136_TSIG_KEY: 'acme-key',
          RFC2136_TSIG_SECRET: secret,
        },
        start,
        call: async (argv, env) => {
          const { exit, stdout, stderr } = await start(argv, env).result
          return { exit, said: stdout + stderr }
        },
        values: async (host, server = '127.0.0.1') => {
          const rows = await netns.exec(['dig', '+short', `@${server}`, `_acme-challenge.${host}`, 'TXT'])
          return rows
            .split('\n')
            .filter(row => row !== '')
            .map(row => row.replaceAll('"', ''))
            .sort()
        },
      })
    } finally {
      await bind.stop()
      folder.remove()
    }
  })

const silent = { exit: 0, said: '' }
const host = 'www.corp.test'
const [v1, v2] = [txtValue('one'), txtValue('two')]
const begin = (value: string) => [hook('rfc2136'), 'challenge-dns-start', host, 'target', value, '']
const end = (value: string) => [hook('rfc2136'), 'challenge-dns-stop', host, 'target', value, '']

describe.skipIf(lacking('netns', 'named', 'dig'))('hooks', () => {
  test('start returns when the last server shows the value, and not much later; stop takes only that one away', () =>
    inLab({ lagSeconds: 2 }, async ({ call, start, settings, values }) => {
      const running = start(begin(v1), settings)
      let seen = Number.POSITIVE_INFINITY
      const watching = (async () => {
        while ((await values(host, secondary)).length === 0) await new Promise(resolve => setTimeout(resolve, 10))
        seen = performance.now()
      })()
      const { exit, stdout, stderr } = await running.result
      const returned = performance.now()
      await watching
      expect({ exit, said: stdout + stderr }).toEqual(silent)
      expect(returned - seen).toBeLessThan(4000)
      expect(await call(begin(v2), settings)).toEqual(silent)
      expect(await call(end(v1), settings)).toEqual(silent)
      expect(await values(host)).toEqual([v2])
      expect(await call(end(v2), settings)).toEqual(silent)
      expect(await call(end(v2), settings)).toEqual(silent)
      expect(await values(host)).toEqual([])
    }))

  test('many processes at one name', () =>
    inLab({}, async ({ call, settings, values }) => {
      expect((await call(['touch', '/tmp/x'])).said).toContain('Read-only file system')
      const all = Array.from({ length: 6 }, (_, i) => txtValue(`value ${i}`))
      const results = await Promise.all(all.map(value => call(begin(value), settings)))
      expect(results).toEqual(all.map(() => silent))
      expect(await values(host, secondary)).toEqual([...all].sort())
      const gone = await Promise.all(all.slice(1).map(value => call(end(value), settings)))
      expect(gone).toEqual(all.slice(1).map(() => silent))
      expect(await values(host)).toEqual(all.slice(0, 1))
    }))

  test('settings from an env file and conf/dns.yml; what does not show in time is removed again', () =>
    inLab({ lagSeconds: 60 }, async ({ call, folder, values }) => {
      mkdirSync(join(folder, 'conf'))
      const give = 'propagation:\n  give-up-after-seconds: 1\n'
      const conf = `zones:\n  corp.test:\n    provider: rfc2136\n    nameserver: 127.0.0.1\n${give}`
      writeFileSync(join(folder, 'conf/dns.yml'), conf)
      const file = join(folder, 'env')
      writeFileSync(file, `RFC2136_TSIG_KEY=acme-key\nRFC2136_TSIG_SECRET=${secret}\n`, { mode: 0o600 })
      const env = { ACME_STATE_DIR: folder, DNS01_ENV_FILE: file }
      const uacme = [hook('uacme'), 'begin', 'dns-01', host, 'token', v1]
      const { exit, said } = await call(uacme, env)
      expect(exit).toBe(7)
      expect(said).toMatch(/_acme-challenge\.www\.corp\.test: .*127\.0\.0\.2/)
      expect(said).not.toContain(secret)
      expect(await values(host)).toEqual([])
      expect(await call([hook('lego'), 'present', `_acme-challenge.${host}.`, v1], env)).toEqual(silent)
      expect(await values(host)).toEqual([v1])
      chmodSync(file, 0o644)
      expect(await call(uacme, env)).toMatchObject({ exit: 3, said: expect.stringContaining(`chmod o= ${file}`) })
    }))

  test('SIGTERM in the wait: the value is removed, and the status is 143', () =>
    inLab({ lagSeconds: 60 }, async ({ start, settings, values }) => {
      const running = start(begin(v1), settings)
      while ((await values(host)).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
      running.kill('SIGTERM')
      expect((await running.result).exit).toBe(143)
      expect(await values(host)).toEqual([])
    }))

  test('dns01 hook itself says 42 to what is not for it, and 2 to what it does not know', () =>
    inLab({}, async ({ call }) => {
      const dns01 = [process.execPath, dns01Program, 'hook']
      expect(await call([...dns01, 'acmetool', 'live-updated'])).toEqual({ exit: 42, said: '' })
      expect(await call([...dns01, 'dehydrated', 'startup_hook'])).toEqual(silent)
      expect(await call([...dns01, 'uacme', 'begin', 'http-01', 'x', 'y', 'z'])).toEqual({ exit: 1, said: '' })
      const { exit, said } = await call([...dns01, 'acmetol', 'live-updated'])
      expect(exit).toBe(2)
      expect(said).toContain('did you mean "acmetool"?')
    }))
})
