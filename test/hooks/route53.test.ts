import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { newFolder } from '../folder.js'

const shipped = join(import.meta.dirname, '../../hooks/route53')
let root: string
let link: string
let copy: string
beforeEach(() => {
  root = newFolder('route53-hook')
  for (const folder of ['dns01/hooks', 'dns01/dist', 'hooks', 'copies', 'bin'])
    mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(shipped, join(root, 'dns01/hooks/route53'))
  link = join(root, 'hooks/a link')
  symlinkSync(join(root, 'dns01/hooks/route53'), link)
  copy = join(root, 'copies/route53')
  copyFileSync(shipped, copy)
})

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

test('42 for every other event, and neither node nor any other program is started', () => {
  install('node')
  writeFileSync(join(root, 'dns01/dist/main.js'), '')
  for (const event of ['challenge-http-start', 'challenge-http-stop', 'challenge-tls-sni-start', 'live-updated', ''])
    for (const hook of [link, copy]) expect(run(hook, [event])).toEqual({ status: 42, lines: [], stderr: '' })
  expect(run(link, [])).toMatchObject({ status: 42 })
  expect(existsSync(join(root, 'ran'))).toBe(false)
  expect(spawnSync('/bin/sh', [link, 'live-updated'], { env: { PATH: '' } }).status).toBe(42) // nor anything else
})

test('a link runs the dns01 that it leads to, and hands on arguments and status', () => {
  install('node')
  writeFileSync(join(root, 'dns01/dist/main.js'), '')
  const { status, lines } = run(link, start)
  const call = ['hook', '--provider', 'route53', 'acmetool', ...start]
  expect(lines).toEqual(['node / 0000', '--', `${root}/dns01/hooks/../dist/main.js`, ...call])
  expect(status).toBe(3)
})

test('a copy runs the dns01 in PATH', () => {
  install('dns01')
  const { status, lines } = run(copy, ['challenge-dns-stop', ...start.slice(1)])
  const call = ['hook', '--provider', 'route53', 'acmetool', 'challenge-dns-stop', ...start.slice(1)]
  expect(lines).toEqual(['dns01 / 0000', ...call])
  expect(status).toBe(3)
})

test('without PATH it still says what is missing', () => {
  const { status, stderr } = run(copy, start, {})
  if (status === 1) expect(stderr).toContain('nor dns01 in PATH')
  else expect(existsSync('/usr/local/bin/dns01')).toBe(true)
})
