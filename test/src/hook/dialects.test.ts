import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dnsChallenge } from '../../../src/acme/challenge.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'
import { type HookCall, readHookCall } from '../../../src/hook/dialects.js'

const V1 = `-${'a'.repeat(42)}`
const V2 = `_${'b'.repeat(42)}`

/** `present x.test=V …` in short: what matters of a call. */
const short = (call: HookCall | number) =>
  typeof call === 'number'
    ? call
    : [
        call.action,
        ...call.requests.map(({ challenge, value, at }) => `${at ?? challenge.host}=${value}`),
        ...(call.waits ? ['wait'] : []),
        ...(call.later.length > 0 ? [`later ${call.later.join(' ')}`] : []),
      ].join(' ')

const read = (line: readonly string[], env = {}) => readHookCall(line[0] as string, line.slice(1), env)

const certbotEnv = { CERTBOT_DOMAIN: 'b.test', CERTBOT_VALIDATION: V1 }

const CALLS: readonly [line: readonly string[], expected: string | number, env?: Record<string, string>][] = [
  [['acmetool', 'challenge-dns-start', 'x.test', '', V1, ''], `present x.test=${V1} wait`],
  [['acmetool', 'challenge-dns-start', 'x.test', 'file', V1], `present x.test=${V1} wait`],
  [['acmetool', 'challenge-dns-stop', 'x.test', '*.x.test-file', V1, 'wildcard'], `cleanup x.test=${V1} wait`],
  [['acmetool', 'live-updated'], 42],
  [['acmetool', 'challenge-http-start', 'x.test', '', 'token'], 42],
  [['acmetool'], 42],
  [['acmetool', 'toString'], 42],

  [['certbot', 'auth'], `present b.test=${V1} wait`, certbotEnv],
  [['certbot', 'cleanup'], `cleanup b.test=${V1} wait`, certbotEnv],
  [
    ['certbot', 'auth'],
    `present b.test=${V1} wait later b.test x.c.test`,
    { ...certbotEnv, CERTBOT_REMAINING_CHALLENGES: '2', CERTBOT_ALL_DOMAINS: 'a.test,b.test,b.test,x.c.test' },
  ],
  [
    ['certbot', 'auth'],
    `present b.test=${V1} wait`,
    { ...certbotEnv, CERTBOT_REMAINING_CHALLENGES: '0', CERTBOT_ALL_DOMAINS: 'a.test,b.test' },
  ],
  [
    ['certbot', 'auth'],
    `present c.test=${V1} wait later d.test`,
    {
      CERTBOT_IDENTIFIER: 'c.test',
      CERTBOT_VALIDATION: V1,
      CERTBOT_REMAINING_CHALLENGES: '1',
      CERTBOT_ALL_IDENTIFIERS: 'c.test,d.test',
    },
  ],

  [['dehydrated', 'deploy_challenge', 'x.test', 'token', V1], `present x.test=${V1} wait`],
  [
    ['dehydrated', 'deploy_challenge', 'x.test', 't', V1, '*.x.test', '-u', V2],
    `present x.test=${V1} x.test=${V2} wait`,
  ],
  [['dehydrated', 'clean_challenge', 'x.test', 'token', V1], `cleanup x.test=${V1} wait`],
  [['dehydrated', 'startup_hook'], 0],
  [['dehydrated', 'generate_csr', 'x.test', '/certs', 'x.test'], 0],
  [['dehydrated', 'this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_operations'], 0],

  [['lego', 'present', '_acme-challenge.x.test.', V1], `present _acme-challenge.x.test=${V1}`],
  [['lego', 'cleanup', 'x.delegated.test.', V1], `cleanup x.delegated.test=${V1}`],

  [['uacme', 'begin', 'dns-01', 'x.test', '-token', V1], `present x.test=${V1} wait`],
  [['uacme', 'done', 'dns-01', 'x.test', 'token', V1], `cleanup x.test=${V1} wait`],
  [['uacme', 'failed', 'dns-01', 'x.test', 'token', V1], `cleanup x.test=${V1} wait`],
  [['uacme', 'begin', 'http-01', 'x.test', 'token', 'token.thumb'], 1],
  [['uacme', 'begin', 'tls-alpn-01', 'x.test', 'token', V1], 1],
]

test.each(CALLS)('%j', (line, expected, env) => {
  expect(short(read(line, env))).toBe(expected)
})

test('lego RAW: the value is made of the key authorization as the engine makes it', () => {
  const token = '-evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'
  const challenge = dnsChallenge(
    { identifier: parseName('x.test'), challenges: [{ type: 'dns-01', url: 'u', token, status: 'pending' }] } as never,
    { thumbprint: 'thumb' },
  )
  const { keyAuthorization, value } = challenge
  const call = read(['lego', 'present', '--', '*.x.test', token, keyAuthorization])
  expect(call).toMatchObject({
    action: 'present',
    waits: false,
    requests: [{ value, challenge: { host: 'x.test', wildcard: true, token, keyAuthorization } }],
  })
})

test('acmetool: target file and wildcard go on to the provider', () => {
  expect(read(['acmetool', 'challenge-dns-start', 'x.test', 'my file', V1, 'wildcard'])).toMatchObject({
    requests: [{ challenge: { host: 'x.test', targetFile: 'my file', wildcard: true } }],
  })
})

describe('refused, with what to do', () => {
  const WRONG: readonly [line: readonly string[], hint: RegExp, env?: Record<string, string>][] = [
    [['acmetol', 'x'], /did you mean "acmetool"/],
    [['toString'], /known are: acmetool, certbot, dehydrated, lego, uacme/],
    [
      ['acmetool', 'challenge-dns-start', 'x.test', ''],
      /challenge-dns-start\|challenge-dns-stop HOST TARGETFILE VALUE/,
    ],
    [['certbot'], /hook certbot auth\|cleanup/, certbotEnv],
    [['certbot', 'auht'], /hook certbot auth\|cleanup/, certbotEnv],
    [['certbot', 'auth'], /CERTBOT_DOMAIN and CERTBOT_VALIDATION/],
    [['certbot', 'auth'], /--preferred-challenges dns/, { ...certbotEnv, CERTBOT_TOKEN: 't' }],
    [['dehydrated', 'deploy_challenge', 'x.test', 'token'], /DOMAIN TOKENFILE VALUE/],
    [['dehydrated', 'deploy_challenge', 'x.test', 'token', V1, 'y.test'], /DOMAIN TOKENFILE VALUE/],
    [['dehydrated', 'deploy_challenge', 'x.test', 'token', 'token.thumbprint'], /choose dns-01/],
    [['lego', 'timeout'], /present\|cleanup FQDN VALUE/],
    [['lego', 'present', '--', 'x.test', 'token'], /EXEC_MODE=RAW/],
    [['uacme', 'begin'], /begin\|done\|failed TYPE/],
    [['uacme', 'being', 'dns-01', 'x.test', 'token', V1], /begin\|done\|failed TYPE/],
    [['uacme', 'begin', 'dns-01', 'x.test', 'token', ''], /begin\|done\|failed TYPE/],
  ]
  test.each(WRONG)('%j', (line, hint, env) => {
    expect(() => read(line, env)).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringMatching(hint) as string }),
    )
  })

  test('a value of another form: which form, what it is, and a value for trials that is taken', () => {
    const call = (value: string) => read(['acmetool', 'challenge-dns-start', 'x.test', '', value])
    let hint = ''
    try {
      call('test-value')
    } catch (error) {
      hint = (error as Dns01Error).hint ?? ''
    }
    expect(hint).toMatch(/must be 43 characters of base64url, as SHA-256 gives, and is "test-value" \(10 characters\)/)
    const sample = hint.match(/to try by hand: (\S+)$/)?.[1] ?? ''
    expect(call(sample)).toMatchObject({ action: 'present', requests: [{ value: sample }] })
  })

  test('refuses what is not a name', () => {
    expect(() => read(['uacme', 'begin', 'dns-01', '192.0.2.1', 't', V1])).toThrow(/it is an IP address/)
  })
})

test('whatever the words, there is a call, a status or a USAGE error', () => {
  const words = fc.array(
    fc.oneof(fc.string(), fc.constantFrom('--', 'auth', 'begin', 'present', 'dns-01', 'x.test', V1)),
  )
  const dialects = fc.constantFrom('acmetool', 'certbot', 'dehydrated', 'lego', 'uacme')
  fc.assert(
    fc.property(dialects, words, (dialect, said) => {
      try {
        readHookCall(dialect, said, certbotEnv)
      } catch (error) {
        expect(error).toBeInstanceOf(Dns01Error)
        expect((error as Dns01Error).code).toBe('USAGE')
      }
    }),
  )
})
