import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AcmetoolLab, liveId, mergeState, snapshotOf, startAcmetoolLab } from './servers/acmetool.js'
import { lacking, need } from './servers/need.js'

const silent = { exit: 0, stdout: '', stderr: '' }

const targets: Readonly<Record<string, string>> = {
  'rsa.corp.example': 'request: {key: {type: rsa, rsa-size: 3072}}\n',
  'p384.corp.example': 'request: {key: {type: ecdsa, ecdsa-curve: nistp384}}\n',
  wild: "satisfy: {names: ['*.corp.example', corp.example]}\npriority: 5\n",
  inner: 'satisfy: {names: [corp.example], key: {type: rsa}}\nlabel: inner\n',
  many: 'satisfy: {names: [a.corp.example, b.corp.example, corp.example]}\n',
  'BÜCHER.Corp.Example.': '',
}

describe.skipIf(lacking('acmetool', 'pebble', 'openssl'))('a state directory that dns01 has made', () => {
  let lab: AcmetoolLab
  let state: string

  beforeAll(async () => {
    lab = await startAcmetoolLab()
    state = lab.newState('state')
    for (const [file, text] of Object.entries(targets)) writeFileSync(join(state, 'desired', file), text)
    expect(await lab.dns01(state, 'want', 'wanted.corp.example')).toMatchObject(silent)
  })
  afterAll(() => lab?.stop())

  /** acmetool opens it, finds all well, and leaves all as it is. */
  async function expectAcmetoolAccepts(): Promise<void> {
    const before = snapshotOf(state)
    const requests = lab.pebble.requests().length
    expect(await lab.acmetool(state, '--xlog.severity=warn', 'reconcile')).toMatchObject(silent)
    const { exit, stdout, stderr } = await lab.acmetool(state, 'status')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(stdout).not.toMatch(/error|needs-renewing|uncached/)
    expect(snapshotOf(state)).toEqual(before)
    expect(lab.pebble.requests().length).toBe(requests)
    lab.calls(state)
  }

  test('is accepted by acmetool without a warning or a rewrite', async () => {
    await expectAcmetoolAccepts()
    expect(readdirSync(join(state, 'live'))).toEqual(
      expect.arrayContaining([
        '*.corp.example',
        'corp.example:inner',
        'xn--bcher-kva.corp.example',
        'wanted.corp.example',
      ]),
    )
  })

  test('says the same of its accounts as acmetool does', async () => {
    for (const command of ['account-url', 'account-thumbprint']) {
      const [theirs, ours] = [await lab.acmetool(state, command), await lab.dns01(state, command)]
      expect(ours).toMatchObject({ exit: 0, stdout: theirs.stdout, stderr: '' })
      expect(ours.stdout).not.toBe('')
    }
  })

  test('is accepted after the key of the account was changed, and acmetool orders by the new one', async () => {
    const before = await lab.acmetool(state, 'account-url')
    const [changed, after] = [await lab.dns01(state, 'account', 'rollover'), await lab.acmetool(state, 'account-url')]
    expect(changed).toMatchObject({ exit: 0, stderr: '' })
    expect(after).toMatchObject({ exit: 0, stdout: before.stdout })
    await expectAcmetoolAccepts()
    expect(await lab.acmetool(state, 'want', 'after-rollover.corp.example')).toMatchObject({ exit: 0 })
    expect((await lab.dns01(state, 'account-thumbprint')).stdout.trim().split('\n')).toHaveLength(1)
    lab.calls(state)
  })

  test('takes keys and accounts as acmetool does', async () => {
    const [theirs, ours] = [lab.newState('imports-theirs'), lab.newState('imports-ours')]
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const file = (name: string) => join(theirs, `../${name}`)
    writeFileSync(file('rsa.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(file('ec.pem'), execFileSync(need('openssl'), ['ecparam', '-name', 'prime256v1', '-genkey']))
    writeFileSync(file('jwk.json'), JSON.stringify(ec.export({ format: 'jwk' })))
    for (const args of [
      ['import-key', file('rsa.pem')],
      ['import-key', file('ec.pem')],
      ['import-key', file('ec.pem')],
      ['import-pem-account', 'https://EXAMPLE.com:443/Dir/', file('rsa.pem')],
      ['import-pem-account', 'http://example.com/dir', file('ec.pem')],
      ['import-jwk-account', lab.pebble.directoryUrl, file('jwk.json')],
    ]) {
      expect(await lab.acmetool(theirs, ...args)).toMatchObject(silent)
      const id = expect.stringMatching(/^[a-z2-7]{52}\n$/) // what to write into a target; acmetool leaves one to find it
      expect(await lab.dns01(ours, ...args)).toMatchObject(
        args[0] === 'import-key' ? { ...silent, stdout: id } : silent,
      )
    }
    const contents = (state: string) =>
      Object.entries(snapshotOf(state)).map(([path, what]) => [path, what.replace(/ \d+(\.\d+)? /, ' ')])
    expect(contents(ours)).toEqual(contents(theirs))
    expect((await lab.dns01(ours, 'account-url')).exit).toBe(3)
  })

  test('tells hooks for a try what acmetool tells them', async () => {
    const calls = []
    const names = ['wanted.corp.example', 'p384.corp.example', 'rsa.corp.example']
    for (const run of [lab.acmetool, lab.dns01]) {
      expect(await run(state, 'test-notify', ...names)).toMatchObject(silent)
      expect(await run(state, 'test-notify')).toMatchObject(silent)
      calls.push(lab.calls(state).map(({ env: _, umask: __, ...call }) => call))
    }
    const [theirs, ours] = calls
    expect(theirs).toMatchObject([{ event: 'live-updated', args: [], stdin: names.map(name => `${name}\n`).join('') }])
    expect(ours).toEqual(theirs)
    expect((await lab.dns01(state, 'test-notify', 'nothere.example')).exit).toBe(2) // acmetool tells hooks anything
    expect(lab.calls(state)).toEqual([])
  })

  test('with an order that dns01 left is completed by acmetool', async () => {
    const half = lab.newState('half')
    mergeState(state, half)
    const id = liveId(half, 'p384.corp.example')
    const whole = readFileSync(join(half, 'certs', id, 'fullchain'), 'utf8')
    for (const file of ['cert', 'chain', 'fullchain']) rmSync(join(half, 'certs', id, file))
    expect(await lab.acmetool(half, 'reconcile')).toMatchObject(silent)
    expect(readFileSync(join(half, 'certs', id, 'fullchain'), 'utf8')).toBe(whole)
    const after = snapshotOf(half)
    expect(await lab.dns01(half)).toMatchObject(silent)
    expect(snapshotOf(half)).toEqual(after)
  })

  test('is accepted after revocation, with and without a reason, and after culling', async () => {
    const old = liveId(state, 'wanted.corp.example')
    expect(await lab.dns01(state, 'revoke', old, '--reason', '1')).toMatchObject(silent)
    expect(await lab.dns01(state, 'revoke', liveId(state, 'rsa.corp.example'))).toMatchObject(silent)
    expect(readFileSync(join(state, 'certs', old, 'revoke'), 'utf8')).toBe('1\n')
    await expectAcmetoolAccepts()
    expect((await lab.dns01(state, 'unwant', 'wanted.corp.example')).exit).toBe(0)
    expect((await lab.dns01(state, 'cull')).stdout.trimEnd().split('\n')).toHaveLength(5)
    expect(existsSync(join(state, 'live/wanted.corp.example'))).toBe(false)
    await expectAcmetoolAccepts()
  })

  test('is accepted with a certificate whose key is elsewhere, live and without a privkey', async () => {
    const own = lab.newState('own-request')
    const file = (name: string) => join(own, `../${name}`)
    const openssl = (...args: string[]) => execFileSync(need('openssl'), args, { stdio: 'pipe' })
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file('device.key'))
    const name = ['-subj', '/', '-addext', 'subjectAltName=DNS:device.corp.example']
    openssl('req', '-new', '-key', file('device.key'), ...name, '-out', file('device.csr'))
    expect(await lab.dns01(own, 'want', '--csr', file('device.csr'))).toMatchObject(silent)
    expect(lab.calls(own).filter(({ event }) => event === 'live-updated')).toMatchObject([
      { stdin: 'device.corp.example\n' },
    ])
    expect(existsSync(join(own, 'live/device.corp.example/privkey'))).toBe(false)
    const before = snapshotOf(own)
    const status = await lab.acmetool(own, 'status')
    expect(status).toMatchObject({ exit: 0, stderr: '' })
    expect(status.stdout).toContain('device.corp.example') // it would order with a key of its own: docs/settings.md
    expect(snapshotOf(own)).toEqual(before)
    expect((await lab.dns01(own, 'unwant', 'device.corp.example')).exit).toBe(0)
    const unwanted = snapshotOf(own)
    expect(await lab.acmetool(own, '--xlog.severity=warn', 'reconcile')).toMatchObject(silent)
    expect(snapshotOf(own)).toEqual(unwanted)
    expect(existsSync(join(own, 'live/device.corp.example/fullchain'))).toBe(true)
  })

  test('is accepted with a placeholder, for which acmetool orders a certificate and which it culls', async () => {
    const own = lab.newState('placeholder')
    expect(await lab.dns01(own, 'want', 'new.corp.example', '--placeholder', '--no-reconcile')).toMatchObject(silent)
    const placeholder = liveId(own, 'new.corp.example')
    const before = snapshotOf(own)
    const status = await lab.acmetool(own, 'status')
    expect(status).toMatchObject({ exit: 0, stderr: '' })
    expect(status.stdout).toMatch(/new\.corp\.example[\s\S]*no certificate satisfies this target/)
    expect(await lab.acmetool(own, 'cull')).toMatchObject(silent) // it is live
    expect(snapshotOf(own)).toEqual(before)
    expect(await lab.acmetool(own, '--xlog.severity=warn', 'reconcile')).toMatchObject(silent)
    expect(liveId(own, 'new.corp.example')).not.toBe(placeholder)
    expect((await lab.acmetool(own, 'cull')).stderr).toMatch(`deleting certificate ${placeholder}`)
    expect(readdirSync(join(own, 'certs'))).toEqual([liveId(own, 'new.corp.example')])
  })

  test('is accepted with a certificate that came from a CA by hand', async () => {
    const own = lab.newState('by-hand')
    const file = (name: string) => join(own, `../hand-${name}`)
    const openssl = (...args: string[]) => execFileSync(need('openssl'), args, { stdio: 'pipe' })
    const ca = ['-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=By hand', '-days', '99']
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...ca)
    const { exit, stdout } = await lab.dns01(own, 'csr', 'hand.corp.example')
    expect(exit).toBe(0)
    writeFileSync(file('csr'), stdout)
    const sign = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-copy_extensions', 'copyall']
    openssl('x509', '-req', '-in', file('csr'), ...sign, '-days', '90', '-out', file('pem'))
    expect(await lab.dns01(own, 'import-cert', file('pem'), file('ca.pem'))).toMatchObject(silent)
    const before = snapshotOf(own)
    const status = await lab.acmetool(own, 'status')
    expect(status).toMatchObject({ exit: 0, stderr: '' })
    expect(status.stdout).toContain(`best: Certificate(${liveId(own, 'hand.corp.example')})`)
    expect(await lab.acmetool(own, '--xlog.severity=warn', 'reconcile')).toMatchObject(silent)
    expect(await lab.acmetool(own, 'cull')).toMatchObject(silent)
    expect(snapshotOf(own)).toEqual(before)
  })

  test('goes on with acmetool, and back again', async () => {
    mkdirSync(join(state, 'haproxy'), { mode: 0o755 })
    expect(await lab.acmetool(state, 'want', 'back.corp.example')).toMatchObject(silent)
    const after = snapshotOf(state)
    expect(await lab.dns01(state)).toMatchObject(silent)
    expect(snapshotOf(state)).toEqual(after)
    const accounts = readdirSync(join(state, 'accounts', readdirSync(join(state, 'accounts'))[0] as string))
    expect(accounts).toHaveLength(1)
  })
})
