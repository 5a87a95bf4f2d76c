import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer as read } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Passing {
  readonly method: string
  readonly path: string
  /** How many came before, in all. */
  readonly count: number
}

export interface ProxyAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** What is done to a request and its answer. */
interface Change {
  /** The CA never hears of it, this is the answer. */
  readonly instead?: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  readonly delaySeconds?: number
  readonly change?: (answer: ProxyAnswer) => ProxyAnswer
}

/** `cut`: the CA has heard it, but its answer ends in the middle. `twice`: it hears it twice, the second answer is handed on. */
export type Trick = Change | 'cut' | 'twice'

export interface RunningProxy {
  readonly port: number
  /** `POST /order-plz: cut` of each trick played. */
  readonly played: string[]
  close(): Promise<void>
}

/**
 * An HTTPS server of its own that hands every request on to another, `localhost:toPort`, with the Host that was asked
 * for, so that Pebble names the proxy in its URLs; and that plays tricks.
 */
export async function startProxy(options: {
  readonly toPort: number
  readonly tls: { readonly cert: string; readonly key: string }
  /** The CA behind, for its certificate. */
  readonly caPem: string
  readonly trick: (passing: Passing) => Trick | undefined
}): Promise<RunningProxy> {
  const { toPort, caPem, tls, trick } = options
  const agent = new https.Agent({ keepAlive: true, ca: caPem })
  const played: string[] = []
  let count = 0

  const handOn = async (request: IncomingMessage, body: Buffer): Promise<ProxyAnswer> => {
    const { method, url: path, headers } = request
    const sent = https.request({
      host: 'localhost',
      port: toPort,
      path,
      method,
      headers,
      agent,
      servername: 'localhost',
    })
    sent.end(body)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    const { 'transfer-encoding': _, ...kept } = answer.headers
    const texts = Object.entries(kept).map(([name, value]) => [name, [value ?? ''].flat().join(', ')])
    return { status: answer.statusCode ?? 0, headers: Object.fromEntries(texts), body: await read(answer) }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request)
    const what = { method: `${request.method}`, path: `${request.url}`, count: count++ }
    const how = trick(what)
    if (how) played.push(`${what.method} ${what.path}: ${typeof how === 'string' ? how : Object.keys(how)[0]}`)
    const { instead, delaySeconds = 0, change } = typeof how === 'object' ? how : ({} as Change)
    if (instead) return void response.writeHead(instead.status, instead.headers).end(instead.body)
    await sleep(delaySeconds * 1000)
    if (how === 'twice') await handOn(request, body)
    const came = await handOn(request, body)
    const { status, headers, body: text } = change?.(came) ?? came
    response.writeHead(status, { ...headers, 'content-length': String(text.length) })
    if (how !== 'cut') return void response.end(text)
    response.flushHeaders()
    response.write(text.subarray(0, text.length / 2), () => response.destroy())
  }
  const server = https.createServer(tls, (request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    played,
    close: () =>
      new Promise(resolve => {
        agent.destroy()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
