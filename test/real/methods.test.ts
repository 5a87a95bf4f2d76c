import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Domain, inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { pebbleIsOld } from './servers/pebble.js'
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

describe.skipIf(lacking('named', 'pebble', 'dig', 'netns') || pebbleIsOld())('a real Pebble and BIND', () => {
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
})
