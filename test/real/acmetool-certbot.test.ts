import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../folder.js'
import { type AcmetoolLab, liveId, snapshotOf, startAcmetoolLab } from './servers/acmetool.js'
import { startProgram } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'

const silent = { exit: 0, stdout: '', stderr: '' }

/** Lineage → what certbot is asked for. */
const lineages: Readonly<Record<string, readonly string[]>> = {
  'rsa.corp.example': ['--key-type=rsa', '--rsa-key-size=3072', '-d', 'rsa.corp.example'],
  wild: ['--key-type=ecdsa', '--elliptic-curve=secp384r1', '-d', '*.corp.example,corp.example'],
  kept: ['--key-type=ecdsa', '--reuse-key', '-d', 'kept.corp.example'],
}

describe.skipIf(lacking('acmetool', 'certbot', 'pebble'))('import-le', () => {
  const folder = newFolder('certbot')
  const certbotFolder = join(folder, 'letsencrypt')
  let lab: AcmetoolLab
  let state: string

  beforeAll(async () => {
    lab = await startAcmetoolLab({ nonceReject: 0 }) // certbot gives up at the second refusal in a row
    state = lab.newState('state')
    for (const [name, args] of Object.entries(lineages)) await certbot('certonly', '--cert-name', name, ...args)
    await certbot('renew', '--cert-name', 'wild', '--force-renewal')
  })
  afterAll(() => lab?.stop())

  async function certbot(...args: string[]): Promise<void> {
    const common = ['--server', lab.pebble.directoryUrl, '--agree-tos', '--register-unsafely-without-email', '-n']
    const places = ['--config-dir', certbotFolder, '--work-dir', folder, '--logs-dir', folder]
    const manual = ['--manual', '--manual-auth-hook', '/bin/true', '--preferred-challenges', 'dns']
    const mode = args[0] === 'certonly' ? manual : ['--no-random-sleep-on-renew']
    const { exit, stdout, stderr } = await startProgram([need('certbot'), ...args, ...common, ...places, ...mode], {
      env: { REQUESTS_CA_BUNDLE: lab.pebble.caFile },
    }).result
    expect(exit, stdout + stderr).toBe(0)
  }

  test('--simulate shows what it would take over, and changes nothing', async () => {
    const before = snapshotOf(state)
    const { exit, stdout, stderr } = await lab.dns01(state, 'import-le', certbotFolder, '--simulate')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(snapshotOf(state)).toEqual(before)
    expect(stdout.split('\n').map(line => line.replace(/[a-z2-7]{52}|\d{4}-\d\d-\d\d/g, '…'))).toEqual([
      `accounts/localhost%3a${new URL(lab.pebble.directoryUrl).port}%2fdir/…`,
      'certs/…  kept, ecdsa, until …: kept.corp.example',
      'certs/…  rsa.corp.example, rsa, until …: rsa.corp.example',
      'certs/…  wild, ecdsa, until …: *.corp.example, corp.example',
      'desired/kept  kept.corp.example',
      'desired/rsa.corp.example  rsa.corp.example',
      'desired/wild  *.corp.example, corp.example',
      '',
    ])
  })

  test('takes over account, certificates, keys and wishes, with nothing left to do or to issue', async () => {
    const { exit, stderr } = await lab.dns01(state, 'import-le', certbotFolder)
    expect(exit).toBe(0)
    expect(stderr).toMatch(/\[NOTICE\].*certbot\.timer/)
    for (const [name, link] of [
      ['rsa.corp.example', 'rsa.corp.example'],
      ['wild', '*.corp.example'],
      ['kept', 'kept.corp.example'],
    ])
      for (const file of ['cert', 'chain', 'fullchain'])
        expect(readFileSync(join(state, 'live', link as string, file), 'utf8'), `${name} ${file}`).toBe(
          readFileSync(join(certbotFolder, 'live', name as string, `${file}.pem`), 'utf8'),
        )
    expect(readFileSync(join(state, 'desired/rsa.corp.example'), 'utf8')).toMatch(/type: rsa\n {4}rsa-size: 3072\n/)
    expect(readFileSync(join(state, 'desired/wild'), 'utf8')).toMatch(/type: ecdsa\n {4}ecdsa-curve: nistp384\n/)
    const keyId = readFileSync(join(state, 'desired/kept'), 'utf8').match(/ {4}id: (\w{52})\n/)?.[1]
    expect(existsSync(join(state, 'keys', keyId as string, 'privkey'))).toBe(true)
    const posts = () => lab.pebble.requests().filter(request => request.startsWith('POST'))
    const before = posts()
    expect(await lab.dns01(state)).toMatchObject(silent)
    expect(posts()).toEqual(before)
    expect(lab.calls(state)).toMatchObject([{ event: 'live-updated' }])
  })

  test('gives a directory that acmetool takes as its own', async () => {
    const before = snapshotOf(state)
    expect(await lab.acmetool(state, '--xlog.severity=warn', 'reconcile')).toMatchObject(silent)
    expect(snapshotOf(state)).toEqual(before)
    const { stdout } = await lab.acmetool(state, 'status')
    expect(stdout).toContain(`best: Certificate(${liveId(state, 'kept.corp.example')})`)
    expect(stdout).not.toMatch(/error|needs-renewing|uncached/)
  })

  test('twice is the same as once', async () => {
    const before = snapshotOf(state)
    expect(await lab.dns01(state, 'import-le', certbotFolder)).toMatchObject(silent)
    expect(snapshotOf(state)).toEqual(before)
  })

  test('renews with certbot’s account, and revokes what certbot got', async () => {
    const old = liveId(state, 'kept.corp.example')
    expect(await lab.dns01(state, 'revoke', old)).toMatchObject(silent)
    expect(readdirSync(join(state, 'certs', old))).toContain('revoked')
    expect(readdirSync(join(state, 'accounts', readdirSync(join(state, 'accounts'))[0] as string))).toHaveLength(1)
    const renewed = liveId(state, 'kept.corp.example')
    expect(renewed).not.toBe(old)
    expect(readFileSync(join(state, 'certs', renewed, 'privkey'), 'utf8')).toBe(
      readFileSync(join(state, 'certs', old, 'privkey'), 'utf8'),
    )
  })

  test('tells what it cannot read, and takes the rest', async () => {
    const other = lab.newState('other')
    writeFileSync(join(certbotFolder, 'renewal/broken.conf'), 'version = 2\n')
    writeFileSync(join(other, 'desired/elsewhere'), 'satisfy: {names: [corp.example, "*.corp.example"]}\n')
    const { exit, stdout, stderr } = await lab.dns01(other, 'import-le', certbotFolder, '--json')
    expect(exit).toBe(0)
    expect(stderr).toMatch(/"level":"warn","message":"renewal\/broken.conf: ENOENT/)
    const { accounts, certificates, targets, done } = JSON.parse(stdout)
    expect({ accounts: accounts.length, certificates: certificates.length, done }).toEqual({
      accounts: 1,
      certificates: 3,
      done: true,
    })
    expect(targets.map(({ file }: { file: string }) => file)).toEqual(['kept', 'rsa.corp.example'])
    expect(stdout).not.toContain('PRIVATE')
  })
})
