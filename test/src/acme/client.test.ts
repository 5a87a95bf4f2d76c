import { describe, expect, test } from 'vitest'
import { type AcmeClient, openClient, revokeWithCertificateKey } from '../../../src/acme/client.js'
import type { SessionOptions } from '../../../src/acme/session.js'
import { Dns01Error } from '../../../src/core/errors.js'
import { generateKey } from '../../../src/x509/keys.js'
import { problem } from '../../fakes/ca.js'
import { authorization, base, failed, names, order, testWorld } from './parts.js'

const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
const { signal } = new AbortController()
const limits = { giveUpAfterSeconds: 600 }

function open(options: SessionOptions = {}) {
  const world = testWorld()
  return { ...world, world, client: world.clock.along(openClient(world, world.ca.directoryUrl, key, options)) }
}

/** A client whose account is known and whose pool holds one nonce. */
async function ready(options: SessionOptions = {}) {
  const parts = open(options)
  await parts.client.register({ contact: [], termsAgreed: true }, signal)
  parts.ca.asked.length = 0
  return parts
}

const html = {
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<html><title>Log in\u001b[2J</title>',
}

describe('the directory', () => {
  test.each([
    ['HTML', html, /ca\.test answered 200 with text\/html: "Log in\\x1b\[2J"/],
    ['404', { status: 404, body: 'nothing here' }, /answered 404 with application\/json: "nothing here"/],
    [
      'a redirect',
      { status: 301, headers: { location: 'https://other.test/dir' } },
      /pointing to https:\/\/other\.test\/dir/,
    ],
    ['JSON that breaks off', { body: '{"newNonce":' }, /answered 200/],
    ['JSON without newOrder', { body: { newNonce: base, newAccount: base } }, /newOrder/],
  ])('that is %s: CONFIG, at once, asking whether it is the right URL', async (_what, reply, message) => {
    const { ca, client } = open()
    ca.always('/directory', reply)
    await expect(client.directory(signal)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('is this the directory URL'),
    })
    expect(ca.asked).toEqual(['GET /directory'])
  })

  test.each(['', 'ca.test', 'ftp://ca.test/', 'https://', '/etc/passwd'])('URL %j is refused without asking', url => {
    expect(() => openClient(testWorld(), url, key)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
  })

  test('is given 30 seconds, its repetitions included, and every other request at most a minute', async () => {
    const { ca, world } = open()
    const given: string[] = []
    const fetch: typeof world.fetch = async (url, request) => {
      given.push(`${url.pathname} ${request.totalSeconds}`)
      if (given.length === 1) await world.clock.sleep(20, signal)
      return ca.fetch(url, request)
    }
    ca.next('/directory', { status: 503 })
    const client = world.clock.along(openClient({ ...world, fetch }, ca.directoryUrl, key))
    await client.findAccount(signal)
    expect(given).toEqual(['/directory 30', '/directory 9.5', '/new-nonce 60', '/new-account 60'])
  })

  test('is fetched once, and again after a failure', async () => {
    const { ca, client } = open({ giveUpAfterSeconds: 0 })
    ca.next('/directory', { status: 503 })
    await expect(client.directory(signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const [first, second] = await Promise.all([client.directory(signal), client.directory(signal)])
    expect(first).toBe(second)
    expect(ca.asked).toEqual(['GET /directory', 'GET /directory'])
  })
})

describe('the account', () => {
  test('is registered with consent, and the pool saves every further nonce', async () => {
    const { ca, client } = open()
    const payloads: unknown[] = []
    ca.always('/new-account', ({ payload }) => {
      payloads.push(payload)
      return {
        status: 201,
        headers: { location: '/account/1' },
        body: { status: 'valid', contact: ['mailto:a@b.test'] },
      }
    })
    const account = await client.register({ contact: ['mailto:a@b.test'], termsAgreed: true }, signal)
    expect(account).toEqual({ url: `${base}/account/1`, status: 'valid', contact: ['mailto:a@b.test'] })
    await client.findAccount(signal)
    expect(payloads).toEqual([
      { termsOfServiceAgreed: true, contact: ['mailto:a@b.test'] },
      { onlyReturnExisting: true },
    ])
    expect(ca.asked).toEqual(['GET /directory', 'GET /new-nonce', 'POST /new-account', 'POST /new-account'])
  })

  test('that the CA does not know is undefined; and an order then says so', async () => {
    const { ca, client } = open()
    ca.always('/new-account', problem('accountDoesNotExist', 'unknown key', 400))
    expect(await client.findAccount(signal)).toBeUndefined()
    await expect(client.order(`${base}/order/1`, signal)).rejects.toMatchObject({
      code: 'REFUSED',
      message: /no account for this key/,
    })
  })

  test('is looked for, once, when orders come first', async () => {
    const { ca, client } = open()
    const kids = new Set<unknown>()
    ca.always('/order/1', request => {
      kids.add(request.protected.kid)
      return { body: order('ready') }
    })
    await Promise.all([client.order(`${base}/order/1`, signal), client.order(`${base}/order/1`, signal)])
    expect(ca.asked.filter(asked => asked === 'POST /new-account')).toHaveLength(1)
    expect([...kids]).toEqual([`${base}/account/1`])
  })

  test('that must agree to new terms is told where they stand', async () => {
    const { ca, client } = await ready()
    const refusal = problem('userActionRequired', 'Terms of service have changed', 403)
    ca.next('/new-order', {
      ...refusal,
      headers: { link: '<https://ca.test/dir>;rel="index", <https://ca.test/new>; rel="terms-of-service"' },
    })
    await expect(client.newOrder({ names: names('a.test') }, signal)).rejects.toMatchObject({
      code: 'REFUSED',
      hint: expect.stringContaining('https://ca.test/new'),
    })
  })

  test('is bound to an external one when it is registered, and not when it is looked for (RFC 8555 §7.3.4)', async () => {
    const { ca, client } = open()
    const bindings: unknown[] = []
    ca.always('/new-account', ({ payload }) => {
      bindings.push(payload?.externalAccountBinding)
      return { status: 201, headers: { location: '/account/1' }, body: { status: 'valid' } }
    })
    await client.findAccount(signal)
    const externalAccount = { keyId: 'kid-1', hmacKey: 'c2VjcmV0', algorithm: 'HS256' } as const
    await client.register({ contact: [], termsAgreed: true, externalAccount }, signal)
    await client.register({ contact: [], termsAgreed: true }, signal)
    expect(bindings).toEqual([undefined, { protected: A_STRING, payload: A_STRING, signature: A_STRING }, undefined])
  })
})

const A_STRING = expect.any(String)

describe('what is temporary', () => {
  const ask = (client: AcmeClient) => client.order(`${base}/order/1`, signal)

  test('is tried again, after Retry-After in seconds or as a date', async () => {
    const { ca, client, clock } = await ready()
    const date = new Date(clock.now().getTime() + 40_000 + 30_000).toUTCString()
    ca.next(
      '/order/1',
      { ...problem('rateLimited', 'slow down', 429), headers: { 'retry-after': '40' } },
      { status: 503, headers: { 'retry-after': date } },
    )
    ca.always('/order/1', { body: order('ready') })
    const before = clock.seconds
    expect((await ask(client)).status).toBe('ready')
    expect(clock.seconds - before).toBeCloseTo(70, 0)
  })

  test('is left to the next run when the CA wants more than two minutes', async () => {
    const { ca, client, clock } = await ready()
    ca.next('/order/1', { ...problem('rateLimited', 'slow down', 429), headers: { 'retry-after': '86400' } })
    const before = clock.seconds
    await expect(ask(client)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 86400 })
    expect(clock.seconds).toBe(before)
  })

  test('is a lost connection and a 502 in HTML too, but only for a time', async () => {
    const { ca, client, clock } = await ready({ giveUpAfterSeconds: 30 })
    ca.next('/order/1', new Dns01Error('UNAVAILABLE', 'https://ca.test cannot be reached: ECONNRESET'))
    ca.always('/order/1', { ...html, status: 502 })
    const before = clock.seconds
    await expect(ask(client)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('answered 502'),
    })
    expect(clock.seconds - before).toBeLessThanOrEqual(30)
    expect(ca.asked.length).toBeGreaterThan(4)
  })

  test('is not a refusal, nor a bug', async () => {
    const { ca, client } = await ready()
    ca.next('/order/1', problem('unauthorized', 'not yours'), new TypeError('x is not a function'))
    await expect(ask(client)).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(ask(client)).rejects.toThrow(TypeError)
    expect(ca.asked).toHaveLength(2)
  })

  test('ends as soon as the signal says', async () => {
    const { ca, client } = await ready()
    ca.always('/order/1', { status: 503, headers: { 'retry-after': '60' } })
    const stop = new AbortController()
    const attempt = client.order(`${base}/order/1`, stop.signal)
    stop.abort(new Error('stopped'))
    await expect(attempt).rejects.toThrow('stopped')
  })
})

describe('nonces', () => {
  test('a refused one costs one request, with the nonce of the refusal', async () => {
    const { ca, client } = await ready()
    ca.next('/order/1', problem('badNonce', 'no', 400), problem('badNonce', 'no', 400))
    ca.always('/order/1', { body: order('ready') })
    await client.order(`${base}/order/1`, signal)
    expect(ca.asked).toEqual(Array(3).fill('POST /order/1'))
  })

  test('a CA that refuses them for ever, slowly, is left after the time for one request', async () => {
    const { ca, world } = open()
    const fetch: typeof world.fetch = async (url, request) => {
      if (url.pathname === '/order/1') await world.clock.sleep(20, signal)
      return ca.fetch(url, request)
    }
    const client = world.clock.along(openClient({ ...world, fetch }, ca.directoryUrl, key))
    await client.findAccount(signal)
    ca.always('/order/1', problem('badNonce', 'no', 400))
    await expect(client.order(`${base}/order/1`, signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(world.clock.seconds).toBe(300)
  })

  test('no more are fetched than requests may be under way, and none is used twice', async () => {
    const { ca, client } = await ready({ concurrentRequests: 4 })
    ca.always('/order/1', { body: order('ready') })
    await Promise.all(Array.from({ length: 40 }, () => client.order(`${base}/order/1`, signal)))
    expect(ca.mostAtOnce).toBe(4)
    expect(ca.asked.filter(asked => asked.endsWith('/new-nonce')).length).toBeLessThanOrEqual(4)
    expect(ca.asked.filter(asked => asked.startsWith('POST'))).toHaveLength(40)
  })

  test('a CA that gives none by GET is asked by HEAD', async () => {
    const { ca, client } = open()
    const { asked } = ca
    ca.always('/directory', { body: { newNonce: `${base}/terms`, newAccount: `${base}/new-account`, newOrder: base } })
    ca.always('/terms', { status: 405 })
    await expect(client.findAccount(signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' }) // HEAD answers 405, too
    ca.always('/terms', { status: 200 })
    asked.splice(0)
    await client.findAccount(signal)
    expect(asked).toEqual(['GET /terms', 'HEAD /terms', 'POST /new-account'])
  })

  test('a CA that gives none is UNAVAILABLE', async () => {
    const { ca, client } = open({ giveUpAfterSeconds: 0 })
    ca.always('/directory', { body: { newNonce: `${base}/terms`, newAccount: `${base}/new-account`, newOrder: base } })
    ca.always('/terms', { status: 500, headers: { 'replay-nonce': '' } })
    await expect(client.findAccount(signal)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: /without a nonce/ })
  })

  test('many first requests at once do not wait for each other', async () => {
    const { ca, client } = open({ concurrentRequests: 2 })
    ca.always('/order/1', { body: order('ready') })
    await Promise.all(Array.from({ length: 10 }, () => client.order(`${base}/order/1`, signal)))
    expect(ca.asked.filter(asked => asked === 'GET /directory')).toHaveLength(1)
  })
})

describe('orders', () => {
  const url = `${base}/order/1`
  const isReady = ({ status }: { status: string }): boolean => status === 'ready'
  const ofTwo = {
    identifiers: ['www.example.com', 'b.test'].map(value => ({ type: 'dns', value })),
    authorizations: [`${base}/authz/1`, `${base}/authz/2`],
  }

  test('tell the CA names in order, profile and what they replace', async () => {
    const { ca, client } = await ready()
    const payloads: unknown[] = []
    ca.always('/new-order', ({ payload }) => {
      payloads.push(payload)
      return { status: 201, headers: { location: url }, body: order('pending', { identifiers: payload?.identifiers }) }
    })
    const made = await client.newOrder(
      { names: names('*.a.test', 'a.test'), profile: 'short', replaces: 'x.y' },
      signal,
    )
    await client.newOrder({ names: names('a.test') }, signal)
    expect(made).toMatchObject({ url, status: 'pending', authorizations: [`${base}/authz/1`] })
    const dns = (value: string) => ({ type: 'dns', value })
    expect(payloads).toEqual([
      { identifiers: [dns('*.a.test'), dns('a.test')], profile: 'short', replaces: 'x.y' },
      { identifiers: [dns('a.test')] },
    ])
  })

  test.each<[string, object, RegExp]>([
    [
      'more authorizations than identifiers',
      { authorizations: Array.from({ length: 100_000 }, (_, i) => `${base}/authz/${i}`) },
      /authorizations: there are more than identifiers/,
    ],
    [
      'a name that nobody asked for',
      { identifiers: ['www.example.com', 'evil.test'].map(value => ({ type: 'dns', value })) },
      /another order: it is for evil\.test, too/,
    ],
    [
      'another name',
      { identifiers: [{ type: 'dns', value: 'evil.test' }] },
      /another order: it is for evil\.test, too/,
    ],
  ])('with %s are refused, and nothing more is asked', async (_what, more, message) => {
    const { ca, client } = await ready()
    ca.always('/new-order', { status: 201, headers: { location: url }, body: order('pending', more) })
    await expect(client.newOrder({ names: names('www.example.com') }, signal)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(message),
    })
    expect(ca.asked).toEqual(['POST /new-order'])
  })

  test('that lack a name are refused', async () => {
    const { ca, client } = await ready()
    ca.always('/new-order', { status: 201, headers: { location: url }, body: order('pending') })
    await expect(client.newOrder({ names: names('www.example.com', 'b.test') }, signal)).rejects.toThrow(
      /lacks b\.test/,
    )
  })

  test('are looked at soon, then ever more seldom', async () => {
    const { ca, client, clock } = await ready()
    const looks: number[] = []
    const before = clock.seconds
    ca.always('/order/1', () => {
      looks.push(clock.seconds - before)
      return { body: order(looks.length < 18 ? 'pending' : 'ready') }
    })
    await client.pollOrder(url, isReady, limits, signal)
    expect(looks[0]).toBeCloseTo(0.006)
    const pauses = looks.slice(1).map((at, i) => at - (looks[i] ?? 0))
    expect(pauses[0]).toBeCloseTo(0.006)
    expect(Math.max(...pauses)).toBeCloseTo(5)
    expect(pauses.every((pause, i) => pause > (pauses[i - 1] ?? 0) - 0.001)).toBe(true)
  })

  test('obey Retry-After, up to two minutes', async () => {
    const { ca, client, clock } = await ready()
    const processing = (seconds: string) => ({ body: order('processing'), headers: { 'retry-after': seconds } })
    ca.next('/order/1', processing('7'), processing('86400'))
    ca.always('/order/1', { body: order('ready') })
    const before = clock.seconds
    await client.pollOrder(url, isReady, limits, signal)
    expect(clock.seconds - before).toBeCloseTo(0.006 + 7 + 120)
  })

  test.each([
    ['5', 5],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9],
    ['soon', 0.006],
  ])('are first looked at when the answer to finalize says: Retry-After %s', async (retryAfter, seconds) => {
    const { ca, client, clock } = await ready()
    ca.always('/order/1', { body: order('valid') })
    ca.always('/finalize/1', { body: order('processing'), headers: { 'retry-after': retryAfter } })
    const made = await client.order(url, signal)
    const { retryAfterSeconds } = await client.finalize(made, new Uint8Array(), signal)
    ca.asked.length = 0
    await client.pollOrder(url, ({ status }) => status === 'valid', { ...limits, retryAfterSeconds }, signal)
    expect(clock.seconds).toBeCloseTo(seconds)
    expect(ca.asked).toEqual(['POST /order/1'])
  })

  test('are first looked at when an earlier run has found them done', async () => {
    const { ca, client, clock } = await ready({ pace: new Map([['validating 3', 4]]) })
    ca.always('/order/1', { body: order('ready') })
    const stage = { stage: 'validating', names: 7 } as const
    await client.pollOrder(url, isReady, { ...limits, stage }, signal)
    expect(clock.seconds).toBeCloseTo(4)
    expect(ca.asked).toEqual(['POST /order/1'])
  })

  test('of a CA whose time is known are looked at once each', async () => {
    const { ca, client, clock } = await ready()
    const looks: number[] = []
    for (let i = 0; i < 12; i++) {
      const doneAt = clock.seconds + 2
      let count = 0
      ca.always('/order/1', () => {
        count++
        return { body: order(clock.seconds < doneAt ? 'pending' : 'ready') }
      })
      const stage = { stage: 'validating', names: 5 } as const
      await client.pollOrder(url, isReady, { ...limits, stage }, signal)
      looks.push(count)
    }
    expect(looks[0]).toBeGreaterThan(5)
    expect(looks.slice(1).filter(count => count === 1).length).toBeGreaterThan(6)
    expect(Math.max(...looks.slice(1))).toBe(2)
  })

  test('that stay as they are: UNAVAILABLE in time, with a last look', async () => {
    const { ca, client, clock } = await ready()
    ca.always('/order/1', { body: order('processing'), headers: { 'retry-after': '100' } })
    const before = clock.seconds
    await expect(client.pollOrder(url, isReady, { giveUpAfterSeconds: 30 }, signal)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `order ${url}: still processing after 30 s`,
    })
    expect(clock.seconds - before).toBeCloseTo(30)
    expect(ca.asked).toHaveLength(2)
  })

  test('that become invalid tell the name and the words of the CA, whole', async () => {
    const { ca, client } = await ready()
    ca.always('/order/1', { body: order('invalid', ofTwo) })
    const challenges = [
      failed('unauthorized', 'Incorrect TXT record "x" found', { subproblems: [{ type: 't', detail: 'sub' }] }),
    ]
    ca.always('/authz/1', { body: authorization('invalid', { challenges, wildcard: true }) })
    ca.always('/authz/2', { body: authorization('pending') })
    await expect(client.pollOrder(url, isReady, limits, signal)).rejects.toMatchObject({
      code: 'REFUSED',
      message:
        '*.www.example.com: the CA says we are not authorized (unauthorized): Incorrect TXT record "x" found; sub (t)',
      hint: expect.stringContaining('dns01 probe'),
      cause: expect.objectContaining({ subproblems: [{ type: 't', detail: 'sub' }] }),
    })
  })

  test('with several failed names tell each', async () => {
    const { ca, client } = await ready()
    ca.always('/order/1', { body: order('invalid', ofTwo) })
    const other = { identifier: { type: 'dns', value: 'b.test' }, challenges: [failed('caa', 'CAA forbids')] }
    ca.always('/authz/1', { body: authorization('invalid', { challenges: [failed('serverInternal', 'oops')] }) })
    ca.always('/authz/2', { body: authorization('invalid', other) })
    await expect(client.pollOrder(url, isReady, limits, signal)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/^www\.example\.com: .*oops; b\.test: .*CAA forbids$/),
      hint: expect.stringContaining('CAA records'),
    })
  })

  test("that fail after validation tell the order's error, or that the CA gave none", async () => {
    const { ca, client } = await ready()
    ca.always('/authz/1', { body: authorization('valid') })
    const error = { type: 'urn:ietf:params:acme:error:caa', detail: 'rechecking CAA' }
    ca.next('/order/1', { body: order('invalid', { error }) }, { body: order('invalid') })
    const attempt = () => client.pollOrder(url, isReady, limits, signal)
    await expect(attempt()).rejects.toThrow(/^order for www\.example\.com: CAA records forbid.*rechecking CAA/)
    await expect(attempt()).rejects.toThrow(/does not say why/)
  })

  test('a single authorization can be waited for, and says what it became', async () => {
    const { ca, client } = await ready()
    ca.next(
      '/authz/1',
      { body: authorization('pending') },
      { body: authorization('valid') },
      { body: authorization('expired') },
    )
    const wait = () => client.pollAuthorization(`${base}/authz/1`, limits, signal)
    expect((await wait()).status).toBe('valid')
    await expect(wait()).rejects.toThrow(/^www\.example\.com: the authorization is expired/)
  })

  test('accept once more what the CA is done with, but not what it still refuses', async () => {
    const { ca, client } = await ready()
    const challenge = { url: `${base}/challenge/1` }
    const state = (status: string) => ({ body: { type: 'dns-01', url: challenge.url, status, token: 'x' } })
    const done = problem('malformed', 'Cannot update challenge with status valid', 400)
    ca.next('/challenge/1', done, state('valid'), done, state('pending'))
    await client.accept(challenge, signal)
    await expect(client.accept(challenge, signal)).rejects.toThrow(/Cannot update/)
  })

  test('finalized twice, as after a lost answer, go on; one that is not ready does not', async () => {
    const { ca, client } = await ready()
    ca.always('/finalize/1', problem('orderNotReady', 'status is processing'))
    ca.next('/order/1', { body: order('ready') }, { body: order('processing') }, { body: order('pending') })
    const found = await client.order(url, signal)
    expect((await client.finalize(found, Uint8Array.of(1), signal)).status).toBe('processing')
    await expect(client.finalize(found, Uint8Array.of(1), signal)).rejects.toThrow(/orderNotReady/)
  })

  test('give the certificate as PEM, or an error that tells what came', async () => {
    const { ca, client } = await ready()
    const certificate = `${base}/cert/1`
    ca.next('/order/1', { body: order('valid', { certificate }) }, { body: order('valid') })
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    ca.next(
      '/cert/1',
      ({ headers }) => ({ body: headers.accept === 'application/pem-certificate-chain' ? pem : '' }),
      html,
    )
    const valid = await client.order(url, signal)
    expect(await client.certificate(valid, signal)).toBe(pem)
    await expect(client.certificate(valid, signal)).rejects.toThrow(
      /no PEM certificate from https:\/\/ca\.test\/cert\/1/,
    )
    await expect(client.certificate(await client.order(url, signal), signal)).rejects.toThrow(
      /valid but has no certificate/,
    )
  })

  test('have the alternate chain that is preferred, looked for no further than to it', async () => {
    const { ca, client } = await ready()
    ca.always('/order/1', { body: order('valid', { certificate: `${base}/certificate/1` }) })
    const chain = (what: string): string => `-----BEGIN CERTIFICATE-----\n${what}\n-----END CERTIFICATE-----\n`
    const links = ['<https://ca.test/directory>;rel="index"']
    for (const to of ['http://other.test/x', '/certificate/1/1', '/certificate/1/2', '/certificate/1/3'])
      links.push(`<${to}>; rel="alternate"`)
    ca.always('/certificate/1', { headers: { link: links.join(', ') }, body: chain('a') })
    ca.always('/certificate/1/1', { status: 404 })
    for (const i of [2, 3]) ca.always(`/certificate/1/${i}`, { body: chain('abc'[i - 1] ?? '') })
    const valid = await client.order(url, signal)
    const found = (wanted?: string) => client.certificate(valid, signal, wanted ? text => text === wanted : undefined)
    ca.asked.length = 0
    expect(await found()).toBe(chain('a'))
    expect(await found(chain('a'))).toBe(chain('a'))
    expect(ca.asked).toEqual(['POST /certificate/1', 'POST /certificate/1'])
    expect(await found(chain('b'))).toBe(chain('b'))
    expect(ca.asked.slice(2)).toEqual(['POST /certificate/1', 'POST /certificate/1/1', 'POST /certificate/1/2'])
    expect(await found(chain('none')), 'the usual one').toBe(chain('a'))
    expect(ca.asked.at(-1)).toBe('POST /certificate/1/3')
  })

  test('what is not a URL in a file, or not an https one, is refused without asking', async () => {
    const { ca, client } = await ready()
    for (const wrong of ['', 'nonsense', 'http://ca.test/order/1'])
      await expect(client.order(wrong, signal)).rejects.toMatchObject({ code: 'REFUSED', message: /not an https URL/ })
    expect(ca.asked).toEqual([])
  })
})

describe('revocation', () => {
  test('by the account; one that is revoked already is success', async () => {
    const { ca, client } = await ready()
    ca.next('/revoke-cert', ({ payload, protected: head }) => {
      expect(payload).toEqual({ certificate: 'AQI', reason: 4 })
      expect(head.kid).toBe(`${base}/account/1`)
      return {}
    })
    await client.revoke(Uint8Array.of(1, 2), 4, signal)
    ca.next('/revoke-cert', problem('alreadyRevoked', 'was', 400), problem('badRevocationReason', 'no', 400))
    await client.revoke(Uint8Array.of(1, 2), undefined, signal)
    await expect(client.revoke(Uint8Array.of(1, 2), 99, signal)).rejects.toMatchObject({
      code: 'REFUSED',
      hint: /without a reason/,
    })
  })

  test("by the certificate's key, which goes along itself, in three requests", async () => {
    const world = testWorld()
    world.ca.always('/revoke-cert', ({ protected: head }) => {
      expect(head.jwk).toBeDefined()
      expect(head.kid).toBeUndefined()
      return {}
    })
    const revoking = revokeWithCertificateKey(world, world.ca.directoryUrl, key, Uint8Array.of(1), undefined, signal)
    await world.clock.runUntil(revoking)
    expect(world.ca.asked).toEqual(['GET /directory', 'GET /new-nonce', 'POST /revoke-cert'])
  })

  test('at a CA that offers none is REFUSED', async () => {
    const { ca, client } = open()
    ca.always('/directory', { body: { newNonce: base, newAccount: base, newOrder: base } })
    await expect(client.revoke(Uint8Array.of(1), undefined, signal)).rejects.toThrow(/offers no revocation/)
  })
})
