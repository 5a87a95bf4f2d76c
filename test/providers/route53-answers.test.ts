import { describe, expect, test, vi } from 'vitest'
import { codeOf, Dns01Error } from '../../src/core/errors.js'
import type { World } from '../../src/core/world.js'
import type { Provider } from '../../src/provider/api.js'
import { repeating } from '../fakes/repeating.js'
import { callFor, keys, openRoute53, recordsFor, route53World } from '../fakes/route53-world.js'

// What comes before the first change, and answers that are none.

const hosts = (count: number): string[] => Array.from({ length: count }, (_, i) => `h${i}.example.test`)

const open = (world: Parameters<typeof openRoute53>[0], more = {}): Promise<Provider> =>
  openRoute53(world, { ...keys, ...more })

const failure = async (promise: Promise<unknown>): Promise<Dns01Error> =>
  promise.then(
    () => expect.fail('it should have failed'),
    error => error,
  )

describe('whether it is ready', () => {
  test('without credentials it says so, and asks AWS nothing', async () => {
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
    const { world, route53: double } = route53World()
    const provider = await openRoute53(world, { region: 'us-east-1' })
    const error = await failure(provider.ready?.(new AbortController().signal) ?? Promise.resolve())
    vi.unstubAllEnvs()
    expect(error).toMatchObject({ code: 'CONFIG', hint: expect.stringContaining('or give the machine a role') })
    expect(double.callCount).toBe(0)
  })

  test('with keys it is', async () => {
    const { world } = route53World()
    await (await open(world)).ready?.(new AbortController().signal)
  })

  test.each([
    ['zone-id', '<< zone id here >>', 'ACME_HOSTED_ZONE'],
    ['access-key-id', '<access key>', 'AWS_ACCESS_KEY_ID'],
  ])('a placeholder for the %s is told as one', async (key, value, variable) => {
    await expect(open(route53World().world, { [key]: value })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/is a placeholder$/),
      hint: expect.stringContaining(variable),
    })
  })
})

describe('an answer that is not one of the API', () => {
  const deep = `${'<a>'.repeat(3000)}${'</a>'.repeat(3000)}`
  const pages = {
    'a page of a proxy': '<html><body>Welcome to the hotel</body></html>',
    'nothing at all': '',
    'XML that goes deep': deep,
    'half of one': '<ListHostedZonesByNameResponse><HostedZones><HostedZone>',
    'no XML': 'hello',
  }
  test.each(Object.entries(pages))('%s is "later", and not "no": nothing was written', async (_, body) => {
    const { world, route53: double } = route53World()
    double.addZone('example.test')
    const odd = { ...world, fetch: async () => ({ status: 200, headers: {}, body: Buffer.from(body) }) }
    const error = await failure(
      (await open(odd)).present(recordsFor('example.test', hosts(1)), callFor(odd, 'example.test')),
    )
    expect([codeOf(error), error.nothingWritten]).toEqual(['UNAVAILABLE', true])
  })

  test.each(Object.entries(pages))('%s instead of the answer to a change proves nothing', async (_, body) => {
    const { world, route53: double } = route53World()
    double.addZone('example.test')
    const fetch: World['fetch'] = async (url, request) =>
      request.method === 'POST' ? { status: 200, headers: {}, body: Buffer.from(body) } : world.fetch(url, request)
    const odd = { ...world, fetch }
    const error = await failure(
      (await open(odd)).present(recordsFor('example.test', hosts(1)), callFor(odd, 'example.test')),
    )
    expect([codeOf(error), error.nothingWritten]).toEqual(['UNAVAILABLE', false])
  })

  test('a list of zones that leads in a circle ends', async () => {
    const { world } = route53World()
    let pagesRead = 0
    const page = `<?xml version="1.0"?><ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
      <HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>other.test.</Name><CallerReference>x</CallerReference></HostedZone></HostedZones>
      <IsTruncated>true</IsTruncated><NextDNSName>again.test.</NextDNSName><NextHostedZoneId>Z1</NextHostedZoneId><MaxItems>1</MaxItems>
      </ListHostedZonesByNameResponse>`
    const fetch: World['fetch'] = async () => {
      pagesRead++
      return { status: 200, headers: {}, body: Buffer.from(page) }
    }
    const odd = { ...world, fetch }
    const error = await failure(
      (await open(odd)).present(recordsFor('example.test', hosts(1)), callFor(odd, 'example.test')),
    )
    expect([codeOf(error), error.message]).toEqual(['UNAVAILABLE', expect.stringContaining('in a circle')])
    expect(pagesRead).toBe(2)
  })
})

describe('whether the answer to a change proves that nothing was written', () => {
  const answerOf = (code: string): string =>
    `<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>${code}</Code>` +
    '<Message>said by the test</Message></Error><RequestId>1</RequestId></ErrorResponse>'

  test.each([
    ['AccessDenied', 403, 'REFUSED', true],
    ['SignatureDoesNotMatch', 403, 'REFUSED', true],
    ['ExpiredToken', 403, 'REFUSED', true],
    ['NoSuchHostedZone', 404, 'REFUSED', true],
    ['InvalidChangeBatch', 400, 'REFUSED', true],
    ['Throttling', 400, 'UNAVAILABLE', true],
    ['PriorRequestNotComplete', 400, 'UNAVAILABLE', true],
    ['InternalError', 500, 'UNAVAILABLE', false],
    ['ServiceUnavailable', 503, 'UNAVAILABLE', false],
  ])('%s', async (code, status, ours, nothingWritten) => {
    const { world, route53: double } = route53World()
    double.addZone('example.test')
    const refusal = { status, headers: {}, body: Buffer.from(answerOf(code)) }
    const fetch: World['fetch'] = async (url, request) =>
      request.method === 'POST' ? refusal : world.fetch(url, request)
    const odd = { ...world, fetch }
    const error = await failure(
      (await open(odd)).present(recordsFor('example.test', hosts(1)), callFor(odd, 'example.test')),
    )
    expect([codeOf(error), error.nothingWritten]).toEqual([ours, nothingWritten])
  })

  test('one that was lost, then a refusal, proves nothing', async () => {
    const { world, route53: double } = route53World()
    double.addZone('example.test')
    let posts = 0
    const fetch: World['fetch'] = async (url, request) => {
      if (request.method === 'POST' && posts++ > 0)
        return { status: 403, headers: {}, body: Buffer.from(answerOf('AccessDenied')) }
      if (posts > 0) throw new Dns01Error('UNAVAILABLE', 'read ECONNRESET')
      return world.fetch(url, request)
    }
    const odd = { ...world, fetch }
    const again = world.clock.along(repeating(await open(odd), odd))
    const error = await failure(again.present(recordsFor('example.test', hosts(1)), callFor(odd, 'example.test')))
    expect([codeOf(error), error.nothingWritten]).toEqual(['REFUSED', false])
  })
})
