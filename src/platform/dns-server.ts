/** The sockets of a DNS server, UDP and TCP, with limits on what a stranger can cost: clients, silence, and unread answers. */

import dgram from 'node:dgram'
import net from 'node:net'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { DnsAnswer, DnsServer, Log, Question } from '../core/world.js'
import { encodeReply, screen } from '../dns/serving.js'
import { type Endpoint, endpointText, framed, frameReader, parseEndpoint } from './dns-transport.js'

/** A TCP client that has sent no whole question for this long is cut off (RFC 7766 §6.2.3). */
const idleSeconds = 5
/** In all. Our own choice: few enough that they cannot use up a process's open files (1024 mostly). */
const maxTcpClients = 100
/**
 * A resolver asks by UDP, and by TCP what did not fit (RFC 7766 §6.2.2 lets a server limit them). But there are CAs that ask by
 * TCP alone, several times for each name of an order at once: Pebble's 150 connections for 50 names were cut off with 10.
 */
const maxTcpClientsEach = 60
/** A TCP client that asks and asks but never reads is cut off. */
const maxUnreadBytes = 256 * 1024
/** Two octets of length stand before each message (RFC 1035 §4.2.2). */
const longestTcpMessageBytes = 65_535

type Reply = (bytes: Buffer, by: 'udp' | 'tcp') => Uint8Array | undefined

interface Closable {
  readonly at: Endpoint
  close(): void
}

/**
 * World.dns.serve. Sockets are our own and not dns2's servers: those can't have 0.0.0.0 and [::] at once, never say
 * that an address is taken, answer responses, and wait ten seconds for an idle TCP client when closed.
 * @throws Dns01Error CONFIG naming the address that can't be had
 */
export async function serve(
  listen: readonly string[],
  answer: (question: Question) => DnsAnswer | undefined,
  log: Log,
): Promise<DnsServer> {
  const reply = replier(answer, log)
  const open: Closable[] = []
  const close = async (): Promise<void> => {
    for (const socket of open.splice(0)) socket.close()
  }
  try {
    // one after the other, all or none: a server at half of its addresses would look healthy to some resolvers
    for (const text of listen) open.push(...(await listenAt(parseEndpoint(text), reply, log)))
  } catch (error) {
    await close()
    throw error
  }
  const addresses = [...new Set(open.map(({ at }) => endpointText(at)))]
  return { addresses, close }
}

/** Guards, then the answer, then bytes. What goes wrong in between is SERVFAIL to the client and an error in our log. */
function replier(answer: (question: Question) => DnsAnswer | undefined, log: Log): Reply {
  return (bytes, by) => {
    const screened = screen(bytes)
    if (screened.is === 'noise') return undefined
    if (screened.is === 'refusal') return screened.reply
    const { query } = screened
    const limitBytes = by === 'udp' ? query.udpLimitBytes : longestTcpMessageBytes
    const what = `DNS server: ${query.question.type} ${query.question.name || '.'}`
    log.trace(`${what} by ${by}`)
    try {
      return encodeReply(query, answer(query.question), limitBytes)
    } catch (error) {
      log.error(`${what}: ${messageOf(error)}`)
      return encodeReply(query, failure, limitBytes)
    }
  }
}

const failure: DnsAnswer = { rcode: 'SERVFAIL', authoritative: false, answers: [], authorities: [] }

/** UDP and TCP at one address. With port 0 the system picks one that is free for both. */
async function listenAt(at: Endpoint, reply: Reply, log: Log): Promise<Closable[]> {
  for (let attempt = 1; ; attempt++) {
    const tcp = await listenTcp(at, reply, log)
    try {
      return [tcp, await listenUdp(tcp.at, reply, log)]
    } catch (error) {
      tcp.close()
      // a port that somebody named is had or not; of ports that the system picks another one may be free for both
      if (at.port !== 0 || attempt === 10) throw error
    }
  }
}

function listenUdp(at: Endpoint, reply: Reply, log: Log): Promise<Closable> {
  const socket = net.isIPv6(at.address)
    ? dgram.createSocket({ type: 'udp6', ipv6Only: true })
    : dgram.createSocket('udp4')
  const unsent = (error: Error | null): void => {
    if (error) log.debug(`DNS server: answer not sent: ${error.message}`)
  }
  socket.on('message', (bytes, from) => {
    const bytesBack = reply(bytes, 'udp')
    // port 0 is nobody's: an answer to it cannot be sent, and the question was forged
    if (bytesBack && from.port !== 0) socket.send(bytesBack, from.port, from.address, unsent)
  })
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close()
      reject(cannotListen(at, 'UDP', error))
    })
    socket.bind({ address: at.address, port: at.port }, () => {
      socket.removeAllListeners('error')
      socket.on('error', error => log.warn(`DNS server at ${endpointText(at)} (UDP): ${error.message}`))
      resolve({ at: { ...at, port: socket.address().port }, close: () => socket.close() })
    })
  })
}

function listenTcp(at: Endpoint, reply: Reply, log: Log): Promise<Closable> {
  const clients = openClients()
  const server = net.createServer({ noDelay: true }, client => {
    clients.add(client)
    converse(client, reply, () => clients.heard(client))
  })
  const close = (): void => {
    server.close()
    clients.end()
  }
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(cannotListen(at, 'TCP', error)))
    server.listen({ host: at.address, port: at.port, ipv6Only: true }, () => {
      server.removeAllListeners('error')
      server.on('error', error => log.warn(`DNS server at ${endpointText(at)} (TCP): ${error.message}`))
      resolve({ at: { ...at, port: (server.address() as net.AddressInfo).port }, close })
    })
  })
}

/** TCP connections, the one that has been silent for longest first. */
interface Clients {
  /** Where there are too many, of this address or in all, the first of them is cut off: who comes is let in. */
  add(client: net.Socket): void
  /** It has asked something. */
  heard(client: net.Socket): void
  end(): void
}

function openClients(): Clients {
  const clients = new Map<net.Socket, string>()
  const cutOff = (which: (address: string) => boolean, most: number): void => {
    const found = [...clients].filter(([, address]) => which(address)).map(([client]) => client)
    for (const client of found.slice(0, Math.max(0, found.length - most))) {
      clients.delete(client)
      client.destroy()
    }
  }
  return {
    add: client => {
      const own = client.remoteAddress ?? ''
      clients.set(client, own)
      client.on('close', () => clients.delete(client))
      cutOff(address => address === own, maxTcpClientsEach)
      cutOff(() => true, maxTcpClients)
    },
    heard: client => {
      const address = clients.get(client)
      if (address === undefined) return
      clients.delete(client)
      clients.set(client, address)
    },
    end: () => {
      for (const client of clients.keys()) client.destroy()
    },
  }
}

/** Questions one after the other (RFC 7766 §6.2.1). Noise, silence or never reading ends the connection. */
function converse(client: net.Socket, reply: Reply, heard: () => void): void {
  const cutOff = (): void => void client.destroy()
  const idle = setTimeout(cutOff, idleSeconds * 1000)
  client.on('close', () => clearTimeout(idle))
  client.on('error', cutOff)
  const read = frameReader(bytes => {
    if (client.destroyed) return
    const answer = reply(bytes, 'tcp')
    if (!answer || client.writableLength > maxUnreadBytes) return cutOff()
    // only a whole question counts: a client that sends a byte now and then is cut off all the same
    idle.refresh()
    heard()
    client.write(framed(answer))
  })
  client.on('data', read)
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another DNS server listens there; `ss -lntup` shows which',
  EACCES: 'ports below 1024 need a right: `setcap cap_net_bind_service=+ep $(readlink -f $(command -v node))`',
  EADDRNOTAVAIL: 'this machine has no such address; `ip address` shows those it has',
  EAFNOSUPPORT: 'this machine has no address of that family',
}

function cannotListen(at: Endpoint, by: 'UDP' | 'TCP', cause: NodeJS.ErrnoException): Dns01Error {
  const message = `cannot answer DNS at ${endpointText(at)} (${by}): ${cause.message}`
  return new Dns01Error('CONFIG', message, { cause, hint: HINTS[cause.code ?? ''] })
}
