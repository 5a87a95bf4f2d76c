import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'

export interface ConnectProxy {
  readonly url: string
  /** What it was asked for: `HOST:PORT`, and the Proxy-Authorization header if there was one. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

export interface ConnectProxyOptions {
  /** `user:password`; without it, or with another, the answer is 407 (RFC 9110 §15.5.8). */
  readonly login?: string
  /** It answers 403 to everything. */
  readonly refuse?: boolean
}

/** A forward proxy as companies have it: it knows CONNECT only (RFC 9110 §9.3.6). Listens on loopback. */
export async function startConnectProxy({ login, refuse = false }: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const asked: string[] = []
  const open = new Set<net.Socket>()
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`
  const proxy = http.createServer((_, response) => void response.writeHead(405).end())
  proxy.on('connection', (socket: net.Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  proxy.on('connect', (request: IncomingMessage, client: net.Socket) => {
    const credentials = request.headers['proxy-authorization']
    asked.push(`${request.url} ${credentials ?? ''}`.trim())
    if (refuse) return void client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    if (wanted !== undefined && credentials !== wanted)
      return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n')
    const [host, port] = (request.url ?? '').split(':')
    const upstream = net.connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(client)
      client.pipe(upstream)
    })
    const end = () => {
      upstream.destroy()
      client.destroy()
    }
    for (const socket of [upstream, client]) socket.on('error', end)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise(resolve => {
        proxy.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}
