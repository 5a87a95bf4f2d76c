import { describe, expect, test } from 'vitest'
import { openRequest, type RequestOptions } from '../../../providers/acme-dns-01/request.js'
import type { HttpRequest } from '../../../src/core/world.js'
import { fakeClock } from '../../fakes/clock.js'

/** What our request makes of these options, and what it gives back for that answer. */
async function exchange(options: string | RequestOptions, status = 200, body = '{"a":1}') {
  const sent: (Omit<HttpRequest, 'signal'> & { url: string })[] = []
  const request = openRequest({
    clock: fakeClock(),
    fetch: async (url, { signal: _, ...rest }) => {
      sent.push({ url: url.href, ...rest })
      return { status, headers: { 'x-a': 'b' }, body: Buffer.from(body) }
    },
  })
  return { response: await request(options), sent: sent[0], request }
}

describe('what is sent', () => {
  const url = 'https://api.test/x'
  test.each<[string | RequestOptions, object]>([
    [url, { method: 'GET', headers: {} }],
    [
      { uri: url, method: 'delete', headers: { 'X-Key': 'k' } },
      { method: 'DELETE', headers: { 'x-key': 'k' } },
    ],
    [
      { url, json: true },
      { method: 'GET', headers: {} },
    ],
    [
      { url, json: { a: 1 } },
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' },
    ],
    [
      { url, json: true, body: { a: 1 } },
      { headers: { 'content-type': 'application/json' }, body: '{"a":1}' },
    ],
    [
      { url, body: 'plain', method: 'PUT' },
      { method: 'PUT', headers: {}, body: 'plain' },
    ],
    [
      { url, json: true, form: { a: 'x y', b: 2, c: undefined }, headers: { 'Content-Type': 'application/json' } },
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=x%20y&b=2' },
    ],
    [{ url, auth: { bearer: 't' } }, { headers: { authorization: 'Bearer t' } }],
    [{ url, auth: { user: 'u', pass: 'p' } }, { headers: { authorization: 'Basic dTpw' } }],
    [{ url, auth: 'u:p' }, { headers: { authorization: 'Basic dTpw' } }],
  ])('%j', async (options, expected) => {
    expect((await exchange(options)).sent).toMatchObject({ url, ...expected })
  })
})

describe('what comes back', () => {
  test('status, headers and text; JSON only if asked for and if it is some', async () => {
    const { response } = await exchange('https://api.test/', 404)
    expect(response).toMatchObject({ statusCode: 404, ok: false, headers: { 'x-a': 'b' }, body: '{"a":1}' })
    expect((await exchange({ url: 'https://api.test/', json: true })).response).toMatchObject({
      ok: true,
      body: { a: 1 },
    })
    expect((await exchange({ url: 'https://api.test/', json: true }, 200, '<p>')).response?.body).toBe('<p>')
    expect(JSON.parse(JSON.stringify(response))).toEqual({ statusCode: 404, headers: { 'x-a': 'b' }, body: '{"a":1}' })
  })

  test('by a callback, if one is given', async () => {
    const { request } = await exchange('https://api.test/')
    const told = await new Promise(resolve => {
      void request({ url: 'https://api.test/', json: true }, (...args) => resolve(args))
    })
    expect(told).toMatchObject([null, { statusCode: 200 }, { a: 1 }])
    const failed = await new Promise(resolve => void request({ url: 'no url' }, resolve))
    expect(failed).toBeInstanceOf(TypeError)
  })
})
