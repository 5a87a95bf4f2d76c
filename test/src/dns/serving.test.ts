import { Packet } from 'dns2'
import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import type { DnsAnswer, RecordType, ResourceRecord } from '../../../src/core/world.js'
import { encodeQuery } from '../../../src/dns/message.js'
import { encodeReply, type Query, screen } from '../../../src/dns/serving.js'

const query = (name = 'www.example.test', type: RecordType = 'TXT', edns = true): Buffer =>
  Buffer.from(encodeQuery({ name: name as Name, type }, { id: 7, recursion: false, edns }))

function changed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes)
  return bytes
}

function passed(bytes: Buffer): Query {
  const screened = screen(bytes)
  if (screened.is !== 'query') throw new Error(`screened as ${screened.is}`)
  return screened.query
}

describe('the guard', () => {
  const bad: [what: string, bytes: Buffer, is: 'noise' | 'refusal', rcode?: number][] = [
    ['nothing', Buffer.alloc(0), 'noise'],
    ['a lone header', query().subarray(0, 12), 'noise'],
    ['a response: two servers would talk for ever', changed(query(), b => b.writeUInt8(0x80, 2)), 'noise'],
    ['an update (RFC 2136)', changed(query(), b => b.writeUInt8(5 << 3, 2)), 'refusal', 4],
    ['no question', changed(query(), b => b.writeUInt16BE(0, 4)), 'refusal', 1],
    ['two questions', changed(query(), b => b.writeUInt16BE(2, 4)), 'refusal', 1],
    ['65535 answers', changed(query(), b => b.writeUInt16BE(65_535, 6)), 'refusal', 1],
    ['an authority', changed(query(), b => b.writeUInt16BE(1, 8)), 'refusal', 1],
    ['three additionals', changed(query(), b => b.writeUInt16BE(3, 10)), 'refusal', 1],
    [
      'an additional that is not there',
      changed(query('a.test', 'TXT', false), b => b.writeUInt16BE(1, 10)),
      'refusal',
      1,
    ],
    ['more than 1232 bytes', Buffer.concat([query(), Buffer.alloc(1232)]), 'refusal', 1],
    ['a name that points at itself', changed(query(), b => b.writeUInt16BE(0xc00c, 12)), 'refusal', 1],
    ['a name that runs out of the packet', query('www.example.test', 'A', false).subarray(0, 25), 'refusal', 1],
    ['a dot inside a label', changed(query(), b => b.write('.', 14, 'latin1')), 'refusal', 1],
    ['class CHAOS', changed(query('a.test', 'TXT', false), b => b.writeUInt16BE(3, b.length - 2)), 'refusal', 5],
    ['AXFR (RFC 5936)', query('example.test', 'TYPE252'), 'refusal', 5],
  ]
  for (const [what, bytes, is, rcode] of bad)
    test(`stops ${what}`, () => {
      const screened = screen(bytes)
      expect(screened.is).toBe(is)
      if (screened.is !== 'refusal') return
      const reply = Packet.parse(Buffer.from(screened.reply))
      expect(reply.header).toMatchObject({ id: 7, qr: 1, aa: 0, tc: 0, rcode, qdcount: 0, ancount: 0 })
      expect(screened.reply.length).toBeLessThanOrEqual(bytes.length)
    })

  test('says BADVERS to EDNS of the future (RFC 6891 §6.1.3)', () => {
    const bytes = changed(query(), b => b.writeUInt8(1, b.length - 5))
    const screened = screen(bytes)
    expect(screened.is === 'refusal' && Packet.parse(Buffer.from(screened.reply)).header.rcode).toBe(16)
  })

  test('lets a question through, in lower case', () => {
    expect(passed(query('WwW.Example.TEST', 'TYPE15')).question).toEqual({ name: 'www.example.test', type: 'TYPE15' })
  })

  const sizes: [said: number | undefined, limit: number][] = [
    [undefined, 512],
    [100, 512],
    [512, 512],
    [900, 900],
    [4096, 1232],
    [65_535, 1232],
  ]
  for (const [said, limit] of sizes)
    test(`a client that takes ${said ?? 'nothing said'} gets at most ${limit} bytes`, () => {
      const bytes = query('a.test', 'TXT', said !== undefined)
      if (said !== undefined) bytes.writeUInt16BE(said, bytes.length - 8)
      expect(passed(bytes).udpLimitBytes).toBe(limit)
    })
})

describe('a reply', () => {
  const row = (type: RecordType, data: string, name = 'www.example.test'): ResourceRecord => ({
    name: name as Name,
    type,
    ttlSeconds: 1,
    data,
  })
  const answer = (...answers: ResourceRecord[]): DnsAnswer => ({
    rcode: 'NOERROR',
    authoritative: true,
    answers,
    authorities: [],
  })
  const reply = (bytes: Buffer, said: DnsAnswer | undefined, limit = 1232): Packet & { size: number } => {
    const encoded = Buffer.from(encodeReply(passed(bytes), said, limit))
    return Object.assign(Packet.parse(encoded), { size: encoded.length })
  }

  test('repeats the question letter by letter, RD and CD, and has an OPT where there was one', () => {
    const bytes = changed(query('WwW.eXample.test'), b => {
      b.writeUInt8(0x01, 2)
      b.writeUInt8(0x10, 3)
    })
    const packet = reply(bytes, answer(row('TXT', 'v')))
    expect(packet.questions[0]?.name).toBe('WwW.eXample.test')
    expect(packet.answers[0]?.name).toBe('WwW.eXample.test')
    expect(packet.header).toMatchObject({ id: 7, qr: 1, aa: 1, rd: 1, cd: 1, ra: 0, tc: 0 })
    expect(packet.additionals.map(r => [r.type, r.class])).toEqual([[41, 1232]])
    expect(reply(query('a.test', 'TXT', false), answer(row('TXT', 'v', 'a.test'))).additionals).toEqual([])
  })

  test('without an answer is REFUSED with nothing but the question', () => {
    const bytes = query()
    const packet = reply(bytes, undefined)
    expect(packet.header).toMatchObject({ rcode: 5, aa: 0, ancount: 0, nscount: 0 })
    expect(packet.size).toBeLessThanOrEqual(bytes.length)
  })

  test('has every type of ours on the wire', () => {
    const packet = reply(
      query(),
      answer(
        row('A', '192.0.2.1'),
        row('AAAA', '2001:db8::1'),
        row('NS', 'ns.a.test'),
        row('CNAME', 'b.test'),
        row('SOA', 'ns.a.test'),
      ),
    )
    expect(packet.answers.map(r => r.address ?? r.ns ?? r.domain ?? r.primary)).toEqual([
      '192.0.2.1',
      '2001:db8::1',
      'ns.a.test',
      'b.test',
      'ns.a.test',
    ])
    expect(packet.answers[4]).toMatchObject({ admin: 'hostmaster.www.example.test', minimum: 1 })
  })

  test('cuts long TXT values into strings of 255 bytes', () => {
    const long = 'x'.repeat(600)
    expect(reply(query(), answer(row('TXT', long))).answers[0]?.data).toEqual([
      'x'.repeat(255),
      'x'.repeat(255),
      'x'.repeat(90),
    ])
    expect(reply(query(), answer(row('TXT', ''))).answers[0]?.data).toEqual([''])
  })

  test('that does not fit has TC and no records', () => {
    const many = Array.from({ length: 60 }, (_, i) => row('TXT', `value-${i}`.padEnd(43, '.')))
    const packet = reply(query(), answer(...many))
    expect(packet.header).toMatchObject({ tc: 1, aa: 1, rcode: 0, ancount: 0 })
    expect(packet.size).toBeLessThanOrEqual(query().length)
    expect(reply(query(), answer(...many), 65_535).answers).toHaveLength(60)
  })
})
