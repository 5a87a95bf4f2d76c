import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runDns01 } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { pebbles } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'
import { type Lab, startLab } from './servers/state.js'

const newKey = {
  rsa: ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
  p256: ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  weak: ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
} as const

/** A device that makes its own key and request with openssl; dns01 sees the request alone. */
describe.skipIf(lacking('pebble', 'openssl')).each(pebbles())(
  'requests of somebody else, at a Pebble, $which',
  ({ systems }) => {
    let lab: Lab
    let device: ReturnType<typeof temporaryFolder>
    beforeAll(async () => {
      lab = await startLab({ systems, nonceReject: 0 })
      device = temporaryFolder('device')
      for (const name of readdirSync(lab.env.ACME_HOOKS_DIR as string))
        rmSync(join(lab.env.ACME_HOOKS_DIR as string, name))
      const hook = join(lab.env.ACME_HOOKS_DIR as string, 'hear')
      writeFileSync(hook, `#!/bin/sh\n[ "$1" = live-updated ] || exit 42\ncat >>${join(device.path, 'heard')}\n`)
      chmodSync(hook, 0o755)
    })
    afterAll(async () => {
      await lab.stop()
      device.remove()
    })

    const inState = (...path: string[]): string => join(lab.state, ...path)
    const at = (name: string): string => join(device.path, name)
    const openssl = (...args: readonly string[]): void => void execFileSync(need('openssl'), args, { stdio: 'pipe' })
    const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: lab.env })
    const heard = (): string[] =>
      existsSync(at('heard')) ? readFileSync(at('heard'), 'utf8').trimEnd().split('\n') : []
    const live = (name: string): string => inState('live', name)
    const certificate = (name: string) => new X509Certificate(readFileSync(join(live(name), 'fullchain')))
    const orders = (): number => lab.pebble.requests().filter(line => /order-plz/.test(line)).length

    /** The path of a new request of the device for these names; its key stays there as NAME.key. */
    function request(name: string, kind: keyof typeof newKey, names: readonly string[], more: readonly string[] = []) {
      openssl(...newKey[kind], '-out', at(`${name}.key`))
      const alternatives = names.map(each => `DNS:${each}`).join(',')
      const san = names.length > 0 ? ['-addext', `subjectAltName=${alternatives}`] : []
      openssl('req', '-new', '-key', at(`${name}.key`), '-subj', '/', ...san, ...more, '-out', at(`${name}.csr`))
      return at(`${name}.csr`)
    }

    test.each([
      ['rsa', ['rsa.corp.example'], []],
      [
        'p256',
        ['p256.corp.example', '*.p256.corp.example'],
        ['-outform', 'DER', '-addext', 'tlsfeature=status_request'],
      ],
      ['p384', ['p384.corp.example', 'other.corp.example'], ['-sha384']],
    ] as const)(
      '%s: the certificate is for its key, which is nowhere here, and hooks are told',
      async (kind, names, more) => {
        const csr = request(kind, kind, names, more)
        expect(await dns01('want', '--csr', csr)).toMatchObject({ exit: 0, stderr: '' })
        rmSync(csr) // a copy was kept
        for (const name of names) {
          expect(certificate(name).checkPrivateKey(createPrivateKey(readFileSync(at(`${kind}.key`))))).toBe(true)
          expect(readdirSync(live(name)).sort()).toEqual(['account', 'cert', 'chain', 'fullchain', 'url'])
          expect(heard()).toContain(name)
        }
        expect(readdirSync(inState('keys'))).toEqual([])
        expect(await dns01('reconcile')).toMatchObject({ exit: 0, stdout: '', stderr: '' })
      },
      60_000,
    )

    test('is renewed for the same key, without the request anywhere else', async () => {
      const before = certificate('rsa.corp.example')
      await setTimeout(1100) // of two that end in the same second the old one stays live
      expect(await dns01('reconcile', '--force', 'rsa.corp.example')).toMatchObject({ exit: 0, stderr: '' })
      const after = certificate('rsa.corp.example')
      expect(after.serialNumber).not.toBe(before.serialNumber)
      expect(after.publicKey.equals(before.publicKey)).toBe(true)
      const { stdout } = await dns01('status', 'rsa.corp.example')
      expect(stdout).toMatch(/key +with whoever made the request/)
      expect(stdout).toMatch(/request +conf\/csr\/rsa\.corp\.example-\w+\.pem/)
      expect(stdout).toMatch(/state +ok/)
    }, 60_000)

    test('an order that was cut short is taken up, and not made again', async () => {
      const before = certificate('p384.corp.example').serialNumber
      for (const file of ['cert', 'chain', 'fullchain']) rmSync(join(live('p384.corp.example'), file))
      const made = orders()
      const { exit } = await dns01('reconcile')
      expect(exit).toBe(0)
      expect(certificate('p384.corp.example').serialNumber).toBe(before)
      expect(orders()).toBe(made)
    }, 60_000)

    test('another request for the same names gets a certificate at once', async () => {
      const csr = request('rotated', 'p256', ['other.corp.example', 'p384.corp.example'])
      expect(await dns01('want', '--csr', csr)).toMatchObject({ exit: 0, stderr: '' })
      const key = createPrivateKey(readFileSync(at('rotated.key')))
      for (const name of ['other.corp.example', 'p384.corp.example'])
        expect(certificate(name).checkPrivateKey(key)).toBe(true)
      expect(readdirSync(inState('conf/csr'))).toHaveLength(3)
    }, 60_000)

    test('a target with a path of its own, read again at each run', async () => {
      const csr = request('own', 'p256', ['own.corp.example'])
      writeFileSync(inState('desired/own'), `request: {csr: ${csr}}\n`)
      expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
      request('own', 'p384', ['own.corp.example'])
      expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
      expect(certificate('own.corp.example').checkPrivateKey(createPrivateKey(readFileSync(at('own.key'))))).toBe(true)
      chmodSync(csr, 0o666)
      const refused = await dns01('reconcile')
      expect(refused.exit).toBe(3)
      expect(refused.stderr).toMatch(/desired\/own:1: request\.csr: .*own\.csr: .*may be changed by everybody/)
      chmodSync(csr, 0o644)
    }, 60_000)

    test.each([
      ['no names', 'p256', [], [], /it has no names/],
      ['a weak key', 'weak', ['x.corp.example'], [], /RSA key has 1024 bits/],
      ['SHA-1', 'rsa', ['x.corp.example'], ['-sha1'], /signed with SHA-1/],
      ['an address', 'p256', [], ['-addext', 'subjectAltName=IP:192.0.2.1'], /an IP address \(192\.0\.2\.1\)/],
      ['a common name', 'p256', ['x.corp.example'], ['-subj', '/CN=printer'], /common name "printer"/],
    ] as const)(
      'with %s is refused before the CA or DNS is asked',
      async (_, kind, names, more, message) => {
        const asked = lab.pebble.requests().length
        const refused = await dns01('want', '--csr', request('bad', kind, names, more))
        expect(refused.exit).toBe(3)
        expect(refused.stderr).toMatch(message)
        expect(refused.stderr).toContain('bad.csr')
        expect(lab.pebble.requests().length).toBe(asked)
      },
      60_000,
    )

    test('is revoked by the account, ordered again, unwanted and culled', async () => {
      const id = readFileSync(join(live('rsa.corp.example'), 'url'), 'utf8')
      const folder = readdirSync(inState('certs')).find(
        each => readFileSync(inState('certs', each, 'url'), 'utf8') === id,
      )
      expect(await dns01('revoke', folder as string, '--reason', 'superseded')).toMatchObject({ exit: 0, stderr: '' })
      expect(existsSync(inState('certs', folder as string, 'revoked'))).toBe(true)
      expect(readFileSync(join(live('rsa.corp.example'), 'url'), 'utf8')).not.toBe(id)
      expect(await dns01('unwant', 'rsa.corp.example')).toMatchObject({ exit: 0 })
      expect(readdirSync(inState('conf/csr'))).toHaveLength(2)
      expect((await dns01('cull')).stdout).toMatch(/live\/rsa\.corp\.example/)
      expect(existsSync(live('rsa.corp.example'))).toBe(false)
      expect(await dns01('reconcile')).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    }, 60_000)
  },
)
