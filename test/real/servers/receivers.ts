// Where notices arrive: an SMTP server that shows each mail (smtp.py), and an HTTP server that keeps what it is sent.
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, type RunningServer, startServer, untilPortsAreFree } from './process.js'
import { makeTestCa } from './test-ca.js'

/** Debian's: python3-aiosmtpd is for no other Python of the machine. */
const python = '/usr/bin/python3'

export interface MailServer {
  readonly port: number
  /** The root of its certificate, for SSL_CERT_FILE. */
  readonly ca: string
  /** All mails so far. */
  mails(): ArrivedMail[]
  /** The same, once there are so many: it tells of a mail before it takes it, but a pipe is read later. */
  arrived(atLeast: number): Promise<ArrivedMail[]>
  /** All logins so far: with which user, and whether they were right. */
  logins(): { readonly login: string; readonly right: boolean }[]
  stop(): Promise<void>
}

export interface ArrivedMail {
  /** Headers and text, as they came. */
  readonly mail: string
  readonly sender: string
  readonly to: readonly string[]
  readonly tls: boolean
  readonly user?: string | null
}

type Mode = 'starttls' | 'tls' | 'plain' | 'hang'

export async function startMailServer(folder: string, mode: Mode, login: readonly string[] = []): Promise<MailServer> {
  const { ca, cert, key } = await makeTestCa()
  const [certFile, keyFile] = [join(folder, `${mode}.pem`), join(folder, `${mode}.key`)]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key)
  let port = 0
  const server: RunningServer = await untilPortsAreFree(async () => {
    port = await freePort()
    const argv = [python, join(import.meta.dirname, 'smtp.py'), String(port), certFile, keyFile, mode, ...login]
    return startServer(argv, { ready: /"ready"/ })
  })
  const told = () =>
    server
      .log()
      .split('\n')
      .flatMap(line => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const mails = (): ArrivedMail[] => told().filter(line => 'mail' in line)
  return {
    port,
    ca,
    mails,
    arrived: async atLeast => {
      for (let tries = 0; mails().length < atLeast && tries < 500; tries++) await sleep(10)
      return mails()
    },
    logins: () => told().filter(line => 'login' in line),
    stop: server.stop,
  }
}

export interface Arrived {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Receiver {
  readonly url: string
  readonly arrived: Arrived[]
  /** What is answered from now on; 200 and `ok` at first. */
  answer: (path: string, response: ServerResponse) => void
  stop(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const arrived: Arrived[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    arrived.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body })
    receiver.answer(request.url ?? '', response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    answer: (_, response) => void response.end('ok'),
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await sleep(0)
    },
  }
  return receiver
}
