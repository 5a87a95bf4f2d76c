import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Dns01Result } from './servers/dns01.js'
import { inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { startServer } from './servers/process.js'

const [good, bad] = ['127.0.0.1', '127.0.0.2']
const giveUpSeconds = 6

interface Fault {
  /** See test/fakes/bad-dns.mjs. */
  readonly manner: string
  readonly seconds?: number
  /** The zone has no other server. Default false. */
  readonly alone?: boolean
}

/** `dns01 want` of a name and its wildcard, one of whose servers misbehaves. Whatever comes of it, no record stays. */
async function want({ manner, seconds = 0, alone = false }: Fault): Promise<Dns01Result> {
  const servers = alone ? [bad] : [good, bad]
  const zone = [
    '$ORIGIN corp.test.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 5\n',
    ...servers.map((address, i) => `@ NS ns${i + 1}\nns${i + 1} A ${address}\n`),
  ].join('')
  let result: Dns01Result | undefined
  await inDomain(
    { bind: { zones: { 'corp.test': { file: zone, allowUpdate: ['acme-key'] } } }, pebble: { nonceReject: 0 } },
    async domain => {
      const program = join(import.meta.dirname, '../fakes/bad-dns.mjs')
      const argv = [process.execPath, program, bad, good, manner, String(seconds)]
      const server = await startServer(argv, { ready: /ready/, netns: domain.netns })
      const dnsYml = `propagation:\n  give-up-after-seconds: ${giveUpSeconds}\n`
      writeFileSync(join(domain.state, 'conf/dns.yml'), dnsYml)
      const env = { DNS01_RESOLVERS: good }
      result = await domain.start(['--batch', 'want', 'www.corp.test', '*.www.corp.test'], { env }).result
      await server.stop()
      expect(await domain.txt()).toEqual([])
    },
  )
  return result as Dns01Result
}

describe.skipIf(lacking('pebble', 'named', 'dig', 'netns')).concurrent('one of two name servers', () => {
  test.each<[string, Fault, RegExp]>([
    ['never answers', { manner: 'silent' }, /127\.0\.0\.2: no answer within 3 s\)\n$/],
    ['answers SERVFAIL', { manner: 'servfail' }, /127\.0\.0\.2: it answers SERVFAIL\)\n$/],
    ['answers for another name', { manner: 'other-name' }, /127\.0\.0\.2: no answer within 3 s\)\n$/],
  ])('%s: that is told, and the other one is enough', async (_, fault, words) => {
    const { exit, stderr } = await want(fault)
    expect(exit).toBe(0)
    expect(stderr).toMatch(/corp\.test: 1 server address\(es\) cannot be asked, the others confirm/)
    expect(stderr).toMatch(words)
  })

  test.each<[string, Fault]>([
    ['drops 30 % of the packets', { manner: 'drops' }],
    ['truncates', { manner: 'truncates' }],
    ['lags', { manner: 'lags', seconds: 3 }],
    ['flaps', { manner: 'flaps' }],
    ['answers SERVFAIL, then well', { manner: 'servfail-then-well', seconds: 1 }],
  ])('%s: the certificate comes, and nothing is said', async (_, fault) => {
    expect(await want(fault)).toMatchObject({ exit: 0, stderr: '' })
  })

  test('shows one of two values: exit 7, and it is named', async () => {
    const { exit, stderr, seconds } = await want({ manner: 'one-value' })
    expect(exit).toBe(7)
    expect(stderr).toMatch(/1 of 2 servers lack the value after 6 s \(127\.0\.0\.2: 1 value\(s\)\)\n.*dns01 probe/)
    expect(seconds).toBeLessThan(giveUpSeconds + 20)
  })
})

describe.skipIf(lacking('pebble', 'named', 'dig', 'netns')).concurrent('the only name server', () => {
  test.each<[string, Fault]>([
    ['never answers', { manner: 'silent', alone: true }],
    ['answers SERVFAIL', { manner: 'servfail', alone: true }],
  ])('%s: the resolver decides, and that is told', async (_, fault) => {
    const { exit, stderr } = await want(fault)
    expect(exit).toBe(0)
    expect(stderr).toMatch(
      /none of its servers can be asked from here \(127\.0\.0\.2: .*\): the resolvers 127\.0\.0\.1 decide/,
    )
  })
})

describe.skipIf(lacking('pebble', 'named', 'dig', 'netns'))('a resolver', () => {
  test.each<[string, string, RegExp]>([
    [
      'that never answers',
      'silent-to-all',
      /cannot look up CNAME _acme-challenge\.www\.corp\.test: .*127\.0\.0\.2.*no answer within 5 s\n.*DNS01_RESOLVERS/,
    ],
    [
      'that answers SERVFAIL',
      'servfail-to-all',
      /127\.0\.0\.2 answers SERVFAIL for CNAME _acme-challenge\.www\.corp\.test\n.*DNSSEC/,
    ],
  ])('%s: exit 7, and it is named', (_, manner, words) =>
    inDomain({ pebble: { nonceReject: 0 } }, async domain => {
      const program = join(import.meta.dirname, '../fakes/bad-dns.mjs')
      const argv = [process.execPath, program, bad, good, manner]
      const server = await startServer(argv, { ready: /ready/, netns: domain.netns })
      const env = { DNS01_RESOLVERS: bad }
      const { exit, stderr, seconds } = await domain.start(['--batch', 'want', 'www.corp.test'], { env }).result
      await server.stop()
      expect(exit).toBe(7)
      expect(stderr).toMatch(words)
      expect(seconds).toBeLessThan(30)
      expect(await domain.txt()).toEqual([])
    }),
  )
})
