import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const shipped = join(import.meta.dirname, '../../hooks')
let root: string
let state: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dns01-installed-'))
  state = join(root, 'state')
  for (const folder of ['etc/default', 'bin', 'state/certs/c1', 'state/live', 'state/conf']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const program of ['cat', 'mv', 'ln', 'mkdir', 'rm', 'sh']) {
    symlinkSync(execFileSync('which', [program]).toString().trim(), join(root, 'bin', program))
  }
  writeFileSync(join(state, 'certs/c1/privkey'), 'KEY\n', { mode: 0o600 })
  writeFileSync(join(state, 'certs/c1/fullchain'), 'CHAIN\n')
})
afterEach(() => rmSync(root, { recursive: true }))

/** Runs one of our hooks with $root/etc for /etc and no program in PATH but those of $root/bin. */
function run(name: string, event: string, names: readonly string[] = []): { exit: number | null; output: string } {
  const script = join(root, name)
  const text = readFileSync(join(shipped, name), 'utf8')
    .replaceAll('/etc/', `${root}/etc/`)
    .replaceAll('/lib/systemd', `${root}/systemd`)
  writeFileSync(script, text, { mode: 0o755 })
  const child = spawnSync('/bin/sh', [script, event], {
    cwd: '/',
    env: { PATH: join(root, 'bin'), ACME_STATE_DIR: state },
    input: names.map(line => `${line}\n`).join(''),
  })
  return { exit: child.status, output: `${child.stdout}${child.stderr}` }
}
const configure = (text: string) => writeFileSync(join(root, 'etc/default/acme-reload'), text)
/** A program in PATH that notes how it was called. */
const program = (name: string, exit = 0, folder = 'bin') => {
  mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, folder, name), `#!/bin/sh\necho "${name} $*" >> ${root}/calls\nexit ${exit}\n`, {
    mode: 0o755,
  })
}
const calls = () =>
  existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : []

describe.each(['reload', 'haproxy'])('the hook %s', name => {
  test('says 42 to all events but live-updated', () => {
    for (const event of ['challenge-dns-start', 'challenge-http-start', 'x', '']) expect(run(name, event).exit).toBe(42)
  })

  test("carries acmetool's mark in its first 4096 bytes, is a POSIX script, and executable", () => {
    const path = join(shipped, name)
    expect(readFileSync(path).subarray(0, 4096).toString()).toMatch(/^#!\/bin\/sh\n[\s\S]*#!acmetool-managed!#/)
    expect(statSync(path).mode & 0o777).toBe(0o755)
  })
})

describe('reload', () => {
  test('reloads the services of its list with service, whatever they say', () => {
    program('service', 1)
    program('systemctl')
    configure('SERVICES="$SERVICES mine"')
    expect(run('reload', 'live-updated', ['a.example'])).toEqual({ exit: 0, output: '' })
    expect(calls()).toContain('service nginx reload')
    expect(calls().at(-1)).toBe('service mine reload')
    expect(calls().length).toBe(18)
  })

  test('else the units that exist with systemctl', () => {
    program('systemctl', 5)
    mkdirSync(join(root, 'systemd/system'), { recursive: true })
    writeFileSync(join(root, 'systemd/system/nginx.service'), '')
    expect(run('reload', 'live-updated').exit).toBe(0)
    expect(calls()).toEqual(['systemctl reload nginx.service'])
  })

  test('else what stands in /etc/init.d', () => {
    program('postfix', 1, 'etc/init.d')
    expect(run('reload', 'live-updated').exit).toBe(0)
    expect(calls()).toEqual(['postfix reload'])
  })
})

describe('haproxy', () => {
  const live = (name: string) => symlinkSync('../certs/c1', join(state, 'live', name))
  const combined = (name: string) => readFileSync(join(state, 'haproxy', name), 'utf8')

  test('does nothing where no program needs such files', () => {
    live('a.example')
    expect(run('haproxy', 'live-updated', ['a.example'])).toEqual({ exit: 0, output: '' })
    expect(readdirSync(state)).not.toContain('haproxy')
  })

  test('writes key and chain for each name, for its owner alone, and links them by name', () => {
    program('hitch')
    for (const name of ['a.example', '*.a.example', 'a.example:rsa']) live(name)
    expect(run('haproxy', 'live-updated', ['a.example', '*.a.example', 'a.example:rsa'])).toEqual({
      exit: 0,
      output: '',
    })
    expect(combined('a.example')).toBe('KEY\nCHAIN\n')
    expect(combined('*.a.example')).toBe('KEY\nCHAIN\n')
    expect(readlinkSync(join(state, 'haproxy/a.example:rsa'))).toBe('../live/a.example:rsa/haproxy')
    expect(lstatSync(join(state, 'certs/c1/haproxy')).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(state, 'tmp'))).toEqual([])
  })

  test('again with a new certificate it replaces the file', () => {
    program('haproxy')
    live('a.example')
    run('haproxy', 'live-updated', ['a.example'])
    writeFileSync(join(state, 'certs/c1/fullchain'), 'NEW\n')
    expect(run('haproxy', 'live-updated', ['a.example']).exit).toBe(0)
    expect(combined('a.example')).toBe('KEY\nNEW\n')
  })

  test('appends DH parameters: conf/dhparams, or those of HAPROXY_DH_PATH', () => {
    live('a.example')
    configure('HAPROXY_ALWAYS_GENERATE=1')
    writeFileSync(join(state, 'conf/dhparams'), 'DH\n')
    run('haproxy', 'live-updated', ['a.example'])
    expect(combined('a.example')).toBe('KEY\nCHAIN\nDH\n')
    writeFileSync(join(root, 'mine'), 'MINE\n')
    configure(`HAPROXY_ALWAYS_GENERATE=1 HAPROXY_DH_PATH=${root}/mine HAPROXY_UMASK=0027`)
    run('haproxy', 'live-updated', ['a.example'])
    expect(combined('a.example')).toBe('KEY\nCHAIN\nMINE\n')
    expect(statSync(join(state, 'certs/c1/haproxy')).mode & 0o777).toBe(0o640)
  })

  test('a name without certificate is an error, the others are served, no half file stays', () => {
    program('haproxy')
    live('a.example')
    const { exit, output } = run('haproxy', 'live-updated', ['gone.example', 'a.example'])
    expect(exit).toBe(1)
    expect(output).toContain('gone.example')
    expect(combined('a.example')).toBe('KEY\nCHAIN\n')
    expect(readdirSync(join(state, 'tmp'))).toEqual([])
  })
})
