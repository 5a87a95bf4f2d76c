import { readFileSync, writeFileSync } from 'node:fs'
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Dns01Error } from '../../../src/core/errors.js'
import type { HttpRequest } from '../../../src/core/world.js'
import { openFetch } from '../../../src/platform/fetch.js'
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from '../../fakes/connect-proxy.js'
import { newFolder } from '../../folder.js'
import { makeCertificate } from '../x509/made.js'

const folder = newFolder('fetch')
const caFile = join(folder, 'ca.pem')
const otherCaFile = join(folder, 'other.pem')
const namesakeFile = join(folder, 'namesake.pem')
let tls: https.ServerOptions
let wrongName: https.ServerOptions
let expired: https.ServerOptions
let early: https.ServerOptions
let strange: https.ServerOptions
let ofNamesake: https.ServerOptions

const dates = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) }

beforeAll(async () => {
  const root = await makeCertificate({ subject: 'CN=Test Root', ca: true, ...dates })
  const other = await makeCertificate({ subject: 'CN=Other Root', ca: true, ...dates })
  const namesake = await makeCertificate({ subject: 'CN=Test Root', ca: true, ...dates })
  const leaf = async (name: string, more = dates, issuer = root): Promise<https.ServerOptions> => {
    const made = await makeCertificate({ subject: `CN=${name}`, names: [name], issuer, ...more })
    return { cert: made.pem, key: made.keyPem }
  }
  strange = await leaf('127.0.0.1', dates, other)
  ofNamesake = await leaf('127.0.0.1', dates, namesake)
  tls = await leaf('127.0.0.1')
  wrongName = await leaf('elsewhere.test')
  expired = await leaf('127.0.0.1', { ...dates, notAfter: new Date(Date.now() - 60_000) })
  early = await leaf('127.0.0.1', { ...dates, notBefore: new Date(Date.now() + 3_600_000) })
  writeFileSync(caFile, root.pem)
  writeFileSync(otherCaFile, other.pem)
  writeFileSync(namesakeFile, namesake.pem)
})

async function another() {
  const root = await makeCertificate({ subject: 'CN=Another Root', ca: true, ...dates })
  const made = await makeCertificate({ subject: 'CN=127.0.0.1', names: ['127.0.0.1'], issuer: root, ...dates })
  return { root: root.pem, leaf: { cert: made.pem, key: made.keyPem } }
}

/** The server shows its own certificate only: the intermediate has to come from the trusted ones. */
async function chainOfThree() {
  const root = await makeCertificate({ subject: 'CN=Third Root', ca: true, ...dates })
  const intermediate = await makeCertificate({ subject: 'CN=Third Intermediate', ca: true, issuer: root, ...dates })
  const made = await makeCertificate({ subject: 'CN=127.0.0.1', names: ['127.0.0.1'], issuer: intermediate, ...dates })
  return { root: root.pem, chain: { intermediate: intermediate.pem, leaf: made.pem, key: made.keyPem } }
}

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Listens on loopback until the test ends; gives the port. */
async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

const overHttps = async (answer: RequestListener, options = tls) =>
  new URL(`https://127.0.0.1:${await listen(https.createServer(options, answer))}/path?q=1`)
const overHttp = async (answer: RequestListener) =>
  new URL(`http://127.0.0.1:${await listen(http.createServer(answer))}/path?q=1`)

const hello: RequestListener = (_, response) => void response.end('hello')
const get = (more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  signal: AbortSignal.timeout(20_000),
  ...more,
})
const text = ({ body }: { body: Uint8Array }): string => Buffer.from(body).toString('utf8')

async function read(request: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of request) all += chunk
  return all
}

const failure = async (asked: Promise<unknown>): Promise<Dns01Error> =>
  asked.then(
    () => {
      throw new Error('it was answered')
    },
    error => error as Dns01Error,
  )

describe('one exchange', () => {
  test('sends method, path, headers and body, and gives back status, headers and body', async () => {
    const url = await overHttp(async (request, response) => {
      response.writeHead(201, { 'Replay-Nonce': 'abc', Link: ['<a>;rel="up"', '<b>;rel="index"'] })
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, type: headers['content-type'], body: await read(request) }))
    })
    const answer = await openFetch({ env: {} })(
      url,
      get({ method: 'POST', headers: { 'content-type': 'application/jose+json' }, body: 'bücher' }),
    )
    expect(answer.status).toBe(201)
    expect(answer.headers).toMatchObject({ 'replay-nonce': 'abc', link: '<a>;rel="up", <b>;rel="index"' })
    expect(JSON.parse(text(answer))).toEqual({
      method: 'POST',
      url: '/path?q=1',
      type: 'application/jose+json',
      body: 'bücher',
    })
  })

  test('bytes go out and come back as they are; HEAD has no body', async () => {
    const url = await overHttp(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      response.end(Buffer.concat(chunks))
    })
    const fetch = openFetch({ env: {} })
    const bytes = Uint8Array.from([0, 255, 128, 10])
    expect(Buffer.from((await fetch(url, get({ method: 'POST', body: bytes }))).body)).toEqual(Buffer.from(bytes))
    expect((await fetch(url, get({ method: 'HEAD' }))).body).toHaveLength(0)
  })

  test.each([301, 404, 429, 500])('status %i is an answer; nothing is followed', async status => {
    const url = await overHttp((_, response) => void response.writeHead(status, { location: '/else' }).end('text'))
    expect(await openFetch({ env: {} })(url, get())).toMatchObject({ status, headers: { location: '/else' } })
  })

  test('one connection serves several requests', async () => {
    const ports = new Set<number | undefined>()
    const url = await overHttps((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('hello')
    })
    const fetch = openFetch({ env: { SSL_CERT_FILE: caFile } })
    for (let i = 0; i < 4; i++) await fetch(url, get())
    expect(ports.size).toBe(1)
  })
})

describe('trust', () => {
  test('SSL_CERT_FILE is trusted', async () => {
    const url = await overHttps(hello)
    expect(text(await openFetch({ env: { SSL_CERT_FILE: caFile } })(url, get()))).toBe('hello')
  })

  test('the certificates of SSL_CERT_DIR are trusted too', async () => {
    const url = await overHttps(hello)
    expect(text(await openFetch({ env: { SSL_CERT_DIR: `/nowhere:${folder}` } })(url, get()))).toBe('hello')
  })

  test.each([
    ['by the machine', {}],
    ['by the file that was given', { SSL_CERT_FILE: otherCaFile }],
    ['by a CA of the same name', { SSL_CERT_FILE: namesakeFile }],
  ])('a CA that is not trusted %s: the error says how to trust it', async (_, env) => {
    const url = await overHttps(hello)
    const error = await failure(openFetch({ env })(url, get()))
    expect(error.code).toBe('CONFIG')
    expect(error.message).toContain(`${url.origin}: its TLS certificate is not trusted: `)
    expect(error.hint).toContain('set SSL_CERT_FILE')
  })

  test('the certificate of another host is not trusted', async () => {
    const url = await overHttps(hello, wrongName)
    const error = await failure(openFetch({ env: { SSL_CERT_FILE: caFile } })(url, get()))
    expect(error.code).toBe('CONFIG')
    expect(error.message).toContain('does not match')
    expect(error.hint).toContain('check the host in the URL')
  })

  test.each([
    ['expired', () => expired, 'certificate has expired'],
    ['not yet valid', () => early, 'certificate is not yet valid'],
  ])('a certificate that is %s is not tried again, and the clock is named', async (_, options, words) => {
    const url = await overHttps(hello, options())
    const error = await failure(openFetch({ env: { SSL_CERT_FILE: caFile } })(url, get()))
    expect(error.code).toBe('CONFIG')
    expect(error.message).toContain(`its TLS certificate is not trusted: ${words}`)
    expect(error.hint).toContain('is the clock of this machine right')
  })

  test('a file of CAs that cannot be read is named', async () => {
    const url = await overHttps(hello)
    const error = await failure(openFetch({ env: { SSL_CERT_FILE: '/nowhere/ca.pem' } })(url, get()))
    expect(error).toMatchObject({ code: 'CONFIG', hint: 'see SSL_CERT_FILE and SSL_CERT_DIR' })
    expect(error.message).toContain('/nowhere/ca.pem')
  })
})

describe('what goes wrong on the way', () => {
  const silentPort = () => listen(net.createServer(() => {}))

  test('nobody listens', async () => {
    const port = await listen(net.createServer())
    for (const close of closers.splice(0)) close()
    const error = await failure(openFetch({ env: {} })(new URL(`http://127.0.0.1:${port}/`), get()))
    expect(error.code).toBe('UNAVAILABLE')
    expect(error.message).toContain(`http://127.0.0.1:${port} cannot be reached: `)
    expect(error.message).toContain('ECONNREFUSED')
  })

  test('no such host', async () => {
    const error = await failure(openFetch({ env: {} })(new URL('http://no-such-host.invalid/'), get()))
    expect(error.code).toBe('UNAVAILABLE')
    expect(error.message).toContain('no-such-host.invalid')
  })

  test.each(['http', 'https'])('a server that says nothing, over %s', async scheme => {
    const url = new URL(`${scheme}://127.0.0.1:${await silentPort()}/`)
    const error = await failure(openFetch({ env: {} })(url, get({ timeoutSeconds: 0.2 })))
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: `${url.origin} cannot be reached: no answer for 0.2 s`,
    })
  })

  test('a server that stops in the middle', async () => {
    const url = await overHttp((_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half'))
    const error = await failure(openFetch({ env: {} })(url, get({ timeoutSeconds: 0.2 })))
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('no answer for 0.2 s') })
  })

  test('a slow answer does not count as silence', async () => {
    const url = await overHttp(async (_, response) => {
      response.writeHead(200)
      for (let i = 0; i < 5; i++) {
        response.write('.')
        await new Promise(resolve => setTimeout(resolve, 100))
      }
      response.end()
    })
    expect(text(await openFetch({ env: {} })(url, get({ timeoutSeconds: 0.3 })))).toBe('.....')
  })

  test.each(['headers', 'body'])('an answer whose %s drip is given up after the total time', async what => {
    const drip = what === 'body' ? 'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n' : 'HTTP/1.1 200 OK\r\nx: '
    const port = await listen(
      net.createServer(socket => {
        socket.on('error', () => {}).write(drip)
        const timer = setInterval(() => socket.write('.'), 20)
        socket.on('close', () => clearInterval(timer))
      }),
    )
    const url = new URL(`http://127.0.0.1:${port}/`)
    const error = await failure(openFetch({ env: {} })(url, get({ timeoutSeconds: 5, totalSeconds: 0.3 })))
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: `${url.origin} cannot be reached: no complete answer within 0.3 s`,
    })
  })

  test('the total time is twice the silence that is allowed, when nobody says', async () => {
    const url = await overHttp((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
    })
    const error = await failure(openFetch({ env: {} })(url, get({ timeoutSeconds: 0.15 })))
    expect(error.message).toContain('no complete answer within 0.3 s')
  })

  test('an answer that is cut off', async () => {
    const url = await overHttp((_, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half', () => response.destroy())
    })
    const error = await failure(openFetch({ env: {} })(url, get()))
    expect(error.code).toBe('UNAVAILABLE')
  })

  test('an answer that never ends', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024)
    const pour = (response: ServerResponse): void => {
      if (!response.destroyed) response.write(mebibyte, () => pour(response))
    }
    const url = await overHttp((_, response) => pour(response))
    const error = await failure(openFetch({ env: {} })(url, get()))
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('longer than 8388608 bytes') })
  })

  test('no HTTP at all', async () => {
    const port = await listen(net.createServer(socket => socket.end('220 smtp ready\r\n')))
    const error = await failure(openFetch({ env: {} })(new URL(`http://127.0.0.1:${port}/`), get()))
    expect(error.code).toBe('UNAVAILABLE')
  })

  test('an abort ends it at once, with its own reason', async () => {
    const stopping = new AbortController()
    const url = new URL(`http://127.0.0.1:${await silentPort()}/`)
    const asked = openFetch({ env: {} })(url, get({ signal: stopping.signal }))
    setTimeout(() => stopping.abort(new Error('Ctrl-C')), 20)
    await expect(asked).rejects.toThrow('Ctrl-C')
    await expect(openFetch({ env: {} })(url, get({ signal: stopping.signal }))).rejects.toThrow('Ctrl-C')
  })

  test('an abort in the middle of the body, too', async () => {
    const stopping = new AbortController()
    const url = await overHttp((_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half'))
    setTimeout(() => stopping.abort(new Error('Ctrl-C')), 50)
    await expect(openFetch({ env: {} })(url, get({ signal: stopping.signal }))).rejects.toThrow('Ctrl-C')
  })
})

describe('with as many CAs as a distribution has', () => {
  const bundle = join(folder, 'bundle.pem')
  beforeAll(async () => {
    const others = Array.from({ length: 30 }, (_, i) => makeCertificate({ subject: `CN=CA ${i}`, ca: true }))
    const pems = (await Promise.all(others)).map(({ pem }) => pem)
    writeFileSync(bundle, [...pems.slice(0, 15), readFileSync(caFile, 'utf8'), ...pems.slice(15)].join('\n'))
  })

  /** Counts what reaches the server. */
  async function aServer(options = tls) {
    const count = { connections: 0, requests: 0 }
    const server = https.createServer(options, (_, response) => {
      count.requests++
      response.end('hello')
    })
    server.on('connection', () => count.connections++)
    return { count, server, url: new URL(`https://127.0.0.1:${await listen(server)}/`) }
  }

  test('a look at the chain comes first, once for each server, and nothing is sent by it', async () => {
    const { count, url } = await aServer()
    const fetch = openFetch({ env: { SSL_CERT_FILE: bundle } })
    for (let i = 0; i < 3; i++) expect(text(await fetch(url, get()))).toBe('hello')
    expect(count).toEqual({ connections: 2, requests: 3 })
  })

  test('a chain through an intermediate of the bundle is found', async () => {
    const { chain, root } = await chainOfThree()
    const withIntermediate = join(folder, 'intermediate.pem')
    writeFileSync(withIntermediate, `${readFileSync(bundle, 'utf8')}\n${root}\n${chain.intermediate}`)
    const { url } = await aServer({ cert: chain.leaf, key: chain.key })
    expect(text(await openFetch({ env: { SSL_CERT_FILE: withIntermediate } })(url, get()))).toBe('hello')
  })

  test.each<[string, () => https.ServerOptions, string]>([
    ['of an unknown CA', () => strange, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['of a namesake of one of them', () => ofNamesake, 'CERT_SIGNATURE_FAILURE'],
    ['that has expired', () => expired, 'CERT_HAS_EXPIRED'],
    ['for another name', () => wrongName, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('a certificate %s is refused as with few', async (_, options, code) => {
    const { count, url } = await aServer(options())
    const error = await failure(openFetch({ env: { SSL_CERT_FILE: bundle } })(url, get()))
    expect(error).toMatchObject({ code: 'CONFIG', cause: { code } })
    expect(count.requests).toBe(0)
  })

  test('a server that changes to the chain of another CA is still trusted', async () => {
    const { root, leaf } = await another()
    const both = join(folder, 'both.pem')
    writeFileSync(both, `${readFileSync(bundle, 'utf8')}\n${root}`)
    const { server, url } = await aServer()
    const fetch = openFetch({ env: { SSL_CERT_FILE: both } })
    expect(text(await fetch(url, get({ headers: { connection: 'close' } })))).toBe('hello')
    server.setSecureContext(leaf)
    expect(text(await fetch(url, get()))).toBe('hello')
  })

  test('a server that shows nothing is asked by all of them, and the error is that of the request', async () => {
    const port = await listen(net.createServer(socket => void socket.destroy()))
    const error = await failure(
      openFetch({ env: { SSL_CERT_FILE: bundle } })(new URL(`https://127.0.0.1:${port}/`), get()),
    )
    expect(error).toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('proxies', () => {
  async function aProxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
    const proxy = await startConnectProxy(options)
    closers.push(() => void proxy.close())
    return proxy
  }
  const trusting = { SSL_CERT_FILE: caFile }

  test('HTTPS_PROXY is used, by one tunnel for several requests', async () => {
    const [proxy, url] = [await aProxy(), await overHttps(hello)]
    const fetch = openFetch({ env: { ...trusting, HTTPS_PROXY: proxy.url } })
    expect(text(await fetch(url, get()))).toBe('hello')
    expect(text(await fetch(url, get()))).toBe('hello')
    expect(proxy.asked).toEqual([url.host])
  })

  test('https_proxy counts first, as for curl', async () => {
    const [proxy, url] = [await aProxy(), await overHttps(hello)]
    await openFetch({ env: { ...trusting, https_proxy: proxy.url, HTTPS_PROXY: 'http://127.0.0.1:1' } })(url, get())
    expect(proxy.asked).toHaveLength(1)
  })

  test('HTTP_PROXY is for http only', async () => {
    const [proxy, plain, tls] = [await aProxy(), await overHttp(hello), await overHttps(hello)]
    const fetch = openFetch({ env: { ...trusting, http_proxy: proxy.url } })
    expect(text(await fetch(plain, get()))).toBe('hello')
    expect(text(await fetch(tls, get()))).toBe('hello')
    expect(proxy.asked).toEqual([plain.host])
  })

  test('the user and password of a proxy are sent to it', async () => {
    const [proxy, url] = [await aProxy(), await overHttps(hello)]
    const withUser = proxy.url.replace('//', '//us%40er:pass@')
    await openFetch({ env: { ...trusting, HTTPS_PROXY: withUser } })(url, get())
    expect(proxy.asked[0]).toContain(`Basic ${Buffer.from('us@er:pass').toString('base64')}`)
  })

  test.each(['127.0.0.1', '*', 'other.test, 127.0.0.1', '.0.0.1'])('NO_PROXY=%s goes around it', async without => {
    const [proxy, url] = [await aProxy(), await overHttps(hello)]
    await openFetch({ env: { ...trusting, HTTPS_PROXY: proxy.url, NO_PROXY: without } })(url, get())
    expect(proxy.asked).toEqual([])
  })

  test('a proxy that refuses', async () => {
    const [proxy, url] = [await aProxy({ refuse: true }), await overHttps(hello)]
    const error = await failure(openFetch({ env: { ...trusting, HTTPS_PROXY: proxy.url } })(url, get()))
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: `${url.origin} cannot be reached: the proxy answers 403`,
    })
  })

  test.each(['', 'user:wrong@'])('one that wants a login, and gets "%s", is a matter of configuration', async login => {
    const [proxy, url] = [await aProxy({ login: 'user:secret' }), await overHttps(hello)]
    const HTTPS_PROXY = proxy.url.replace('//', `//${login}`)
    const error = await failure(openFetch({ env: { ...trusting, HTTPS_PROXY } })(url, get()))
    expect(error).toMatchObject({
      code: 'CONFIG',
      message: `${url.origin} cannot be reached: the proxy requires a user name and a password (407)`,
      hint: expect.stringContaining('http://USER:PASSWORD@HOST:PORT'),
    })
  })

  test('an abort does not wait for a silent proxy', async () => {
    const port = await listen(net.createServer(() => {}))
    const fetch = openFetch({ env: { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${port}` } })
    const stopping = new AbortController()
    setTimeout(() => stopping.abort(new Error('Ctrl-C')), 50)
    const url = await overHttps(hello)
    await expect(fetch(url, get({ signal: stopping.signal }))).rejects.toThrow('Ctrl-C')
  })

  test('through a tunnel the certificate is held against the host of the URL', async () => {
    const [proxy, url] = [await aProxy(), await overHttps(hello, wrongName)]
    const error = await failure(openFetch({ env: { ...trusting, HTTPS_PROXY: proxy.url } })(url, get()))
    expect(error.message).toContain('IP: 127.0.0.1 is not in')
  })

  test('a proxy that says nothing', async () => {
    const port = await listen(net.createServer(() => {}))
    const env = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${port}` }
    const url = await overHttps(hello)
    const error = await failure(
      openFetch({ env })(url, get({ timeoutSeconds: 0.2, signal: AbortSignal.timeout(3000) })),
    )
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('no answer for 0.2 s') })
  })
})
