import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dnsChallenge } from '../../src/acme/challenge.js'
import { type AcmeClient, openClient, revokeWithCertificateKey } from '../../src/acme/client.js'
import { type ExternalAccount, MAC_ALGORITHMS } from '../../src/acme/jws.js'
import type { Name } from '../../src/core/names.js'
import type { Fetch } from '../../src/core/world.js'
import { realClock } from '../../src/platform/clock.js'
import { openFetch } from '../../src/platform/fetch.js'
import { checkIssued, readCertificate, splitPems } from '../../src/x509/certificate.js'
import { createCsr } from '../../src/x509/csr.js'
import { generateKey, type KeyPair } from '../../src/x509/keys.js'
import { listeningLog } from '../src/acme/parts.js'
import { lacking } from './servers/need.js'
import { type Pebble, type PebbleOptions, pebbles, startPebble } from './servers/pebble.js'

const running: Pebble[] = []
afterAll(async () => {
  await Promise.all(running.map(pebble => pebble.stop()))
})

/** A Pebble that finds every challenge good. */
async function pebbleWith(options: PebbleOptions): Promise<Pebble> {
  const pebble = await startPebble({ alwaysValid: true, authzReuse: 0, nonceReject: 0, ...options })
  running.push(pebble)
  return pebble
}

const p256 = (): Promise<KeyPair> => generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
const signal = (): AbortSignal => AbortSignal.timeout(50_000)
const limits = { giveUpAfterSeconds: 30 }

/** What a client needs of the World, counting what goes over the wire. */
function countingWorld(pebble: Pebble) {
  const asked: string[] = []
  const real = openFetch({ env: { SSL_CERT_FILE: pebble.caFile } })
  const fetch: Fetch = (url, request) => {
    asked.push(`${request.method} ${url.pathname.split('/')[1]}`)
    return real(url, request)
  }
  return { asked, fetch, clock: realClock, random: (n: number) => new Uint8Array(n), log: listeningLog() }
}

async function openFor(pebble: Pebble) {
  const world = countingWorld(pebble)
  const accountKey = await p256()
  const client = openClient(world, pebble.directoryUrl, accountKey)
  return { world, client, accountKey }
}

/** From a registered account to a checked certificate; the way issue.ts goes, without DNS. */
async function obtain(client: AcmeClient, accountKey: KeyPair, names: Name[], key: KeyPair) {
  const order = await client.newOrder({ names }, signal())
  const authorizations = await Promise.all(order.authorizations.map(url => client.authorization(url, signal())))
  await Promise.all(authorizations.map(each => client.accept(dnsChallenge(each, accountKey), signal())))
  const stage = (stage: 'validating' | 'signing') => ({ ...limits, stage: { stage, names: names.length } })
  const ready = await client.pollOrder(order.url, ({ status }) => status === 'ready', stage('validating'), signal())
  const asked = await client.finalize(ready, await createCsr(key, names, { mustStaple: false }), signal())
  const whenSigned = { ...stage('signing'), retryAfterSeconds: asked.retryAfterSeconds }
  const valid = await client.pollOrder(order.url, ({ status }) => status === 'valid', whenSigned, signal())
  return { order: valid, chain: await client.certificate(valid, signal()) }
}

const register = (client: AcmeClient, externalAccount?: ExternalAccount) =>
  client.register({ contact: ['mailto:a@example.com'], termsAgreed: true, externalAccount }, signal())

const namesOf = (count: number): Name[] => Array.from({ length: count }, (_, i) => `h${i}.example.com` as Name)

describe.skipIf(lacking('pebble')).each(pebbles())('a real Pebble, $which', ({ systems }) => {
  /** More names, and more refused nonces, cost time and show nothing of the version. */
  const only = systems ? [] : ['newest']

  test.each([[1, 10], [10, 8 + 2 * 10 + 10], ...only.map(() => [100, 8 + 2 * 100 + 10])] as [number, number][])(
    'a first certificate for %d name(s) costs at most %d requests',
    async (count, most) => {
      const { world, client, accountKey } = await openFor(await pebbleWith({ systems }))
      const key = await p256()
      await register(client)
      const { chain } = await obtain(client, accountKey, namesOf(count), key)
      const issued = checkIssued(chain, { keyId: key.id, names: namesOf(count), now: new Date() })
      expect(splitPems(issued.chain)).toHaveLength(1)
      expect(world.asked.length, world.asked.join('\n')).toBeLessThanOrEqual(most)
    },
  )

  test.each([50, ...only.map(() => 90)])(
    'gets through where %d percent of the nonces are refused',
    async nonceReject => {
      const { client, accountKey } = await openFor(await pebbleWith({ systems, nonceReject }))
      const key = await p256()
      await register(client)
      const { chain } = await obtain(client, accountKey, namesOf(10), key)
      expect(readCertificate(chain).names).toEqual(namesOf(10))
    },
  )

  describe('one CA, one account', () => {
    let pebble: Pebble
    let client: AcmeClient
    let accountKey: KeyPair
    let world: ReturnType<typeof countingWorld>
    let key: KeyPair
    beforeAll(async () => {
      pebble = await pebbleWith({ systems, blockedDomains: ['blocked.example'] })
      const opened = await openFor(pebble)
      client = opened.client
      accountKey = opened.accountKey
      world = opened.world
      key = await generateKey({ type: 'rsa', curve: 'nistp256', rsaBits: 2048 })
    })

    test('is not found before it is registered, then is, also by its key alone', async () => {
      expect(await client.findAccount(signal())).toBeUndefined()
      const account = await register(client)
      expect(account).toMatchObject({ status: 'valid', contact: ['mailto:a@example.com'] })
      const again = openClient(world, pebble.directoryUrl, accountKey)
      expect((await again.findAccount(signal()))?.url).toBe(account.url)
      expect((await register(again)).url).toBe(account.url)
    })

    test('takes up an order by its URL, revokes its certificate by account, and once more without harm', async () => {
      const { order, chain } = await obtain(client, accountKey, ['*.example.com', 'example.com'] as Name[], key)
      const later = openClient(world, pebble.directoryUrl, accountKey)
      expect(await later.download(order.url, signal())).toMatchObject({
        status: 'valid',
        certificate: order.certificate,
      })
      expect(await later.download(order.certificate as string, signal())).toBe(chain)
      expect(await later.download(`${order.url}x`, signal())).toBeUndefined()
      const der = Buffer.from(chain.split('-----')[2] ?? '', 'base64')
      await later.revoke(der, 4, signal())
      await later.revoke(der, undefined, signal())
    })

    test('revokes by the key of the certificate', async () => {
      const { chain } = await obtain(client, accountKey, ['b.example.com'] as Name[], key)
      const der = Buffer.from(chain.split('-----')[2] ?? '', 'base64')
      const stranger = await p256()
      const { directoryUrl } = pebble
      await expect(
        revokeWithCertificateKey(world, directoryUrl, stranger, der, undefined, signal()),
      ).rejects.toMatchObject({
        code: 'REFUSED',
      })
      await revokeWithCertificateKey(world, directoryUrl, key, der, undefined, signal())
    })

    test('must-staple and a name too long for a common name are taken', async () => {
      const names = [`${'a'.repeat(63)}.example.com`] as Name[]
      const order = await client.newOrder({ names }, signal())
      const [authorization] = await Promise.all(order.authorizations.map(url => client.authorization(url, signal())))
      if (!authorization) throw new Error('no authorization')
      const challenge = dnsChallenge(authorization, accountKey)
      await client.accept(challenge, signal())
      expect(await client.pollAuthorization(authorization.url, limits, signal())).toMatchObject({ status: 'valid' })
      await client.accept(challenge, signal()) // a repetition, as after a lost answer
      const csr = await createCsr(key, names, { mustStaple: true })
      const ready = await client.pollOrder(order.url, ({ status }) => status === 'ready', limits, signal())
      await client.finalize(ready, csr, signal())
      const again = await client.finalize(ready, csr, signal())
      expect(['processing', 'valid']).toContain(again.status)
      const valid = await client.pollOrder(order.url, ({ status }) => status === 'valid', limits, signal())
      expect(readCertificate(await client.certificate(valid, signal())).names).toEqual(names)
    })

    test('says in words that a name is not allowed', async () => {
      const names = ['ok.example.com', 'x.blocked.example'] as Name[]
      await expect(client.newOrder({ names }, signal())).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringMatching(
          /^newOrder for ok\.example\.com, x\.blocked\.example: .*\(rejectedIdentifier\).*blocked\.example/,
        ),
      })
    })
  })

  test('tells which name failed and what the CA saw, when the record is not there', async () => {
    const { client, accountKey } = await openFor(
      await pebbleWith({ systems, alwaysValid: false, dnsServer: '127.0.0.1:9' }),
    )
    await register(client)
    const attempt = obtain(client, accountKey, ['*.lost.example', 'a.lost.example'] as Name[], await p256())
    await expect(attempt).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/^(\*|a)\.lost\.example: /m),
    })
  })

  test('binds an external account by each MAC, and says so when that is missing or wrong', async () => {
    const hmacKey =
      'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12WzWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
    const pebble = await pebbleWith({ systems, externalAccountKeys: { 'kid-1': hmacKey } })
    for (const algorithm of MAC_ALGORITHMS) {
      const bound = await openFor(pebble)
      const account = await register(bound.client, { keyId: 'kid-1', hmacKey, algorithm })
      expect(account, algorithm).toMatchObject({ status: 'valid' })
    }
    const without = await openFor(pebble)
    await expect(register(without.client)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('externalAccountRequired'),
      hint: expect.stringContaining('HMAC key'),
    })
    const wrong = await openFor(pebble)
    const attempt = register(wrong.client, { keyId: 'kid-1', hmacKey: 'AAAA', algorithm: 'HS256' })
    await expect(attempt).rejects.toMatchObject({ code: 'REFUSED' })
  })

  test('an account key of P-384 or RSA signs as well', async () => {
    const pebble = await pebbleWith({ systems })
    for (const spec of [
      { type: 'ecdsa', curve: 'nistp384', rsaBits: 2048 },
      { type: 'rsa', curve: 'nistp256', rsaBits: 2048 },
    ] as const)
      expect(
        await register(openClient(countingWorld(pebble), pebble.directoryUrl, await generateKey(spec))),
      ).toBeDefined()
  })
})
