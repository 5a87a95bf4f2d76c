import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodeVersionWarning } from '../../providers/route53/sdk.js'
import type { Name } from '../../src/core/names.js'
import { FakeRoute53 } from './route53.js'
import { route53Dns } from './route53-dns.js'
import { type ApiServer, serveApi, signatureCheck } from './route53-server.js'
import type { Zone } from './route53-zone.js'

/** The double is asked by the real SDK over HTTP: what the SDK would not understand is no double. */
let now = 0
let double: FakeRoute53
let zone: Zone
let server: ApiServer
let client: Route53Client

const secrets = { AKIATEST: 'secret' }
const clientOf = (accessKeyId = 'AKIATEST', secretAccessKey = 'secret') =>
  new Route53Client({
    region: 'us-east-1',
    endpoint: server.url,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })

beforeAll(async () => {
  nodeVersionWarning.warningEmitted = true
  server = await serveApi({ handle: request => double.handle(request) })
  client = clientOf()
})
afterAll(async () => {
  client.destroy()
  await server.close()
})
beforeEach(() => {
  now = 1_000_000
  double = new FakeRoute53({ now: () => now, syncSeconds: 20, checkSignature: signatureCheck(secrets) })
  zone = double.addZone('example.test', { id: 'Z1' })
})

type Step = [action: 'CREATE' | 'DELETE' | 'UPSERT', name: string, values: string[], ttl?: number, type?: string]

const change = (...steps: Step[]) =>
  client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: 'Z1',
      ChangeBatch: {
        Changes: steps.map(([Action, Name, values, TTL = 60, Type = 'TXT']) => ({
          Action,
          ResourceRecordSet: { Name, Type: Type as 'TXT', TTL, ResourceRecords: values.map(Value => ({ Value })) },
        })),
      },
    }),
  )

const refusal = (
  promise: Promise<unknown>,
): Promise<{ name: string; message: string; $metadata: { httpStatusCode: number } }> =>
  promise.then(
    () => expect.fail('it should have been refused'),
    error => error,
  )

describe('change batches', () => {
  test.each<[string, Step[], Step[], RegExp]>([
    [
      'CREATE of what is there',
      [['CREATE', 'a.example.test', ['"1"']]],
      [['CREATE', 'A.example.test.', ['"2"']]],
      /name='a\.example\.test\.', type='TXT'.*already exists/,
    ],
    ['DELETE of what is not there', [], [['DELETE', 'a.example.test', ['"1"']]], /was not found/],
    [
      'DELETE with other values',
      [['CREATE', 'a.example.test', ['"1"', '"2"']]],
      [['DELETE', 'a.example.test', ['"1"']]],
      /do not match the current values/,
    ],
    [
      'DELETE with another TTL',
      [['CREATE', 'a.example.test', ['"1"']]],
      [['DELETE', 'a.example.test', ['"1"'], 61]],
      /do not match the current values/,
    ],
    [
      'a name outside, by labels',
      [],
      [['CREATE', 'evilexample.test', ['"1"']]],
      /evilexample\.test\. is not permitted in zone example\.test\./,
    ],
    ['a value without quotes', [], [['CREATE', 'a.example.test', ['1']]], /InvalidCharacterString/],
    ['a string of 256 bytes', [], [['CREATE', 'a.example.test', [`"${'x'.repeat(256)}"`]]], /CharacterStringTooLong/],
    ['a value twice', [], [['CREATE', 'a.example.test', ['"1"', '"1"']]], /Duplicate/],
    [
      'a TXT beside a CNAME',
      [['CREATE', 'a.example.test', ['b.test'], 60, 'CNAME']],
      [['CREATE', 'a.example.test', ['"1"']]],
      /conflicts with other records/,
    ],
    [
      'a CNAME beside a TXT',
      [['CREATE', 'a.example.test', ['"1"']]],
      [['CREATE', 'a.example.test', ['b.test'], 60, 'CNAME']],
      /conflicts with other records/,
    ],
    [
      '1,001 values',
      [],
      Array.from({ length: 1001 }, (_, i): Step => ['CREATE', `a${i}.example.test`, ['"1"']]),
      /limit of 1000/,
    ],
    [
      '501 values by UPSERT',
      [],
      Array.from({ length: 501 }, (_, i): Step => ['UPSERT', `a${i}.example.test`, ['"1"']]),
      /limit of 1000/,
    ],
    [
      '32,001 characters',
      [],
      Array.from({ length: 161 }, (_, i): Step => ['CREATE', `a${i}.example.test`, [`"${'x'.repeat(198)}"`]]),
      /limit of 32000/,
    ],
  ])('refuses %s, and applies nothing of the batch', async (_, before, batch, words) => {
    if (before.length > 0) await change(...before)
    const stood = JSON.stringify([...zone.sets.values()])
    const error = await refusal(change(['CREATE', 'other.example.test', ['"x"']], ...batch))
    expect(error.name).toBe('InvalidChangeBatch')
    expect(error.$metadata.httpStatusCode).toBe(400)
    expect(error.message).toMatch(words)
    expect(JSON.stringify([...zone.sets.values()])).toBe(stood)
  })

  test('takes DELETE and CREATE of one set in order, values in any order, and names in any case', async () => {
    await change(['CREATE', 'a.example.test', ['"1"', '"2"']])
    await change(['DELETE', 'A.EXAMPLE.test.', ['"2"', '"1"']], ['CREATE', 'a.example.test', ['"2"', '"1"', '"3"']])
    expect(double.txt('a.example.test')).toEqual(['2', '1', '3'])
    expect(
      (await refusal(change(['CREATE', 'a.example.test', ['"4"']], ['DELETE', 'a.example.test', ['"4"']]))).name,
    ).toBe('InvalidChangeBatch')
  })

  test('UPSERT replaces what another wrote: the trap', async () => {
    await change(['CREATE', 'a.example.test', ['"theirs"']])
    await change(['UPSERT', 'a.example.test', ['"ours"']])
    expect(double.txt('a.example.test')).toEqual(['ours'])
  })

  test('refuses a plain set where a routed one stands', async () => {
    double.put(zone, 'a.example.test', 'TXT', ['"1"'], 60, { setIdentifier: 'blue' })
    expect((await refusal(change(['CREATE', 'a.example.test', ['"2"']]))).message).toContain('other RRSets exist')
  })

  test('PENDING until the time is over, then INSYNC; an unknown id is NoSuchChange', async () => {
    const { ChangeInfo } = await change(['CREATE', 'a.example.test', ['"1"']])
    const status = async () => (await client.send(new GetChangeCommand({ Id: ChangeInfo?.Id }))).ChangeInfo?.Status
    expect(ChangeInfo?.Status).toBe('PENDING')
    now += 19_999
    expect(await status()).toBe('PENDING')
    now += 1
    expect(await status()).toBe('INSYNC')
    expect((await refusal(client.send(new GetChangeCommand({ Id: 'C99' })))).name).toBe('NoSuchChange')
  })
})

describe('listings', () => {
  const zonesFrom = (DNSName?: string, HostedZoneId?: string) =>
    client.send(new ListHostedZonesByNameCommand({ DNSName, HostedZoneId }))
  const setsFrom = (StartRecordName?: string, StartRecordType?: 'TXT', MaxItems?: number) =>
    client.send(
      new ListResourceRecordSetsCommand({ HostedZoneId: '/hostedzone/Z1', StartRecordName, StartRecordType, MaxItems }),
    )

  test('zones come from that name on, in reversed-label order, private ones too', async () => {
    double.addZone('a.test', { isPrivate: true })
    double.addZone('sub.example.test')
    double.addZone('example.test', { isPrivate: true })
    double.addZone('zzz.test')
    const names = async (from?: string) => (await zonesFrom(from)).HostedZones?.map(z => z.Name)
    expect(await names()).toEqual(['a.test.', 'example.test.', 'example.test.', 'sub.example.test.', 'zzz.test.'])
    expect(await names('nothing.example.test')).toEqual(['sub.example.test.', 'zzz.test.'])
  })

  test('sets come from there on, of other names and types too, 300 a page, `*` as \\052', async () => {
    double.put(zone, '*.example.test', 'A', ['192.0.2.1'])
    double.put(zone, 'b.example.test', 'A', ['192.0.2.1'])
    double.put(zone, 'b.example.test', 'TXT', ['"1"'])
    const list = async (...from: Parameters<typeof setsFrom>) =>
      (await setsFrom(...from)).ResourceRecordSets?.map(set => `${set.Name} ${set.Type}`)
    expect((await list())?.slice(0, 3)).toEqual(['example.test. NS', 'example.test. SOA', '\\052.example.test. A'])
    expect(await list('a.example.test', 'TXT')).toEqual(['b.example.test. A', 'b.example.test. TXT'])
    expect(await list('b.example.test', 'TXT')).toEqual(['b.example.test. TXT'])
    for (let i = 0; i < 400; i++) double.put(zone, `c${i}.example.test`, 'A', ['192.0.2.1'])
    expect(await list()).toHaveLength(300)
    expect((await setsFrom(undefined, undefined, 1)).NextRecordType).toBe('SOA')
  })

  test('a zone that is not there is NoSuchHostedZone', async () => {
    const error = await refusal(client.send(new ListResourceRecordSetsCommand({ HostedZoneId: 'Z9' })))
    expect(error.name).toBe('NoSuchHostedZone')
  })
})

describe('name servers', () => {
  const txt = { name: 'a.example.test' as Name, type: 'TXT' } as const
  const valuesAt = (answer: { answers: readonly { data: string }[] } | undefined) => answer?.answers.map(r => r.data)

  test('each shows a change after its own delay', async () => {
    const dns = route53Dns(double, { lagSeconds: { 'ns-2.awsdns-02.test': 30 } })
    await change(['CREATE', 'a.example.test', ['"1"']])
    expect(valuesAt(dns.answer('ns-1.awsdns-01.test', txt))).toEqual(['1'])
    expect(dns.answer('ns-2.awsdns-02.test', txt)?.rcode).toBe('NXDOMAIN')
    now += 30_000
    expect(valuesAt(dns.answer('ns-2.awsdns-02.test', txt))).toEqual(['1'])
    await change(['DELETE', 'a.example.test', ['"1"']])
    expect(valuesAt(dns.answer('ns-2.awsdns-02.test', txt))).toEqual(['1'])
    now += 30_000
    expect(valuesAt(dns.answer('ns-2.awsdns-02.test', txt))).toEqual([])
  })

  test('private zones, foreign names and delegated sub-zones are not answered for', () => {
    double.addZone('inner.test', { isPrivate: true })
    double.put(zone, 'sub.example.test', 'NS', ['ns.elsewhere.test.'])
    const { answer } = route53Dns(double)
    const ask = (name: string) => answer('ns-1.awsdns-01.test', { name: name as Name, type: 'TXT' })
    expect(ask('a.inner.test')).toBeUndefined()
    expect(ask('example.org')).toBeUndefined()
    expect(ask('www.sub.example.test')).toMatchObject({
      authoritative: false,
      answers: [],
      authorities: [{ data: 'ns.elsewhere.test' }],
    })
    expect(ask('nothing.example.test')).toMatchObject({
      rcode: 'NXDOMAIN',
      authorities: [{ type: 'SOA', name: 'example.test' }],
    })
  })

  test('the resolver sees delegated zones only, follows CNAMEs between them, and knows addresses', () => {
    double.addZone('other.test', { id: 'Z2' })
    double.addZone('hidden.test', { id: 'Z3' })
    double.put(zone, 'a.example.test', 'CNAME', ['b.other.test.'])
    double.put(double.zones.get('Z2') as Zone, 'b.other.test', 'TXT', ['"1"'])
    const { resolve } = route53Dns(double, {
      delegated: ['Z1', 'Z2'],
      addresses: { 'ns-1.awsdns-01.test': ['192.0.2.1', '2001:db8::1'] },
    })
    const ask = (name: string, type: 'TXT' | 'NS' | 'AAAA') => resolve({ name: name as Name, type })
    expect(valuesAt(ask('a.example.test', 'TXT'))).toEqual(['b.other.test', '1'])
    expect(ask('hidden.test', 'NS').rcode).toBe('NXDOMAIN')
    expect(valuesAt(ask('example.test', 'NS'))).toHaveLength(4)
    expect(valuesAt(ask('ns-1.awsdns-01.test', 'AAAA'))).toEqual(['2001:db8::1'])
  })
})
