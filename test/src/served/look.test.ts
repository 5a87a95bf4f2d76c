import { X509Certificate } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { parsePlace } from '../../../src/core/place.js'
import { openTls } from '../../../src/platform/lines.js'
import { clientHello, offer, serverHello, WEAK } from '../../../src/served/hello.js'
import { look } from '../../../src/served/look.js'
import { type Made, makeCertificate } from '../x509/made.js'

/** Looks over real sockets at servers of node, and at doubles that are not servers at all. */

const name = parseName('www.corp.example')
let root: Made
let leaf: Made

beforeAll(async () => {
  root = await makeCertificate({ subject: 'CN=Root', ca: true })
  leaf = await makeCertificate({ subject: 'CN=leaf', issuer: root, names: [name] })
})

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listening<T extends Server>(server: T): Promise<number> {
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

/** Says nothing, or what it is told to, and holds the connection. */
const talking = (talk: (socket: Socket) => void): Promise<number> =>
  listening(
    createServer(socket => {
      socket.on('error', () => {})
      talk(socket)
    }),
  )

const tlsServer = (options: TlsOptions = {}): Promise<number> =>
  listening(createTlsServer({ cert: leaf.pem + root.pem, key: leaf.keyPem, ...options }).on('tlsClientError', () => {}))

let lateAfterMs = 5000
const world = {
  tls: openTls({ env: {} }),
  random: (bytes: number) => new Uint8Array(bytes),
  clock: { now: () => new Date(), sleep: async () => {}, deadline: () => AbortSignal.timeout(lateAfterMs) },
}
const signal = new AbortController().signal
const at = (port: number, text = '127.0.0.1', thorough = false) =>
  look(world, { place: parsePlace(`${text}:${port}`), name }, { thorough, signal })

describe('a look', () => {
  test('sees the certificate, what came with it, and which name was asked for', async () => {
    let asked = ''
    const port = await tlsServer({
      SNICallback: (servername, done) => {
        asked = servername
        done(null)
      },
    })
    const { handshake, problem } = await at(port)
    expect(problem).toBeUndefined()
    expect(handshake).toMatchObject({ protocol: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/) })
    expect(handshake?.chain.map(der => new X509Certificate(der).subject)).toEqual(['CN=leaf', 'CN=Root'])
    expect(asked).toBe(name)
  })

  test('tries each version, and finds what is weak', async () => {
    const weak = await tlsServer({ minVersion: 'TLSv1', maxVersion: 'TLSv1.2', ciphers: 'ALL:eNULL:@SECLEVEL=0' })
    const seen = await at(weak, '127.0.0.1', true)
    expect([...(seen.versions ?? [])]).toEqual([
      ['TLS 1.0', true],
      ['TLS 1.1', true],
      ['TLS 1.2', true],
      ['TLS 1.3', false],
    ])
    expect(seen.weak).toEqual(['no encryption (NULL)', 'no authentication (anonymous)'])
    const good = await at(await tlsServer({ minVersion: 'TLSv1.3' }), '127.0.0.1', true)
    expect([...(good.versions ?? [])].filter(([, is]) => is)).toEqual([['TLS 1.3', true]])
    expect(good.weak).toEqual([])
  })

  test('hears of RC4 and 3DES, which no TLS library of today would offer', async () => {
    const port = await talking(socket => {
      socket.once('data', bytes => {
        const suites = bytes.subarray(46, 46 + bytes.readUInt16BE(44)) // after headers, version, random, no session
        socket.end(suites.includes(Buffer.of(0x00, 0x05)) ? helloWith(0x0005) : Buffer.of(21, 3, 3, 0, 2, 2, 40))
      })
    })
    const line = await world.tls.connect('127.0.0.1', port, signal)
    const chosen = await offer(line, {
      version: 'TLS 1.2',
      name,
      ciphers: [...(WEAK.RC4 ?? [])],
      random: new Uint8Array(32),
    })
    expect(chosen).toEqual({ version: 0x0303, cipher: 0x0005 })
  })

  test('STARTTLS: what is sent before TLS begins is dropped', async () => {
    const inner = createTlsServer({ cert: leaf.pem, key: leaf.keyPem }).on('tlsClientError', () => {})
    const port = await talking(socket => {
      socket.write('220 hi\r\n')
      socket.on('data', function talk(bytes: Buffer) {
        if (bytes.includes('EHLO')) socket.write('250 STARTTLS\r\n')
        if (!bytes.includes('STARTTLS')) return
        socket.off('data', talk)
        socket.write('220 go\r\n250 injected\r\n')
        inner.emit('connection', socket)
      })
    })
    const { handshake, problem } = await at(port, 'smtp://127.0.0.1')
    expect(problem).toBeUndefined()
    expect(handshake?.chain).toHaveLength(1)
  })

  test.each([
    ['silence', () => {}, 'no answer within 10 s'],
    [
      'a byte now and then',
      (socket: Socket) => void setInterval(() => socket.write('2'), 20).unref(),
      'no answer within 10 s',
    ],
    [
      'a flood',
      (socket: Socket) => void socket.write(`220-${'x'.repeat(100)}\r\n`.repeat(20_000)),
      'does not come to an end|65536',
    ],
    ['a closed door', (socket: Socket) => void socket.destroy(), 'closed|cut'],
  ])('%s ends it, and is told', async (_, talk, why) => {
    lateAfterMs = 300
    const { problem } = await at(await talking(talk), 'smtp://127.0.0.1')
    lateAfterMs = 5000
    expect(problem?.message).toMatch(new RegExp(why))
  })

  test.each([
    [
      'no TLS',
      (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      /wrong version number|packet length|closed|unknown/,
    ],
    [
      'an alert',
      (socket: Socket) => void socket.once('data', () => socket.end(Buffer.of(21, 3, 3, 0, 2, 2, 40))),
      /alert handshake failure/,
    ],
  ])('%s is told in words', async (_, talk, why) => {
    const { problem, handshake } = await at(await talking(talk))
    expect(handshake).toBeUndefined()
    expect(problem?.message).toMatch(why)
  })

  test('nobody there, and no such host', async () => {
    const port = await tlsServer()
    servers.pop()?.close()
    expect((await at(port)).problem?.message).toBe('the connection was refused: nothing listens there')
    const nowhere = await look(world, { place: parsePlace('nowhere.invalid'), name }, { thorough: false, signal })
    expect(nowhere.problem?.message).toMatch(/there is no such host|cannot be looked up/)
  })

  test('who presses Ctrl-C ends it', async () => {
    const stop = new AbortController()
    const port = await talking(() => setTimeout(() => stop.abort(new Error('stopped')), 20))
    const looking = look(
      world,
      { place: parsePlace(`127.0.0.1:${port}`), name },
      { thorough: true, signal: stop.signal },
    )
    await expect(looking).rejects.toThrow('stopped')
  })
})

/** A ServerHello of TLS 1.2 with this cipher, and nothing more. */
function helloWith(cipher: number): Buffer {
  const body = Buffer.concat([Buffer.of(3, 3), Buffer.alloc(32), Buffer.of(0, cipher >> 8, cipher & 0xff, 0)])
  return Buffer.concat([Buffer.of(22, 3, 3, 0, body.length + 4, 2, 0, 0, body.length), body])
}

test('of what is no ServerHello, or is cut, nothing is read', () => {
  const whole = helloWith(0x002f)
  expect(serverHello(whole)).toEqual({ version: 0x0303, cipher: 0x002f })
  for (let length = 0; length < whole.length - 1; length++)
    expect(serverHello(whole.subarray(0, length))).toBeUndefined()
  const hello = Buffer.from(clientHello({ version: 'TLS 1.3', name: undefined, random: new Uint8Array(32) }))
  expect(hello.readUInt16BE(3)).toBe(hello.length - 5)
  expect(serverHello(hello)).toBeUndefined()
})
