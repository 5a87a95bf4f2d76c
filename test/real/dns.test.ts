import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Name } from '../../src/core/names.js'
import type { RecordType } from '../../src/core/world.js'
import { proveVisible, SharedWatches } from '../../src/dns/propagation.js'
import { openResolver } from '../../src/dns/resolver.js'
import { findZone, followCnames } from '../../src/dns/zone.js'
import { realClock } from '../../src/platform/clock.js'
import { openDns } from '../../src/platform/dns.js'
import { listeningLog } from '../contract/provider-contract.js'
import { type Bind, startBind } from './servers/bind.js'
import { lacking } from './servers/need.js'
import { freePort } from './servers/process.js'

const log = listeningLog([])
const dns = openDns()
const signal = new AbortController().signal
setMaxListeners(0, signal)
const values = Array.from({ length: 60 }, (_, i) => `value-${String(i).padStart(2, '0')}-`.padEnd(43, 'x'))

const exampleRecords = `
many ${values.map(value => `TXT "${value}"`).join('\nmany ')}
split TXT "one " "two " "three"
bytes TXT "a\\255b"
_acme-challenge.www CNAME www.dyn.other.test.
moved DNAME dyn.other.test.
a.b.c TXT "deep"
@ CAA 0 issue "ca.test"
sub NS ns1
sub DS 12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
`

describe.skipIf(lacking('named'))('asking BIND', () => {
  let bind: Bind
  let server: string
  beforeAll(async () => {
    bind = await startBind({
      zones: {
        'example.test': { records: exampleRecords },
        'dyn.other.test': { records: 'www CNAME end\nend TXT "v"' },
        '.': { records: 'a.root-servers.net. A 127.0.0.1' },
      },
      addresses: ['127.0.0.1', '::1'],
      recursion: true,
    })
    server = bind.servers[0]!
  })
  afterAll(() => bind?.stop())

  const ask = (name: string, type: RecordType, at = server, timeoutSeconds = 2) =>
    dns.query({ name: name as Name, type }, { server: at, recursion: false, signal, timeoutSeconds })
  const data = async (name: string, type: RecordType, at?: string) =>
    (await ask(name, type, at)).answers.map(r => r.data)

  test('60 TXT values come by TCP', async () => {
    expect((await data('many.example.test', 'TXT')).sort()).toEqual(values)
  })

  test('answers by IPv6 too', async () => {
    expect((await data('many.example.test', 'TXT', `[::1]:${bind.port}`)).sort()).toEqual(values)
  })

  test('strings are joined, odd bytes break nothing', async () => {
    expect(await data('split.example.test', 'TXT')).toEqual(['one two three'])
    expect(await data('bytes.example.test', 'TXT')).toEqual(['a\ufffdb'])
  })

  test('NXDOMAIN, an empty non-terminal, and no such zone', async () => {
    expect(await ask('nothing.example.test', 'TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      authoritative: true,
      answers: [],
      authorities: [{ name: 'example.test', type: 'SOA', data: 'ns1.example.test' }],
    })
    expect(await ask('b.c.example.test', 'TXT')).toMatchObject({ rcode: 'NOERROR', authoritative: true, answers: [] })
  })

  test('every type that we read', async () => {
    expect(await data('example.test', 'NS')).toEqual(['ns1.example.test'])
    expect(await data('ns1.example.test', 'A')).toEqual(['127.0.0.1'])
    expect(await data('example.test', 'CAA')).toEqual(['0 issue ca.test'])
    expect(await data('_acme-challenge.www.example.test', 'CNAME')).toEqual(['www.dyn.other.test'])
    expect(await data('sub.example.test', 'DS')).toEqual([`12345 13 2 ${'0123456789abcdef'.repeat(4)}`])
    expect(await data('x.moved.example.test', 'CNAME')).toEqual(['dyn.other.test', 'x.dyn.other.test'])
  })

  test('CNAMEs and DNAMEs are followed, and the zone at their end is found with its servers', async () => {
    const resolver = openResolver({ dns, clock: realClock }, [server])
    const { name, chain } = await followCnames(resolver, '_acme-challenge.www.example.test' as Name, signal)
    expect(chain).toEqual(['_acme-challenge.www.example.test', 'www.dyn.other.test', 'end.dyn.other.test'])
    expect(await findZone(resolver, name, signal)).toEqual({
      apex: 'dyn.other.test',
      servers: [{ name: 'ns1.dyn.other.test', addresses: ['127.0.0.1'] }],
    })
    const moved = await followCnames(resolver, '_acme-challenge.moved.example.test' as Name, signal)
    expect(moved.name).toBe('_acme-challenge.dyn.other.test')
    await expect(findZone(resolver, 'www.nowhere.invalid' as Name, signal)).rejects.toMatchObject({ code: 'REFUSED' })
  })

  test('60 records are proven at every server with one question each, and one that refuses is passed over', async () => {
    const resolver = openResolver({ dns, clock: realClock }, [server])
    const limits = { giveUpAfterSeconds: 5, firstPauseSeconds: 0.05, maxPauseSeconds: 2 }
    let questions = 0
    const counting = {
      ...dns,
      query: (...words: Parameters<typeof dns.query>) => {
        questions++
        return dns.query(...words)
      },
    }
    const world = { dns: counting, clock: realClock, log }
    const parts = { world, watches: new SharedWatches(world), resolver, confirmsSync: false, limits }
    const servers = [{ name: 'ns1.example.test' as Name, addresses: [server, `[::1]:${bind.port}`] }]
    const zone = { apex: 'example.test' as Name, servers }
    await Promise.all(
      values.map(value => proveVisible(parts, zone, { name: 'many.example.test' as Name, value }, signal)),
    )
    expect(questions).toBe(2)
    const closed = {
      ...zone,
      servers: [...servers, { name: 'ns2.example.test' as Name, addresses: [`127.0.0.1:${await freePort()}`] }],
    }
    await proveVisible(parts, closed, { name: 'many.example.test' as Name, value: values[0]! }, signal)
  })
})
