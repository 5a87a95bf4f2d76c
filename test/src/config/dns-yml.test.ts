import { describe, expect, test } from 'vitest'
import { defaultPropagation, zoneConfigFor } from '../../../src/config/dns-config.js'
import { parseDnsConfig } from '../../../src/config/dns-yml.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'

const path = '/var/lib/acme/conf/dns.yml'
const parse = (text: string, env: Record<string, string> = {}) => parseDnsConfig(text, path, env)
const lines = (...text: string[]) => text.join('\n')

const errorOf = (text: string): Dns01Error => {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof Dns01Error) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('parseDnsConfig', () => {
  test.each(['', '# only a comment\n', '---\n'])('%j is an empty file', text => {
    expect(parse(text)).toEqual({
      fallback: { provider: undefined, settings: {} },
      zones: new Map(),
      resolvers: [],
      propagation: defaultPropagation,
    })
  })

  test('takes everything there is', () => {
    const text = lines(
      'provider: route53',
      'settings:',
      '  region: eu-west-1',
      '  max-retries: 7',
      'resolvers:',
      '  - 192.0.2.53',
      '  - https://dns.example/dns-query',
      'propagation:',
      '  give-up-after-seconds: 60',
      '  first-pause-seconds: 0.1',
      'zones:',
      '  Corp.Example.:',
      '    provider: rfc2136',
      '    server: 192.0.2.1',
      '    port: 5353',
      '    tsig: false',
    )
    expect(parse(text)).toEqual({
      fallback: { provider: 'route53', settings: { region: 'eu-west-1', 'max-retries': '7' } },
      zones: new Map([
        ['corp.example', { provider: 'rfc2136', settings: { server: '192.0.2.1', port: '5353', tsig: 'false' } }],
      ]),
      resolvers: ['192.0.2.53', 'https://dns.example/dns-query'],
      propagation: { wait: true, giveUpAfterSeconds: 60, firstPauseSeconds: 0.1, maxPauseSeconds: 2 },
    })
  })

  test.each([
    ['propagation: off', false],
    ['propagation: on', true],
    ['propagation: false', false],
    ['propagation: {wait: false}', false],
    ['propagation: {}', true],
  ])('%s: wait is %s', (text, wait) => {
    expect(parse(text).propagation).toEqual({ ...defaultPropagation, wait })
  })

  test.each([
    ['resolvers: system', []],
    ['resolvers: 192.0.2.53', ['192.0.2.53']],
    ['resolvers: []', []],
  ])('%s', (text, resolvers) => {
    expect(parse(text).resolvers).toEqual(resolvers)
  })

  test.each<[string, string, string, string?]>([
    [
      'a mistyped key',
      lines('provider: route53', 'resolver: system'),
      `${path}:2: unknown key "resolver"`,
      'did you mean "resolvers"?',
    ],
    [
      'a mistyped key below propagation',
      lines('propagation:', '  wait: true', '  give-up-after-secs: 3'),
      `${path}:3: unknown key "propagation.give-up-after-secs"`,
      'did you mean "give-up-after-seconds"?',
    ],
    ['a wrong type', lines('# first', 'provider: [a]'), `${path}:2: provider: `],
    [
      'a wrong type below',
      lines('propagation:', '  give-up-after-seconds: soon'),
      `${path}:2: propagation.give-up-after-seconds: `,
    ],
    [
      'a time out of range',
      lines('propagation:', '  give-up-after-seconds: -1'),
      `${path}:2: propagation.give-up-after-seconds: `,
    ],
    ['a zone that is no map', lines('zones:', '  a.test: rfc2136'), `${path}:2: zones.a.test: `],
    [
      'a setting that is a list',
      lines('zones:', '  a.test:', '    provider: x', '    server: [1, 2]'),
      `${path}:4: zones.a.test.server: `,
    ],
    [
      'a zone that is no name',
      lines('zones:', '  a..test: {provider: x}'),
      `${path}: zones: "a..test" is not a host name`,
    ],
    ['no YAML', lines('provider: x', 'zones: [a, b'), `${path}:2: `],
    ['the same key twice', lines('provider: x', 'provider: y'), `${path}:2: `],
    ['a list of zones', lines('provider: x', 'zones: [a.test]'), `${path}:2: zones: a list where`],
    ['a list of settings', lines('settings: [a]'), `${path}:1: settings: a list where`],
    ['a list', '- provider: x', `${path}:1: the file: `],
    ['a word', 'route53', `${path}:1: the file: `],
  ])('refuses %s', (_, text, message, hint) => {
    const error = errorOf(text)
    expect(error.code).toBe('CONFIG')
    expect(error.message.slice(0, message.length)).toBe(message)
    expect(error.message).not.toContain('\n')
    expect(error.hint).toBe(hint)
  })

  test.each([
    [{ DNS01_RESOLVERS: '192.0.2.1, [2001:db8::1]:53' }, ['192.0.2.1', '[2001:db8::1]:53']],
    [{ DNS01_RESOLVERS: 'system' }, []],
    [{}, ['198.51.100.1']],
  ])('%j gives the resolvers %j', (env, resolvers) => {
    expect(parse('resolvers: 198.51.100.1', env).resolvers).toEqual(resolvers)
  })

  test.each(['off', 'OFF', 'no', 'false', '0'])('DNS01_PROPAGATION=%s switches the proof off', said => {
    expect(parse('propagation: {give-up-after-seconds: 5}', { DNS01_PROPAGATION: said }).propagation).toEqual({
      ...defaultPropagation,
      giveUpAfterSeconds: 5,
      wait: false,
    })
  })
})

describe('zoneConfigFor', () => {
  const config = parse(
    lines(
      'provider: route53',
      'settings: {region: eu-west-1, zone-id: Z1}',
      'zones:',
      '  a.test: {provider: rfc2136, server: ns1}',
      '  b.a.test: {provider: cloudflare}',
      '  c.test: {zone-id: Z2}',
    ),
  )
  test.each([
    ['_acme-challenge.x.a.test', { provider: 'rfc2136', settings: { server: 'ns1' } }],
    ['_acme-challenge.b.a.test', { provider: 'cloudflare', settings: {} }],
    ['_acme-challenge.xb.a.test', { provider: 'rfc2136', settings: { server: 'ns1' } }],
    ['_acme-challenge.c.test', { provider: 'route53', settings: { region: 'eu-west-1', 'zone-id': 'Z2' } }],
    ['_acme-challenge.xa.test', { provider: 'route53', settings: { region: 'eu-west-1', 'zone-id': 'Z1' } }],
  ])('%s', (name, chosen) => {
    expect(zoneConfigFor(config, parseName(name))).toEqual(chosen)
  })
})

test('aliases of aliases are refused with their line, and so is what is nested too deeply', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghij'
    .split('')
    .map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(', ')}]\n`)
    .join('')}`
  expect(() => parseDnsConfig(bomb, 'conf/dns.yml', {})).toThrow(/^conf\/dns.yml:2: Excessive alias count/)
  expect(() => parseDnsConfig(`a: 1\nzones: ${'['.repeat(5000)}`, 'conf/dns.yml', {})).toThrow(
    'conf/dns.yml:2: nested deeper than 50 levels',
  )
})
