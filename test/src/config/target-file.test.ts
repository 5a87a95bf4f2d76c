import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editNames, newTargetText } from '../../../src/config/target-edit.js'
import { parseDefaults, parseTarget } from '../../../src/config/target-file.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { type Name, parseName } from '../../../src/core/names.js'
import { type Csr, claims, type Target, type TargetDefaults } from '../../../src/core/target.js'
import { thorough } from '../../thorough.js'

const parse = (text: string, conf?: string, file = 'x.test') =>
  parseTarget({ file, text, ...(conf === undefined ? {} : { defaults: defaultsOf(conf) }) })
const defaultsOf = (conf: string): TargetDefaults => parseDefaults(conf).defaults
const target = (text: string, conf?: string, file?: string): Target => parse(text, conf, file).target
const names = (...all: string[]): Name[] => all as Name[]

describe('a target file', () => {
  test.each([
    ['', 'x.test'],
    ['# a comment\n', 'x.test'],
    ['null\n', 'x.test'],
    ['~', 'x.test'],
    ['satisfy:\n', 'x.test'],
    ['satisfy: {names: []}\n', 'x.test'],
    ['satisfy:\n  names:\n  - a.test\n  - "*.a.test"\n', 'a.test *.a.test'],
    ['satisfy:\n  names: [A.Test., a.test, Bücher.test]\n', 'a.test xn--bcher-kva.test'],
    ['{"satisfy": {"names": ["a.test"]}}', 'a.test'],
    ['\ufeffsatisfy:\r\n  names:\r\n  - a.test\r\n', 'a.test'],
    ['names: [a.test]\n', 'a.test'],
    ['names: [a.test]\nsatisfy: {names: [b.test]}\n', 'b.test'],
    ['names: [a.test]\nsatisfy: {names: []}\n', 'a.test'],
    ['satisfy: {names: [a.test]}\nsatisfy: {names: [b.test]}\n', 'b.test'],
    ['x: &n [a.test]\nsatisfy: {names: *n}\n', 'a.test'],
    ['base: &b {margin: 5, names: [a.test]}\nsatisfy:\n  <<: *b\n  names: [b.test]\n', 'b.test'],
  ])('%j asks for %s', (text, expected) => expect(target(text).names.join(' ')).toBe(expected))

  test('takes its own name for want of names', () => {
    expect(target('', undefined, 'UPPER.Example.').names).toEqual(['upper.example'])
    expect(() => target('', undefined, 'x~')).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringMatching(/^desired\/x~: "x~" is not a host name/),
      }),
    )
  })

  test('has acmetool’s defaults, but ECDSA keys', () => {
    expect(target('')).toEqual({
      file: 'x.test',
      names: ['x.test'],
      requestNames: ['x.test'],
      ca: 'https://acme-v02.api.letsencrypt.org/directory',
      key: { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 },
      marginDays: 30,
      priority: 0,
      label: '',
      mustStaple: false,
      partial: false,
      env: {},
      dns: { settings: {} },
    })
  })

  test('reads the whole schema', () => {
    const text = `
satisfy:
  names: [a.test]
  margin: 20
  key: {type: rsa}
request:
  names: [b.test, a.test]
  provider: https://ca.test/dir
  ocsp-must-staple: yes
  partial: true
  key: {type: ecdsa, rsa-size: 9999, ecdsa-curve: nistp384, id: " ABC "}
  challenge:
    webroot-paths: [/x]
    http-ports: ["80", 402]
    http-self-test: false
    env: {A: 1, B: yes, C: "x y", D: 010, E: }
    dns: {provider: route53, zone-id: Z1, ttl: 30}
priority: -3
label: 007
`
    expect(parse(text)).toEqual({
      warnings: ['desired/x.test:11: rsa-size 9999 is more than any CA accepts; 4096 is used'],
      target: {
        file: 'x.test',
        names: ['a.test'],
        requestNames: ['b.test', 'a.test'],
        ca: 'https://ca.test/dir',
        key: { type: 'rsa', curve: 'nistp384', rsaBits: 4096, id: 'abc' },
        requiredKeyType: 'rsa',
        marginDays: 20,
        marginGiven: true,
        priority: -3,
        label: '007',
        mustStaple: true,
        partial: true,
        env: { A: '1', B: 'yes', C: 'x y', D: '010', E: '' },
        dns: { provider: 'route53', settings: { 'zone-id': 'Z1', ttl: '30' } },
      },
    })
  })

  test.each([
    ['satisfy:\n  names: a.test\n', 'desired/x.test:2: satisfy.names must be a list of texts'],
    ['satisfy:\n  names: [{a: 1}]\n', 'satisfy.names must be a list of texts'],
    ['satisfy: {margin: "x"}\n', 'desired/x.test:1: satisfy.margin must be a whole number'],
    ['satisfy: {margin: 1.5}\n', 'satisfy.margin must be a whole number'],
    ['\npriority: high\n', 'desired/x.test:2: priority must be a whole number'],
    ['request: {ocsp-must-staple: 1}\n', 'request.ocsp-must-staple must be true or false'],
    ['satisfy: [a.test]\n', 'satisfy must be a table'],
    ['- a.test\n', 'desired/x.test:1: the file must be a table'],
    ['a.test\n', 'the file must be a table'],
    ['satisfy: {names: [a..test]}\n', /desired\/x.test:1: "a..test" is not a host name/],
    ['satisfy:\n  names: [192.0.2.1]\n', 'desired/x.test:2: "192.0.2.1" is not a host name: it is an IP address'],
    ['request: {names: ["2001:db8::1"]}\n', 'desired/x.test:1: "2001:db8::1" is not a host name: it is an IP address'],
    ['satisfy: {key: {type: dsa}}\n', 'satisfy.key.type must be rsa or ecdsa'],
    ['request: {provider: ca.test}\n', 'request.provider must be the https URL'],
    ['request: {provider: "http://ca.test/dir"}\n', 'request.provider must be the https URL'],
    ['request: {provider: "https:ca.test/dir"}\n', 'request.provider must be the https URL'],
    ['request: {challenge: {env: [A]}}\n', 'request.challenge.env must be a table of texts'],
    ['request: {challenge: {webroot-paths: /x}}\n', 'request.challenge.webroot-paths must be a list'],
    [
      'request:\n  profile: [a]\n',
      'desired/x.test:2: request.profile must be the name of a profile, {preferred: NAME}',
    ],
    ['request: {profile: {required: ""}}\n', 'request.profile must be the name'],
    ['request: {profile: {wanted: a}}\n', 'request.profile must be the name'],
    ['request: {profile: {preferred: a, required: b}}\n', 'request.profile must be the name'],
    ['request: {profile: {required: }}\n', 'request.profile must be the name'],
    [
      'request:\n  preferred-chain: [ISRG Root X1]\n',
      'desired/x.test:2: request.preferred-chain must be the name of the issuer of the last certificate',
    ],
    ['request: {preferred-chain: {x: y}}\n', 'request.preferred-chain must be'],
    [
      'request:\n  fallback: https://ca.test/dir\n',
      'desired/x.test:2: request.fallback must be a list of https URLs of ACME directories',
    ],
    ['request:\n  fallback: [ca.test]\n', 'desired/x.test:2: request.fallback must be a list of https URLs'],
    ['request: {fallback: ["http://ca.test/dir"]}\n', 'request.fallback must be a list of https URLs'],
    [
      'request:\n  provider: https://CA.test:443/dir\n  fallback: [https://b.test/, https://ca.test/dir]\n',
      'desired/x.test:3: request.fallback: https://CA.test:443/dir is the CA that is asked first',
    ],
    [
      'request:\n  fallback: [https://acme-v02.api.letsencrypt.org/directory]\n',
      'desired/x.test:2: request.fallback: https://acme-v02.api.letsencrypt.org/directory is the CA that is asked first',
    ],
    [
      'request:\n  fallback: [https://b.test, https://b.test/]\n',
      'desired/x.test:2: request.fallback: https://b.test/ is there twice',
    ],
    [
      'request:\n  fallback-after: soon\n',
      'desired/x.test:2: request.fallback-after must be a number of hours of at least 0',
    ],
    ['request: {fallback-after: -1}\n', 'request.fallback-after must be a number of hours'],
    [
      'request:\n  key: {reuse: always}\n',
      'desired/x.test:2: request.key.reuse must be true, false or a number of days of at least 1',
    ],
    ['request: {key: {reuse: 0}}\n', 'request.key.reuse must be true'],
    ['request: {key: {reuse: -3}}\n', 'request.key.reuse must be true'],
    ['request: {key: {reuse: "true"}}\n', 'request.key.reuse must be true'],
    ['request: {key: {reuse: [1]}}\n', 'request.key.reuse must be true'],
    ['label: a/b\n', 'label must be a text without "/"'],
    ['label: .a\n', 'label must be a text without "/"'],
    ['check: www.corp.example:443\n', 'check must be a list of texts'],
    ['check: ["www.corp.example:https"]\n', 'check: "www.corp.example:https" is not a place where something is served'],
    ['satisfy:\n  names: [\n', /desired\/x.test:\d: /],
    ['a: b: c\n', /desired\/x.test:1: Nested mappings/],
  ])('%j is CONFIG with file and line', (text, message) => {
    expect(() => target(text)).toThrow(message)
    expect(() => target(text)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
  })

  test.each([
    [
      '\nrequest:\n  env: {A: 1}\n',
      'desired/x.test:3: unknown key request.env is ignored; did you mean "request.challenge.env"?',
    ],
    [
      'satisfy:\n  nmaes: [a.test]\n',
      'desired/x.test:2: unknown key satisfy.nmaes is ignored; did you mean "satisfy.names"?',
    ],
    ['request: {key: {type: dsa}}\n', 'desired/x.test:1: key type dsa: taken as rsa'],
    ['request: {key: {ecdsa-curve: p256}}\n', 'desired/x.test:1: curve p256: taken as nistp256'],
    [
      'satisfy: {names: [a.test, b.test]}\nrequest: {names: [b.test]}\n',
      'desired/x.test:2: request.names lacks a.test of satisfy.names; added',
    ],
  ])('%j is taken with a warning', (text, warning) => expect(parse(text).warnings).toEqual([warning]))

  test('adds to request.names what satisfy.names has', () =>
    expect(target('satisfy: {names: [a.test, b.test]}\nrequest: {names: [c.test, b.test]}\n').requestNames).toEqual([
      'c.test',
      'b.test',
      'a.test',
    ]))

  test('is read alike on the short way, for what `want` and acmetool write, and by YAML', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc
            .tuple(fc.string({ unit: fc.constantFrom(...'abyn1.*-_'), minLength: 1 }), fc.constantFrom('', '"', "'"))
            .map(([name, quote]) => quote + name + quote),
          { minLength: 1 },
        ),
        items => {
          const text = `satisfy:\n  names:\n${items.map(item => `  - ${item}\n`).join('')}`
          const read = (what: string) => {
            try {
              return target(what, 'priority: 3\nsatisfy: {key: {type: rsa}}\n')
            } catch (error) {
              return (error as Error).message
            }
          }
          expect(read(text)).toEqual(read(`${text}# the long way\n`))
        },
      ),
      { numRuns: thorough ? 2000 : 400 },
    ))

  test('never fails with anything but CONFIG', () =>
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'satisfy: names[]{}-\n "&*<~1,') })),
        text => {
          try {
            target(text)
          } catch (error) {
            expect(error).toMatchObject({ code: 'CONFIG' })
          }
        },
      ),
    ))
})

describe('conf/target', () => {
  const conf = `
satisfy: {names: [no.test], margin: 10, key: {type: rsa}}
request:
  names: [no.test]
  provider: https://ca.test/dir
  key: {type: ecdsa, ecdsa-curve: nistp384, id: k}
  challenge: {webroot-paths: [/a, /b], env: {A: 1, B: 2}, dns: {provider: p, x: 1}}
priority: 5
label: l
names: [no.test]
`
  test('hands down everything but names', () => {
    expect(target('', conf)).toMatchObject({
      names: ['x.test'],
      requestNames: ['x.test'],
      ca: 'https://ca.test/dir',
      key: { type: 'rsa', curve: 'nistp384', id: 'k' },
      requiredKeyType: 'rsa',
      marginDays: 10,
      priority: 5,
      label: 'l',
      env: { A: '1', B: '2' },
      dns: { provider: 'p', settings: { x: '1' } },
    })
    expect(defaultsOf(conf)).toMatchObject({ webrootPaths: ['/a', '/b'], key: { type: 'ecdsa' } })
  })

  test('loses value by value, env key by key', () => {
    const text =
      'satisfy: {margin: 20}\nrequest: {key: {ecdsa-curve: nistp521}, challenge: {env: {B: 3}, dns: {x: 2}}}\npriority: 0\nlabel: ""\n'
    expect(target(text, conf)).toMatchObject({
      marginDays: 20,
      priority: 0,
      label: '',
      env: { A: '1', B: '3' },
      key: { curve: 'nistp521' },
      dns: { provider: 'p', settings: { x: '2' } },
    })
  })

  test('hands settings of a provider down to that provider only', () =>
    expect(target('request: {challenge: {dns: {provider: q, y: 1}}}\n', conf).dns).toEqual({
      provider: 'q',
      settings: { y: '1' },
    }))

  test.each([
    ['', '', undefined],
    ['request: {profile: tlsserver}', '', { name: 'tlsserver', required: false }],
    ['request: {profile: {preferred: 2026}}', '', { name: '2026', required: false }],
    ['x: &p short\nrequest: {profile: {required: *p}}', '', { name: 'short', required: true }],
    ['', 'request: {profile: {required: short}}', { name: 'short', required: true }],
    ['request: {profile: tlsserver}', 'request: {profile: {required: short}}', { name: 'tlsserver', required: false }],
    ['request: {profile: ""}', 'request: {profile: {required: short}}', undefined],
    ['request: {profile: }', 'request: {profile: {required: short}}', { name: 'short', required: true }],
  ])('%j with conf/target %j: profile %j', (text, conf, profile) =>
    expect(target(`${text}\n`, `${conf}\n`).profile).toEqual(profile),
  )

  const byAccount = 'request: {challenge: {dns: {method: dns-account-01}}}\n'
  test('hands the method down whatever provider a target has, and loses it to the method of a target', () => {
    expect(target('', byAccount).dns).toEqual({ settings: {}, method: 'dns-account-01' })
    expect(target('request: {challenge: {dns: {provider: q}}}\n', byAccount).dns).toEqual({
      ...{ provider: 'q', settings: {}, method: 'dns-account-01' },
    })
    expect(target('request: {challenge: {dns: {method: auto, x: 1}}}\n', byAccount).dns).toEqual({
      ...{ settings: { x: '1' }, method: 'auto' },
    })
    expect(target('', conf).dns).not.toHaveProperty('method')
  })

  test.each([
    ['method: dns-02', 'must be one of dns-01, dns-account-01, dns-persist-01, auto, not "dns-02"'],
    ['method: http-01', 'must be one of dns-01, dns-account-01, dns-persist-01, auto, not "http-01"'],
    ['method: ""', 'must be one of dns-01, dns-account-01, dns-persist-01, auto, not ""'],
  ])('an unknown %s is an error with file, line and key', (line, message) => {
    expect(() => parseDefaults(`request:\n  challenge:\n    dns:\n      ${line}\n`)).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringContaining(`conf/target:4: request.challenge.dns.method ${message}`),
      }),
    )
  })
  test.each([
    ['', true, true],
    ['request: {key: {reuse: false}}', true, false],
    ['request: {key: {reuse: 90}}', false, 90],
    ['request: {key: {type: rsa}}', 365, 365],
  ])('%j with reuse %j in conf/target: %j', (text, inherited, reuse) =>
    expect(target(`${text}\n`, `request: {key: {reuse: ${inherited}}}\n`).key.reuse).toBe(reuse),
  )

  test('CAs to fall back on are inherited, without the one that this target asks first', () => {
    const conf = 'request: {fallback: [https://b.test/dir, https://c.test/dir], fallback-after: 12}\n'
    expect(target('', conf)).toMatchObject({
      fallback: ['https://b.test/dir', 'https://c.test/dir'],
      fallbackAfterHours: 12,
    })
    expect(target('request: {provider: https://b.test/dir}\n', conf).fallback).toEqual(['https://c.test/dir'])
    expect(target('request: {fallback: [], fallback-after: 0}\n', conf)).toMatchObject({
      fallback: [],
      fallbackAfterHours: 0,
    })
    expect(target('').fallback).toBeUndefined()
  })

  test('hands a preferred chain down', () => {
    const conf = 'request: {preferred-chain: ISRG Root X1}\n'
    expect(target('', conf).chain).toBe('ISRG Root X1')
    expect(target('request: {preferred-chain: Other}\n', conf).chain).toBe('Other')
    expect(target('request: {preferred-chain: ""}\n', conf).chain).toBeUndefined()
  })

  test('gives a CA that a legacy provider: at the root loses against', () => {
    const legacy = 'provider: https://old.test/dir\n'
    expect(target(legacy).ca).toBe('https://old.test/dir')
    expect(target(legacy, conf).ca).toBe('https://ca.test/dir')
    expect(target('', legacy).ca).toBe('https://old.test/dir')
    expect(target(`${legacy}request: {provider: "https://new.test/dir"}\n`).ca).toBe('https://new.test/dir')
  })

  test.each([
    ['', '3072', 3072],
    ['', 'junk', 2048],
    ['', '99999', 4096],
    ['request: {key: {rsa-size: 2500}}', '3072', 2500],
    ['request: {key: {rsa-size: 0}}', '3072', 2048],
  ])('%j with conf/rsa-key-size %j: %i bits', (text, rsaKeySize, bits) =>
    expect(parseDefaults(text, { rsaKeySize }).defaults.key.rsaBits).toBe(bits),
  )

  test.each([
    [1024, ['conf/target:2: rsa-size 1024 is too small; 2048 is used']],
    [0, []],
    [2048, []],
    [4096, []],
  ])('says so when rsa-size %i is not what is used', (bits, warnings) =>
    expect(parseDefaults(`request:\n  key: {type: rsa, rsa-size: ${bits}}\n`).warnings).toEqual(warnings),
  )

  test('names itself in errors and warnings', () => {
    expect(parseDefaults('x: 1').warnings).toEqual([expect.stringMatching(/^conf\/target:1: unknown key x/)])
    expect(() => parseDefaults('\nlabel: []')).toThrow('conf/target:2: label')
  })
})

describe('claims', () => {
  const make = (file: string, all: string, more: Partial<Target> = {}): Target => ({
    ...target(''),
    file,
    names: all.split(' ') as Name[],
    ...more,
  })
  const owners = (...targets: Target[]): string =>
    [...claims(targets)]
      .map(([link, { file }]) => `${link}=${file}`)
      .sort()
      .join(' ')

  test('goes by priority, then number of names, then file name', () => {
    expect(owners(make('a', 'x.test'), make('b', 'x.test y.test'))).toBe('x.test=b y.test=b')
    expect(owners(make('a', 'x.test', { priority: 1 }), make('b', 'x.test y.test'))).toBe('x.test=a y.test=b')
    expect(owners(make('b', 'x.test'), make('a', 'x.test'))).toBe('x.test=a')
  })
  test('keeps labels apart', () =>
    expect(owners(make('a', 'x.test'), make('b', 'x.test y.test', { label: 'l' }))).toBe(
      'x.test:l=b x.test=a y.test:l=b',
    ))
})

describe('newTargetText', () => {
  test('is what acmetool writes, wildcards quoted', () =>
    expect(newTargetText(names('a.test', '*.a.test', '1.5e3.2e10', '_x.test'))).toBe(
      'satisfy:\n  names:\n  - a.test\n  - "*.a.test"\n  - "1.5e3.2e10"\n  - "_x.test"\n',
    ))
  test('is read back as written', () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.domain(), { minLength: 1 }), all => {
        const wanted = names(...all.map(name => name.toLowerCase()))
        expect(target(newTargetText(wanted)).names).toEqual([...new Set(wanted)])
      }),
      { numRuns: 50 },
    ))
})

describe('editNames', () => {
  const edit = (text: string, add: string[], remove: string[]) =>
    editNames(text, { file: 'x.test', add: names(...add), remove: names(...remove) })

  test.each([
    [
      'satisfy:\n  names:\n  - a.test # first\n  - b.test\n',
      ['c.test'],
      ['a.test'],
      'satisfy:\n  names:\n  - b.test\n  - c.test\n',
    ],
    // everything else stays to the byte
    [
      '# top\nlabel:   x   # odd spaces\n\n\nsatisfy:\n    names:   # mine\n        -   a.test   # A\n        # about b\n        -   b.test\n    margin: 5\nunknown: {a:  1}\n',
      ['*.c.test'],
      ['a.test'],
      '# top\nlabel:   x   # odd spaces\n\n\nsatisfy:\n    names:   # mine\n        # about b\n        -   b.test\n        -   "*.c.test"\n    margin: 5\nunknown: {a:  1}\n',
    ],
    [
      'satisfy:\n  names:\n  - a.test\n  - b.test',
      ['c.test'],
      [],
      'satisfy:\n  names:\n  - a.test\n  - b.test\n  - c.test\n',
    ],
    [
      'satisfy:\r\n  names:\r\n  - a.test\r\n  - b.test\r\n',
      ['c.test'],
      ['b.test'],
      'satisfy:\r\n  names:\r\n  - a.test\r\n  - c.test\r\n',
    ],
    ['names:\n- a.test\n- b.test\n', [], ['a.test'], 'names:\n- b.test\n'],
    [
      'satisfy: {names: [a.test, "b.test"]} # x\n',
      ['c.test'],
      ['a.test'],
      'satisfy: {names: ["b.test", c.test]} # x\n',
    ],
    ['satisfy:\n  names: [A.Test, b.test]\n', [], ['a.test'], 'satisfy:\n  names: [b.test]\n'],
    ['# x\n', ['y.test'], [], '# x\n\nsatisfy:\n  names:\n  - x.test\n  - y.test\n'],
    ['satisfy:\npriority: 1\n', ['y.test'], [], 'satisfy:\n  names:\n  - x.test\n  - y.test\npriority: 1\n'],
    ['', ['x.test'], [], ''],
    ['satisfy:\n  names:\n  - a.test\n', ['a.test'], ['z.test'], 'satisfy:\n  names:\n  - a.test\n'],
    [
      'satisfy:\n  names:\n  - a.test\n  - b.test\nrequest:\n  names:\n  - b.test # and asked for\n  - c.test\n',
      [],
      ['b.test'],
      'satisfy:\n  names:\n  - a.test\nrequest:\n  names:\n  - c.test\n',
    ],
    [
      'x: &n [a.test, b.test]\nsatisfy: {names: *n}\n',
      [],
      ['b.test'],
      'x: &n [a.test, b.test]\nsatisfy: {names: [a.test]}\n',
    ],
  ])('%j +%j -%j', (text, add, remove, expected) => expect(edit(text, add, remove)).toBe(expected))

  test.each([
    ['satisfy:\n  names: [a.test]\n', 'a.test'],
    ['', 'x.test'],
  ])('%j without %s is nothing: the file goes', (text, name) => expect(edit(text, [], [name])).toBeUndefined())

  test.each(['a: [', 'a: *nowhere'])('refuses what it cannot write anew: %s', text =>
    expect(() => edit(text, ['b.test'], [])).toThrow(expect.objectContaining({ code: 'CONFIG' })),
  )

  test('does to the names what was asked, whatever the layout, and nothing to the rest', () => {
    const name = fc.constantFrom('a.test', 'b.test', '*.c.test', 'd.test', 'e.test')
    const list = (all: string[], flow: boolean): string =>
      flow ? ` [${all.map(n => `"${n}"`).join(', ')}]\n` : `\n${all.map(n => `    - "${n}" # of ${n}\n`).join('')}`
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1 }),
        fc.uniqueArray(name),
        fc.uniqueArray(name),
        fc.boolean(),
        (has, add, remove, flow) => {
          const text = `label: x # kept\nsatisfy:\n  names:${list(has, flow)}  margin: 7\n`
          const after = edit(text, add, remove)
          const expected = [...has.filter(n => !remove.includes(n)), ...add.filter(n => !has.includes(n))]
          if (after === undefined) {
            expect(expected).toEqual([])
            return
          }
          expect(target(after)).toMatchObject({ names: expected, label: 'x', marginDays: 7 })
          expect(after).toContain('label: x # kept\n')
        },
      ),
    )
  })
})

describe('request.csr', () => {
  const csr: Csr = {
    ...{ path: 'conf/csr/x.pem', keyId: 'k', keyType: 'rsa', der: 'MAA' },
    names: ['a.test', 'b.test'].map(parseName),
  }
  const read = (text: string, conf = '') =>
    parseTarget({ file: 'no name', text, defaults: defaultsOf(conf), readCsr: path => ({ ...csr, path }) })
  const withCsr = (more = '') => `request: {csr: conf/csr/x.pem${more}}\n`

  test('gives the names and the type of key; of what is inherited only what a request does not say counts', () => {
    const conf = 'satisfy: {margin: 9}\nrequest: {partial: true, ocsp-must-staple: true, key: {id: i, reuse: true}}\n'
    expect(read(withCsr(), conf)).toMatchObject({
      warnings: [],
      target: {
        ...{ names: ['a.test', 'b.test'], requestNames: ['a.test', 'b.test'], csr, marginDays: 9 },
        ...{ partial: false, mustStaple: false, key: { type: 'rsa', id: undefined, reuse: undefined } },
      },
    })
  })

  test('agrees with names in any order', () => {
    const text = `satisfy: {names: [b.test, a.test]}\n${withCsr(', names: [a.test, b.test]')}`
    expect(read(text).target.names).toEqual(['a.test', 'b.test'])
  })

  test.each([
    [
      'satisfy:\n  names: [a.test]\n',
      '',
      'desired/no name:2: satisfy.names and the request conf/csr/x.pem do not agree: b.test is only there',
    ],
    ['names: [a.test, b.test, c.test]\n', '', 'names and the request conf/csr/x.pem do not agree: it lacks c.test'],
    ['', ', names: [a.test]', 'request.names and the request'],
    ['satisfy: {key: {type: ecdsa}}\n', '', 'has a key of type rsa, satisfy.key.type wants ecdsa'],
    ['', ', partial: true', 'desired/no name:1: request.partial cannot be with request.csr'],
  ])('%j with %j is CONFIG with file and line', (before, more, message) => {
    expect(() => read(`${before}${withCsr(more)}`)).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(message) }),
    )
  })

  test('a request that is not good is told with file, line and key, and with what to do', () => {
    const readCsr = (): never => {
      throw new Dns01Error('CONFIG', 'it has no names', { hint: 'make it anew' })
    }
    expect(() => parseTarget({ file: 'x', text: `\n${withCsr()}`, readCsr })).toThrow(
      expect.objectContaining({
        ...{ code: 'CONFIG', hint: 'make it anew' },
        message: 'desired/x:2: request.csr: conf/csr/x.pem: it has no names',
      }),
    )
    expect(() => read('request: {csr: [x]}\n')).toThrow('desired/no name:1: request.csr must be a text')
  })

  test.each(['request: {csr: ""}', 'request:\n  csr:', 'request: {csr: }', 'request: {csr: null}'])(
    'an empty one is not taken for none: a key of ours would be made: %s',
    text => expect(() => read(`${text}\n`)).toThrow(/^desired\/no name:[12]: request.csr is empty$/),
  )

  test('what a request says itself is told to have no effect beside it', () => {
    const { warnings } = read(withCsr(', key: {type: ecdsa, reuse: 3}, ocsp-must-staple: true'))
    expect(warnings).toEqual(
      ['key.type', 'key.reuse', 'ocsp-must-staple'].map(key =>
        expect.stringContaining(`desired/no name:1: request.${key} has no effect beside request.csr`),
      ),
    )
  })

  test('cannot be inherited', () => {
    expect(() => defaultsOf('\nrequest: {csr: x}\n')).toThrow(
      'conf/target:2: request.csr belongs into a file of desired/',
    )
  })
})
