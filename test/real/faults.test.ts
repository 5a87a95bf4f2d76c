import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startProxy, type Trick } from '../fakes/proxy.js'
import { type Dns01Result, runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { type PebbleOptions, startPebble } from './servers/pebble.js'
import { freePort, temporaryFolder } from './servers/process.js'
import { prepareState } from './servers/state.js'
import { makeTestCa } from './servers/test-ca.js'

interface Fault {
  readonly pebble?: PebbleOptions
  readonly trick?: Parameters<typeof startProxy>[0]['trick']
  readonly env?: Readonly<Record<string, string>>
  /** Instead of the proxy's. */
  readonly directoryUrl?: string
  /** The proxy's certificate has run out. */
  readonly expired?: boolean
}

interface Outcome extends Dns01Result {
  readonly live: readonly string[]
  /** Certificates that the CA has signed. */
  readonly signed: number
  readonly played: readonly string[]
}

const names = ['www.corp.example', '*.corp.example'] as const

/** `dns01 want` against Pebble behind a proxy that misbehaves; then, whatever came of it, nothing half-made is there. */
async function want({ pebble: options, trick = () => undefined, env, expired, directoryUrl }: Fault): Promise<Outcome> {
  const folder = temporaryFolder('faults')
  const state = join(folder.path, 'state')
  mkdirSync(join(folder.path, 'hooks'))
  const listen = `127.0.0.1:${await freePort()}`
  const pebble = await startPebble({ dnsServer: listen, nonceReject: 0, authzReuse: 0, ...options })
  const tls = await makeTestCa(undefined, expired ? { notAfter: new Date(Date.now() - 60_000) } : {})
  writeFileSync(join(folder.path, 'ca.pem'), tls.ca)
  const toPort = Number(new URL(pebble.directoryUrl).port)
  const proxy = await startProxy({ toPort, tls, caPem: readFileSync(pebble.caFile, 'utf8'), trick })
  prepareState(state, directoryUrl ?? `https://localhost:${proxy.port}/dir`)
  try {
    const result = await runDns01(['--batch', 'want', ...names], {
      env: {
        ACME_STATE_DIR: state,
        ACME_HOOKS_DIR: join(folder.path, 'hooks'),
        SSL_CERT_FILE: join(folder.path, 'ca.pem'),
        DNS01_PROVIDER: 'builtin',
        DNS01_BUILTIN_ZONE: 'corp.example',
        DNS01_BUILTIN_LISTEN: listen,
        ...env,
      },
    })
    const inside = (...path: string[]): string[] =>
      existsSync(join(state, ...path)) ? readdirSync(join(state, ...path)) : []
    expect(inside('tmp')).toEqual([])
    expect(inside('.dns01', 'journal')).toEqual([])
    const live = inside('live')
    for (const name of live) {
      const certificate = new X509Certificate(readFileSync(join(state, 'live', name, 'fullchain')))
      expect(certificate.subjectAltName).toBe(names.map(each => `DNS:${each}`).join(', '))
    }
    const signed = pebble.log().match(/Issued certificate serial/g)?.length ?? 0
    return { ...result, live, signed, played: proxy.played }
  } finally {
    await proxy.close()
    await pebble.stop()
    folder.remove()
  }
}

const isPost = ({ method }: { method: string }): boolean => method === 'POST'

describe.skipIf(lacking('pebble')).concurrent('a CA behind a bad network', () => {
  const later = new Set<string>()
  const once = (path: string, trick: Trick): Trick | undefined => {
    if (later.has(path)) return undefined
    later.add(path)
    return trick
  }

  test.each<[string, Fault, number]>([
    ['90 % of the nonces refused', { pebble: { nonceReject: 90 } }, 0],
    [
      'each third request answered 500',
      { trick: ({ count }) => (count % 3 === 2 ? { instead: { status: 500, body: 'oops' } } : undefined) },
      3,
    ],
    [
      '503 with Retry-After, once for each of these',
      {
        trick: ({ path }) =>
          /order-plz|finalize|certZ/.test(path)
            ? once(path, { instead: { status: 503, headers: { 'retry-after': '1' } } })
            : undefined,
      },
      3,
    ],
    [
      'each third answer cut off',
      { trick: passing => (passing.count % 3 === 2 && isPost(passing) ? 'cut' : undefined) },
      3,
    ],
    ['slow answers', { trick: () => ({ delaySeconds: 0.2 }) }, 10],
    [
      'each third request heard twice',
      { trick: passing => (passing.count % 3 === 2 && isPost(passing) ? 'twice' : undefined) },
      3,
    ],
    [
      'JSON and PEM called text/html',
      {
        trick: () => ({
          change: answer => ({ ...answer, headers: { ...answer.headers, 'content-type': 'text/html' } }),
        }),
      },
      10,
    ],
  ])('%s: the certificate comes', async (_, fault, tricks) => {
    const { exit, stderr, live, signed, played } = await want(fault)
    expect({ exit, stderr, live }).toEqual({ exit: 0, stderr: '', live: [...names].sort() })
    expect(played.length).toBeGreaterThanOrEqual(tricks)
    expect(signed).toBe(1)
  })

  test.each<[string, Fault, number, RegExp]>([
    [
      'has expired',
      { expired: true },
      3,
      /TLS certificate is not trusted: certificate has expired\n.*clock of this machine/,
    ],
    ['nobody vouches for', { env: { SSL_CERT_FILE: '/dev/null' } }, 3, /not trusted: .*\n.*set SSL_CERT_FILE/],
  ])('a TLS certificate that %s', async (_, fault, exit, words) => {
    const result = await want(fault)
    expect(result.exit).toBe(exit)
    expect(result.stderr).toMatch(words)
    expect(result.live).toEqual([])
  })

  test.each<[string, Trick, number, RegExp]>([
    [
      'HTML',
      { instead: { status: 200, headers: { 'content-type': 'text/html' }, body: '<html><title>Welcome!</title>' } },
      3,
      /the directory https:\/\/localhost:\d+\/dir: localhost:\d+ answered 200 with text\/html: "Welcome!"\n.*is this the directory URL/,
    ],
    ['404', { instead: { status: 404 } }, 3, /answered 404/],
    [
      'JSON of another kind',
      { instead: { status: 200, body: '{"hello": 1}' } },
      3,
      /is not an ACME directory: newNonce/,
    ],
  ])('a directory that is %s', async (_, trick, exit, words) => {
    const result = await want({ trick: () => trick })
    expect(result.exit).toBe(exit)
    expect(result.stderr).toMatch(words)
    expect(result.live).toEqual([])
  })

  test('a CA that does not answer: exit 7 within a minute, and the address is named', async () => {
    const dead = `https://localhost:${await freePort()}/dir`
    const { exit, stderr, live, seconds } = await want({ directoryUrl: dead })
    expect(exit).toBe(7)
    expect(stderr).toContain(`${new URL(dead).origin} cannot be reached: `)
    expect(stderr).toContain('ECONNREFUSED')
    expect(seconds).toBeLessThan(60)
    expect(live).toEqual([])
  })

  test('a certificate of somebody else is kept out', async () => {
    const other = await makeTestCa([{ type: 'dns', value: 'www.corp.example' }])
    const swap = { change: (answer: { body: Buffer }) => ({ ...answer, body: Buffer.from(other.cert) }) as never }
    const { exit, stderr, live } = await want({ trick: ({ path }) => (path.startsWith('/certZ/') ? swap : undefined) })
    expect(exit).toBe(6)
    expect(stderr).toMatch(
      /www\.corp\.example \+1: the CA sent a certificate that is not what was asked for: it is for another key/,
    )
    expect(live).toEqual([])
  })
})
