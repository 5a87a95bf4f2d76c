import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { newFolder } from '../folder.js'

const shipped = join(import.meta.dirname, '../../hooks')
let root: string
let state: string
beforeEach(() => {
  root = newFolder('installed')
  state = join(root, 'state')
  for (const folder of ['etc/default', 'bin', 'state/certs/c1', 'state/live', 'state/conf']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const program of ['cat', 'mv', 'ln', 'mkdir', 'rm', 'sh', 'grep']) {
    symlinkSync(execFileSync('which', [program]).toString().trim(), join(root, 'bin', program))
  }
  writeFileSync(join(state, 'certs/c1/privkey'), 'KEY\n', { mode: 0o600 })
  writeFileSync(join(state, 'certs/c1/fullchain'), 'CHAIN\n')
})

/** Runs one of our hooks with $root/etc for /etc and no program in PATH but those of $root/bin; `as`: installed by this name. */
function run(
  name: string,
  event: string,
  names: readonly string[] = [],
  as = name,
): { exit: number | null; output: string } {
  const script = join(root, as)
  const text = readFileSync(join(shipped, name), 'utf8')
    .replaceAll('/etc/', `${root}/etc/`)
    .replaceAll('/run/systemd/system', `${root}/systemd`)
    .replace('/usr/local/sbin:/usr/sbin:/sbin', `${root}/bin`)
  writeFileSync(script, text, { mode: 0o755 })
  const child = spawnSync('/bin/sh', [script, event], {
    cwd: '/',
    env: { PATH: join(root, 'bin'), ACME_STATE_DIR: state },
    input: names.map(line => `${line}\n`).join(''),
  })
  return { exit: child.status, output: `${child.stdout}${child.stderr}` }
}
const configure = (text: string) => writeFileSync(join(root, 'etc/default/acme-reload'), text)
/** A program in PATH that notes how it was called, and ends with this status or goes on with this script. */
const program = (name: string, then: number | string = 0, folder = 'bin') => {
  mkdirSync(join(root, folder), { recursive: true })
  const script = typeof then === 'string' ? then : `exit ${then}`
  writeFileSync(join(root, folder, name), `#!/bin/sh\necho "${name} $*" >> ${root}/calls\n${script}\n`, { mode: 0o755 })
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
  /** Who it is, by id(1), and what it does not wait for. */
  const as = (user: string) => {
    const uid = user === 'root' ? 0 : 1000
    writeFileSync(join(root, 'bin/id'), `#!/bin/sh\n[ "$1" = -u ] && echo ${uid} || echo ${user}\n`, { mode: 0o755 })
    writeFileSync(join(root, 'bin/sleep'), '#!/bin/sh\n', { mode: 0o755 })
  }
  /** A service(8) or systemctl(1) that knows which services run, and how a reload of one of them ends. */
  const services = (running: Readonly<Record<string, number>>) => {
    const cases = Object.entries(running).flatMap(([name, exit]) => [
      `"${name} status") exit 0 ;;`,
      `"${name} reload") ${exit === 0 ? '' : `echo "${name} says ${exit}"; `}exit ${exit} ;;`,
    ])
    program('service', `case "$1 $2" in ${cases.join('\n')}\n*) echo "$1: unrecognized service" >&2; exit 1 ;; esac`)
  }
  /** A sudo that lets these services be reloaded by service(8), or runs these words. */
  const sudo = (...allowed: readonly string[]) => {
    const lines = allowed.map(one => `"${one.includes(' ') ? one : `service ${one} reload`}") may=yes ;;`).join('\n')
    program(
      'sudo',
      `[ "$1" = -n ] && shift; [ "$1" = -l ] && { list=yes; shift; }
case "$*" in x) ;; ${lines}
esac
[ "$may" ] || { echo "sudo: a password is required" >&2; exit 1; }
[ "$list" ] || exec "$@"`,
    )
  }
  const reloads = () => calls().filter(call => / reload$/.test(call) && !/ -l /.test(call))

  test('reloads what runs, of its list and of ours, and says nothing', () => {
    as('root')
    services({ nginx: 0, mine: 0 })
    configure('SERVICES="$SERVICES mine"')
    expect(run('reload', 'live-updated', ['a.example'])).toEqual({ exit: 0, output: '' })
    expect(reloads()).toEqual(expect.arrayContaining(['service nginx reload', 'service mine reload']))
  })

  test('what does not run, or is not there, is passed over in silence', () => {
    as('root')
    services({})
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    as('acme')
    sudo()
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
  })

  test('what runs and cannot be reloaded is told and fails; the others are reloaded', () => {
    as('root')
    services({ apache2: 1, nginx: 7, postfix: 0 })
    const { exit, output } = run('reload', 'live-updated')
    expect(exit).toBe(1)
    expect(output).toContain('apache2 says 1\n')
    expect(output).toContain(
      'nginx says 7\nnginx is not reloaded: "service nginx reload" exited with 7; ' +
        'it goes on with the certificate that it has loaded\n',
    )
    expect(reloads()).toContain('service postfix reload')
  })

  test('whose configuration is at fault is told in its own words and not reloaded', () => {
    as('root')
    services({ nginx: 0, postfix: 0 })
    program('nginx', 'echo "nginx: [emerg] unknown directive" >&2; exit 1')
    program('postconf')
    expect(run('reload', 'live-updated')).toEqual({
      exit: 1,
      output:
        'nginx: [emerg] unknown directive\nnginx is not reloaded: "nginx -t -q" exited with 1; ' +
        'it goes on with the certificate that it has loaded\n',
    })
    expect(calls()).toContain('postconf -n')
    expect(reloads()).toContain('service postfix reload')
    expect(reloads()).not.toContain('service nginx reload')
  })

  test('another user tests the configuration if sudo lets him, and reloads without if not', () => {
    as('acme')
    services({ nginx: 0 })
    program('nginx', 'exit 1')
    sudo('nginx')
    expect(run('reload', 'live-updated').exit).toBe(0)
    sudo('nginx', 'nginx -t -q')
    expect(run('reload', 'live-updated').output).toContain('nginx is not reloaded: "nginx -t -q" exited with 1')
  })

  test('as reload-SERVICE it takes that one alone, and reload leaves it alone', () => {
    as('root')
    services({ nginx: 0, postfix: 0, mine: 0 })
    expect(run('reload', 'live-updated', [], 'reload-mine.service')).toEqual({ exit: 0, output: '' })
    expect(run('reload', 'live-updated', [], 'reload-nginx')).toEqual({ exit: 0, output: '' })
    expect(reloads()).toEqual(['service mine reload', 'service nginx reload'])
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    expect(reloads()).toContain('service postfix reload')
    expect(reloads().filter(call => /nginx/.test(call))).toHaveLength(1)
  })

  test('reload-apache is apache2 or httpd, whichever runs', () => {
    as('root')
    services({ httpd: 0 })
    expect(run('reload', 'live-updated', [], 'reload-apache').exit).toBe(0)
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    expect(reloads().filter(call => / httpd/.test(call))).toHaveLength(1)
  })

  test('of what it is named for, that there is none, or that it cannot reload, fails; that it does not run does not', () => {
    as('root')
    services({ mine: 3 })
    expect(run('reload', 'live-updated', [], 'reload-ngnix')).toEqual({
      exit: 1,
      output: 'there is no service ngnix here: dns01 hook disable reload-ngnix\n',
    })
    program('stopped', 1, 'etc/init.d')
    expect(run('reload', 'live-updated', [], 'reload-stopped')).toEqual({ exit: 0, output: '' })
    expect(run('reload', 'live-updated', [], 'reload-mine').output).toMatch(
      /dns01 hook enable restart-mine, if it cannot/,
    )
  })

  test('as reload-UNIT where systemd runs: an active unit is reloaded, a stopped one passed over, one that is not there told', () => {
    as('root')
    mkdirSync(join(root, 'systemd'))
    program(
      'systemctl',
      `case "$*" in "is-active --quiet my@1.service" | "reload my@1.service" | "cat stopped.service") ;; *) exit 4 ;; esac`,
    )
    expect(run('reload', 'live-updated', [], 'reload-my@1.service')).toEqual({ exit: 0, output: '' })
    expect(reloads()).toEqual([])
    expect(calls()).toContain('systemctl reload my@1.service')
    expect(run('reload', 'live-updated', [], 'reload-stopped')).toEqual({ exit: 0, output: '' })
    expect(run('reload', 'live-updated', [], 'reload-gone').output).toContain('there is no service gone here')
  })

  test('as restart-SERVICE it restarts', () => {
    as('root')
    program('service', `case "$1 $2" in "mine status" | "mine restart") ;; *) exit 1 ;; esac`)
    expect(run('reload', 'live-updated', [], 'restart-mine')).toEqual({ exit: 0, output: '' })
    expect(calls()).toContain('service mine restart')
  })

  test('what stops at its reload is told and fails', () => {
    as('root')
    program(
      'service',
      `case "$1 $2" in "nginx status") [ ! -e ${root}/stopped ] ;; "nginx reload") : >${root}/stopped ;; *) false ;; esac`,
    )
    expect(run('reload', 'live-updated')).toEqual({ exit: 1, output: 'nginx has stopped at its reload\n' })
  })

  test('a service that knows no reload fails only if its configuration names the state directory', () => {
    as('root')
    services({ hitch: 3 })
    mkdirSync(join(root, 'etc/hitch'))
    writeFileSync(join(root, 'etc/hitch/hitch.conf'), 'pem-file = "/elsewhere"\n')
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    writeFileSync(join(root, 'etc/hitch/hitch.conf'), `pem-file = "${state}/live/a.example/haproxy"\n`)
    expect(run('reload', 'live-updated').exit).toBe(1)
  })

  test('another user reloads with sudo, and needs no line for what has none of our certificates', () => {
    as('acme')
    services({ nginx: 0, postfix: 0 })
    sudo('nginx')
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    expect(calls()).toContain('sudo -n service nginx reload')
    expect(reloads().filter(call => call.startsWith('service'))).toEqual(['service nginx reload'])
  })

  test('another user hears what sudo lacks for the services that have our certificates, for all if none says so', () => {
    as('acme')
    services({ nginx: 0, postfix: 0 })
    mkdirSync(join(root, 'etc/postfix'))
    writeFileSync(join(root, 'etc/postfix/main.cf'), `smtpd_tls_chain_files = ${state}/live/a.example/haproxy\n`)
    const told = (name: string) =>
      `sudo: a password is required\ntake it out of SERVICES in ${root}/etc/default/acme-reload, or\nwrite into ${root}/etc/sudoers.d/acme:\n` +
      `  acme ALL=(root) NOPASSWD: ${root}/bin/service ${name} reload\n` +
      `${name} is not reloaded: sudo does not let us; it goes on with the certificate that it has loaded\n`
    sudo('nginx')
    expect(run('reload', 'live-updated')).toEqual({ exit: 1, output: told('postfix') })
    sudo()
    expect(run('reload', 'live-updated')).toEqual({ exit: 1, output: told('postfix') })
    rmSync(join(root, 'etc/postfix'), { recursive: true })
    expect(run('reload', 'live-updated')).toEqual({ exit: 1, output: told('nginx') + told('postfix') })
  })

  test('where systemd runs it tells what is active, and its line for sudo does, too', () => {
    as('root')
    mkdirSync(join(root, 'systemd'))
    program(
      'systemctl',
      'case "$*" in "is-active --quiet nginx.service" | "reload nginx.service") ;; *) echo "no $*"; exit 4 ;; esac',
    )
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    expect(reloads()).toEqual([])
    expect(calls()).toContain('systemctl reload nginx.service')
  })

  test('without systemctl, what stands in /etc/init.d is reloaded', () => {
    as('root')
    program('postfix', 0, 'etc/init.d')
    expect(run('reload', 'live-updated').exit).toBe(0)
    expect(reloads()).toEqual(['postfix reload'])
  })

  test('an init script without "status" is called all the same', () => {
    as('root')
    program('postfix', '[ "$1" = reload ]', 'etc/init.d')
    expect(run('reload', 'live-updated')).toEqual({ exit: 0, output: '' })
    expect(reloads()).toEqual(['postfix reload'])
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

  test('passes over a certificate whose key is elsewhere', () => {
    program('haproxy')
    live('a.example')
    rmSync(join(state, 'certs/c1/privkey'))
    expect(run('haproxy', 'live-updated', ['a.example'])).toEqual({ exit: 0, output: '' })
    expect(readdirSync(join(state, 'haproxy'))).toEqual([])
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
