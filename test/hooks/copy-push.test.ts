import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { newFolder } from '../folder.js'

/** The hooks copy and push, and the lists that they read. Real ssh is in test/real/deploy.test.ts. */

const shipped = join(import.meta.dirname, '../../hooks')
let root: string
let state: string
beforeEach(() => {
  root = newFolder('copy-push')
  state = join(root, 'state')
  for (const folder of ['etc/dns01', 'bin', 'state/live/a.example', 'state/live/*.a.example', 'to'])
    mkdirSync(join(root, folder), { recursive: true })
  for (const name of ['a.example', '*.a.example']) {
    writeFileSync(join(state, 'live', name, 'privkey'), 'KEY\n', { mode: 0o600 })
    for (const file of ['cert', 'chain', 'fullchain'])
      writeFileSync(join(state, 'live', name, file), `${file.toUpperCase()}\n`)
  }
})

function run(hook: 'copy' | 'push', names: readonly string[], event = 'live-updated') {
  const text = readFileSync(join(shipped, hook), 'utf8').replaceAll('/etc/dns01', `${root}/etc/dns01`)
  writeFileSync(join(root, hook), text, { mode: 0o755 })
  const { status, stdout, stderr } = spawnSync(join(root, hook), [event], {
    cwd: '/',
    env: { PATH: `${root}/bin:${process.env.PATH}`, ACME_STATE_DIR: state },
    input: names.map(name => `${name}\n`).join(''),
    encoding: 'utf8',
  })
  return { exit: status, output: stdout + stderr.replaceAll(`${root}/`, '') }
}
const list = (hook: string, ...lines: readonly string[]) =>
  writeFileSync(join(root, 'etc/dns01', hook), lines.map(line => `${line}\n`).join(''), { mode: 0o644 })
const there = (name: string) => ({
  text: readFileSync(join(root, 'to', name), 'utf8'),
  mode: (statSync(join(root, 'to', name)).mode & 0o777).toString(8),
})

describe.each(['copy', 'push'] as const)('%s', hook => {
  test('says 42 to other events, and does nothing without a list', () => {
    expect(run(hook, [], 'challenge-dns-start').exit).toBe(42)
    expect(run(hook, ['a.example'])).toEqual({ exit: 0, output: '' })
  })

  test('carries the mark of those that are ours, and is executable', () => {
    expect(readFileSync(join(shipped, hook)).subarray(0, 4096).toString()).toMatch(
      /^#!\/bin\/sh\n.*#!acmetool-managed!#/s,
    )
    expect(statSync(join(shipped, hook)).mode & 0o777).toBe(0o755)
  })

  test.each(['list', 'folder'])('a %s that others may change is not obeyed', what => {
    list(hook, `a.example fullchain ${root}/to/crt`)
    chmodSync(join(root, 'etc/dns01', what === 'list' ? hook : '.'), 0o777)
    const { exit, output } = run(hook, ['a.example'])
    expect(exit).toBe(1)
    expect(output).toMatch(/^nothing is (copied|pushed): others than root may change etc.*: chown root .* chmod go-w/)
    expect(readdirSync(join(root, 'to'))).toEqual([])
  })
})

describe('copy', () => {
  test('puts each file of the changed names where the list says, with owner and mode', () => {
    const me = process.getuid?.()
    list(
      'copy',
      '# NAME FILE TO',
      '',
      `a.example   fullchain ${root}/to/crt`,
      `a.example   privkey   ${root}/to/key`,
      `a.example   both      ${root}/to/both ${me}:${process.getgid?.()} 0640`,
      `*.a.example chain     ${root}/to/chain ${me} 600`,
      `b.example   fullchain ${root}/to/other`,
    )
    writeFileSync(join(root, 'to/key'), 'OLD', { mode: 0o644 })
    expect(run('copy', ['a.example', '*.a.example'])).toEqual({ exit: 0, output: '' })
    expect(there('crt')).toEqual({ text: 'FULLCHAIN\n', mode: '644' })
    expect(there('key')).toEqual({ text: 'KEY\n', mode: '600' })
    expect(there('both')).toEqual({ text: 'KEY\nFULLCHAIN\n', mode: '640' })
    expect(there('chain')).toEqual({ text: 'CHAIN\n', mode: '600' })
    expect(readdirSync(join(root, 'to')).sort()).toEqual(['both', 'chain', 'crt', 'key'])
  })

  test('of a name that has not changed nothing is copied, though its list has a dot for any letter', () => {
    list('copy', `a.example fullchain ${root}/to/crt`)
    expect(run('copy', ['axexample'])).toEqual({ exit: 0, output: '' })
    expect(existsSync(join(root, 'to/crt'))).toBe(false)
  })

  test.each([
    ['a.example pem /x', '1: "pem" is none of cert, chain, fullchain, privkey, both'],
    ['a.example fullchain to/crt', '1: "to/crt" is not a path that begins with /'],
    ['a.example fullchain', '1: "" is not a path'],
    ['a.example fullchain /x root rw', '1: "rw" is not a mode as 600'],
    ['a.example fullchain /x root 600 nginx', '1: nothing may follow the mode: "nginx"'],
    ['a.example fullchain TO', '1: TO is a folder; the path of the file belongs there'],
    ['a.example fullchain TO/no/crt', '1: fullchain of a.example is not copied to TO/no/crt'],
    ['a.example fullchain TO/crt no:body', '1: fullchain of a.example is not copied to TO/crt'],
    ['gone.example fullchain TO/crt', '1: fullchain of gone.example is not copied to TO/crt'],
    ['gone.example both TO/crt', '1: the key of gone.example is not here'],
  ])('%j is told with its line, the others are copied, and nothing half is left', (line, message) => {
    list('copy', line.replace('TO', `${root}/to`), `a.example privkey ${root}/to/key`)
    const { exit, output } = run('copy', ['a.example', 'gone.example'])
    expect(exit).toBe(1)
    expect(output.replaceAll('to', 'TO')).toContain(`etc/dns01/copy:${message}`.replaceAll('to', 'TO'))
    expect(readdirSync(join(root, 'to'))).toEqual(['key'])
  })

  test('in a folder of somebody else the key is open to nobody else, and what it is replaced by meanwhile is left alone', () => {
    writeFileSync(join(root, 'precious'), 'mine', { mode: 0o604 })
    const swap = `for new in ${root}/to/.dns01.*; do stat -c %a "$new" >>${root}/modes; rm "$new"; ln -s ${root}/precious "$new"; done`
    writeFileSync(join(root, 'bin/chmod'), `#!/bin/sh\n${swap}\nPATH=/usr/bin:/bin exec chmod "$@"\n`, { mode: 0o755 })
    list('copy', `a.example privkey ${root}/to/key ${process.getuid?.()} 640`)
    run('copy', ['a.example'])
    expect(readFileSync(join(root, 'modes'), 'utf8')).toBe('600\n')
    expect(readFileSync(join(root, 'precious'), 'utf8')).toBe('mine')
    expect(statSync(join(root, 'precious')).mode & 0o777).toBe(0o604)
  })

  test('a link is replaced, and not what it leads to', () => {
    writeFileSync(join(root, 'precious'), 'mine')
    symlinkSync(join(root, 'precious'), join(root, 'to/crt'))
    list('copy', `a.example fullchain ${root}/to/crt`)
    expect(run('copy', ['a.example'])).toEqual({ exit: 0, output: '' })
    expect(readFileSync(join(root, 'precious'), 'utf8')).toBe('mine')
    expect(there('crt').text).toBe('FULLCHAIN\n')
  })
})

describe('push', () => {
  /** An ssh that runs what it is given here, and notes how it was called. */
  const ssh = (then = 'shift $(($# - 2)); exec "$@"') =>
    writeFileSync(join(root, 'bin/ssh'), `#!/bin/sh\necho "$*" >>${root}/calls\n${then}\n`, { mode: 0o755 })

  test('puts chain and key into the folder, runs the command there, and says nothing of what it prints', () => {
    ssh()
    list('push', `a.example me@host ${root}/to cat privkey fullchain >both; echo 'a "b" $HOME' >said; echo loud`)
    expect(run('push', ['a.example', 'b.example'])).toEqual({ exit: 0, output: '' })
    expect(there('privkey')).toEqual({ text: 'KEY\n', mode: '600' })
    expect(there('fullchain')).toEqual({ text: 'FULLCHAIN\n', mode: '644' })
    expect(there('both').text).toBe('KEY\nFULLCHAIN\n')
    expect(there('said').text).toBe('a "b" $HOME\n')
    const called = readFileSync(join(root, 'calls'), 'utf8')
    expect(called).toMatch(/ -o BatchMode=yes .* -- me@host sh -s\n$/)
    expect(called).not.toContain('KEY')
  })

  test('of a connection that breaks nothing is done, wherever that is', () => {
    list('push', `a.example me@host ${root}/to touch ran`)
    ssh(`cat >${root}/script`)
    run('push', ['a.example'])
    const script = readFileSync(join(root, 'script'))
    const end = script.indexOf('\nmain; run')
    expect(end).toBeGreaterThan(100)
    for (let bytes = 0; bytes <= end; bytes += 7) spawnSync('sh', ['-s'], { input: script.subarray(0, bytes) })
    expect(readdirSync(join(root, 'to'))).toEqual([])
  })

  test('of a request of somebody else it brings the chain alone', () => {
    ssh()
    mkdirSync(join(state, 'live/csr.example'))
    writeFileSync(join(state, 'live/csr.example/fullchain'), 'CHAIN\n')
    list('push', `csr.example host ${root}/to`)
    expect(run('push', ['csr.example'])).toEqual({ exit: 0, output: '' })
    expect(readdirSync(join(root, 'to'))).toEqual(['fullchain'])
  })

  test.each([
    ['a.example me@host TO/no', /can't cd to.*\n.*push:1: a.example is not pushed to me@host.*ssh exited with 1/s],
    ['a.example me@host TO echo no; exit 7', /^no\n.*push:1: .*or the command failed there: ssh exited with 7/s],
    ['a.example me@host TO if', /push:1: .*ssh exited with/],
    ['a.example -oProxyCommand=x TO', /push:1: "-oProxyCommand=x" is not USER@HOST/],
    ['a.example me@host;x TO', /push:1: "me@host;x" is not USER@HOST/],
    ['a.example', /push:1: "" is not USER@HOST/],
    ['a.example me@host', /push:1: "" is not a folder as/],
    ["a.example me@host /x'y", /push:1: ".x'y" is not a folder as/],
    ['gone.example me@host TO', /push:1: gone.example cannot be read/],
  ])('%j is told with its line, and the others are pushed', (line, message) => {
    ssh()
    mkdirSync(join(root, 'second'))
    list('push', line.replace('TO', `${root}/to`), `a.example two ${root}/second`)
    const { exit, output } = run('push', ['a.example', 'gone.example'])
    expect(exit).toBe(1)
    expect(output).toMatch(message)
    expect(readdirSync(join(root, 'second')).sort()).toEqual(['fullchain', 'privkey'])
  })
})
