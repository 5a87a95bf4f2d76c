import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'
import { fakeResolver } from '../../fakes/dns.js'
import { aHouse, type House, noProvider, requestFor } from '../../fakes/publisher-house.js'

describe('checkProviders', () => {
  const dnsOf = requestFor('x.a.test', 'v').dns
  const names = (...all: string[]) => all.map(parseName)

  test('asks each provider once whether it is ready, and places nothing', async () => {
    let times = 0
    const { publisher, events } = aHouse({ provider: { ready: async () => void times++ } })
    await publisher.locator.checkProviders(names('x.a.test', '*.x.a.test', 'y.b.test'), dnsOf)
    await publisher.locator.checkProviders(names('z.b.test'), dnsOf)
    expect([times, events]).toEqual([1, []])
  })

  test('no provider, or one without credentials: the error names what to do, by name', async () => {
    const unset = new Dns01Error('CONFIG', 'no credentials', { hint: 'set AWS_PROFILE' })
    const { publisher } = aHouse({
      choose: (name, house) =>
        name.endsWith('a.test') ? noProvider(name) : house.provider({ ready: () => Promise.reject(unset) }),
    })
    const error = await publisher.locator.checkProviders(names('x.a.test', 'y.b.test'), dnsOf).catch(e => e)
    expect(error).toMatchObject({ code: 'CONFIG' })
    expect([...error.byName]).toEqual([
      ['x.a.test', expect.objectContaining({ message: 'no DNS provider is chosen for _acme-challenge.x.a.test' })],
      ['y.b.test', unset],
    ])
  })

  test.each([
    ['there is none for the host itself', (name: string) => noProvider(name)],
    [
      'that of the host is not set up',
      (_: string, house: House) => house.provider({ ready: () => Promise.reject(noProvider('x')) }),
    ],
  ])('the provider at the end of a CNAME is enough, though %s', async (_, first) => {
    const { publisher, dns } = aHouse({
      choose: (name, house) => (name.endsWith('b.test') ? house.provider() : first(name, house)),
    })
    dns.add('_acme-challenge.x.a.test', 'CNAME', 'x.b.test')
    await publisher.locator.checkProviders(names('x.a.test'), dnsOf)
  })

  test.each([
    ['finds its own zone', { provider: { definition: { findsZone: true } } }],
    ['is not watched', { propagation: { wait: false } }],
  ])('nothing is asked for a provider that %s', async (_, options) => {
    const { publisher, dns } = aHouse(options)
    await publisher.locator.checkProviders(names('x.a.test'), dnsOf)
    expect(dns.asked).toEqual([])
  })

  const byAccount = (name: string) => parseName(`_ujmmovf2vn55tgye._acme-challenge.${name}`)

  test('a program that hears of hosts alone is not given a name of dns-account-01, but for one at the end of its CNAME', async () => {
    const { publisher, dns, events } = aHouse({
      choose: (name, house) => house.provider(name.endsWith('b.test') ? {} : { knowsHostOnly: true }),
    })
    dns.add(byAccount('y.a.test'), 'CNAME', 'y.b.test')
    const { locator } = publisher
    const error = await locator.checkProviders(names('x.a.test', 'y.a.test'), dnsOf, byAccount).catch(e => e)
    const message =
      'the provider fake cannot place a value at _ujmmovf2vn55tgye._acme-challenge.x.a.test: it names hosts only'
    expect(error).toMatchObject({ code: 'CONFIG', message })
    expect([...error.byName.keys()]).toEqual(['x.a.test'])
    await expect(locator.locate([{ ...requestFor('x.a.test', 'v'), at: byAccount('x.a.test') }])).rejects.toMatchObject(
      {
        message,
      },
    )
    expect(await locator.locate([{ ...requestFor('y.a.test', 'v'), at: byAccount('y.a.test') }])).toMatchObject([
      { record: { name: 'y.b.test', zone: 'b.test' } },
    ])
    await locator.checkProviders(names('x.a.test'), dnsOf)
    expect(events).toEqual([])
  })

  test('a DNS that cannot be reached is not its business', async () => {
    const { publisher, dns } = aHouse()
    dns.manners(fakeResolver, { rcode: 'SERVFAIL' })
    await publisher.locator.checkProviders(names('x.a.test'), dnsOf)
  })
})
