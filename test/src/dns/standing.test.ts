// What stands at a name at each server: who is asked, what counts as an answer, and who is asked instead.
import { setMaxListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import { openResolver } from '../../../src/dns/resolver.js'
import { StandingRecords } from '../../../src/dns/standing.js'
import { fakeClock } from '../../fakes/clock.js'
import { type FakeDns, fakeDns, fakeResolver, type Manners } from '../../fakes/dns.js'

const at = '_validation-persist.www.a.test' as Name
const [A, B] = ['192.0.2.1', '192.0.2.2']

async function look(set: (dns: FakeDns) => void, manners: Record<string, Manners> = {}, direct = true) {
  const clock = fakeClock()
  const dns = fakeDns(clock)
  dns.zone('a.test', { 'ns1.a.test': [A], 'ns2.a.test': [B] })
  dns.zone('b.test', { 'ns.b.test': ['192.0.2.3'] })
  set(dns)
  for (const [address, how] of Object.entries(manners)) dns.manners(address, how)
  const signal = new AbortController().signal
  setMaxListeners(0, signal)
  const records = new StandingRecords({ world: { dns, clock }, resolver: openResolver({ dns, clock }, []) })
  const { name, seen, unusable, zone } = await clock.runUntil(records.at(at, direct, signal))
  const asked = dns.asked.filter(line => line.includes(' TXT '))
  return { name, zone: zone?.apex, seen: seen.map(one => [one.server, ...one.values]), unusable, asked, dns }
}

const two = (dns: FakeDns): void => {
  dns.add(at, 'TXT', 'one')
  dns.add(at, 'TXT', 'two')
}

test('each address of each server is asked once, and no resolver', async () => {
  expect(await look(two)).toMatchObject({
    ...{ name: at, zone: 'a.test', unusable: [] },
    seen: [
      [A, 'one', 'two'],
      [B, 'one', 'two'],
    ],
    asked: [`${A} TXT ${at}`, `${B} TXT ${at}`],
  })
})

test('nothing there is an answer, too', async () => {
  expect(await look(() => {})).toMatchObject({ seen: [[A], [B]], unusable: [] })
})

test('the record may stand at the end of a CNAME', async () => {
  const { name, zone, seen } = await look(dns => {
    dns.add(at, 'CNAME', 'www.b.test')
    dns.add('www.b.test', 'TXT', 'there')
  })
  expect({ name, zone, seen }).toEqual({ name: 'www.b.test', zone: 'b.test', seen: [['192.0.2.3', 'there']] })
})

test.each<[string, Manners, string]>([
  ['that is silent', { unheard: 'silent' }, `${B}: no answer within 2 s`],
  ['that does not serve the zone', { lame: true }, `${B}: its answer is not authoritative`],
  ['that fails', { rcode: 'SERVFAIL' }, `${B}: it answers SERVFAIL`],
])('a server %s is asked twice, and does not hide what the other says', async (_, how, why) => {
  const { seen, unusable, asked } = await look(two, { [B]: how })
  expect(seen).toEqual([[A, 'one', 'two']])
  expect(unusable).toEqual([why])
  expect(asked.filter(line => line.startsWith(B))).toHaveLength(2)
})

test('where no server can be asked the resolvers have the word', async () => {
  const { seen, zone, unusable } = await look(two, { [A]: { unheard: 'closed' }, [B]: { unheard: 'noRoute' } })
  expect({ seen, zone }).toEqual({ seen: [[fakeResolver, 'one', 'two']], zone: undefined })
  expect(unusable).toHaveLength(2)
})

test('where nobody wants servers asked (propagation: off) the resolvers alone are', async () => {
  expect(await look(two, {}, false)).toMatchObject({
    seen: [[fakeResolver, 'one', 'two']],
    asked: [`${fakeResolver} TXT ${at}`],
  })
})

test('where nobody at all answers it cannot be told', async () => {
  await expect(look(two, { [fakeResolver]: { rcode: 'SERVFAIL' } })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
