import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ecKey } from '../fakes/certificates.js'
import { runDns01 } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { temporaryFolder } from './servers/process.js'

/** The built program as root, on a real disk, beside another user: what that user can make it do, and what it leaves alone. */

const nobody = 65534
const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('state-rights: skipped, only root can act as somebody else\n')

let folder: { path: string; remove(): void }
let state: string
beforeEach(() => {
  folder = temporaryFolder('state-rights')
  chmodSync(folder.path, 0o755)
  state = join(folder.path, 'acme')
})
afterEach(() => folder.remove())

const at = (path: string): string => join(state, path)
const mode = (path: string): string => statSync(path).mode.toString(8).slice(-4)
const put = (path: string, text: string, fileMode = 0o644): void => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, fileMode)
}
const dns01 = (...args: string[]) => runDns01(['--batch', '--state', state, ...args], { timeoutSeconds: 60 })
const asNobody = (script: string, ...args: string[]): string[] => [
  need('setpriv'),
  `--reuid=${nobody}`,
  `--regid=${nobody}`,
  '--clear-groups',
  'sh',
  '-c',
  script,
  'sh',
  ...args,
]
const nobodyDoes = (script: string, ...args: string[]): void => {
  const [command = '', ...rest] = asNobody(script, ...args)
  execFileSync(command, rest)
}

describe.skipIf(!isRoot || lacking('setpriv'))('as root, beside another user', () => {
  test('a journal that others can write starts no program, and is closed', async () => {
    expect((await dns01('reconcile')).exit).toBe(0)
    mkdirSync(at('.dns01/journal'), { recursive: true })
    execFileSync('chmod', ['-R', '0777', at('.dns01')])
    put(join(folder.path, 'evil.sh'), `#!/bin/sh\nid -u >>${folder.path}/ran\n`, 0o755)
    put(join(folder.path, 'ran'), '', 0o666)
    const challenge = { host: 'a.test', wildcard: false, token: 't', keyAuthorization: 't.k', targetFile: '', env: {} }
    const record = { name: '_acme-challenge.a.test', value: 'v', zone: 'a.test', ttlSeconds: 60, challenge }
    const settings = { command: join(folder.path, 'evil.sh') }
    const entry = JSON.stringify({ id: 'x', provider: 'exec', settings, zone: 'a.test', records: [record] })
    nobodyDoes('umask 077; printf %s "$1" >"$2"', entry, at('.dns01/journal/x.json'))
    const first = await dns01('reconcile')
    expect(first.stderr).toContain('is not believed (others than its owner could write it)')
    expect([mode(at('.dns01')), mode(at('.dns01/journal'))]).toEqual(['0700', '0700'])
    put(at('.dns01/journal/y.json'), entry, 0o600) // as if root's own: still no command that nobody asks for today
    expect((await dns01('reconcile')).stderr).toContain('that neither conf/dns.yml nor a target has')
    expect(statSync(join(folder.path, 'ran')).size).toBe(0)
  })

  test('conf/perm of another user makes no file root’s, and none setuid', async () => {
    expect((await dns01('reconcile')).exit).toBe(0)
    put(at('desired/sh'), '#!/bin/sh\n')
    execFileSync('chown', ['-R', String(nobody), state])
    for (const [line, why] of [
      ['desired 4755 0755 root root', 'the directory belongs to user 65534'],
      ['desired 4755 0755', 'the mode of files is at most 0777'],
    ] as const) {
      put(at('conf/perm'), `${line}\n`)
      const { exit, stderr } = await dns01('reconcile')
      expect(exit).toBe(3)
      expect(stderr).toContain(`conf/perm:1: ${why}`)
      expect([mode(at('desired/sh')), statSync(at('desired/sh')).uid]).toEqual(['0644', nobody])
    }
  })

  test('a member of a group that may write desired/ turns no mode of a file elsewhere', async () => {
    expect((await dns01('reconcile')).exit).toBe(0)
    const secret = join(folder.path, 'secret')
    put(secret, 'root only', 0o600)
    put(at('conf/perm'), `desired 0664 2775 - ${nobody}\n`)
    const files = Array.from({ length: 1500 }, (_, i) => at(`desired/t${String(i).padStart(4, '0')}.test`))
    for (const file of files) put(file, '', 0o600)
    const [first = '', last = ''] = [files[0], files.at(-1)]
    chownSync(at('desired'), 0, nobody)
    chmodSync(at('desired'), 0o2775)
    // waits for the first to be changed, puts a link in the place of the last, puts it there again and again
    const script = 'until [ "$(stat -c %a "$1")" = 664 ]; do :; done; while :; do ln -sfn "$3" "$2"; done'
    const [command = '', ...args] = asNobody(script, first, last, secret)
    const swapping = spawn(command, args, { stdio: 'ignore' })
    try {
      const { stderr } = await dns01('reconcile', 't0000.test', '--lock-wait', '1')
      expect(mode(first)).toBe('0664')
      expect(stderr).toContain('conf/perm:1 (desired 0664 2775')
    } finally {
      swapping.kill('SIGKILL')
    }
    expect(mode(secret)).toBe('0600')
  })

  test('a folder that is certbot’s stays as it is, and is named', async () => {
    for (const path of ['accounts/x', 'archive/a/privkey1.pem', 'keys/x', 'live/a/x', 'renewal/cf.ini', 'csr/x'])
      put(at(path), 'secret', 0o600)
    const { exit, stderr } = await dns01('reconcile')
    expect(exit).toBe(4)
    expect(stderr).toContain(`dns01 import-le ${state}`)
    expect(mode(at('archive/a/privkey1.pem'))).toBe('0600')
    expect(readdirSync(state)).not.toContain('.dns01')
  })

  test('a directory of acmetool’s that was restored with wrong modes is put right, a secret beside stays one', async () => {
    expect((await dns01('reconcile')).exit).toBe(0)
    const key = ecKey()
    put(at(`keys/${key.id}/privkey`), key.pem, 0o666)
    put(at('conf/target'), '', 0o600)
    put(at('conf/cf.token'), 'secret', 0o600)
    put(at('tsig.key'), 'secret', 0o600)
    for (const path of ['certs', 'conf', 'desired', 'live']) chmodSync(at(path), 0o700)
    for (const path of ['keys', `keys/${key.id}`, 'accounts', 'tmp']) chmodSync(at(path), 0o777)
    expect((await dns01('reconcile')).exit).toBe(0)
    const paths = ['certs', 'conf', 'desired', 'live', 'keys', `keys/${key.id}`, 'accounts', 'tmp']
    expect(paths.map(path => mode(at(path))).join(' ')).toBe('0755 0755 0755 0755 0700 0700 0700 0700')
    const files = [`keys/${key.id}/privkey`, 'conf/target', 'conf/cf.token', 'tsig.key']
    expect(files.map(path => mode(at(path))).join(' ')).toBe('0600 0644 0600 0600')
    expect((await dns01('reconcile')).stderr).toBe('')
  })
})

describe.skipIf(lacking('mkfifo'))('a FIFO in the place of a file holds nobody up', () => {
  const ID = 'a'.repeat(52)
  test.each([
    'conf/target',
    'conf/perm',
    'conf/dns.yml',
    'conf/responses',
    '.dns01/ledger.json',
    '.dns01/history.json',
    '.dns01/last-run',
    '.dns01/renewal-info.json',
    '.dns01/journal/x.json',
    '.dns01/untold',
    '.dns01/lock',
    `certs/${ID}/url`,
    `certs/${ID}/fullchain`,
    'desired/x.test',
  ])('%s', async path => {
    expect((await dns01('reconcile')).exit).toBe(0)
    if (path.startsWith('certs/')) put(at(`certs/${ID}/url`), 'https://ca.test/order/1')
    mkdirSync(join(at(path), '..'), { recursive: true })
    rmSync(at(path), { force: true })
    execFileSync(need('mkfifo'), [at(path)])
    for (const command of ['status', 'plan', 'reconcile']) {
      const { exit, stderr } = await dns01('--lock-wait', '0', command)
      expect([0, 3, 4, 5], `${command}: ${stderr}`).toContain(exit)
      expect(stderr).not.toContain('this is a bug')
    }
  })
})
