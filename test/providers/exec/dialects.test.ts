import { describe, expect, test } from 'vitest'
import { acmeShScript, commandWords, type DialectName, dialects } from '../../../providers/exec/dialects.js'
import { parseName } from '../../../src/core/names.js'
import type { TxtRecord } from '../../../src/core/txt-record.js'

/** The wildcard of example.test, whose challenge name leads by a CNAME to another zone. */
const record: TxtRecord = {
  name: parseName('x1.acme.example.net'),
  value: 'VALUE',
  zone: parseName('acme.example.net'),
  ttlSeconds: 60,
  challenge: {
    host: parseName('example.test'),
    wildcard: true,
    token: 'TOKEN',
    keyAuthorization: 'TOKEN.THUMB',
    targetFile: 'my target',
    env: {},
  },
}
const other: TxtRecord = {
  ...record,
  value: 'OTHER',
  challenge: { ...record.challenge, host: parseName('b.test'), token: 'T2' },
}
const program = { line: 'my hook "$X"', words: ['/bin/hook', '-v'], cleanupLine: 'my cleanup' }

const invoke = (name: DialectName, action: 'present' | 'cleanup', words = program.words, env = {}) =>
  dialects[name].invoke(
    { ...program, words },
    { action, records: [record], remaining: 1, all: [record, other], output: ' said \n' },
    env,
  )

describe.each<[DialectName, string[], string[]]>([
  [
    'acmetool',
    ['/bin/hook', '-v', 'challenge-dns-start', 'example.test', 'my target', 'VALUE', ''],
    ['/bin/hook', '-v', 'challenge-dns-stop', 'example.test', 'my target', 'VALUE', ''],
  ],
  ['certbot', ['/bin/sh', '-c', 'my hook "$X"'], ['/bin/sh', '-c', 'my cleanup']],
  [
    'dehydrated',
    ['/bin/hook', '-v', 'deploy_challenge', 'example.test', 'TOKEN', 'VALUE'],
    ['/bin/hook', '-v', 'clean_challenge', 'example.test', 'TOKEN', 'VALUE'],
  ],
  [
    'lego',
    ['/bin/hook', '-v', 'present', 'x1.acme.example.net.', 'VALUE'],
    ['/bin/hook', '-v', 'cleanup', 'x1.acme.example.net.', 'VALUE'],
  ],
  [
    'lego-raw',
    ['/bin/hook', '-v', 'present', '--', 'example.test', 'TOKEN', 'TOKEN.THUMB'],
    ['/bin/hook', '-v', 'cleanup', '--', 'example.test', 'TOKEN', 'TOKEN.THUMB'],
  ],
  [
    'uacme',
    ['/bin/hook', '-v', 'begin', 'dns-01', 'example.test', 'TOKEN', 'VALUE'],
    ['/bin/hook', '-v', 'done', 'dns-01', 'example.test', 'TOKEN', 'VALUE'],
  ],
])('%s', (name, present, cleanup) => {
  test('present', () => expect(invoke(name, 'present')?.argv).toEqual(present))
  test('cleanup', () => expect(invoke(name, 'cleanup')?.argv).toEqual(cleanup))
})

describe('environments', () => {
  test('certbot', () => {
    const env = {
      CERTBOT_DOMAIN: 'example.test',
      CERTBOT_IDENTIFIER: 'example.test',
      CERTBOT_VALIDATION: 'VALUE',
      CERTBOT_REMAINING_CHALLENGES: '1',
      CERTBOT_ALL_DOMAINS: 'example.test,b.test',
      CERTBOT_ALL_IDENTIFIERS: 'example.test,b.test',
    }
    expect(invoke('certbot', 'present')?.env).toEqual(env)
    expect(invoke('certbot', 'cleanup')?.env).toEqual({ ...env, CERTBOT_AUTH_OUTPUT: 'said' })
  })

  test('uacme', () => {
    const env = { UACME_TYPE: 'dns-01', UACME_IDENT: 'example.test', UACME_TOKEN: 'TOKEN', UACME_AUTH: 'VALUE' }
    expect(invoke('uacme', 'present')?.env).toEqual({ ...env, UACME_METHOD: 'begin', UACME_VERBOSE: '0' })
    expect(invoke('uacme', 'cleanup')?.env).toEqual({ ...env, UACME_METHOD: 'done', UACME_VERBOSE: '0' })
  })
})

test('certbot without a cleanup command makes no call', () => {
  const act = { action: 'cleanup', records: [record], remaining: 0, all: [record], output: '' } as const
  expect(dialects.certbot.invoke({ line: 'x', words: [] }, act, {})).toBeUndefined()
})

test('dehydrated chains triples', () => {
  const act = { action: 'present', records: [record, other], remaining: 0, all: [record, other], output: '' } as const
  expect(dialects.dehydrated.invoke(program, act, {})?.argv.slice(2)).toEqual([
    'deploy_challenge',
    'example.test',
    'TOKEN',
    'VALUE',
    'b.test',
    'T2',
    'OTHER',
  ])
})

describe('acmesh', () => {
  const data = ['dns_cf', 'add', 'example.test', 'x1.acme.example.net', 'VALUE']
  test.each([
    [['dns_cf'], { HOME: '/root' }, '/root/.acme.sh/acme.sh'],
    [['dns_cf'], { HOME: '/root', LE_WORKING_DIR: '/opt/le' }, '/opt/le/acme.sh'],
    [['/usr/share/acme.sh/acme.sh', 'dns_cf'], {}, '/usr/share/acme.sh/acme.sh'],
  ])('%j in %j', (words, env, acmeSh) => {
    expect(invoke('acmesh', 'present', words, env)?.argv).toEqual(['/bin/sh', '-c', acmeShScript, acmeSh, ...data])
    expect(invoke('acmesh', 'cleanup', words, env)?.argv[5]).toBe('rm')
  })

  test.each([
    [['cf'], { HOME: '/root' }],
    [['dns_cf; rm -rf /'], { HOME: '/root' }],
    [['acme.sh', 'dns_cf'], { HOME: '/root' }],
    [['/x/acme.sh', 'dns_cf', 'more'], { HOME: '/root' }],
    [['dns_cf'], {}],
  ])('%j in %j is a mistake', (words, env) => {
    expect(() => invoke('acmesh', 'present', words, env)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
  })
})

test.each<[DialectName, number, 'present' | 'cleanup', string]>([
  ['acmetool', 42, 'present', 'not mine'],
  ['acmetool', 1, 'present', 'failed'],
  ['certbot', 1, 'present', 'ignored'],
  ['certbot', 127, 'cleanup', 'ignored'],
  ['dehydrated', 42, 'present', 'failed'],
  ['lego', 1, 'cleanup', 'failed'],
  ['lego-raw', 1, 'present', 'failed'],
  ['uacme', 1, 'present', 'not mine'],
  ['uacme', 1, 'cleanup', 'failed'],
  ['acmesh', 1, 'present', 'failed'],
])('%s: exit %d of %s means %s', (name, exit, action, meaning) => {
  expect(dialects[name].fault(exit, action)).toBe(meaning)
})

describe('a command', () => {
  test.each([
    ['/bin/a b  c', ['/bin/a', 'b', 'c']],
    [' a \'b c\' "d e" f\\ g ', ['a', 'b c', 'd e', 'f g']],
    ['a "x\\"y\\n" \'\' b"c"\'d\'e', ['a', 'x"y\\n', '', 'bcde']],
    ['./a $HOME *', [`${process.cwd()}/a`, '$HOME', '*']],
  ])('%j is split into words', (line, words) => expect(commandWords(line)).toEqual(words))

  test.each(['', '  ', 'a "b', "a 'b", 'a b\\'])('%j is a mistake', line => {
    expect(() => commandWords(line)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
  })
})
