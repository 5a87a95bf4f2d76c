// How many requests a run costs where thousands of certificates are held and nothing is due.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fillState } from '../bench/certificates.js'
import { runDns01 } from './servers/dns01.js'
import { temporaryFolder } from './servers/process.js'
import { makeTestCa } from './servers/test-ca.js'

const day = 86_400_000
const hosts = Array.from({ length: 1000 }, (_, i) => `h${i}.many.test`)

/** Answers for its directory and with a window in two months; counts. */
async function startCa(folder: string) {
  const tls = await makeTestCa()
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, tls.ca)
  const seen: string[] = []
  const suggestedWindow = { start: new Date(Date.now() + 59 * day), end: new Date(Date.now() + 61 * day) }
  const server = createServer({ cert: tls.cert, key: tls.key }, ({ method, url = '' }, response) => {
    seen.push(`${method} ${url}`)
    const own = ['newNonce', 'newAccount', 'newOrder', 'renewalInfo'].map(name => [name, `${base()}/${name}`])
    response.writeHead(200, { 'content-type': 'application/json', 'retry-after': '21600' })
    response.end(JSON.stringify(url === '/dir' ? Object.fromEntries(own) : { suggestedWindow }))
  }).listen(0, '127.0.0.1')
  const base = (): string => `https://localhost:${(server.address() as AddressInfo).port}`
  await once(server, 'listening')
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { directory: `${base()}/dir`, caFile, seen, stop }
}

test('of a thousand certificates the first run asks about a hundred, the second costs no request at all', async () => {
  const folder = temporaryFolder('many')
  const ca = await startCa(folder.path)
  try {
    const state = join(folder.path, 'state')
    fillState(state, hosts, ca)
    const env = {
      ACME_STATE_DIR: state,
      ACME_HOOKS_DIR: join(folder.path, 'none'),
      SSL_CERT_FILE: ca.caFile,
      DNS01_PROVIDER: 'builtin',
    }
    const told: string[] = []
    const run = async (...args: string[]): Promise<number> => {
      ca.seen.length = 0
      const { exit, stderr, stdout, seconds } = await runDns01(['--batch', ...args], { env })
      expect({ exit, stderr, stdout: args.length > 0 ? '' : stdout }).toEqual({ exit: 0, stderr: '', stdout: '' })
      told.push(`${args[0] ?? 'run'} ${ca.seen.length} requests ${seconds.toFixed(2)} s`)
      return ca.seen.length
    }
    expect(await run(), 'the directory, and a hundred certificates').toBe(101)
    expect(await run()).toBe(0)
    for (const looking of ['status', 'plan']) expect(await run(looking)).toBe(0)
    expect(await run()).toBe(0)
    process.stderr.write(`1,000 certificates, nothing due: ${told.join(', ')}\n`)
  } finally {
    ca.stop()
    folder.remove()
  }
}, 60_000)
