import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dns01Program } from './servers/dns01.js'
import { type Domain, inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { freePort, startServer } from './servers/process.js'
import { startOnTerminal } from './servers/terminal.js'

/** Two zones at a real BIND: corp.test takes updates with the key, locked.test takes none. */
const zones = { 'corp.test': { allowUpdate: ['acme-key'] }, 'locked.test': {} }
const isLacking = lacking('pebble', 'named', 'dig', 'netns')

const journal = ({ state }: Domain): string[] => readdirSync(join(state, '.dns01/journal'))

describe.skipIf(isLacking)('a name server that says no has written nothing, and no run after that hears of it', () => {
  test.each<[string, { name?: string; env?: Record<string, string> }, RegExp]>([
    [
      'BADSIG',
      { env: { RFC2136_TSIG_SECRET: 'd3Jvbmc=' } },
      /answered BADSIG: the secret or algorithm of the TSIG key acme-key is wrong/,
    ],
    ['BADKEY', { env: { RFC2136_TSIG_KEY: 'other-key' } }, /answered BADKEY: it has no TSIG key other-key/],
    ['REFUSED', { name: 'www.locked.test' }, /answered REFUSED to the update of locked.test: this key/],
    [
      'REFUSED, unsigned',
      { env: { RFC2136_TSIG_KEY: '', RFC2136_TSIG_SECRET: '' } },
      /answered REFUSED to the update of corp.test: no key is set, the update went unsigned\n.*RFC2136_TSIG_FILE/,
    ],
  ])('%s', async (_, { name = 'www.corp.test', env = {} }, words) => {
    await inDomain({ bind: { zones } }, async domain => {
      const first = await domain.start(['--batch', 'want', name, `*.${name}`], { env }).result
      expect(first).toMatchObject({ exit: 6, stderr: expect.stringMatching(words) })
      expect(first.stderr).not.toMatch(/WARN|TXT record/)
      expect(journal(domain)).toEqual([])
      const second = await domain.start(['--batch', 'reconcile'], { env }).result
      expect([second.stdout, second.stderr]).toEqual(['', ''])
      const status = await domain.start(['status'], { env }).result
      expect(status.stdout).not.toContain('TXT records')
    })
  })

  test('a closed port that the person named is given up within half a minute', async () => {
    await inDomain({ bind: { zones } }, async domain => {
      const env = { RFC2136_NAMESERVER: `127.0.0.1:${await freePort()}` }
      const { exit, stderr, seconds } = await domain.start(['--batch', 'want', 'www.corp.test'], { env }).result
      expect([exit, stderr]).toEqual([7, expect.stringMatching(/ECONNREFUSED.*\n.*RFC2136_NAMESERVER/)])
      expect(stderr).not.toMatch(/WARN/)
      expect(seconds).toBeLessThan(40)
      expect(journal(domain)).toEqual([])
    })
  })
})

test.skipIf(isLacking)(
  'on a terminal a wait counts names, servers and seconds, and leaves nothing behind',
  async () => {
    const file = [
      '$ORIGIN corp.test.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 5\n',
      ...['127.0.0.1', '127.0.0.2'].map((address, i) => `@ NS ns${i + 1}\nns${i + 1} A ${address}\n`),
    ].join('')
    await inDomain({ bind: { zones: { 'corp.test': { file, allowUpdate: ['acme-key'] } } } }, async domain => {
      const program = join(import.meta.dirname, '../fakes/bad-dns.mjs')
      const argv = [process.execPath, program, '127.0.0.2', '127.0.0.1', 'lags', '4']
      const server = await startServer(argv, { ready: /ready/, netns: domain.netns })
      const line = `${process.execPath} -- ${dns01Program} want www.corp.test '*.www.corp.test' two.corp.test`
      const env = { ...domain.env, DNS01_RESOLVERS: '127.0.0.1' }
      const { exit, stdout } = await startOnTerminal(line, { env, netns: domain.netns }).result
      await server.stop()
      expect(exit).toBe(0)
      for (const seconds of [1, 2, 3])
        expect(stdout).toMatch(
          new RegExp(`3 names, ns2\\.corp\\.test \\(1 of 2 servers show it\\) +${seconds} s of 15 min`),
        )
      expect(stdout).not.toContain('more)')
    })
  },
)
