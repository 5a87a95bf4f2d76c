import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Pebble } from './pebble.js'
import { temporaryFolder } from './process.js'
import { makeTestCa } from './test-ca.js'

/** One request as the CA got it: a signed one with what was signed. */
export interface Recorded {
  readonly method: string
  readonly path: string
  readonly payload?: unknown
  /** What the CA answered. */
  status?: number
  body?: string
}

/** What stands between gives instead of the CA's answer; `hangs`: nothing, ever. */
export type Instead = { readonly status: number; readonly body: string } | 'hangs'

/** Stands between a client and a Pebble, and writes down what goes by. */
export interface Recorder {
  readonly directoryUrl: string
  /** Trusts it and Pebble: for SSL_CERT_FILE. */
  readonly caFile: string
  readonly seen: Recorded[]
  instead: (path: string) => Instead | undefined
  stop(): Promise<void>
}

/** The Host of the request goes on to Pebble, which names its URLs by it: so all requests come by here. */
export async function startRecorder(pebble: Pebble): Promise<Recorder> {
  const folder = temporaryFolder('recorder')
  const tls = await makeTestCa()
  const caFile = join(folder.path, 'roots.pem')
  writeFileSync(caFile, `${readFileSync(pebble.caFile, 'utf8')}\n${tls.ca}\n`)
  const { port: behind } = new URL(pebble.directoryUrl)
  const ca = readFileSync(pebble.caFile)
  const seen: Recorded[] = []
  const server = createServer({ cert: tls.cert, key: tls.key }, (request, response) => {
    const { method = '', url: path = '', headers } = request
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const one: Recorded = { method, path, ...(body.length > 0 && { payload: payloadOf(body) }) }
      seen.push(one)
      const instead = recorder.instead(path)
      if (instead === 'hangs') return
      if (instead) {
        response.writeHead(instead.status).end(instead.body)
        return
      }
      const onward = httpsRequest({
        host: '127.0.0.1',
        port: behind,
        servername: 'localhost',
        ca,
        method,
        path,
        headers,
      })
      onward.on('response', answer => {
        const told: Buffer[] = []
        answer.on('data', chunk => told.push(chunk))
        answer.on('end', () => {
          one.status = answer.statusCode ?? 0
          one.body = Buffer.concat(told).toString()
          response.writeHead(one.status, answer.headers).end(Buffer.concat(told))
        })
      })
      onward.on('error', () => response.destroy())
      onward.end(body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const recorder: Recorder = {
    directoryUrl: `https://localhost:${(server.address() as AddressInfo).port}/dir`,
    caFile,
    seen,
    instead: () => undefined,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      folder.remove()
    },
  }
  return recorder
}

/** Of a JWS (RFC 7515); '' is POST-as-GET. */
function payloadOf(body: Buffer): unknown {
  const { payload = '' } = JSON.parse(body.toString()) as { payload?: string }
  return payload === '' ? '' : JSON.parse(Buffer.from(payload, 'base64url').toString())
}
