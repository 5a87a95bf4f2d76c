import { Packet } from 'dns2'
import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import type { Question } from '../../../src/core/world.js'
import {
  decodeAnswer,
  encodeQuery,
  rcodeNumber,
  rcodeOf,
  typeCode,
  typeOf,
  udpSizeBytes,
} from '../../../src/dns/message.js'

const question: Question = { name: 'www.example.test' as Name, type: 'TXT' }
const id = 0x1234

/** A response to `question`, bytes of one answer record given: owner is a pointer to the question. */
function response(...records: { type: number; rdata: Uint8Array; class?: number }[]): Buffer {
  const header = Buffer.from([0x12, 0x34, 0x84, 0, 0, 1, 0, records.length, 0, 0, 0, 0])
  const asked = Buffer.from(encodeQuery(question, { id, recursion: false, edns: false })).subarray(12)
  const answers = records.map(({ type, rdata, class: cls = 1 }) => {
    const fixed = Buffer.alloc(12)
    fixed.writeUInt16BE(0xc00c, 0)
    fixed.writeUInt16BE(type, 2)
    fixed.writeUInt16BE(cls, 4)
    fixed.writeUInt32BE(60, 6)
    fixed.writeUInt16BE(rdata.length, 10)
    return Buffer.concat([fixed, rdata])
  })
  return Buffer.concat([header, asked, ...answers])
}

const wire = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map(label => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ])
const txt = (...strings: (string | Buffer)[]): Buffer =>
  Buffer.concat(strings.map(s => Buffer.concat([Buffer.from([s.length]), Buffer.from(s)])))
const dataIn = (bytes: Buffer): string[] => decodeAnswer(bytes, id, question)!.answer.answers.map(r => r.data)

test('types and rcodes go both ways, unknown ones by number (RFC 3597 §5)', () => {
  for (const type of ['A', 'AAAA', 'CAA', 'CNAME', 'DNAME', 'DS', 'NS', 'SOA', 'TXT', 'TYPE15'] as const)
    expect(typeOf(typeCode(type))).toBe(type)
  for (const rcode of ['NOERROR', 'NXDOMAIN', 'REFUSED', 'RCODE9', 'RCODE16'] as const)
    expect(rcodeOf(rcodeNumber(rcode))).toBe(rcode)
})

test('a query has one question, EDNS and RD as asked', () => {
  const packet = Packet.parse(Buffer.from(encodeQuery(question, { id, recursion: true, edns: true })))
  expect(packet.header).toMatchObject({ id, qr: 0, rd: 1, qdcount: 1, ancount: 0, nscount: 0, arcount: 1 })
  expect(packet.questions[0]).toMatchObject({ name: 'www.example.test', type: 16, class: 1 })
  expect(packet.additionals[0]).toMatchObject({ type: 41, class: udpSizeBytes })
  const direct = Packet.parse(Buffer.from(encodeQuery(question, { id, recursion: false, edns: false })))
  expect(direct.header).toMatchObject({ rd: 0, arcount: 0 })
})

describe('an answer', () => {
  const table: [what: string, type: number, rdata: Buffer, data: string][] = [
    ['TXT strings joined (RFC 1035 §3.3.14)', 16, txt('one', ' and ', 'two'), 'one and two'],
    ['TXT of no string bytes', 16, txt(''), ''],
    ['TXT with bytes that are not UTF-8', 16, txt(Buffer.from([0x61, 0xff, 0x62])), 'a\ufffdb'],
    ['A', 1, Buffer.from([192, 0, 2, 1]), '192.0.2.1'],
    ['AAAA', 28, Buffer.from('20010db8000000000000000000000001', 'hex'), '2001:db8::1'],
    ['CNAME in lower case', 5, wire('Other.TEST'), 'other.test'],
    ['NS', 2, wire('ns.example.test'), 'ns.example.test'],
    ['DNAME', 39, wire('other.test'), 'other.test'],
    ['DS', 43, Buffer.from('0bad0d02abcd', 'hex'), '2989 13 2 abcd'],
    ['CAA', 257, Buffer.concat([Buffer.from([128, 5]), Buffer.from('issueca.test')]), '128 issue ca.test'],
    ['SOA: the primary', 6, Buffer.concat([wire('ns.a.test'), wire('admin.a.test'), Buffer.alloc(20)]), 'ns.a.test'],
  ]
  for (const [what, type, rdata, data] of table)
    test(what, () => expect(dataIn(response({ type, rdata }))).toEqual([data]))

  test('leaves out other types and classes, and single records that are broken', () => {
    const good = { type: 16, rdata: txt('good') }
    expect(
      dataIn(
        response(
          { type: 46, rdata: Buffer.alloc(30) },
          { type: 99, rdata: txt('spf') },
          { type: 16, rdata: txt('chaos'), class: 3 },
          { type: 16, rdata: Buffer.from([200, 1]) },
          { type: 39, rdata: Buffer.from([9]) },
          { type: 43, rdata: Buffer.from([1]) },
          good,
        ),
      ),
    ).toEqual(['good'])
  })

  test('tells AA, AD, TC and whether the server knows EDNS', () => {
    const bytes = response({ type: 16, rdata: txt('x') })
    expect(decodeAnswer(bytes, id, question)).toMatchObject({
      truncated: false,
      edns: false,
      answer: { rcode: 'NOERROR', authoritative: true, authentic: false },
    })
    bytes[2]! |= 0x02
    bytes[3]! |= 0x20
    expect(decodeAnswer(bytes, id, question)).toMatchObject({ truncated: true, answer: { authentic: true } })
  })

  test('that was cut off in the middle is fine with TC and an error without', () => {
    const bytes = response({ type: 16, rdata: txt('one') }, { type: 16, rdata: txt('two') })
    const cut = bytes.subarray(0, bytes.length - 5)
    expect(() => decodeAnswer(cut, id, question)).toThrow('cannot be read')
    cut[2]! |= 0x02
    expect(decodeAnswer(cut, id, question)?.truncated).toBe(true)
  })

  test('may leave the question away when it says FORMERR', () => {
    const bare = Buffer.from([0x12, 0x34, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(decodeAnswer(bare, id, question)?.answer.rcode).toBe('FORMERR')
  })
})

describe('is not heard', () => {
  const good = (): Buffer => response({ type: 16, rdata: txt('x') })
  const table: [what: string, bytes: Buffer][] = [
    ['another id', changed(good(), bytes => bytes.writeUInt16BE(7, 0))],
    ['a query', changed(good(), bytes => bytes.writeUInt8(0, 2))],
    ['another name', changed(good(), bytes => bytes.writeUInt8(0x78, 13))],
    ['another type', changed(good(), bytes => bytes.writeUInt16BE(1, 12 + 18))],
    ['another class', changed(good(), bytes => bytes.writeUInt16BE(3, 12 + 20))],
    ['no question, but NOERROR', Buffer.from([0x12, 0x34, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['half a header', good().subarray(0, 11)],
  ]
  for (const [what, bytes] of table) test(what, () => expect(decodeAnswer(bytes, id, question)).toBeUndefined())

  test('an answer for the same name in other letters is heard', () => {
    const bytes = changed(good(), b => b.write('W', 13, 'latin1'))
    expect(decodeAnswer(bytes, id, question)?.answer.answers).toHaveLength(1)
  })
})

function changed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes)
  return bytes
}
