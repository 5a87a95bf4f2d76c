import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Bind, startBind } from './servers/bind.js'
import { runDns01 } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { type Pebble, startPebble } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'
import { prepareState } from './servers/state.js'

const key = { algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 7).toString('base64') }
const zone = (records = '') => ({ records, allowUpdate: ['dns01'] })

/** Delegates lag.test to a primary and a secondary that is not told of changes; the latter is lame for lame.test. */
const zones = {
  test: { records: 'lag NS ns1.lag\nlag NS ns2.lag\nns1.lag A 127.0.0.3\nns2.lag A 127.0.0.4' },
  'good.test': zone(),
  'forbid.test': zone('@ CAA 0 issue ";"\nallowed CAA 0 iodef "mailto:a@forbid.test"'),
  'lame.test': zone('@ NS ns2\nns2 A 127.0.0.4'),
}

describe.skipIf(lacking('named', 'pebble', 'dig', 'netns'))('the doctor', () => {
  test('finds what is wrong with real servers, and leaves nothing behind', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder('probe')
    await withNetns({}, async netns => {
      const binds: Bind[] = []
      let pebble: Pebble | undefined
      try {
        const common = { keys: { dns01: key }, netns: netns.name }
        const lagging = { addresses: ['127.0.0.3'], secondaries: ['127.0.0.4'], lagSeconds: 3600 }
        binds.push(await startBind({ ...common, zones, recursion: true }))
        binds.push(await startBind({ ...common, ...lagging, zones: { 'lag.test': zone() } }))
        pebble = await startPebble({ dnsServer: '127.0.0.1:53', netns: netns.name })
        const state = join(folder.path, 'state')
        prepareState(state, pebble.directoryUrl)
        const env = {
          ...{ ACME_STATE_DIR: state, ACME_HOOKS_DIR: folder.path, SSL_CERT_FILE: pebble.caFile },
          ...{ DNS01_PROVIDER: 'rfc2136', RFC2136_TSIG_KEY: 'dns01', RFC2136_TSIG_SECRET: key.secret },
        }
        const probe = (...words: string[]) => runDns01(['probe', ...words], { env, netns: netns.name })

        const good = await probe('www.good.test', '*.good.test', 'x.allowed.forbid.test')
        expect(good.stderr).toBe('')
        expect(good.stdout).toContain('no CAA record at www.good.test or above: any CA may issue')
        expect(good.stdout).toContain('CAA of allowed.forbid.test allows it')
        expect(good.stdout).toContain('ns1.good.test (127.0.0.1) answers; no value(s) at _acme-challenge.www.good.test')
        expect(good.stdout.match(/rfc2136 placed a value .*; all servers showed it after .*; removed/g)).toHaveLength(3)
        expect(good.stdout).toContain('All is well.')
        expect(good.exit).toBe(0)

        const bad = await probe('www.forbid.test', 'www.lame.test', 'www.lag.test')
        expect(bad.stdout).toMatch(/FAILED {3}caa .*CAA of forbid\.test forbids it \(issue ";"\)/)
        expect(bad.stdout).toMatch(/WARNING {2}servers .*ns2\.lame\.test \(127\.0\.0\.4\) answers REFUSED/)
        expect(bad.stdout).toMatch(/FAILED {3}rights .*1 of 2 servers lack the value .*127\.0\.0\.4/)
        expect(bad.exit).toBe(6)
        expect(bad.seconds).toBeLessThan(60)

        const json = JSON.parse((await probe('www.lame.test', '--json')).stdout)
        expect(json.names[0].findings.map((finding: { check: string }) => finding.check)).toContain('rights')

        for (const name of ['www.good.test', 'good.test', 'www.forbid.test', 'www.lame.test', 'www.lag.test']) {
          const server = name.endsWith('lag.test') ? '@127.0.0.3' : '@127.0.0.1'
          const dig = [need('dig'), server, '+short', 'TXT', `_acme-challenge.${name}`]
          expect(await netns.exec(dig), name).toBe('')
        }
      } finally {
        await pebble?.stop()
        for (const bind of binds) await bind.stop()
        folder.remove()
      }
    })
  })
})
