import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bind, startBind } from './servers/bind.js'
import { CLIENTS, type Client, trustInside, VARIANTS } from './servers/clients.js'
import { lacking } from './servers/need.js'
import { type Netns, withNetns } from './servers/netns.js'
import { type Pebble, startPebble } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'

const secret = randomBytes(32).toString('base64')
const clients = Object.entries(CLIENTS)
const programs = ['netns', 'pebble', 'named', 'dig', ...clients.flatMap(([, client]) => client.programs)]

/** A client's own part of the zone. */
const part = (client: string): string => `${client.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.corp.test`

/** The last of ten is a name whose challenge is delegated by CNAME into another zone. */
const ten = (apex: string): string[] => [...Array.from({ length: 9 }, (_, i) => `n${i}.${apex}`), `away.${apex}`]

const both = (apex: string): string[] => [`both.${apex}`, `*.both.${apex}`]

const CASES: readonly [what: string, names: (apex: string) => string[]][] = [
  ['ten names', ten], // it takes longest
  ['one name', apex => [`one.${apex}`]],
  ['a name and its wildcard', both],
]

const namesIn = (pem: string): string[] =>
  (new X509Certificate(pem).subjectAltName ?? '').split(', ').map(name => name.replace(/^DNS:/, ''))

describe.skipIf(lacking(...programs))('other clients get their certificates by our hooks', () => {
  const folder = temporaryFolder('hook-clients')
  let netns: Netns
  let bind: Bind
  let pebble: Pebble
  let oldPebble: Pebble
  let env: Record<string, string>
  let leave = (): void => {}
  let left: Promise<void>

  /** BIND and a secondary at port 53 of a network of its own, and a Pebble that asks them. */
  beforeAll(async () => {
    netns = await new Promise((enter, reject) => {
      left = withNetns({}, inside => {
        enter(inside)
        return new Promise<void>(resolve => {
          leave = resolve
        })
      })
      left.catch(reject)
    })
    const away = clients.map(([client]) => `_acme-challenge.away.${part(client)}. CNAME ${part(client)}.away.test.`)
    const allowUpdate = ['acme-key']
    bind = await startBind({
      netns: netns.name,
      keys: { 'acme-key': { algorithm: 'hmac-sha256', secret } },
      zones: { 'corp.test': { records: away.join('\n'), allowUpdate }, 'away.test': { allowUpdate } },
      secondaries: ['127.0.0.2'],
      recursion: true,
    })
    const options = { netns: netns.name, dnsServer: '127.0.0.1:53', nonceReject: 0, authzReuse: 0 }
    pebble = await startPebble(options)
    oldPebble = await startPebble({ ...options, systems: true })
    trustInside(netns.name, oldPebble.caFile) // who needs it is given that one
    env = {
      DNS01_PROVIDER: 'rfc2136',
      RFC2136_NAMESERVER: '127.0.0.1',
      RFC2136_TSIG_KEY: 'acme-key',
      RFC2136_TSIG_ALGORITHM: 'hmac-sha256',
      RFC2136_TSIG_SECRET: secret,
    }
  })
  afterAll(async () => {
    await oldPebble?.stop()
    await pebble?.stop()
    await bind?.stop()
    leave()
    await left
    folder.remove()
  })

  async function getOne(name: string, client: Client, names: readonly string[]): Promise<void> {
    const own = join(folder.path, names.join('+').slice(0, 60))
    mkdirSync(own)
    const ca = client.oldPebble ? oldPebble : pebble
    const pem = await client.certificate({ folder: own, names, pebble: ca, env, netns: netns.name })
    expect(namesIn(pem).sort(), name).toEqual([...names].sort())
  }

  describe.concurrent.each(clients)('%s', (name, client) => {
    test.concurrent.each(CASES)('%s', { timeout: 110_000 }, (_, namesOf) => getOne(name, client, namesOf(part(name))))
  })

  test.concurrent.each(Object.entries(VARIANTS))('%s: a name and its wildcard', { timeout: 110_000 }, (name, client) =>
    getOne(name, client, both(part(name))),
  )

  test.each(['corp.test', 'away.test'])('nothing is left in %s', async zone => {
    const rows = await netns.exec(['dig', '@127.0.0.1', zone, 'AXFR', '+noall', '+answer'])
    expect(rows).toMatch(/\sSOA\s/)
    expect(rows).not.toMatch(/\sTXT\s/)
  })
})
