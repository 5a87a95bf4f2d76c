import dgram from 'node:dgram'
import { setMaxListeners } from 'node:events'
import net from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import type { DnsAnswer, Fetch, HttpRequest, Question, ResourceRecord } from '../../../src/core/world.js'
import { encodeQuery } from '../../../src/dns/message.js'
import { openDns } from '../../../src/platform/dns.js'
import { framed, parseEndpoint } from '../../../src/platform/dns-transport.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { aboutLinear, growth } from '../../fakes/growth.js'

const said: string[] = []
const log = listeningLog(said)
const dns = openDns()
const name = 'www.example.test' as Name
const question: Question = { name, type: 'TXT' }
const signal = new AbortController().signal
setMaxListeners(0, signal)
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const row = (data: string): ResourceRecord => ({ name, type: 'TXT', ttlSeconds: 1, data })
const txt = (...values: string[]): DnsAnswer => ({
  rcode: 'NOERROR',
  authoritative: true,
  answers: values.map(row),
  authorities: [],
})

async function serve(
  answer: (question: Question) => DnsAnswer | undefined,
  listen = ['127.0.0.1:0'],
): Promise<string[]> {
  const server = await dns.serve(listen, answer, log)
  cleanups.push(server.close)
  return [...server.addresses]
}

/** A UDP server that does as it is told with each packet. */
async function puppet(onPacket: (bytes: Buffer, send: (bytes: Uint8Array) => void) => void): Promise<string> {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (bytes, from) => onPacket(bytes, reply => socket.send(reply, from.port, from.address)))
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  cleanups.push(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

const where = (server: string, timeoutSeconds = 2) => ({ server, recursion: false, signal, timeoutSeconds })
const txts = async (server: string, timeoutSeconds = 2): Promise<string[]> =>
  (await dns.query(question, where(server, timeoutSeconds))).answers.map(r => r.data)

/** A right answer to a query, made of its own bytes. */
function answerTo(query: Buffer, value: string): Buffer {
  const end = 12 + name.length + 2 + 4
  const header = Buffer.from([query[0]!, query[1]!, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0])
  const record = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1, 0, value.length + 1, value.length])
  return Buffer.concat([header, query.subarray(12, end), record, Buffer.from(value)])
}

describe('addresses', () => {
  const good: [text: string, address: string, port: number][] = [
    ['192.0.2.1', '192.0.2.1', 53],
    ['192.0.2.1:5353', '192.0.2.1', 5353],
    ['2001:db8::1', '2001:db8::1', 53],
    ['[2001:db8::1]', '2001:db8::1', 53],
    ['[::1]:5353', '::1', 5353],
  ]
  for (const [text, address, port] of good) test(text, () => expect(parseEndpoint(text)).toEqual({ address, port }))
  for (const text of [
    '',
    'ns.example.test',
    '192.0.2.1:70000',
    '192.0.2.1:',
    '[192.0.2.1]:53',
    '192.0.2.1:x',
    'http://192.0.2.1/',
  ])
    test(`${JSON.stringify(text)} is CONFIG`, async () =>
      expect(dns.query(question, where(text))).rejects.toMatchObject({ code: 'CONFIG' }))
})

describe('asking and answering', () => {
  test('over UDP, by IPv4 and IPv6', async () => {
    const seen: Question[] = []
    const [v4, v6] = await serve(
      asked => {
        seen.push(asked)
        return txt('one', 'two')
      },
      ['127.0.0.1:0', '[::1]:0'],
    )
    expect(await txts(v4!)).toEqual(['one', 'two'])
    expect(await txts(v6!)).toEqual(['one', 'two'])
    expect(seen).toEqual([question, question])
  })

  test('over TCP when the answer is cut off: 300 values', async () => {
    const many = Array.from({ length: 300 }, (_, i) => `value-${i}`.padEnd(43, '.'))
    const [server] = await serve(() => txt(...many))
    expect(await txts(server!)).toEqual(many)
  })

  test('any rcode is an answer; undefined is REFUSED, a fault of ours SERVFAIL', async () => {
    const [server] = await serve(({ type }) => {
      if (type === 'A') return undefined
      if (type === 'NS') throw new Error('broken inside')
      return { rcode: 'NXDOMAIN', authoritative: true, answers: [], authorities: [{ ...row('ns.test'), type: 'SOA' }] }
    })
    const ask = (type: Question['type']) => dns.query({ name, type }, where(server!))
    expect(await ask('A')).toMatchObject({ rcode: 'REFUSED', authoritative: false })
    expect(await ask('NS')).toMatchObject({ rcode: 'SERVFAIL' })
    expect(said.join('\n')).toContain('broken inside')
    expect(await ask('TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      authoritative: true,
      authorities: [{ data: 'ns.test' }],
    })
  })

  test('the wildcard addresses of both families, one port', async () => {
    const [any] = await serve(() => txt('v'), ['0.0.0.0:0'])
    const port = Number(any?.split(':').at(-1))
    expect(await serve(() => txt('v6'), [`[::]:${port}`])).toEqual([`[::]:${port}`])
    expect(await txts(`127.0.0.1:${port}`)).toEqual(['v'])
    expect(await txts(`[::1]:${port}`)).toEqual(['v6'])
  })

  test('an address that is taken is CONFIG, and nothing stays open', async () => {
    const [taken] = await serve(() => txt('v'))
    await expect(dns.serve(['127.0.0.1:0', taken!], () => undefined, log)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(`cannot answer DNS at ${taken}`),
      hint: expect.stringContaining('ss -lntup'),
    })
  })

  test('closes without waiting for idle TCP clients, and the address is free again', async () => {
    const server = await dns.serve(['127.0.0.1:0'], () => txt('v'), log)
    const { address, port } = parseEndpoint(server.addresses[0]!)
    const clients = await Promise.all(
      Array.from(
        { length: 20 },
        () =>
          new Promise<net.Socket>(resolve => {
            const socket = net.connect(port, address, () => resolve(socket)).on('error', () => {})
          }),
      ),
    )
    const began = performance.now()
    await server.close()
    expect(performance.now() - began).toBeLessThan(4500) // they are given 5 s
    await Promise.all(clients.map(client => client.destroyed || new Promise(resolve => client.on('close', resolve))))
    await serve(() => txt('v'), [`${address}:${port}`])
  })
})

describe('a server that misbehaves', () => {
  test('a closed port is known at once', async () => {
    await expect(txts('127.0.0.1:9')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `asking 127.0.0.1:9 for TXT ${name}: nothing listens there (ECONNREFUSED)`,
    })
  })

  test('a silent one ends with the time-out, after several datagrams', async () => {
    let packets = 0
    const server = await puppet(() => void packets++)
    const holder = net.createServer(() => {}).listen(Number(server.split(':')[1]), '127.0.0.1')
    cleanups.push(() => holder.close())
    await expect(txts(server, 2)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('no answer within 2 s'),
    })
    expect(packets).toBeGreaterThanOrEqual(2)
  })

  test('a lost datagram is sent again', async () => {
    let packets = 0
    const server = await puppet((bytes, send) => {
      if (++packets === 2) send(answerTo(bytes, 'second'))
    })
    expect(await txts(server)).toEqual(['second'])
  })

  test('where UDP is dropped, TCP is tried within the same time-out', async () => {
    const server = await puppet(() => {})
    const tcp = net.createServer(client =>
      client.on('data', bytes => client.write(framed(answerTo(bytes.subarray(2), 'tcp')))),
    )
    tcp.listen(Number(server.split(':')[1]), '127.0.0.1')
    cleanups.push(() => tcp.close())
    expect(await txts(server, 1)).toEqual(['tcp'])
  })

  test('forged answers are not heard: wrong id, wrong name, a query, noise', async () => {
    const server = await puppet((bytes, send) => {
      const wrongId = answerTo(bytes, 'wrong id')
      wrongId[0]! ^= 0xff
      const wrongName = answerTo(bytes, 'wrong name')
      wrongName[13]! ^= 1
      const asQuery = answerTo(bytes, 'query')
      asQuery[2]! &= 0x7f
      for (const forged of [wrongId, wrongName, asQuery, Buffer.alloc(3), Buffer.alloc(600, 0xff)]) send(forged)
      send(answerTo(bytes, 'right'))
    })
    expect(await txts(server)).toEqual(['right'])
  })

  test('a server from before EDNS is asked again without (RFC 6891 §7)', async () => {
    const server = await puppet((bytes, send) => {
      if (bytes.readUInt16BE(10) === 0) return send(answerTo(bytes, 'plain'))
      send(Buffer.from([bytes[0]!, bytes[1]!, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
    })
    expect(await txts(server)).toEqual(['plain'])
  })

  test('a broken answer is an error that says so', async () => {
    const server = await puppet((bytes, send) => send(answerTo(bytes, 'value').subarray(0, -9)))
    await expect(txts(server)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('cannot be read'),
    })
  })

  test('the signal ends the wait with its reason', async () => {
    const server = await puppet(() => {})
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 20)
    await expect(dns.query(question, { ...where(server), signal: stop.signal })).rejects.toThrow('Ctrl-C')
    await expect(dns.query(question, { ...where(server), signal: stop.signal })).rejects.toThrow('Ctrl-C')
  })
})

test('a ready-made message goes as it is, by UDP and TCP', async () => {
  const [server] = await serve(() => txt('v'))
  const message = encodeQuery(question, { id: 77, recursion: false, edns: false })
  for (const transport of ['udp', 'tcp'] as const) {
    const answer = await dns.exchange(message, { server: server!, signal, transport })
    expect([...answer.subarray(0, 2)]).toEqual([0, 77])
    expect(Buffer.from(answer).includes('v')).toBe(true)
  }
  await expect(dns.exchange(message, { server: '127.0.0.1:9', signal, transport: 'tcp' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('127.0.0.1:9 (TCP): nothing listens there'),
  })
})

describe('DNS over HTTPS (RFC 8484)', () => {
  const type = 'application/dns-message'
  const doh = (answer: (request: HttpRequest) => { status?: number; type?: string; body?: Uint8Array }) => {
    const requests: HttpRequest[] = []
    const fetch: Fetch = async (url, request) => {
      expect(url.href).toBe('https://doh.test/dns-query')
      requests.push(request)
      const { status = 200, type: got = type, body = new Uint8Array() } = answer(request)
      return { status, headers: { 'content-type': got }, body }
    }
    return { dns: openDns({ fetch }), requests }
  }
  const at = where('https://doh.test/dns-query')

  test('posts the message with id 0 and reads the answer', async () => {
    const { dns, requests } = doh(({ body }) => ({ body: answerTo(Buffer.from(body as Uint8Array), 'by https') }))
    expect((await dns.query(question, at)).answers.map(r => r.data)).toEqual(['by https'])
    expect(requests[0]).toMatchObject({ method: 'POST', headers: { 'content-type': type, accept: type } })
    expect([...(requests[0]!.body as Uint8Array).subarray(0, 2)]).toEqual([0, 0])
  })

  const bad: [what: string, answer: { status?: number; type?: string; body?: Uint8Array }, says: RegExp][] = [
    [
      'a web page',
      { type: 'text/html; charset=utf-8' },
      /asking https:\/\/doh\.test\/dns-query for TXT .*: HTTP status 200, content type text\/html/,
    ],
    ['an error', { status: 503 }, /HTTP status 503/],
    ['nothing', {}, /to another question/],
  ]
  for (const [what, answer, says] of bad)
    test(`${what} is UNAVAILABLE`, async () =>
      expect(doh(() => answer).dns.query(question, at)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(says),
      }))

  test('without fetch it is CONFIG', async () =>
    expect(dns.query(question, at)).rejects.toMatchObject({ code: 'CONFIG' }))
})

test("the machine's resolvers are addresses that can be asked", () => {
  for (const server of dns.systemResolvers()) expect(() => parseEndpoint(server)).not.toThrow()
})

test('1,000 questions to 4 servers cost about ten times what 100 cost', async () => {
  const servers = (await Promise.all(Array.from({ length: 4 }, () => serve(() => txt('v'))))).flat()
  const ask = (names: number) =>
    Promise.all(
      servers.flatMap(server =>
        Array.from({ length: names }, (_, i) =>
          dns.query({ name: `h${i}.example.test` as Name, type: 'TXT' }, where(server, 20)),
        ),
      ),
    )
  expect(await ask(100)).toHaveLength(400)
  expect(await growth(ask, 25)).toBeLessThan(aboutLinear)
}, 60_000)
