import { describe, expect, test } from 'vitest'
import cloudflare from '../../providers/cloudflare.js'
import { type Name, parseName } from '../../src/core/names.js'
import type { Provider, ProviderCall, TxtRecord } from '../../src/provider/api.js'
import { listeningLog, providerContract, record, txtValue } from '../contract/provider-contract.js'
import { type FakeCloudflare, fakeCloudflare, httpAnswer } from '../fakes/cloudflare.js'
import { repeating } from '../fakes/repeating.js'
import { fakeWorld } from '../fakes/world.js'

const token = 'T'.repeat(40)
const noZones = 'N'.repeat(40)
const readOnly = 'R'.repeat(40)
const tokens = { [token]: ['zones', 'dns'], [noZones]: ['dns'], [readOnly]: ['zones'] } as const

const settings = {
  token,
  'zone-token': undefined,
  'zone-id': undefined,
  'base-url': 'https://cloudflare.test/client/v4/',
} as const

async function opened(fake: FakeCloudflare, values: Partial<Record<keyof typeof settings, string>> = {}) {
  let nowMs = 0
  const said: string[] = []
  const sleep = async (seconds: number): Promise<void> => {
    nowMs += seconds * 1000
  }
  const world = fakeWorld({
    clock: { now: () => new Date(nowMs), sleep },
    random: (bytes: number) => new Uint8Array(bytes),
    log: listeningLog(said),
    fetch: fake.fetch,
  })
  const provider: Provider = await cloudflare.open({ ...settings, ...values }, world)
  return { provider, again: repeating(provider, world), seconds: () => nowMs / 1000, said }
}

const call = (zone: string): ProviderCall => ({
  zone: parseName(zone),
  signal: AbortSignal.timeout(20_000),
  log: listeningLog([]),
})

const zone = 'example.test'
const name = parseName(`_acme-challenge.www.${zone}`)
const one = record(name, txtValue('one'), zone)

function fakeWithZone(): FakeCloudflare {
  const fake = fakeCloudflare(tokens)
  fake.addZone(zone)
  return fake
}

const writes = (fake: FakeCloudflare): number => fake.requests.filter(line => line.startsWith('POST')).length

providerContract('cloudflare', async () => {
  const fake = fakeWithZone()
  fake.addZone('example.org')
  const broken = fakeWithZone()
  const failing = async () => {
    broken.next.push(...Array.from({ length: 50 }, () => httpAnswer(503, '<html>down</html>')))
    return (await opened(broken)).provider
  }
  return {
    provider: (await opened(fake)).provider,
    zones: [zone, 'example.org'],
    values: async at => fake.values(at),
    put: async (at, value) => fake.put(at, value),
    changes: () => writes(fake),
    reopened: async () => (await opened(fake)).provider,
    refusing: async () => (await opened(fake, { token: 'X'.repeat(40) })).provider,
    refusingTheRest: async () => {
      const { provider } = await opened(fake)
      fake.next.push(...Array(2).fill(() => {}), httpAnswer(403, { success: false, errors: [] }))
      return { provider, records: 201 }
    },
    failing,
    secrets: [token, 'X'.repeat(40)],
  }
})

describe('requests', () => {
  test('one to find the zone, once; one to add; two to remove', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake)
    await provider.present([one], call(zone))
    await provider.cleanup([one], call(zone))
    const { id } = fake.zones[0] as { id: string }
    expect(fake.requests).toEqual([
      `GET /client/v4/zones?name=${zone}&per_page=50&page=1`,
      `POST /client/v4/zones/${id}/dns_records/batch`,
      `GET /client/v4/zones/${id}/dns_records?type=TXT&per_page=5000&name.exact=${name}&page=1`,
      `POST /client/v4/zones/${id}/dns_records/batch`,
    ])
  })

  test('450 records are three batches, as the Free plan takes 200', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake)
    const many = Array.from({ length: 450 }, (_, i) => record(parseName(`h${i}.${zone}`), txtValue(`v${i}`), zone))
    await provider.present(many, call(zone))
    expect(writes(fake)).toBe(3)
    await provider.cleanup(many, call(zone))
    expect(writes(fake)).toBe(6)
    expect(fake.zones[0]?.records).toEqual([])
  })

  test('reads every page of the records', async () => {
    const fake = fakeWithZone()
    for (let i = 0; i < 10_500; i++) fake.put(`other${i}.${zone}`, `"v${i}"`)
    const { provider } = await opened(fake)
    const two = [one, record(parseName(`last.${zone}`), txtValue('last'), zone)]
    await provider.present(two, call(zone))
    await provider.cleanup(two, call(zone))
    expect(fake.requests.filter(line => line.includes('page='))).toHaveLength(1 + 3)
    expect(fake.zones[0]?.records).toHaveLength(10_500)
  })

  test('the TTL is at least the 60 seconds that Cloudflare wants, the content is quoted', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake)
    await provider.present([{ ...one, ttlSeconds: 5 }], call(zone))
    expect(fake.zones[0]?.records).toMatchObject([{ ttl: 60, content: `"${one.value}"`, type: 'TXT', name }])
  })
})

describe('what others do meanwhile', () => {
  test('a leftover without quotes is not an obstacle, and is taken away', async () => {
    const fake = fakeWithZone()
    fake.put(name, one.value)
    const { provider } = await opened(fake)
    const two = record(name, txtValue('two'), zone)
    await provider.present([one, two], call(zone))
    expect(fake.values(name).sort()).toEqual([one.value, two.value].sort())
    await provider.cleanup([one, two], call(zone))
    expect(fake.values(name)).toEqual([])
  })

  test('somebody adds one of our values just before we do', async () => {
    const fake = fakeWithZone()
    const two = record(name, txtValue('two'), zone)
    const nothing = () => {}
    fake.put(name, one.value)
    fake.next.push(nothing, nothing, nothing, () => fake.put(name, two.value))
    const { provider } = await opened(fake)
    await provider.present([one, two], call(zone))
    expect(fake.values(name).sort()).toEqual([one.value, two.value].sort())
  })

  test('somebody removes one of our values between our look and our batch', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake)
    const two = record(name, txtValue('two'), zone)
    await provider.present([one, two], call(zone))
    fake.next.push(
      () => {},
      () => fake.zones[0]?.records.shift(),
    )
    await provider.cleanup([one, two], call(zone))
    expect(fake.values(name)).toEqual([])
  })

  test('the answer to a batch that was done got lost', async () => {
    const fake = fakeWithZone()
    let lost = 0
    const fetch: FakeCloudflare['fetch'] = async (url, request) => {
      const answer = await fake.fetch(url, request)
      return request.method === 'POST' && lost++ === 0 ? httpAnswer(502, 'Bad gateway') : answer
    }
    const { again } = await opened({ ...fake, fetch })
    await again.present([one], call(zone))
    expect(fake.values(name)).toEqual([one.value])
    expect(writes(fake)).toBe(2)
  })

  test('one that ends up nowhere is given up', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake)
    const claims = httpAnswer(400, {
      success: false,
      errors: [{ code: 81058, message: 'An identical record already exists.' }],
    })
    const empty = httpAnswer(200, { success: true, errors: [], result: [] })
    fake.next.push(() => {}, claims, empty, claims, empty, claims, empty, claims)
    await expect(provider.present([one], call(zone))).rejects.toMatchObject({ code: 'REFUSED', message: /81058/ })
  })
})

describe('the zone', () => {
  test('is the active one of those with that name', async () => {
    const fake = fakeCloudflare(tokens)
    fake.addZone(zone, 'pending')
    const active = fake.addZone(zone)
    const { provider } = await opened(fake)
    await provider.present([one], call(zone))
    expect(active.records).toHaveLength(1)
  })

  test('is found with a token of its own', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake, { token: noZones, 'zone-token': readOnly })
    await provider.present([one], call(zone))
    expect(fake.values(name)).toEqual([one.value])
  })

  test('given by its id is not looked up', async () => {
    const fake = fakeWithZone()
    const { provider } = await opened(fake, { token: noZones, 'zone-id': `${fake.zones[0]?.id}` })
    await provider.present([one], call(zone))
    expect(fake.requests).toHaveLength(1)
  })

  test('given by the id of another zone: what was made there is removed', async () => {
    const fake = fakeWithZone()
    const other = fake.addZone('example.org')
    const { provider } = await opened(fake, { 'zone-id': other.id })
    await expect(provider.present([one], call(zone))).rejects.toMatchObject({
      code: 'REFUSED',
      message: `Cloudflare's zone ${other.id} is not ${zone}: it made ${name}.example.org`,
      hint: 'correct or unset CF_Zone_ID',
    })
    expect(other.records).toEqual([])
  })
})

describe('refusals in words', () => {
  const rights = /Zone:DNS:Edit and Zone:Zone:Read/
  test.each([
    [
      'no token that Cloudflare made',
      { token: 'global-key' },
      /Invalid request headers \(6003\): Invalid format for Authorization header \(6111\)/,
      /copy all of it/,
    ],
    ['a token that is revoked', { token: 'X'.repeat(40) }, /Invalid access token \(9109\)/, rights],
    ['a token that may not read zones', { token: noZones }, /shows the token no zone example\.test/, rights],
    ['a token that may not write', { token: readOnly }, /Authentication error \(10000\)/, rights],
    ['a zone id that is of no zone', { 'zone-id': 'f'.repeat(32) }, /Authentication error \(10000\)/, rights],
  ])('%s', async (_, values, message, hint) => {
    const { provider } = await opened(fakeWithZone(), values)
    const failure = provider.present([one], call(zone))
    await expect(failure).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
  })

  test('a CNAME at the name; nothing of the batch is placed', async () => {
    const fake = fakeWithZone()
    fake.put(name, 'elsewhere.test', 'CNAME')
    const { provider } = await opened(fake)
    const two = record(parseName(`free.${zone}`), txtValue('two'), zone)
    await expect(provider.present([two, one], call(zone))).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('(81053)'),
      hint: expect.stringContaining('there is a CNAME at that name'),
    })
    expect(fake.values(two.name)).toEqual([])
  })
})

describe('later', () => {
  const present = async (answers: FakeCloudflare['next'], values: readonly TxtRecord[] = [one]) => {
    const fake = fakeWithZone()
    fake.next.push(...answers)
    const { again, seconds } = await opened(fake)
    const error = await again.present(values, call(zone)).catch(cause => cause)
    return { fake, error, seconds: seconds() }
  }

  test('a short Retry-After is obeyed', async () => {
    const { fake, error, seconds } = await present([httpAnswer(429, '', { 'retry-after': '17' })])
    expect(error).toBeUndefined()
    expect(seconds).toBe(17)
    expect(fake.values(name)).toEqual([one.value])
  })

  test('a long one is left to the next run', async () => {
    const { error, seconds } = await present([httpAnswer(429, '', { 'retry-after': '300' })])
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      retryAfterSeconds: 300,
      message: expect.stringContaining('rate limit'),
    })
    expect(seconds).toBe(0)
  })

  test('a server error is tried again', async () => {
    const { error } = await present([httpAnswer(500, { success: false, errors: [{ code: 1, message: 'oops' }] })])
    expect(error).toBeUndefined()
  })

  test.each([
    ['a page of a proxy', '<html>Welcome to the hotel</html>'],
    ['JSON of somebody else', { ok: true }],
    ['zones without ids', { success: true, errors: [], result: [{ name: zone }] }],
  ])('%s is not taken for an answer', async (_, body) => {
    const { error } = await present(Array.from({ length: 50 }, () => httpAnswer(200, body)))
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining("not one of Cloudflare's API"),
    })
  })
})

describe('an id goes into paths', () => {
  test.each(['../../../user/tokens/verify?x=', '', 'F'.repeat(32), `${'f'.repeat(32)}/x`])(
    'so %j is not taken from an answer for one',
    async id => {
      const fake = fakeWithZone()
      fake.next.push(...Array(50).fill(httpAnswer(200, { success: true, errors: [], result: [{ id, name: zone }] })))
      const { provider } = await opened(fake)
      const failure = provider.present([one], call(zone))
      await expect(failure).rejects.toMatchObject({ code: 'UNAVAILABLE', nothingWritten: true })
      expect(fake.requests.filter(request => !request.includes('/zones?'))).toEqual([])
    },
  )

  test('a wrong id in the settings is reported at once', async () => {
    await expect(opened(fakeWithZone(), { 'zone-id': 'xyz' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'cloudflare: the zone id "xyz" is not 32 hexadecimal digits',
      hint: expect.stringContaining('CF_Zone_ID'),
    })
  })
})

test('a list that says it has a million pages ends with the first empty one', async () => {
  const fake = fakeWithZone()
  const empty = { success: true, errors: [], result: [], result_info: { total_pages: 1_000_000 } }
  fake.next.push(...Array(100).fill(httpAnswer(200, empty)))
  const { provider } = await opened(fake)
  await expect(provider.present([one], call(zone))).rejects.toMatchObject({ message: /shows the token no zone/ })
  expect(fake.requests).toHaveLength(1)
})

test('every setting of lego and acme.sh has its name here', () => {
  const names = Object.values(cloudflare.settings).flatMap(setting => setting.env as readonly string[])
  for (const known of [
    'CF_DNS_API_TOKEN',
    'CLOUDFLARE_DNS_API_TOKEN',
    'CF_ZONE_API_TOKEN',
    'CLOUDFLARE_ZONE_API_TOKEN',
  ])
    expect(names).toContain(known)
  for (const known of ['CF_Token', 'CF_Zone_ID', 'CLOUDFLARE_BASE_URL']) expect(names).toContain(known)
})

test('content in several strings, and with a quote inside, is read as the value that it is', async () => {
  const fake = fakeWithZone()
  fake.put(name, `"${one.value.slice(0, 20)}" "${one.value.slice(20)}"`)
  fake.put(name, '"say \\"hi\\" \\\\ bye"')
  const { provider } = await opened(fake)
  const odd = { ...one, value: 'say "hi" \\ bye' }
  await provider.cleanup([one, odd], call(zone))
  expect(fake.values(name as Name)).toEqual([])
})
