import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import route53 from '../../providers/route53.js'
import { codeOf, type Dns01Error } from '../../src/core/errors.js'
import type { World } from '../../src/core/world.js'
import { openShared, type Provider, type Shared } from '../../src/provider/api.js'
import { repeating } from '../fakes/repeating.js'
import {
  accessKeyId,
  callFor,
  keys,
  openRoute53,
  recordsFor,
  route53World,
  secretAccessKey,
} from '../fakes/route53-world.js'
import { newFolder } from '../folder.js'

const hosts = (count: number, zone = 'example.test'): string[] =>
  Array.from({ length: count }, (_, i) => `h${i}.${zone}`)

const open = (world: Parameters<typeof openRoute53>[0], more = {}, shared?: Shared): Promise<Provider> =>
  openRoute53(world, { ...keys, ...more }, shared)

const failure = async (promise: Promise<unknown>): Promise<Dns01Error> =>
  promise.then(
    () => expect.fail('it should have failed'),
    error => error,
  )

/** More calls than this in any one second would be too many. */
const busiestSecond = (times: readonly number[]): number =>
  Math.max(...times.map(at => times.filter(other => other >= at && other < at + 1000).length))

describe('the price', () => {
  test.each([1, 10, 50, 400])('%i names: one change to present, one to clean, at most 10 calls in all', async count => {
    const { world, route53: double, clock } = route53World({ syncSeconds: 20 })
    double.addZone('example.test')
    const provider = await open(world)
    const records = recordsFor('example.test', hosts(count))
    await provider.present(records, callFor(world, 'example.test'))
    expect(clock.seconds).toBeGreaterThanOrEqual(20)
    expect(clock.seconds).toBeLessThan(26)
    expect(double.txtNames()).toHaveLength(count)
    await provider.cleanup(records, callFor(world, 'example.test'))
    expect(double.txtNames()).toEqual([])
    expect(double.batches).toHaveLength(2)
    expect(double.callCount).toBeLessThanOrEqual(10)
    expect(double.calls.get('ListResourceRecordSets')).toBeUndefined()
  })

  test('a batch holds 1,000 values and 32,000 characters at most', async () => {
    const { world, route53: double } = route53World({ syncSeconds: 20 })
    double.addZone('example.test')
    const provider = await open(world)
    const names = hosts(1400)
    const records = recordsFor('example.test', names)
    await provider.present(records, callFor(world, 'example.test'))
    expect(double.txtNames()).toHaveLength(1400)
    expect(double.batches).toHaveLength(2)
    await provider.cleanup(records, callFor(world, 'example.test'))
    expect(double.txtNames()).toEqual([])
  })

  test('ten zones of one account: the list once, a change for each, one pace for all', async () => {
    const { world, route53: double, clock } = route53World({ syncSeconds: 20 })
    const zones = Array.from({ length: 10 }, (_, i) => `z${i}.test`)
    for (const zone of zones) double.addZone(zone)
    const shared = openShared()
    const providers = await Promise.all([open(world, {}, shared), open(world, { ttl: '30' }, shared)])
    await Promise.all(
      zones.map((zone, i) => providers[i % 2]?.present(recordsFor(zone, hosts(5, zone)), callFor(world, zone))),
    )
    expect(double.calls.get('ListHostedZonesByName')).toBe(1)
    expect(double.batches).toHaveLength(10)
    expect(busiestSecond(double.times)).toBeLessThanOrEqual(5)
    expect(clock.seconds).toBeLessThan(30)
  })
})

describe('values of others', () => {
  test('apex and wildcard share a name, together or one after the other', async () => {
    const { world, route53: double } = route53World()
    double.addZone('example.test')
    const provider = await open(world)
    const [apex] = recordsFor('example.test', ['example.test'], 'a')
    const [wildcard] = recordsFor('example.test', ['example.test'], 'w')
    const call = callFor(world, 'example.test')
    await provider.present([apex!], call)
    await provider.present([wildcard!], call)
    expect(double.txt('_acme-challenge.example.test').sort()).toEqual([apex!.value, wildcard!.value].sort())
    await provider.cleanup([apex!], call)
    expect(double.txt('_acme-challenge.example.test')).toEqual([wildcard!.value])
    await provider.cleanup([wildcard!], call)
    expect(double.txtNames()).toEqual([])
    expect(double.batches).toHaveLength(4)
    expect(double.calls.get('ListResourceRecordSets')).toBeUndefined()
  })

  test('a value and its TTL that stood there before survive, and so does one written in between', async () => {
    const { world, route53: double } = route53World()
    const zone = double.addZone('example.test')
    const provider = await open(world)
    const records = recordsFor('example.test', hosts(3))
    const at = records[0]!.name
    double.put(zone, at, 'TXT', ['"theirs"'], 777)
    let times = 0
    double.faults.beforeChange = () => {
      if (times++ === 1) double.put(zone, at, 'TXT', ['"theirs"', '"meanwhile"'], 777)
    }
    await provider.present(records, callFor(world, 'example.test'))
    expect(double.txt(at).sort()).toEqual(['meanwhile', 'theirs', records[0]!.value].sort())
    expect(double.txt(records[1]!.name)).toEqual([records[1]!.value])
    expect(zone.sets.get(`${at} TXT `)?.ttl).toBe(777)
    double.put(zone, at, 'TXT', ['"theirs"', '"later"', `"${records[0]!.value}"`], 777)
    await provider.cleanup(records, callFor(world, 'example.test'))
    expect(double.txt(at).sort()).toEqual(['later', 'theirs'])
    expect(double.txtNames()).toEqual([at])
  })

  test('sets of others among 50 are read in few calls, in a zone of 2,000 sets', async () => {
    const { world, route53: double } = route53World()
    const zone = double.addZone('example.test')
    for (let i = 0; i < 2000; i++) double.put(zone, `x${i}.example.test`, 'A', ['192.0.2.1'])
    const records = recordsFor('example.test', hosts(50))
    for (const { name } of records) double.put(zone, name, 'TXT', ['"theirs"'])
    const provider = await open(world)
    await provider.present(records, callFor(world, 'example.test'))
    for (const { name, value } of records) expect(double.txt(name).sort()).toEqual(['theirs', value].sort())
    expect(double.batches).toHaveLength(1)
    expect(double.calls.get('ListResourceRecordSets')).toBeLessThanOrEqual(8)
  })

  test('a crashed run left our values: they are proven in sync again, and cleaned', async () => {
    const { world, route53: double } = route53World({ syncSeconds: 20 })
    const zone = double.addZone('example.test')
    const records = recordsFor('example.test', hosts(2))
    for (const { name, value } of records) double.put(zone, name, 'TXT', [`"${value}"`, '"theirs"'], 300)
    const provider = await open(world)
    await provider.present(records, callFor(world, 'example.test'))
    expect(double.calls.get('GetChange')).toBeGreaterThan(1)
    const next = await open(world)
    await next.cleanup(records, callFor(world, 'example.test'))
    for (const { name } of records) expect(double.txt(name)).toEqual(['theirs'])
  })

  test('20 rounds of two instances racing for one name: both values stand, and both go', async () => {
    const one = route53World({ syncSeconds: 1 })
    const zone = one.route53.addZone('example.test')
    const worlds = [one.world, { ...one.world }]
    for (let round = 0; round < 20; round++) {
      const providers = await Promise.all(worlds.map(world => open(world)))
      const records = providers.map((_, i) => recordsFor('example.test', ['example.test'], `${i}`))
      const call = callFor(one.world, 'example.test')
      await Promise.all(providers.map((provider, i) => provider.present(records[i]!, call)))
      expect(one.route53.txt('_acme-challenge.example.test')).toHaveLength(2)
      await Promise.all(providers.map((provider, i) => provider.cleanup(records[i]!, call)))
      expect(one.route53.txtNames()).toEqual([])
    }
    expect(zone.history.length).toBeGreaterThan(40)
  })

  test('a routed set or an alias at the name is named as what it is', async () => {
    const { world, route53: double } = route53World()
    const zone = double.addZone('example.test')
    double.put(zone, '_acme-challenge.h0.example.test', 'TXT', ['"x"'], 60, { setIdentifier: 'blue' })
    double.put(zone, '_acme-challenge.h1.example.test', 'TXT', [''], 60, { alias: 'other.example.test' })
    const provider = await open(world)
    for (const [host, words] of [
      ['h0.example.test', 'a routed set ("blue")'],
      ['h1.example.test', 'an alias'],
    ] as const) {
      const error = await failure(provider.present(recordsFor('example.test', [host]), callFor(world, 'example.test')))
      expect(codeOf(error)).toBe('REFUSED')
      expect(error.message).toContain(words)
      expect(error.message).toContain(`_acme-challenge.${host}`)
    }
  })
})

describe('a service in trouble', () => {
  const records = recordsFor('example.test', hosts(50))

  const roundTrip = async (faults: object, options = {}) => {
    const all = route53World({ syncSeconds: 20, ...options })
    all.route53.addZone('example.test')
    Object.assign(all.route53.faults, faults)
    const provider = all.clock.along(repeating(await open(all.world), all.world))
    await provider.present(records, callFor(all.world, 'example.test'))
    expect(all.route53.txtNames()).toHaveLength(50)
    await provider.cleanup(records, callFor(all.world, 'example.test'))
    expect(all.route53.txtNames()).toEqual([])
    return all
  }

  test('throttling at half a call a second is waited out, and said', async () => {
    const { said, route53: double } = await roundTrip({ throttlePerSecond: 0.5 })
    expect(said.join('\n')).toMatch(/Route 53 \w+ \(.*Throttling: Rate exceeded; again in/)
    expect(double.batches).toHaveLength(2)
  })

  test('throttling at 5 calls a second is never met, by 12 zones at once', async () => {
    const { world, route53: double } = route53World({ syncSeconds: 20 })
    double.faults.throttlePerSecond = 5
    const zones = Array.from({ length: 12 }, (_, i) => `z${i}.test`)
    for (const zone of zones) double.addZone(zone)
    const provider = await open(world)
    await Promise.all(zones.map(zone => provider.present(recordsFor(zone, hosts(50, zone)), callFor(world, zone))))
    await Promise.all(zones.map(zone => provider.cleanup(recordsFor(zone, hosts(50, zone)), callFor(world, zone))))
    expect(double.txtNames()).toEqual([])
    expect(double.refusals).toBe(0)
  })

  test('PriorRequestNotComplete is waited out, and said', async () => {
    const { said, route53: double } = await roundTrip({ priorRequests: 3 })
    expect(said.filter(line => line.includes('PriorRequestNotComplete'))).toHaveLength(3)
    expect(double.batches).toHaveLength(2)
  })

  test('a zone that takes 5 s to apply a change', async () => {
    const { route53: double } = await roundTrip({}, { applySeconds: 5 })
    expect(double.batches).toHaveLength(2)
  })

  test('every call answered 500 once', async () => {
    const { route53: double } = await roundTrip({ failOnce: true })
    expect(double.batches).toHaveLength(2)
  })

  test.each(['reset', '500'] as const)('every change applied and its answer lost once, by %s', async by => {
    const { route53: double, clock } = await roundTrip({ loseAnswers: { by, times: 1 } })
    // Each is found by reading; to be sure that it is in sync it takes one change more.
    expect(double.batches.length).toBeLessThanOrEqual(4)
    expect(double.calls.get('GetChange')).toBeGreaterThan(1)
    expect(clock.seconds).toBeGreaterThan(20)
  })

  test.each(['reset', '500'] as const)('every change applied and every answer lost, by %s', async by => {
    const { said, clock } = await roundTrip({ loseAnswers: { by, times: Number.POSITIVE_INFINITY } })
    expect(said.join('\n')).toContain('waiting 60 s')
    expect(clock.seconds).toBeGreaterThan(60)
  })

  test('looks at a pending change that fail are repeated, and no other change is made', async () => {
    const { world, route53: double } = route53World({ syncSeconds: 20 })
    double.addZone('example.test')
    let failures = 5
    const fetch: World['fetch'] = async (url, request) =>
      url.pathname.includes('/change/') && failures-- > 0
        ? { status: 500, headers: {}, body: Buffer.from('') }
        : world.fetch(url, request)
    const provider = await open({ ...world, fetch })
    await provider.present(records, callFor(world, 'example.test'))
    expect(failures).toBeLessThan(0)
    expect(double.batches).toHaveLength(1)
  })

  test('a change that stays PENDING is given up, with its age', async () => {
    const { world, route53: double } = route53World({ syncSeconds: 10_000 })
    double.addZone('example.test')
    const error = await failure((await open(world)).present(records.slice(0, 1), callFor(world, 'example.test')))
    expect(codeOf(error)).toBe('UNAVAILABLE')
    expect(error.message).toMatch(/example\.test: change .*C1 is still PENDING after 90\d s/)
  })

  test('a stop ends the wait for INSYNC at once', async () => {
    const { world, route53: double, clock } = route53World({ syncSeconds: 100 })
    double.addZone('example.test')
    const stop = new AbortController()
    const provider = await open(world)
    const presenting = failure(provider.present(records, callFor(world, 'example.test', stop.signal)))
    await clock.advance(10)
    stop.abort(new Error('SIGTERM'))
    expect((await presenting).message).toBe('SIGTERM')
    await provider.cleanup(records, callFor(world, 'example.test'))
    expect(double.txtNames()).toEqual([])
  })
})

describe('which zone', () => {
  const present = async (all: ReturnType<typeof route53World>, zone: string, host: string, more = {}) =>
    (await open(all.world, more)).present(recordsFor(zone, [host]), callFor(all.world, zone))
  const writtenTo = ({ route53: double }: ReturnType<typeof route53World>) => double.batches.map(({ zone }) => zone)

  test('public unless private is set', async () => {
    const all = route53World()
    all.route53.addZone('example.test', { id: 'ZPRIVATE', isPrivate: true })
    all.route53.addZone('example.test', { id: 'ZPUBLIC' })
    await present(all, 'example.test', 'www.example.test')
    await present(all, 'example.test', 'www.example.test', { private: 'yes' })
    expect(writtenTo(all)).toEqual(['ZPUBLIC', 'ZPRIVATE'])
    expect(codeOf(await failure(present(all, 'example.test', 'a.example.test', { private: 'maybe' })))).toBe('CONFIG')
  })

  test('of 250, by three pages', async () => {
    const all = route53World()
    for (let i = 0; i < 249; i++) all.route53.addZone(`z${i}.test`)
    all.route53.addZone('zz.test', { id: 'ZLAST' })
    await present(all, 'zz.test', 'www.zz.test')
    expect(writtenTo(all)).toEqual(['ZLAST'])
    expect(all.route53.calls.get('ListHostedZonesByName')).toBe(3)
  })

  test('of two public ones with one name, the one that the DNS delegates to', async () => {
    const all = route53World({}, { delegated: ['ZGOOD'] })
    all.route53.addZone('example.test', { id: 'ZBAD', servers: ['ns-9.test', 'ns-8.test'] })
    all.route53.addZone('example.test', { id: 'ZGOOD' })
    await present(all, 'example.test', 'www.example.test')
    expect(writtenTo(all)).toEqual(['ZGOOD'])
  })

  test('of two public ones with one name, none delegated to: the error names both and the setting', async () => {
    const all = route53World({}, { elsewhere: { 'example.test': ['ns.elsewhere.test'] } })
    all.route53.addZone('example.test', { id: 'ZONE' })
    all.route53.addZone('example.test', { id: 'ZTWO' })
    const error = await failure(present(all, 'example.test', 'www.example.test'))
    expect(error.message).toMatch(/ZONE, ZTWO.*ns\.elsewhere\.test/)
    expect(error.hint).toContain('ACME_HOSTED_ZONE')
  })

  test('a sub-zone that nobody delegates to does not win', async () => {
    const all = route53World({}, { delegated: ['ZPARENT'] })
    all.route53.addZone('sub.example.test', { id: 'ZSUB' })
    all.route53.addZone('example.test', { id: 'ZPARENT' })
    await present(all, 'example.test', 'www.sub.example.test')
    await present(all, 'sub.example.test', 'www.sub.example.test')
    expect(writtenTo(all)).toEqual(['ZPARENT', 'ZPARENT'])
  })

  test('a sub-zone that is delegated to wins', async () => {
    const all = route53World()
    all.route53.addZone('sub.example.test', { id: 'ZSUB' })
    all.route53.addZone('example.test', { id: 'ZPARENT' })
    await present(all, 'sub.example.test', 'www.sub.example.test')
    expect(writtenTo(all)).toEqual(['ZSUB'])
  })

  test('none was found by the DNS: the longest that holds the name', async () => {
    const all = route53World({}, { delegated: [] })
    all.route53.addZone('example.test', { id: 'ZPARENT' })
    await present(all, 'deep.www.example.test', 'deep.www.example.test')
    expect(writtenTo(all)).toEqual(['ZPARENT'])
  })

  test('a zone served elsewhere is not written to its parent', async () => {
    const all = route53World({}, { elsewhere: { 'sub.example.test': ['ns.elsewhere.test'] } })
    all.route53.addZone('example.test')
    const error = await failure(present(all, 'sub.example.test', 'www.sub.example.test'))
    expect(codeOf(error)).toBe('REFUSED')
    expect(error.message).toContain('served by ns.elsewhere.test')
    expect(all.route53.batches).toEqual([])
  })

  test('no zone for the name: said with the number of zones seen; evilexample.test is not in example.test', async () => {
    const all = route53World()
    all.route53.addZone('example.test')
    const error = await failure(present(all, 'evilexample.test', 'evilexample.test'))
    expect(error.message).toContain('no public hosted zone for evilexample.test among the 1')
  })

  test('a zone id is taken as it is, with or without /hostedzone/, and needs no right to list zones', async () => {
    for (const id of ['ZGIVEN', '/hostedzone/ZGIVEN']) {
      const all = route53World()
      all.route53.addZone('example.test', { id: 'ZOTHER' })
      all.route53.addZone('example.test', { id: 'ZGIVEN' })
      all.route53.faults.denied = ['ListHostedZonesByName']
      await present(all, 'example.test', 'www.example.test', { 'zone-id': id })
      expect(writtenTo(all)).toEqual(['ZGIVEN'])
    }
  })

  test('a zone id whose zone does not hold the name: the error names both', async () => {
    const all = route53World()
    all.route53.addZone('example.org', { id: 'ZORG' })
    const error = await failure(present(all, 'example.test', 'www.example.test', { 'zone-id': 'ZORG' }))
    expect(error.message).toBe('example.org (ZORG) does not hold _acme-challenge.www.example.test')
    expect(error.hint).toContain('ACME_HOSTED_ZONE')
    const unknown = await failure(present(all, 'example.test', 'www.example.test', { 'zone-id': 'ZNONE' }))
    expect(unknown.message).toBe('Route 53 shows no hosted zone ZNONE to access key AKIA…MPLE')
  })
})

describe('errors in words', () => {
  const errorOf = async (prepare: (all: ReturnType<typeof route53World>) => void, more = {}) => {
    const all = route53World()
    all.route53.addZone('example.test', { id: 'Z1' })
    prepare(all)
    const provider = await open(all.world, more)
    return failure(
      provider.present(recordsFor('example.test', ['www.example.test']), callFor(all.world, 'example.test')),
    )
  }

  test('a right that is missing', async () => {
    const error = await errorOf(all => {
      all.route53.faults.denied = ['ChangeResourceRecordSets']
    })
    expect(error.message).toBe(
      'access key AKIA…MPLE lacks the right route53:ChangeResourceRecordSets for example.test (Z1)',
    )
    expect(error.hint).toContain('--iam-policy')
  })

  test('a key that AWS does not know, a wrong secret', async () => {
    const unknown = await errorOf(() => {}, { 'access-key-id': 'AKIAWRONGWRONGWRONG1' })
    expect(unknown.message).toBe('AWS does not know access key AKIA…ONG1')
    const secret = await errorOf(() => {}, { 'secret-access-key': 'wrong' })
    expect(secret.message).toBe('AWS says that the secret does not belong to access key AKIA…MPLE')
    expect(codeOf(secret)).toBe('REFUSED')
  })

  test('a CNAME at the name, and what else AWS may say', async () => {
    const error = await errorOf(({ route53: double }) => {
      double.put([...double.zones.values()][0]!, '_acme-challenge.www.example.test', 'CNAME', ['other.test.'])
    })
    expect(codeOf(error)).toBe('REFUSED')
    expect(error.message).toContain('conflicts with other records')
  })

  test.each(['', '<html>busy</html>', '<?xml version="1.0"?><broken'])(
    'a 503 with the body %j is "later"',
    async body => {
      const error = await errorOf(all => {
        Object.assign(all.world, { fetch: async () => ({ status: 503, headers: {}, body: Buffer.from(body) }) })
      })
      expect(codeOf(error)).toBe('UNAVAILABLE')
    },
  )

  test('a secret is missing', async () => {
    const { world } = route53World()
    const error = await failure(open(world, { 'secret-access-key': '' }))
    expect(codeOf(error)).toBe('CONFIG')
    expect(error.message).toContain('AKIA…MPLE')
  })
})

describe("the SDK's default chain", () => {
  const folder = newFolder('aws')
  const file = join(folder, 'credentials')
  writeFileSync(file, `[other]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`)
  beforeEach(() => {
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'none'))
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
  })
  afterEach(() => void vi.unstubAllEnvs())

  const present = async (values: Record<string, string>) => {
    const all = route53World()
    all.route53.addZone('example.test')
    const provider = await openRoute53(all.world, { region: 'us-east-1', ...values })
    await provider.present(recordsFor('example.test', ['www.example.test']), callFor(all.world, 'example.test'))
    return all.route53.txtNames()
  }

  test('a profile of ~/.aws/credentials; it beats keys, as in the SDK', async () => {
    expect(await present({ profile: 'other' })).toHaveLength(1)
    expect(await present({ ...keys, 'access-key-id': 'AKIAWRONGWRONGWRONG1', profile: 'other' })).toHaveLength(1)
  })

  test('nothing at all: what to set is said', async () => {
    const error = await failure(present({}))
    expect([codeOf(error), error.message]).toEqual([
      'CONFIG',
      expect.stringMatching(/^no AWS credentials from the default chain: /),
    ])
    expect(error.hint).toBe(
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role',
    )
    expect(error.nothingWritten).toBe(true)
    expect((await failure(present({ profile: 'absent' }))).message).toContain('from profile "absent"')
  })
})

describe('credentials of a role', () => {
  test('are asked for with the external id, once for all calls', async () => {
    const asked: string[] = []
    const all = route53World(
      { checkSignature: ({ headers }) => keyIs('ASIAROLEROLEROLEROLE', headers) },
      {},
      (url, body) => {
        asked.push(`${url.hostname} ${body}`)
        return { status: 200, body: assumed }
      },
    )
    all.route53.addZone('example.test')
    const provider = await open(all.world, { 'role-arn': 'arn:aws:iam::123456789012:role/dns', 'external-id': 'seven' })
    await provider.present(recordsFor('example.test', ['www.example.test']), callFor(all.world, 'example.test'))
    expect(all.route53.txtNames()).toHaveLength(1)
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatch(/^sts\..*RoleArn=arn.*ExternalId=seven/)
  })

  test('are refused: who may not assume which role', async () => {
    const Message =
      'User: arn:aws:iam::1:user/web is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2:role/dns'
    const all = route53World({}, {}, () => ({
      status: 403,
      body: `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${Message}</Message></Error></ErrorResponse>`,
    }))
    const provider = await open(all.world, { 'role-arn': 'arn:aws:iam::2:role/dns' })
    const records = recordsFor('example.test', ['www.example.test'])
    const error = await failure(provider.present(records, callFor(all.world, 'example.test')))
    expect(error.message).toBe('arn:aws:iam::1:user/web lacks the right sts:AssumeRole for arn:aws:iam::2:role/dns')
  })
})

const keyIs = (key: string, headers: Readonly<Record<string, string | undefined>>) =>
  headers.authorization?.includes(`Credential=${key}/`)
    ? undefined
    : { code: 'InvalidClientTokenId', message: 'not that key' }

const assumed = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>rolesecret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`

describe('the least policy', () => {
  const policy = (names: string[], values = {}) => JSON.parse(route53.policy?.(names as never, values as never) ?? '')

  test('names the challenge sets, TXT, CREATE and DELETE, and the zone', () => {
    const { Statement } = policy(['www.example.test', '*.example.test', 'example.test'], {
      'zone-id': '/hostedzone/Z1',
    })
    expect(Statement.map((s: { Action: string }) => s.Action)).toEqual([
      'route53:GetChange',
      'route53:ListResourceRecordSets',
      'route53:ChangeResourceRecordSets',
    ])
    expect(Statement[2].Resource).toEqual(['arn:aws:route53:::hostedzone/Z1'])
    expect(Statement[2].Condition).toEqual({
      'ForAllValues:StringLike': {
        'route53:ChangeResourceRecordSetsNormalizedRecordNames': [
          '_acme-challenge.www.example.test',
          '_acme-challenge.example.test',
        ],
      },
      'ForAllValues:StringEquals': {
        'route53:ChangeResourceRecordSetsRecordTypes': ['TXT'],
        'route53:ChangeResourceRecordSetsActions': ['CREATE', 'DELETE'],
      },
    })
  })

  test('without names or zone: any challenge set, and the zones may be listed', () => {
    const { Statement } = policy([])
    expect(Statement[0]).toEqual({ Effect: 'Allow', Action: 'route53:ListHostedZonesByName', Resource: '*' })
    expect(JSON.stringify(Statement[3])).toContain('"_acme-challenge.*"')
  })
})
