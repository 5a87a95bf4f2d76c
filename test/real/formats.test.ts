import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runDns01 } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { type Lab, startLab } from './servers/state.js'

const PASSPHRASE = 'a long, secret word'

/** What dns01 writes in other formats, read by those who have to: OpenSSL, and Java's keytool. */
describe.skipIf(lacking('pebble', 'openssl', 'keytool'))('a certificate in other formats', () => {
  let lab: Lab
  let out: string
  const at = (name: string): string => join(out, name)
  const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: lab.env, cwd: out })
  const openssl = (...args: string[]): string =>
    execFileSync(need('openssl'), args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
  const keytool = (file: string, ...args: string[]): string =>
    execFileSync(
      need('keytool'),
      ['-J-Xshare:auto', '-list', '-rfc', '-keystore', at(file), '-storepass', PASSPHRASE, ...args],
      {
        encoding: 'utf8',
      },
    )
  const live = (): X509Certificate => new X509Certificate(readFileSync(join(lab.state, 'live/web.corp.example/cert')))
  const serialIn = (pem: string): string => new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERT'))).serialNumber

  beforeAll(async () => {
    lab = await startLab()
    out = join(lab.state, '../out')
    mkdirSync(out, { mode: 0o755 })
    mkdirSync(join(lab.state, 'desired'), { mode: 0o755 })
    writeFileSync(at('pass'), `${PASSPHRASE}\n`, { mode: 0o600 })
    writeFileSync(
      join(lab.state, 'desired/web.corp.example'),
      `request: {key: {type: rsa}}
export:
- {format: p12, path: ${at('web.p12')}, passphrase-file: ${at('pass')}, mode: '0640'}
- {format: jks, path: ${at('web.jks')}, passphrase-file: ${at('pass')}}
- {format: pem, path: ${at('web.pem')}, passphrase-file: ${at('pass')}}
- {format: der, path: ${at('web.der')}}
- {format: bundle, path: ${at('web.bundle')}}
`,
    )
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stdout: '', stderr: '' })
  })
  afterAll(() => lab.stop())

  test('of the list are all there after the first certificate, with the modes of the list', () => {
    const files = ['web.bundle', 'web.der', 'web.jks', 'web.key.der', 'web.p12', 'web.pem']
    expect(readdirSync(out).filter(name => name.startsWith('web'))).toEqual(files)
    for (const file of files) expect(statSync(at(file)).mode & 0o777).toBe(file === 'web.p12' ? 0o640 : 0o600)
  })

  test('OpenSSL opens PKCS #12, the encrypted key and DER, and finds key and certificate to belong together', () => {
    const pass = ['-passin', `file:${at('pass')}`]
    const info = openssl('pkcs12', '-in', at('web.p12'), ...pass, '-nodes')
    expect(serialIn(info)).toBe(live().serialNumber)
    expect(info.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1)
    expect(info).toContain('friendlyName: web.corp.example')
    const publicKey = openssl('x509', '-in', join(lab.state, 'live/web.corp.example/cert'), '-noout', '-pubkey')
    const keys = [
      ['-in', at('web.pem'), ...pass],
      ['-in', at('web.key.der'), '-inform', 'DER'],
      ['-in', at('web.bundle')],
    ]
    for (const from of keys) expect(openssl('pkey', ...from, '-pubout')).toBe(publicKey)
    expect(openssl('x509', '-in', at('web.der'), '-inform', 'DER', '-noout', '-pubkey')).toBe(publicKey)
    expect(() => openssl('pkey', '-in', at('web.pem'), '-passin', 'pass:other', '-pubout')).toThrow()
  })

  test('Java lists key and chain of the PKCS #12 file, and of what is called jks as a JKS keystore', () => {
    for (const [file, ...args] of [['web.p12'], ['web.jks', '-storetype', 'JKS']] as const) {
      const listed = keytool(file, ...args)
      expect(listed).toMatch(
        /^Alias name: web\.corp\.example\n[\s\S]*Entry type: PrivateKeyEntry\nCertificate chain length: [2-9]/m,
      )
      expect(serialIn(listed)).toBe(live().serialNumber)
    }
  })

  test.skipIf(lacking('haproxy'))('HAProxy takes the bundle', () => {
    const bind = `bind 127.0.0.1:1 ssl crt ${at('web.bundle')}`
    writeFileSync(
      at('haproxy.cfg'),
      `defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend f\n  ${bind}\n`,
    )
    execFileSync(need('haproxy'), ['-c', '-f', at('haproxy.cfg')], { stdio: 'pipe' })
    writeFileSync(
      at('web.bundle.broken'),
      readFileSync(at('web.bundle'), 'utf8').replace(/-----BEGIN RSA[\s\S]*?KEY-----\n[\s\S]*?KEY-----\n/, ''),
    )
    writeFileSync(at('haproxy.cfg'), readFileSync(at('haproxy.cfg'), 'utf8').replace('web.bundle', 'web.bundle.broken'))
    expect(() => execFileSync(need('haproxy'), ['-c', '-f', at('haproxy.cfg')], { stdio: 'pipe' })).toThrow()
  })

  test('are made anew when the certificate is renewed, and as soon as a failure is put right', async () => {
    const before = live().serialNumber
    writeFileSync(at('keep'), readFileSync(at('pass')), { mode: 0o600 })
    rmSync(at('pass'))
    const failed = await dns01('reconcile', '--force', 'web.corp.example')
    expect(failed).toMatchObject({
      exit: 8,
      stderr: expect.stringContaining(`cannot read the passphrase file ${at('pass')}`),
    })
    expect(live().serialNumber).not.toBe(before)
    expect(serialIn(readFileSync(at('web.bundle'), 'utf8'))).toBe(live().serialNumber)
    writeFileSync(at('pass'), `${PASSPHRASE}\n`, { mode: 0o600 })
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    expect(serialIn(openssl('pkcs12', '-in', at('web.p12'), '-passin', `file:${at('pass')}`, '-nodes'))).toBe(
      live().serialNumber,
    )
    const made = statSync(at('web.p12')).mtimeMs
    expect(await dns01('reconcile')).toMatchObject({ exit: 0 })
    expect(statSync(at('web.p12')).mtimeMs).toBe(made)
  })

  test('one by hand, for old programs too, and never with a passphrase of the command line', async () => {
    const pass = ['--passphrase-file', at('pass')]
    const made = await dns01('export', 'web.corp.example', '--format', 'p12', '--legacy', ...pass, '-o', 'old.p12')
    expect(made).toMatchObject({ exit: 0, stdout: `${at('old.p12')}\n`, stderr: '' })
    expect(serialIn(openssl('pkcs12', '-in', at('old.p12'), '-passin', `file:${at('pass')}`, '-nodes'))).toBe(
      live().serialNumber,
    )
    expect(keytool('old.p12')).toContain('PrivateKeyEntry')
    const lacksOne = await dns01('export', 'web.corp.example', '--format', 'p12', '-o', 'x.p12')
    expect(lacksOne).toMatchObject({ exit: 2, stderr: expect.stringContaining('--passphrase-file FILE') })
    expect(readdirSync(out)).not.toContain('x.p12')
    expect((await dns01('export', 'web.corp.example', '--passphrase', 'x')).exit).toBe(2)
  })
})
