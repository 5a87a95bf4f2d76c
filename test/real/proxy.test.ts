import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from '../fakes/connect-proxy.js'
import { runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { type Lab, startLab } from './servers/state.js'

// The built program, since bundling once broke what worked from source; Pebble behind a proxy that knows CONNECT.
describe.skipIf(lacking('pebble'))('behind an HTTPS proxy the built program', () => {
  let lab: Lab
  let ca: string
  const proxies: ConnectProxy[] = []
  beforeAll(async () => {
    lab = await startLab()
    ca = new URL(lab.pebble.directoryUrl).host
  })
  afterAll(async () => {
    await Promise.all([lab?.stop(), ...proxies.map(proxy => proxy.close())])
  })

  async function aProxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
    const proxy = await startConnectProxy(options)
    proxies.push(proxy)
    return proxy
  }
  const dns01 = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    runDns01(args, { env: { ...lab.env, ...env } })
  const isLive = (name: string): boolean => existsSync(join(lab.state, 'live', name, 'fullchain'))

  test('gets a certificate through it', async () => {
    const proxy = await aProxy()
    const { exit, stderr } = await dns01(['want', 'a.corp.example'], { https_proxy: proxy.url })
    expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
    expect(isLive('a.corp.example')).toBe(true)
    expect(new Set(proxy.asked)).toEqual(new Set([ca]))
  })

  test('shows user and password to one that asks for them', async () => {
    const proxy = await aProxy({ login: 'us@er:pass word' })
    const https_proxy = proxy.url.replace('//', '//us%40er:pass%20word@')
    const { exit, stderr } = await dns01(['want', 'b.corp.example'], { https_proxy })
    expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
    expect(isLive('b.corp.example')).toBe(true)
    expect(proxy.asked[0]).toMatch(`${ca} Basic `)
  })

  test('without a password for one that asks for it says so, and that trying again does not help', async () => {
    const proxy = await aProxy({ login: 'user:password' })
    const { exit, stderr } = await dns01(['want', 'c.corp.example'], { HTTPS_PROXY: proxy.url })
    expect(stderr).toContain('the proxy requires a user name and a password (407)')
    expect(stderr).toContain('http://USER:PASSWORD@HOST:PORT')
    expect(exit).toBe(3)
    await dns01(['unwant', 'c.corp.example'], {})
  })

  test.each(['localhost', 'corp.test, localhost'])('goes around it with NO_PROXY=%s', async NO_PROXY => {
    const proxy = await aProxy({ refuse: true })
    const { exit, stderr } = await dns01(['reconcile', '--force', 'a.corp.example'], {
      https_proxy: proxy.url,
      NO_PROXY,
    })
    expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
    expect(proxy.asked).toEqual([])
  })

  test('probes through it, and says what a proxy that refuses answered', async () => {
    const [open, shut] = [await aProxy(), await aProxy({ refuse: true })]
    const env = { DNS01_RESOLVERS: lab.env.DNS01_BUILTIN_LISTEN ?? '' }
    const good = await dns01(['probe', 'a.corp.example'], { ...env, https_proxy: open.url })
    expect(good.stdout).toMatch(/^ {2}ok +ca /m)
    expect(open.asked).toContain(ca)
    const bad = await dns01(['probe', 'a.corp.example'], { ...env, https_proxy: shut.url })
    expect(bad.stdout).toContain('the proxy answers 403')
    expect(bad.stdout + bad.stderr).not.toContain('bug in dns01')
  })
})
