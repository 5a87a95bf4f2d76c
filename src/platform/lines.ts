/**
 * The World's `tls` over node:net and node:tls: connections on which somebody looks at a certificate. They take whatever a
 * server has, down to TLS 1.0 and weak keys, as nothing is told over them; they are bounded in bytes, and in time by the
 * signal. Loaded when it is first used.
 */

import type { Socket } from 'node:net'
import { Dns01Error, messageOf } from '../core/errors.js'
import { brief } from '../core/gate.js'
import type { Handshake, Line, Tls, World } from '../core/world.js'

/** Of plain text before TLS; the longest greeting of a mail server has some hundreds. Our own choice. */
const mostBytes = 65_536

export function openTls({ env }: Pick<World, 'env'>): Tls {
  let trusted: Promise<readonly Uint8Array[]> | undefined
  const trustedCas = async () => (await import('./trusted-cas.js')).trustedDer(env)
  return {
    async connect(host, port, signal) {
      const { connect } = await import('node:net')
      signal.throwIfAborted()
      const socket = connect({ host, port })
      const line = new SocketLine(socket, signal)
      await line.connected()
      return line
    },
    trustedCas: () => {
      trusted ??= trustedCas() // read once: a distribution's are 220 KB
      return trusted
    },
  }
}

/** In words: node's own have the address and the call in them, and name no reason. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused: nothing listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name cannot be looked up now',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'no answer',
}

class SocketLine implements Line {
  readonly #socket: Socket
  #bytes = 0
  /** What ends every wait. */
  readonly #broken: Promise<never>

  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket
    this.#broken = new Promise((_, reject) => {
      const stop = (): void => {
        reject(signal.reason)
        socket.destroy()
      }
      signal.addEventListener('abort', stop, { once: true })
      socket.once('close', () => signal.removeEventListener('abort', stop))
      socket.on('error', cause => reject(told(cause)))
    })
    this.#broken.catch(() => {}) // told to whoever waits
  }

  async connected(): Promise<void> {
    await Promise.race([new Promise(resolve => this.#socket.once('connect', resolve)), this.#broken])
  }

  async read(): Promise<Uint8Array> {
    for (;;) {
      const chunk = this.#socket.read() as Buffer | null
      if (chunk === null) {
        if (this.#socket.readableEnded || this.#socket.destroyed) return new Uint8Array()
        await Promise.race([this.#readable(), this.#broken])
        continue
      }
      this.#bytes += chunk.length
      if (this.#bytes > mostBytes) throw told(new Error(`it says more than ${mostBytes} bytes before TLS`))
      return chunk
    }
  }

  #readable(): Promise<void> {
    return new Promise(resolve => {
      const events = ['readable', 'end', 'close'] as const
      const heard = (): void => {
        for (const event of events) this.#socket.off(event, heard)
        resolve()
      }
      for (const event of events) this.#socket.on(event, heard)
    })
  }

  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes)
  }

  async shake(name: string | undefined): Promise<Handshake> {
    const { connect, createSecureContext } = await import('node:tls')
    const { chainOf } = await import('./trusted-cas.js')
    while (this.#socket.read() !== null); // dropped
    const secureContext = createSecureContext({
      ca: [], // else those that node trusts would be taken for sent ones
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    })
    const socket = connect({ socket: this.#socket, servername: name ?? '', secureContext, rejectUnauthorized: false })
    const failed = new Promise<never>((_, reject) => {
      socket.on('error', cause => reject(told(cause)))
      socket.once('close', () => reject(told(new Error('the connection was closed within the handshake'))))
    })
    failed.catch(() => {})
    await Promise.race([new Promise(resolve => socket.once('secureConnect', resolve)), failed, this.#broken])
    const shown = socket.getPeerCertificate(true)
    const result = { protocol: socket.getProtocol() ?? '', cipher: socket.getCipher().name, chain: chainOf(shown) }
    socket.destroy()
    return result
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** OpenSSL's words: the last but one part of `0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version:…`. */
function told(cause: unknown): Dns01Error {
  const { code = '', reason } = cause as { readonly code?: string; readonly reason?: string }
  const inner = cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause
  const words = WORDS[(inner as { readonly code?: string }).code ?? code] ?? reason ?? messageOf(inner)
  return new Dns01Error('UNAVAILABLE', brief(words, 300), { cause })
}
