import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Domain, inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { pebbleLacks } from './servers/pebble.js'
import { prepareState } from './servers/state.js'

/** A state directory of its own, whose targets are proved by this method; and dns01 with it. */
function withMethod({ state, pebble, start }: Domain, name: string, method: string) {
  const own = join(state, '..', name)
  prepareState(own, pebble.directoryUrl)
  const request = { provider: pebble.directoryUrl, challenge: { dns: { method } } }
  writeFileSync(join(own, 'conf/target'), JSON.stringify({ request }))
  return (words: readonly string[], env: Record<string, string> = {}) =>
    start(words, { env: { ACME_STATE_DIR: own, ...env } }).result
}

const updatable = { allowUpdate: ['acme-key'] }
/** With the zone above corp.test, of which probe asks CAA and DS. */
const aboveIt = { bind: { zones: { test: {}, 'corp.test': updatable } } }

describe.skipIf(lacking('named', 'pebble', 'dig', 'netns') || pebbleLacks('dns-account-01 and dns-persist-01'))(
  'a real Pebble and BIND',
  () => {
    test('dns-account-01: two accounts have a CNAME each at one host, and both get its certificate', {
      timeout: 120_000,
    }, () => {
      const zones = { 'corp.test': updatable, 'one.test': updatable, 'two.test': updatable }
      return inDomain({ bind: { zones }, pebble: { authzReuse: 0 } }, async domain => {
        const clusters = ['one', 'two'].map(name => withMethod(domain, name, 'dns-account-01'))
        const targets: string[] = []
        for (const [i, dns01] of clusters.entries()) {
          // the account comes with the first certificate
          expect(await dns01(['--batch', 'want', `first${i}.corp.test`])).toMatchObject({ exit: 0, stderr: '' })
          const { stdout } = await dns01(['providers', 'route53', '--iam-policy', 'www.corp.test'])
          const [name] = stdout.match(/_[a-z2-7]{16}\._acme-challenge\.www\.corp\.test/) ?? []
          const target = `www.${['one', 'two'][i]}.test`
          await domain.update(`update add ${name}. 60 CNAME ${target}.`)
          targets.push(target)
        }
        const names = ['www.corp.test', '*.www.corp.test']
        for (const run of await Promise.all(clusters.map(dns01 => dns01(['--batch', 'want', ...names]))))
          expect(run).toMatchObject({ exit: 0, stderr: '' })
        const updates = domain.bind.updates().join('\n')
        for (const target of targets)
          expect([...updates.matchAll(new RegExp(`adding an RR at '${target}' TXT`, 'g'))]).toHaveLength(2)
        expect(updates).not.toContain("'_acme-challenge.")
        expect(await domain.txt()).toEqual([])
        for (const target of targets) expect(await domain.dig(target)).toBe('')
      })
    })

    test(
      'dns-persist-01: a host without DNS credentials gets and renews its certificate by the record that `persist` prints',
      {
        timeout: 120_000,
      },
      () =>
        inDomain({ ...aboveIt, pebble: { authzReuse: 0, caaIdentities: ['ca.test'] } }, async domain => {
          const dns01 = withMethod(domain, 'host', 'dns-persist-01')
          const none = { DNS01_PROVIDER: '', RFC2136_TSIG_KEY: '', RFC2136_TSIG_SECRET: '', RFC2136_NAMESERVER: '' }
          const run = (...words: string[]) => dns01(words, none)
          const names = ['www.corp.test', '*.www.corp.test']
          const publish = async (line = '') => {
            await domain.update('update delete _validation-persist.www.corp.test. TXT')
            if (line !== '') await domain.update(`update add ${line.replace(' IN ', ' 60 IN ')}`)
          }

          const missing = await run('--batch', 'want', ...names)
          expect(missing).toMatchObject({ exit: 3, stderr: expect.stringContaining('there is no such record') })
          expect(missing.stderr).toContain("dns01 persist 'www.corp.test' '*.www.corp.test' prints")
          expect(domain.pebble.requests().filter(line => line.includes('order'))).toEqual([])

          const unknown = await run('persist', ...names)
          expect(unknown).toMatchObject({ exit: 3, stderr: expect.stringContaining('there is no account') })
          expect(await run('--batch', 'quickstart')).toMatchObject({
            exit: 0,
            stdout: expect.stringContaining('none needed'),
          })
          const printed = await run('persist', ...names, '--until', '2036-12-31')
          expect(printed).toMatchObject({ exit: 0, stderr: '' })
          expect(printed.stdout).toMatch(
            /^_validation-persist\.www\.corp\.test\. IN TXT "ca\.test; accounturi=https:\/\/localhost:\d+\/my-account\/\w+; policy=wildcard; persistUntil=2114380799"\n$/,
          )

          for (const [change, says] of [
            [printed.stdout.replace('; policy=wildcard', ''), 'it lacks policy=wildcard'],
            [printed.stdout.replace('2114380799', '1'), 'its persistUntil was 1970-01-01T00:00Z'],
            [printed.stdout.replace('my-account/', 'my-account/x'), 'and ours is https://localhost'],
            [printed.stdout.replace('9"', '9;"'), 'it is malformed: it ends with ";"'],
            [printed.stdout.replace('ca.test', 'other.test'), 'none for ca.test, but for other.test'],
          ] as const) {
            await publish(change.trim())
            expect(await run('--batch', 'want', ...names), says).toMatchObject({
              exit: 3,
              stderr: expect.stringContaining(says),
            })
          }

          await publish(printed.stdout.trim())
          const before = domain.bind.updates().length
          expect(await run('--batch', 'want', ...names)).toMatchObject({ exit: 0, stderr: '' })
          expect(await run('--batch', 'reconcile', '--force', 'www.corp.test')).toMatchObject({ exit: 0, stderr: '' })
          expect(domain.signed()).toHaveLength(2)
          expect(domain.bind.updates()).toHaveLength(before)

          const good = await run('probe', ...names)
          expect(good, good.stdout).toMatchObject({ exit: 0, stderr: '' })
          expect(good.stdout).toContain(
            '_validation-persist.www.corp.test proves *.www.corp.test until 2036-12-31T23:59Z; seen at 127.0.0.1',
          )
          expect(good.stdout).toContain('not tried: nothing is written')
          const soon = Math.floor(Date.now() / 1000) + 20 * 86_400
          await publish(printed.stdout.replace('2114380799', `${soon}`).trim())
          expect(await run('probe', ...names)).toMatchObject({
            exit: 0,
            stdout: expect.stringContaining('WARNING  record'),
          })
          expect((await run('status')).stdout).toMatch(/^! www\.corp\.test \+1: the record at .* counts until .* only/m)
          const renewed = await run('--batch', 'reconcile', '--force', 'www.corp.test')
          expect(renewed).toMatchObject({ exit: 0, stderr: expect.stringContaining('cannot be renewed') })
          expect(domain.bind.updates().filter(line => line.includes('_acme-challenge'))).toEqual([])
        }),
    )

    test('auto: by the record for one name, by dns-01 for the other, in one certificate', { timeout: 120_000 }, () =>
      inDomain({ pebble: { authzReuse: 0, caaIdentities: ['ca.test'] } }, async domain => {
        const dns01 = withMethod(domain, 'host', 'auto')
        expect(await dns01(['--batch', 'want', 'first.corp.test'])).toMatchObject({ exit: 0, stderr: '' })
        const { stdout } = await dns01(['persist', 'www.corp.test'])
        await domain.update(`update add ${stdout.trim().replace(' IN ', ' 60 IN ')}`)
        expect(await dns01(['--batch', 'want', 'www.corp.test', 'db.corp.test'])).toMatchObject({ exit: 0, stderr: '' })
        const updates = domain.bind.updates().join('\n')
        expect(updates).toContain("'_acme-challenge.db.corp.test' TXT")
        expect(updates).not.toContain("'_acme-challenge.www.corp.test' TXT")
      }),
    )

    test(
      "Debian's Pebble, which offers neither: the error says what it offers, and nothing is written",
      { timeout: 120_000 },
      () =>
        inDomain({ pebble: { systems: true } }, async domain => {
          const run = await withMethod(domain, 'host', 'dns-account-01')(['--batch', 'want', 'www.corp.test'])
          if (run.exit === 0) return // the system's is a newer one
          expect(run).toMatchObject({
            exit: 6,
            stderr: expect.stringMatching(/offers no dns-account-01 challenge, but .*dns-01/),
          })
          expect(run.stderr).toContain('set request.challenge.dns.method to dns-01')
          expect(domain.bind.updates()).toEqual([])
        }),
    )
  },
)
