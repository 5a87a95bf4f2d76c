/**
 * One DNS message sent and its answer awaited, over UDP or TCP, with a bound in time; and how the address of a server is
 * written.
 */

import dgram from 'node:dgram'
import net from 'node:net'
import { Dns01Error } from '../core/errors.js'

export interface Endpoint {
  readonly address: string
  readonly port: number
}

/**
 * `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`; port 53 when it is not said.
 * @throws Dns01Error CONFIG
 */
export function parseEndpoint(text: string): Endpoint {
  if (net.isIP(text)) return { address: text, port: 53 }
  const [, bracketed, plain, digits = '53'] = text.match(/^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/) ?? []
  const address = bracketed ?? plain ?? ''
  const port = Number(digits)
  const fits = bracketed === undefined ? net.isIPv4(address) : net.isIPv6(address)
  if (fits && port < 65_536) return { address, port }
  throw new Dns01Error('CONFIG', `${JSON.stringify(text)} is not the address of a DNS server`, {
    hint: 'write 192.0.2.1, 192.0.2.1:5353, 2001:db8::1 or [2001:db8::1]:5353',
  })
}

export const endpointText = ({ address, port }: Endpoint): string =>
  net.isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`

export interface Exchange<T> {
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
  /** What the bytes mean; undefined: not the answer, go on listening. What it throws ends the exchange. */
  readonly accept: (bytes: Buffer) => T | undefined
}

const silence = (): Error => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })

/** A datagram may get lost: sent again after this, then after twice as long, and so on. */
const firstRepeatSeconds = 0.3

/**
 * One datagram and its answer, over a socket of its own: connected, so that only this server is heard and a closed port
 * is known at once (ECONNREFUSED), from a port that the system picks at random (RFC 5452 §9.2). Rejects with node's
 * error, ETIMEDOUT when nothing comes, or the signal's reason.
 */
export function exchangeUdp<T>(
  message: Uint8Array,
  to: Endpoint,
  { timeoutSeconds, signal, accept, repeat }: Exchange<T> & { readonly repeat: boolean },
): Promise<T> {
  return settleOnce(timeoutSeconds, signal, ({ resolve, reject, atEnd }) => {
    const socket = dgram.createSocket(net.isIPv6(to.address) ? 'udp6' : 'udp4')
    atEnd(() => socket.close())
    let again: NodeJS.Timeout | undefined
    atEnd(() => clearTimeout(again))
    const send = (nextSeconds: number): void => {
      socket.send(message)
      if (repeat) again = setTimeout(() => send(nextSeconds * 2), nextSeconds * 1000)
    }
    socket.on('error', reject)
    socket.on('connect', () => send(firstRepeatSeconds))
    socket.on('message', bytes => attempt(() => accept(bytes), resolve, reject))
    socket.connect(to.port, to.address)
  })
}

/** One message and its answer over TCP (RFC 7766), a connection of its own. Rejects as exchangeUdp does. */
export function exchangeTcp<T>(
  message: Uint8Array,
  to: Endpoint,
  { timeoutSeconds, signal, accept }: Exchange<T>,
): Promise<T> {
  return settleOnce(timeoutSeconds, signal, ({ resolve, reject, atEnd }) => {
    const socket = net.connect({ host: to.address, port: to.port, noDelay: true })
    atEnd(() => socket.destroy())
    socket.on('error', reject)
    socket.on('close', () => reject(Object.assign(new Error('connection closed'), { code: 'ECONNRESET' })))
    socket.on('connect', () => socket.write(framed(message)))
    const read = frameReader(bytes => attempt(() => accept(bytes), resolve, reject))
    socket.on('data', read)
  })
}

function attempt<T>(accept: () => T | undefined, resolve: (value: T) => void, reject: (error: unknown) => void): void {
  try {
    const accepted = accept()
    if (accepted !== undefined) resolve(accepted)
  } catch (error) {
    reject(error)
  }
}

/** Two bytes of length before each message (RFC 1035 §4.2.2), in one write (RFC 7766 §8). */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(2 + message.length)
  frame.writeUInt16BE(message.length, 0)
  frame.set(message, 2)
  return frame
}

/** Takes what comes in any pieces and hands on whole messages. */
export function frameReader(onMessage: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  return chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0)
      const message = held.subarray(2, end)
      held = held.subarray(end)
      onMessage(message)
    }
  }
}

interface Settling<T> {
  resolve(value: T): void
  reject(error: unknown): void
  atEnd(undo: () => void): void
}

/** A promise that settles once: by the work, the time-out or the signal; then everything is undone. */
function settleOnce<T>(timeoutSeconds: number, signal: AbortSignal, begin: (on: Settling<T>) => void): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason)
  const undo: (() => void)[] = []
  const work = new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    const timer = setTimeout(() => reject(silence()), timeoutSeconds * 1000)
    signal.addEventListener('abort', stop, { once: true })
    undo.push(
      () => clearTimeout(timer),
      () => signal.removeEventListener('abort', stop),
    )
    begin({ resolve, reject, atEnd: step => undo.push(step) })
  })
  return work.finally(() => {
    for (const step of undo) step()
  })
}
