import { Packet } from 'dns2'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import rfc2136 from '../../providers/rfc2136.js'
import { Dns01Error } from '../../src/core/errors.js'
import { type Name, parseName } from '../../src/core/names.js'
import type { DnsAnswer, Question } from '../../src/core/world.js'
import type { Provider, ProviderCall } from '../../src/provider/api.js'
import { listeningLog, record, txtValue } from '../contract/provider-contract.js'
import { fakeLog } from '../fakes/log.js'
import { MemoryFiles } from '../fakes/memory-files.js'
import { repeating } from '../fakes/repeating.js'
import { fakeWorld } from '../fakes/world.js'

// What real servers say is in test/real/rfc2136.test.ts; here is what they can't be made to say, and what comes before.

const secret = Buffer.from('a secret of thirty-two bytes ...').toString('base64')
const zone = parseName('corp.test')
const one = record(parseName(`_acme-challenge.www.${zone}`), txtValue('one'), zone)
const noKey = {
  'tsig-file': undefined,
  'tsig-key': undefined,
  'tsig-secret': undefined,
  'tsig-algorithm': 'hmac-sha256',
}
const withKey = { ...noKey, 'tsig-key': 'Acme-Key.', 'tsig-secret': secret }
const settings = { nameserver: '192.0.2.1', ...noKey, ttl: undefined }

interface Fakes {
  /** Path → mode and text, or where a link leads. */
  readonly files?: Readonly<Record<string, { mode: number; text: string } | string>>
  readonly answers?: (question: Question, server: string) => string[]
  readonly server?: (message: Buffer, server: string) => Uint8Array
}

/** An answer to an update, without any section: flags QR, opcode 5, the rcode. */
const answer = (rcode: number): Buffer => Buffer.from([0, 0, 0xa8, rcode, 0, 0, 0, 0, 0, 0, 0, 0])

function worldOf(fakes: Fakes) {
  let nowMs = Date.parse('2026-11-21T00:00:00Z')
  const sleep = async (seconds: number): Promise<void> => {
    nowMs += seconds * 1000
  }
  const seen = { servers: [] as string[], messages: [] as Buffer[], masked: [] as string[] }
  const files = new MemoryFiles()
  for (const [path, file] of Object.entries(fakes.files ?? {}))
    if (typeof file === 'string') files.putLink(path, file)
    else files.put(path, file.text, file.mode)
  const world = fakeWorld({
    clock: { now: () => new Date(nowMs), sleep },
    random: bytes => new Uint8Array(bytes).fill(7),
    log: fakeLog([], { masked: seen.masked }),
    files,
    dns: {
      systemResolvers: () => ['198.51.100.1', '198.51.100.2'],
      query: async (question: Question, where: { server: string }): Promise<DnsAnswer> => {
        if (!fakes.answers) throw new Error(`nobody should ask for ${question.name} ${question.type}`)
        const answers = fakes
          .answers(question, where.server)
          .map(data => ({ name: question.name, type: question.type, ttlSeconds: 60, data }))
        return { rcode: 'NOERROR', authoritative: false, answers, authorities: [] }
      },
      exchange: async (message: Uint8Array, { server }: { server: string }) => {
        seen.servers.push(server)
        seen.messages.push(Buffer.from(message))
        return fakes.server?.(Buffer.from(message), server) ?? answer(0)
      },
    },
  })
  return { world, seen }
}

const call: ProviderCall = { zone, signal: AbortSignal.timeout(20_000), log: listeningLog([]) }

async function opened(values: Partial<typeof settings | typeof withKey>, fakes: Fakes = {}) {
  const { world, seen } = worldOf(fakes)
  const provider: Provider = await rfc2136.open({ ...settings, ...values }, world)
  return { provider, again: repeating(provider, world), seen }
}

const openFailure = (values: object, fakes: Fakes = {}): Promise<Dns01Error> =>
  opened(values, fakes).then(
    () => expect.unreachable('it should have failed'),
    error => error,
  )

describe('the key', () => {
  /** The same key signs the same message in the same way. */
  const signedWith = async (values: object, fakes: Fakes = {}): Promise<Buffer | undefined> => {
    const { provider, seen } = await opened(values, { ...fakes, server: () => answer(5) })
    await provider.present([one], call).catch(() => {})
    expect(seen.masked).toEqual([secret])
    return seen.messages[0]
  }
  const file = (text: string, mode = 0o600) => ({ files: { '/k/acme.key': { mode, text } } })
  const fromFile = { 'tsig-file': '/k/acme.key' }

  test.each([
    ['as tsig-keygen writes it', `key "acme-key" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`],
    ['on one line without quotes', `key acme-key { secret ${secret}; algorithm HMAC-SHA256.; };`],
    [
      'after comments and another block',
      `# a // b\noptions { x y; };\nkey "acme-key" { algorithm hmac-sha256; secret "${secret}"; };`,
    ],
  ])('from a key file %s', async (_, text) => {
    expect(await signedWith(fromFile, file(text))).toEqual(await signedWith(withKey))
  })

  test('from a file of several keys, the named one', async () => {
    const text = `key "x" { algorithm hmac-md5; secret "eA=="; }; key "acme-key" { algorithm hmac-sha256; secret "${secret}"; };`
    expect(await signedWith({ ...fromFile, 'tsig-key': 'acme-key' }, file(text))).toEqual(await signedWith(withKey))
    expect(await openFailure({ ...fromFile, 'tsig-key': 'y' }, file(text))).toMatchObject({ code: 'CONFIG' })
  })

  test.each(['/k/Kacme-key.+157+1.key', '/k/Kacme-key.+157+1.private'])('from an old pair, given %s', async path => {
    const text = `acme-key. IN KEY 512 3 157 ${secret.slice(0, 20)} ${secret.slice(20)}\n`
    const files = { '/k/Kacme-key.+157+1.key': { mode: 0o600, text } }
    const md5 = { ...withKey, 'tsig-algorithm': 'hmac-md5.sig-alg.reg.int.' }
    expect(await signedWith({ 'tsig-file': path }, { files })).toEqual(await signedWith(md5))
  })

  test('a file that others can read is refused, also behind a link', async () => {
    const files = { '/k/acme.key': '../x/real', '/x/real': { mode: 0o644, text: '' } }
    expect(await openFailure(fromFile, file('', 0o604))).toMatchObject({ code: 'CONFIG', hint: 'chmod o= /k/acme.key' })
    expect(await openFailure(fromFile, { files })).toMatchObject({ code: 'CONFIG', hint: 'chmod o= /x/real' })
  })

  test.each([
    ['a file that is not there', fromFile, 'cannot read the TSIG key file /k/acme.key: ENOENT'],
    ['a name without a secret', { 'tsig-key': 'k' }, 'there is no secret'],
    ['a secret without a name', { 'tsig-secret': secret }, 'there is no name'],
    ['an algorithm that is none', { ...withKey, 'tsig-algorithm': 'toString' }, 'no TSIG algorithm "toString"'],
    [
      'a secret that is no base64',
      { ...withKey, 'tsig-secret': 'p@ssword' },
      'the secret in RFC2136_TSIG_SECRET is not base64',
    ],
    ['a TTL that is none', { ttl: '1h' }, 'the TTL "1h"'],
  ])('%s is an error of the configuration', async (_, values, message) => {
    const error = await openFailure(values)
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringContaining(message) })
    expect(error.message).not.toContain('p@ssword')
  })

  test('a file without a key shows how one looks', async () => {
    expect(await openFailure(fromFile, file('zone "x" {};'))).toMatchObject({
      code: 'CONFIG',
      message: 'rfc2136: /k/acme.key holds no TSIG key',
      hint: expect.stringContaining('algorithm hmac-sha256'),
    })
  })
})

describe('the server', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1:53'],
    ['192.0.2.1:5353', '192.0.2.1:5353'],
    ['2001:db8::1', '[2001:db8::1]:53'],
    ['[2001:db8::1]', '[2001:db8::1]:53'],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    ['localhost:5353', '127.0.0.1:5353'],
  ])('%s costs no look-up', async (nameserver, server) => {
    const { provider, seen } = await opened({ nameserver })
    await provider.present([one], call)
    expect(seen.servers).toEqual([server])
  })

  test('a host is looked up; its next address is tried when the first is out of reach', async () => {
    const answers = ({ name, type }: Question): string[] => {
      expect(name).toBe('ns.corp.test')
      return type === 'A' ? ['192.0.2.1'] : ['2001:db8::1']
    }
    const server = (_: Buffer, at: string): Uint8Array => {
      if (at.startsWith('192')) throw new Dns01Error('UNAVAILABLE', `${at}: silence`)
      return answer(0)
    }
    const { provider, seen } = await opened({ nameserver: 'NS.corp.test.:53' }, { answers, server })
    await provider.present([one], call)
    expect(seen.servers).toEqual(['192.0.2.1:53', '[2001:db8::1]:53'])
  })

  test('by default it is the primary of the SOA record; the second resolver is asked when the first is silent', async () => {
    const asked: string[] = []
    const answers = ({ name, type }: Question, resolver: string): string[] => {
      asked.push(`${resolver} ${name} ${type}`)
      if (resolver === '198.51.100.1') throw new Dns01Error('UNAVAILABLE', 'silence')
      return { SOA: ['ns1.corp.test'], A: ['192.0.2.9'] }[type as string] ?? []
    }
    const { provider, seen } = await opened({ nameserver: undefined }, { answers })
    await provider.present([one], call)
    expect(seen.servers).toEqual(['192.0.2.9:53'])
    expect(asked).toContain('198.51.100.2 corp.test SOA')
  })

  test.each([
    ['no SOA record', () => [], 'corp.test has no SOA record'],
    [
      'no address',
      ({ type }: Question) => (type === 'SOA' ? ['hidden.corp.test'] : []),
      'hidden.corp.test has no address',
    ],
  ])('with %s it says which setting helps', async (_, answers, message) => {
    const { provider } = await opened({ nameserver: undefined }, { answers })
    await expect(provider.present([one], call)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining(message),
      hint: 'set RFC2136_NAMESERVER',
    })
  })
})

describe('the message', () => {
  const sent = async (act: (provider: Provider) => Promise<void>, values: object = {}) => {
    const { provider, seen } = await opened(values, { server: () => answer(5) })
    await act(provider).catch(() => {})
    return Packet.parse(seen.messages[0] as Buffer)
  }

  test('adds: opcode 5, the zone, a TXT of class IN', async () => {
    const { header, questions, authorities, additionals } = await sent(provider => provider.present([one, one], call))
    expect(header).toMatchObject({ id: 0x0707, qr: 0, opcode: 5 })
    expect(questions).toMatchObject([{ name: zone, type: 6, class: 1 }])
    expect(authorities).toMatchObject([{ name: one.name, type: 16, class: 1, ttl: 60, data: [one.value] }])
    expect(additionals).toEqual([])
  })

  test('deletes one value: class NONE, TTL 0', async () => {
    const { authorities } = await sent(provider => provider.cleanup([one], call))
    expect(authorities).toMatchObject([{ name: one.name, type: 16, class: 254, ttl: 0, data: [one.value] }])
  })

  test('a TTL of the settings wins; a long value is cut into strings', async () => {
    const long = { ...one, value: 'x'.repeat(300) }
    const { authorities } = await sent(provider => provider.present([long], call), { ttl: '5' })
    expect(authorities).toMatchObject([{ ttl: 5, data: ['x'.repeat(255), 'x'.repeat(45)] }])
  })

  test('a TSIG record is its last', async () => {
    const { additionals } = await sent(provider => provider.present([one], call), withKey)
    expect(additionals).toMatchObject([{ name: 'acme-key', type: 250, class: 255, ttl: 0 }])
  })
})

describe('the answer', () => {
  test.each([
    [1, 'REFUSED', 'FORMERR'],
    [2, 'UNAVAILABLE', 'SERVFAIL'],
    [4, 'REFUSED', 'answered NOTIMP to the update of corp.test: it takes no dynamic updates'],
    [5, 'REFUSED', 'answered REFUSED to the update of corp.test: no key is set, the update went unsigned'],
    [9, 'REFUSED', 'answered NOTAUTH to the update of corp.test: no key is set, the update went unsigned'],
    [10, 'REFUSED', 'answered NOTZONE to the update of corp.test: a name is not inside that zone'],
    [7, 'REFUSED', 'RCODE7'],
  ])('rcode %i is %s, in words', async (rcode, code, message) => {
    const { provider } = await opened({}, { server: () => answer(rcode) })
    await expect(provider.present([one], call)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test.each([
    [5, 'answered REFUSED to the update of corp.test: this key (or this address) may not change these records'],
    [9, 'answered NOTAUTH to the update of corp.test: it is not authoritative for that zone'],
  ])('rcode %i to a signed update is not for want of a key', async (rcode, message) => {
    const { provider } = await opened(withKey, { server: () => answer(rcode) })
    await expect(provider.present([one], call)).rejects.toMatchObject({ message: expect.stringContaining(message) })
  })

  test('SERVFAIL is an answer that passes', async () => {
    let times = 0
    const { again, seen } = await opened({}, { server: () => answer(++times < 3 ? 2 : 0) })
    await again.present([one], call)
    expect(seen.messages.length).toBe(3)
  })

  test('a server that stays silent is "unavailable" in the end', async () => {
    const server = (): never => {
      throw new Dns01Error('UNAVAILABLE', '192.0.2.1:53: no answer within 5 s')
    }
    const { provider } = await opened({}, { server })
    await expect(provider.present([one], call)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: /no answer/ })
  })

  test('no bytes whatsoever are a bug, or a "yes" without the key', async () => {
    const header = fc.constantFrom(Buffer.from([7, 7, 0xa8, 0]), Buffer.from([7, 7, 0xa8, 0x80]), Buffer.alloc(0))
    const counts = fc.array(fc.constantFrom(0, 0, 0, 1, 2), { minLength: 8, maxLength: 8 })
    // Length bytes, pointers and the type of a TSIG come up more often than by chance.
    const rest = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0xc0, 0x0c, 250)), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(header, counts, rest, async (start, middle, end) => {
        const bytes = Buffer.concat([start, Buffer.from(middle), Buffer.from(end)])
        const { provider } = await opened(withKey, { server: () => bytes })
        const error = await provider.present([one], call).catch(cause => cause)
        expect(error).toBeInstanceOf(Dns01Error)
      }),
      { numRuns: 300 },
    )
  })
})

describe('whether a failure proves that nothing was written', () => {
  const unreachable = (code: string) => () => {
    throw new Dns01Error('UNAVAILABLE', `${code}`, { cause: Object.assign(new Error(code), { code }) })
  }
  /** Each in turn; the last one again and again. */
  const inTurn = (...servers: (() => Uint8Array)[]): (() => Uint8Array) => {
    let i = 0
    return () => (servers[Math.min(i++, servers.length - 1)] as () => Uint8Array)()
  }
  const [silent, closed, no] = [unreachable('ETIMEDOUT'), unreachable('ECONNREFUSED'), () => answer(5)]

  test.each<[string, () => Uint8Array, boolean]>([
    ['FORMERR', () => answer(1), true],
    ['SERVFAIL: a secondary may have passed it on', () => answer(2), false],
    ['NOTIMP', () => answer(4), true],
    ['REFUSED', no, true],
    ['NOTAUTH', () => answer(9), true],
    ['NOTZONE', () => answer(10), true],
    ['an rcode that nobody foresees', () => answer(7), false],
    ['bytes that are not an answer', () => Buffer.from([1, 2, 3]), false],
    ['silence', silent, false],
    ['a closed port', closed, true],
    ['a closed port, then REFUSED', inTurn(closed, no), true],
    ['silence, then REFUSED', inTurn(silent, no), false],
    ['SERVFAIL, then REFUSED', inTurn(() => answer(2), no), false],
  ])('%s', async (_, server, proves) => {
    const { again } = await opened({}, { server })
    await expect(again.present([one], call)).rejects.toMatchObject({ nothingWritten: proves })
  })

  test('silence of one address, then REFUSED of the next, proves nothing', async () => {
    const answers = ({ type }: Question): string[] => (type === 'A' ? ['192.0.2.1'] : ['2001:db8::1'])
    const { provider } = await opened({ nameserver: 'ns.corp.test' }, { answers, server: inTurn(silent, no) })
    await expect(provider.present([one], call)).rejects.toMatchObject({ code: 'REFUSED', nothingWritten: false })
  })

  test('a server that cannot be found has written nothing', async () => {
    const { provider } = await opened({ nameserver: undefined }, { answers: () => [] })
    await expect(provider.present([one], call)).rejects.toMatchObject({ nothingWritten: true })
  })

  test('REFUSED for the second of two messages proves nothing', async () => {
    const { provider } = await opened({}, { server: inTurn(() => answer(0), no) })
    const many = Array.from({ length: 1000 }, (_, i) => ({ ...one, value: txtValue(`m${i}`) }))
    await expect(provider.present(many, call)).rejects.toMatchObject({ code: 'REFUSED', nothingWritten: false })
  })

  test('a closed port of the server that was named is worth half a minute; of the one in the SOA record, more', async () => {
    const answers = ({ type }: Question): string[] =>
      ({ SOA: ['ns1.corp.test'], A: ['192.0.2.9'] })[type as string] ?? []
    const named = await opened({}, { server: closed })
    await expect(named.provider.present([one], call)).rejects.toMatchObject({ code: 'UNAVAILABLE', worthSeconds: 30 })
    expect(named.seen.messages).toHaveLength(1)
    const found = await opened({ nameserver: undefined }, { answers, server: closed })
    await expect(found.provider.present([one], call)).rejects.toMatchObject({ worthSeconds: undefined })
  })
})

test('every setting of lego has its name here', () => {
  const names = Object.values(rfc2136.settings).flatMap(setting => setting.env as readonly string[])
  for (const name of ['NAMESERVER', 'TSIG_KEY', 'TSIG_SECRET', 'TSIG_ALGORITHM', 'TSIG_FILE', 'TTL'])
    expect(names).toContain(`RFC2136_${name}`)
})

test('a name of the root zone is possible', async () => {
  const { provider, seen } = await opened({})
  await provider.present([{ ...one, zone: '' as Name }], { ...call, zone: '' as Name })
  expect(Packet.parse(seen.messages[0] as Buffer).questions).toMatchObject([{ name: '' }])
})
