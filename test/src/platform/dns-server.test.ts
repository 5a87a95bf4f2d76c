import dgram from 'node:dgram'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import type { DnsAnswer, Question } from '../../../src/core/world.js'
import { encodeQuery, udpSizeBytes } from '../../../src/dns/message.js'
import { openDns } from '../../../src/platform/dns.js'
import { framed, parseEndpoint } from '../../../src/platform/dns-transport.js'
import { listeningLog } from '../../contract/provider-contract.js'

const log = listeningLog([])
const dns = openDns()
const zone = 'example.test'

/** A zone with one name of 60 values, so that an answer may well be too large. */
function answer({ name, type }: Question): DnsAnswer | undefined {
  if (name !== zone && !name.endsWith(`.${zone}`)) return undefined
  const values = Array.from({ length: 60 }, (_, i) => `value-${i}`.padEnd(43, '.'))
  const answers = values.map(data => ({ name, type: 'TXT' as const, ttlSeconds: 1, data }))
  const soa = { name: zone as Name, type: 'SOA' as const, ttlSeconds: 1, data: `ns.${zone}` }
  return name === `big.${zone}` && type === 'TXT'
    ? { rcode: 'NOERROR', authoritative: true, answers, authorities: [] }
    : { rcode: 'NXDOMAIN', authoritative: true, answers: [], authorities: [soa] }
}

/** The same numbers in every run (xorshift32). */
function dice(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** What a stranger may send: noise, bent questions, pointer chains, wrong counts, responses. `id` marks it. */
function hostile(roll: (below: number) => number, id: number): Buffer {
  const kind = roll(8)
  const noise = Buffer.from(Array.from({ length: 2 + roll(kind === 0 ? 1400 : 60) }, () => roll(256)))
  const question = Buffer.from(
    encodeQuery(
      { name: ['big', 'a.b.c', ''][roll(3)]!.concat('.', zone).replace(/^\./, '') as Name, type: 'TXT' },
      { id, recursion: roll(2) === 0, edns: roll(2) === 0 },
    ),
  )
  const bytes =
    kind < 2 ? noise : kind === 2 ? pointerChain() : kind === 3 ? Buffer.concat([question, noise]) : question
  if (kind === 4) bytes.writeUInt16BE(roll(65_536), 4 + 2 * roll(4))
  if (kind >= 5) for (let i = 0; i <= roll(6); i++) bytes[2 + roll(bytes.length - 2)] = roll(256)
  if (kind === 7) return marked(bytes.subarray(0, 2 + roll(bytes.length - 2)), id)
  return marked(bytes, id)
}

/** A name made of 600 pointers, each to the one before. */
function pointerChain(): Buffer {
  const bytes = Buffer.alloc(1228)
  bytes.writeUInt16BE(1, 4)
  bytes.writeUInt16BE(1, 10)
  bytes[12] = 0
  for (let at = 17; at + 2 <= bytes.length; at += 2) bytes.writeUInt16BE(0xc000 | Math.max(12, at - 2), at)
  return bytes
}

const marked = (bytes: Buffer, id: number): Buffer => {
  bytes.writeUInt16BE(id, 0)
  return bytes
}

/** Rcodes of a question that was understood and is ours to answer. */
const isAnswer = (reply: Buffer): boolean => [0, 3].includes(reply[3]! & 0xf)

const alive = async (server: string): Promise<void> => {
  const where = { server, recursion: false, signal: AbortSignal.timeout(5000) }
  const found = await dns.query({ name: `big.${zone}` as Name, type: 'TXT' }, where)
  expect(found.answers).toHaveLength(60)
}

test('20,000 hostile datagrams: it lives, never says more than 1232 bytes, and to garbage never more than it got', async () => {
  const server = await dns.serve(['127.0.0.1:0'], answer, log)
  const { address, port } = parseEndpoint(server.addresses[0]!)
  const socket = dgram.createSocket('udp4')
  await new Promise<void>(resolve => socket.connect(port, address, resolve))
  const sizes = new Map<number, number>()
  let replies = 0
  const faults: string[] = []
  socket.on('message', reply => {
    replies++
    const asked = sizes.get(reply.readUInt16BE(0)) ?? 0
    if (reply.length > udpSizeBytes) faults.push(`${reply.length} bytes`)
    if (!isAnswer(reply) && reply.length > asked) faults.push(`${reply.length} bytes for ${asked}`)
  })
  const roll = dice(1)
  for (let id = 0; id < 20_000; id++) {
    const bytes = hostile(roll, id)
    sizes.set(id, bytes.length)
    socket.send(bytes)
    if (id % 20 === 19) await new Promise(resolve => setImmediate(resolve))
  }
  await sleep(300)
  await alive(server.addresses[0]!)
  socket.close()
  await server.close()
  expect(faults).toEqual([])
  expect(replies).toBeGreaterThan(8000)
}, 30_000)

test('1,000 hostile TCP messages, broken in pieces, half-sent and pipelined', async () => {
  const server = await dns.serve(['127.0.0.1:0'], answer, log)
  const { address, port } = parseEndpoint(server.addresses[0]!)
  const roll = dice(2)
  const talk = async (turn: number): Promise<void> => {
    const messages = Array.from({ length: 10 }, (_, i) => framed(hostile(roll, turn * 10 + i)))
    const stream = Buffer.concat([...messages, Buffer.from([0xff, 0xff, 1])])
    const socket = net.connect(port, address)
    socket.on('error', () => {})
    socket.resume()
    for (let at = 0; at < stream.length && !socket.destroyed; ) {
      const end = at + 1 + roll(turn % 2 === 0 ? 9 : 3000)
      socket.write(stream.subarray(at, end))
      at = end
      if (roll(20) === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await sleep(5)
    socket.destroy()
  }
  for (let turn = 0; turn < 100; turn += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => talk(turn + i)))
  await alive(server.addresses[0]!)
  await server.close()
}, 30_000)

test('TCP clients that say nothing are cut off, the first of too many at once, and then it serves again', async () => {
  const server = await dns.serve(['127.0.0.1:0'], answer, log)
  const { address, port } = parseEndpoint(server.addresses[0]!)
  const began = performance.now()
  const ends = Array.from(
    { length: 150 },
    () =>
      new Promise<number>(resolve => {
        const socket = net.connect(port, address).on('error', () => {})
        const drip = setInterval(() => socket.write(Buffer.alloc(1, 4)), 1000)
        socket.resume().on('close', () => {
          clearInterval(drip)
          resolve(performance.now() - began)
        })
      }),
  )
  const ended = (await Promise.all(ends)).sort((a, b) => a - b)
  expect(ended.at(-1)).toBeGreaterThan(4500)
  expect(ended[49]).toBeLessThan(4500)
  await alive(server.addresses[0]!)
  await server.close()
}, 30_000)

/** A client at that address of this machine; its questions, and whether it was cut off. */
function tcpClient(server: string, localAddress: string) {
  const { address, port } = parseEndpoint(server)
  const socket = net.connect({ port, host: address, localAddress }).on('error', () => {})
  const closed = new Promise<void>(resolve => void socket.on('close', () => resolve()))
  const question = encodeQuery({ name: `x.${zone}` as Name, type: 'TXT' }, { id: 7, recursion: false, edns: true })
  return {
    closed,
    isOpen: () => !socket.destroyed && !socket.closed,
    end: () => socket.destroy(),
    ask: () =>
      new Promise<boolean>(resolve => {
        socket.once('data', () => resolve(true)).once('close', () => resolve(false))
        socket.write(framed(question))
      }),
  }
}

test('one address with a hundred TCP connections keeps nobody else out', async () => {
  const server = await dns.serve(['127.0.0.1:0'], answer, log)
  const [at = ''] = server.addresses
  const many = Array.from({ length: 100 }, () => tcpClient(at, '127.0.0.1'))
  const answered = await Promise.all(many.map(client => client.ask()))
  const other = tcpClient(at, '127.0.0.2')
  expect(await other.ask()).toBe(true)
  expect(answered.filter(Boolean).length).toBeGreaterThan(0)
  await Promise.all(many.slice(0, 35).map(client => client.closed))
  for (const client of [...many, other]) client.end()
  await server.close()
})

test('the TCP connection that has been silent for longest makes room', async () => {
  const server = await dns.serve(['127.0.0.1:0'], answer, log)
  const [at = ''] = server.addresses
  const clients: ReturnType<typeof tcpClient>[] = []
  for (let i = 0; i < 60; i++) {
    clients.push(tcpClient(at, '127.0.0.1'))
    await clients[i]?.ask()
  }
  await clients[0]?.ask()
  const last = tcpClient(at, '127.0.0.1')
  expect(await last.ask()).toBe(true)
  await clients[1]?.closed
  expect(clients.map(client => client.isOpen())).toEqual(clients.map((_, i) => i !== 1))
  for (const client of [...clients, last]) client.end()
  await server.close()
})
