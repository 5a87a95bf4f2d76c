import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { newFolder } from '../folder.js'

/** Hooks of the same text, each with the name of its provider. */
const hooks = join(import.meta.dirname, '../../hooks')
let root: string
/** One into the installed program, and a file by itself. */
let link: string
let copy: string

function lay(provider: string): void {
  root = newFolder('provider-hook')
  for (const folder of ['dns01/hooks', 'dns01/dist', 'hooks', 'copies', 'bin'])
    mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(join(hooks, provider), join(root, 'dns01/hooks', provider))
  link = join(root, 'hooks/a link')
  symlinkSync(`../dns01/hooks/${provider}`, link)
  copy = join(root, 'copies', provider)
  copyFileSync(join(hooks, provider), copy)
}

/** A program in PATH that says how it was called, one fact a line, and leaves a mark that it ran. */
function install(program: string): void {
  const path = join(root, 'bin', program)
  const facts = `echo "${program} $PWD $(umask)"; for one; do echo "$one"; done`
  writeFileSync(path, `#!/bin/sh\n: > "${root}/ran"\n${facts}\nexit 3\n`)
  chmodSync(path, 0o755)
}

/** As acmetool calls it: in `/`, umask 000, no HOME, at most a PATH. */
function run(
  hook: string,
  args: readonly string[],
  env: Record<string, string> = { PATH: `${root}/bin:/usr/bin:/bin` },
) {
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', 'umask 000; exec "$@"', 'sh', hook, ...args], {
    env,
    cwd: '/',
    input: '',
    encoding: 'utf8',
  })
  return { status, lines: stdout.split('\n').slice(0, -1), stderr }
}

const start = ['challenge-dns-start', 'www.example.com', 'my target', 'VALUE', '']

describe.each(['rfc2136', 'route53'])('hooks/%s', provider => {
  beforeEach(() => lay(provider))

  test('42 for every other event, and neither node nor any other program is started', () => {
    install('node')
    writeFileSync(join(root, 'dns01/dist/main.js'), '')
    for (const event of [
      'challenge-http-start',
      'challenge-http-stop',
      'challenge-tls-sni-start',
      'challenge-tls-alpn-start',
      'live-updated',
      '',
    ])
      for (const hook of [link, copy]) expect(run(hook, [event])).toEqual({ status: 42, lines: [], stderr: '' })
    expect(run(link, [])).toMatchObject({ status: 42 })
    expect(existsSync(join(root, 'ran'))).toBe(false)
    expect(spawnSync('/bin/sh', [link, 'live-updated'], { env: { PATH: '' } }).status).toBe(42) // nor anything else
  })

  test('a link runs the dns01 that it leads to, and hands on arguments and status', () => {
    install('node')
    writeFileSync(join(root, 'dns01/dist/main.js'), '')
    const { status, lines } = run(link, start)
    const call = ['hook', '--provider', provider, 'acmetool', ...start]
    expect(lines).toEqual(['node / 0000', '--', `${root}/dns01/hooks/../dist/main.js`, ...call])
    expect(status).toBe(3)
  })

  test('a copy runs the dns01 in PATH', () => {
    install('dns01')
    const { status, lines } = run(copy, ['challenge-dns-stop', ...start.slice(1)])
    const call = ['hook', '--provider', provider, 'acmetool', 'challenge-dns-stop', ...start.slice(1)]
    expect(lines).toEqual(['dns01 / 0000', ...call])
    expect(status).toBe(3)
  })

  const isInstalled = ['/usr/local/bin', '/usr/bin', '/bin'].some(folder => existsSync(join(folder, 'dns01')))
  test.skipIf(isInstalled).each([
    ['other programs', { PATH: '/usr/bin:/bin' }],
    ['nothing', {}],
  ])('where PATH has %s it says what is missing', (_, env) => {
    expect(run(copy, start, env)).toMatchObject({ status: 1, stderr: expect.stringContaining('nor dns01 in PATH') })
  })
})
