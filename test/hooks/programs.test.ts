import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { severalValuesMarker } from '../../src/provider/hook-scripts.js'
import { temporaryFolder } from '../real/servers/process.js'

const hooks = join(import.meta.dirname, '../../hooks')
const textOf = (name: string): string => readFileSync(join(hooks, name), 'utf8')

/** Writes its arguments, one a line. */
const echo = (who: string) => `#!/bin/sh\necho ${who}\nfor word; do echo "<$word>"; done\n`

function executable(path: string, text: string): void {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

interface Setting {
  /** How the hook is called: its own name, or that of a link to it. */
  readonly link?: string
  /** Whether dist/main.js stands beside hooks/. */
  readonly installed: boolean
  readonly dns01InPath?: boolean
}

/** Runs a copy of a hook with a `node` and a `dns01` that only tell how they are called. */
function call(name: string, words: readonly string[], { link, installed, dns01InPath }: Setting) {
  const folder = temporaryFolder('hook')
  const at = (path: string) => join(folder.path, path)
  for (const each of ['bin', 'app', 'app/hooks', 'app/dist', 'links']) mkdirSync(at(each))
  copyFileSync(join(hooks, name), at(`app/hooks/${name}`))
  executable(at('bin/node'), echo('node'))
  if (dns01InPath) executable(at('bin/dns01'), echo('dns01'))
  if (installed) writeFileSync(at('app/dist/main.js'), '')
  if (link) symlinkSync(`../app/hooks/${name}`, at(`links/${link}`))
  const { status, stdout, stderr } = spawnSync(at(link ? `links/${link}` : `app/hooks/${name}`), words, {
    cwd: '/',
    env: { PATH: at('bin') },
    encoding: 'utf8',
  })
  folder.remove()
  const said = stdout.replaceAll(folder.path, '').split('\n').slice(0, -1)
  return { status, said, stderr: stderr.replaceAll(folder.path, '') }
}

const start = ['challenge-dns-start', 'x.test', 'my file', '-value', '']

const CALLS: readonly [hook: string, words: readonly string[], line: readonly string[]][] = [
  ['route53', start, ['--provider', 'route53', 'acmetool', ...start]],
  ['rfc2136', start, ['--provider', 'rfc2136', 'acmetool', ...start]],
  ['acmetool', start, ['acmetool', ...start]],
  ['certbot-auth', [], ['certbot', 'auth']],
  ['certbot-cleanup', [], ['certbot', 'cleanup']],
  ['dehydrated', ['deploy_challenge', 'x', 't', 'v'], ['dehydrated', 'deploy_challenge', 'x', 't', 'v']],
  ['dehydrated', ['clean_challenge', 'x', 't', 'v'], ['dehydrated', 'clean_challenge', 'x', 't', 'v']],
  ['lego', ['present', '--', 'x', '-t', 'k'], ['lego', 'present', '--', 'x', '-t', 'k']],
  ['uacme', ['begin', 'dns-01', 'x', '-t', '-v'], ['uacme', 'begin', 'dns-01', 'x', '-t', '-v']],
]

describe.each(CALLS)('%s %j', (hook, words, line) => {
  const bracketed = line.map(word => `<${word}>`)

  test('calls the dns01 it belongs to, also by a link of another name and with nothing in PATH', () => {
    const expected = ['node', '<-->', '</app/hooks/../dist/main.js>', '<hook>', ...bracketed]
    expect(call(hook, words, { installed: true, link: '10-other-name' })).toEqual({
      status: 0,
      said: expected,
      stderr: '',
    })
  })

  test('a copy calls the dns01 in PATH', () => {
    expect(call(hook, words, { installed: false, dns01InPath: true }).said).toEqual(['dns01', '<hook>', ...bracketed])
  })

  test('without any it says so', () => {
    const { status, stderr } = call(hook, words, { installed: false })
    expect(stderr).toContain('there is neither')
    expect(status).toBe(1)
  })
})

test.each([
  ['route53', ['live-updated'], 42],
  ['rfc2136', ['challenge-http-start', 'x', '', 'token'], 42],
  ['acmetool', [], 42],
  ['dehydrated', ['this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_operations'], 0],
  ['dehydrated', ['generate_csr', 'x', '/certs', 'x'], 0],
  ['uacme', ['begin', 'http-01', 'x', 't', 'k'], 1],
])('%s %j says %i at once, without node', (hook, words, exit) => {
  expect(call(hook, words, { installed: true })).toEqual({ status: exit, said: [], stderr: '' })
})

describe('texts', () => {
  const tail = (name: string): string[] =>
    textOf(name)
      .split('# So that readlink')[1]
      ?.split('\n')
      .filter(line => !line.startsWith('set --')) as string[]

  test.each(CALLS.map(([hook]) => hook))('%s ends like route53', hook => {
    expect(tail(hook)).toEqual(tail('route53'))
  })

  test('hooks of one kind are one text: the name makes the difference', () => {
    expect(textOf('rfc2136')).toBe(textOf('route53'))
    expect(textOf('certbot-cleanup')).toBe(textOf('certbot-auth'))
  })

  test('those of our own providers say that they hold several values', () => {
    expect(textOf('route53')).toContain(severalValuesMarker)
  })
})
