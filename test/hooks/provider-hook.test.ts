import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { newFolder } from '../folder.js'

const shipped = join(import.meta.dirname, '../../hooks/rfc2136')
let root: string
let link: string
beforeEach(() => {
  root = newFolder('provider-hook')
  for (const folder of ['dns01/hooks', 'dns01/dist', 'etc hooks', 'bin'])
    mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(shipped, join(root, 'dns01/hooks/rfc2136'))
  link = join(root, 'etc hooks/50-anything')
  symlinkSync('../dns01/hooks/rfc2136', link)
})

/** Puts a program into PATH that prints its arguments, one a line. */
function install(program: string): void {
  const path = join(root, 'bin', program)
  writeFileSync(path, `#!/bin/sh\necho ${program}\nfor one; do echo "$one"; done\nexit 3\n`)
  chmodSync(path, 0o755)
}

function run(...args: string[]) {
  const env = { PATH: `${join(root, 'bin')}:/usr/bin:/bin` }
  const { status, stdout, stderr } = spawnSync(link, args, { env, encoding: 'utf8' })
  return { status, lines: stdout.split('\n').slice(0, -1), stderr }
}

const dns = ['challenge-dns-start', 'www.example.com', 'my target', 'VALUE', ''] as const

test.each(['live-updated', 'challenge-http-start', 'challenge-tls-alpn-start', ''])('"%s" is not for it', event => {
  expect(run(event)).toEqual({ status: 42, lines: [], stderr: '' })
})

test('runs the dns01 beside it, with the provider of its own name, and hands on arguments and status', () => {
  install('node')
  install('dns01')
  const main = join(root, 'dns01/dist/main.js')
  writeFileSync(main, '')
  const { status, lines } = run(...dns)
  expect(lines).toEqual([
    'node',
    '--',
    expect.stringMatching(/dns01\/hooks\/\.\.\/dist\/main\.js$/),
    'hook',
    '--provider',
    'rfc2136',
    'acmetool',
    ...dns,
  ])
  expect(status).toBe(3)
})

test('runs the dns01 of PATH when there is none beside it', () => {
  install('dns01')
  expect(run('challenge-dns-stop', 'x').lines).toEqual([
    'dns01',
    'hook',
    '--provider',
    'rfc2136',
    'acmetool',
    'challenge-dns-stop',
    'x',
  ])
})

test('says so when there is none at all', () => {
  expect(run(...dns)).toMatchObject({ status: 1, stderr: expect.stringContaining('nor dns01 in PATH') })
})
