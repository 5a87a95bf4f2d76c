import { describe, expect, test } from 'vitest'
import { askRenewalInfo, certIdOf, findRenewalService } from '../../../src/acme/renewal-info.js'
import { Dns01Error } from '../../../src/core/errors.js'
import type { HttpRequest, HttpResponse } from '../../../src/core/world.js'
import { fakeWorld } from '../../fakes/world.js'

const NOW = new Date('2026-11-21T12:00:00Z')
const START = '2027-01-01T00:00:00Z'
const END = '2027-01-02T12:00:00Z'

interface Given {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

/** A world in which each request gets this. */
function answering(given: Given | Error) {
  const asked: { readonly url: string; readonly request: HttpRequest }[] = []
  const world = fakeWorld({
    clock: { now: () => NOW },
    fetch: async (url, request) => {
      asked.push({ url: url.href, request })
      if (given instanceof Error) throw given
      return respond(given)
    },
  })
  return { world, asked }
}

const respond = ({ status = 200, headers = {}, body }: Given): HttpResponse => ({
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})

const { signal } = new AbortController()
const ask = (given: Given | Error) =>
  askRenewalInfo(answering(given).world, 'https://ca.test/ari', 'AKI.serial', signal)
const window = (start: unknown, end: unknown, more: object = {}) => ({ suggestedWindow: { start, end }, ...more })
const SIX_HOURS = 6 * 3600

test.each([
  // RFC 9773 §4.1, its example
  { aki: '69885b6b87464041e1b37b847ba0ae2cde01c8d4', serial: '0087654321', id: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE' },
  { aki: '69885b6b87464041e1b37b847ba0ae2cde01c8d4', serial: '7f', id: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.fw' },
  { aki: 'fbff', serial: '03', id: '-_8.Aw' },
  { aki: undefined, serial: '0087654321', id: undefined },
  { aki: '', serial: '01', id: undefined },
])('a certificate with serial $serial by the issuer $aki is asked for as $id', ({ aki, serial, id }) => {
  expect(certIdOf({ authorityKeyId: aki, serial })).toBe(id)
})

test('one unsigned GET of a few seconds below renewalInfo, whether that ends in a slash or not', async () => {
  for (const url of ['https://ca.test/ari', 'https://ca.test/ari/']) {
    const { world, asked } = answering({ body: window(START, END) })
    await askRenewalInfo(world, url, 'AKI.serial', signal)
    expect(asked.map(one => one.url)).toEqual(['https://ca.test/ari/AKI.serial'])
    expect(asked[0]?.request).toMatchObject({ method: 'GET', totalSeconds: 5, timeoutSeconds: 5 })
    expect(asked[0]?.request.body).toBeUndefined()
    expect(asked[0]?.request.headers?.['user-agent']).toMatch(/^dns01\//)
  }
})

test('the window, why it is so, and when to ask again', async () => {
  const headers = { 'retry-after': '21600' }
  const body = window(START, END, { explanationURL: 'https://ca.test/why?id=1' })
  expect(await ask({ headers, body })).toEqual({
    window: { start: new Date(START), end: new Date(END), explanationUrl: 'https://ca.test/why?id=1' },
    askAgainSeconds: SIX_HOURS,
  })
})

test.each([
  { what: 'ends when it begins', body: window(START, START) },
  { what: 'ends before it begins', body: window(END, START) },
  { what: 'has no end', body: { suggestedWindow: { start: START } } },
  { what: 'is none', body: { explanationURL: 'https://ca.test/' } },
  { what: 'has a day without a time', body: window('2027-01-01', END) },
  { what: 'has a time without a zone', body: window('2027-01-01T00:00:00', END) },
  { what: 'has a day that there is not', body: window('2027-13-41T00:00:00Z', END) },
  { what: 'has numbers', body: window(1, 2) },
  { what: "begins at Go's zero time", body: window('0001-01-01T00:00:00Z', END) },
  { what: 'comes as a page', body: '<html><title>Welcome</title>' },
  { what: 'comes as nothing', body: '' },
  { what: 'comes as half of some JSON', body: '{"suggestedWindow":{"start":"2027-' },
  { what: 'comes as an array', body: '[]' },
  { what: 'comes with a megabyte', body: window(START, END, { more: 'x'.repeat(1_000_000) }) },
])('a window that $what is no answer, and is asked for again in six hours', async ({ body }) => {
  const answer = await ask({ body })
  expect(answer).toEqual({ why: expect.any(String), askAgainSeconds: SIX_HOURS })
  expect(answer.why).not.toContain('no renewal information') // which is told before it
  expect(answer.why?.length).toBeLessThan(400)
})

test.each([
  { status: 404, wholeCa: false },
  { status: 400, wholeCa: false },
  { status: 301, wholeCa: false },
  { status: 500, wholeCa: true },
  { status: 503, wholeCa: true },
  { status: 429, wholeCa: true },
])('$status is no answer; the CA as a whole is left alone: $wholeCa', async ({ status, wholeCa }) => {
  const answer = await ask({ status, body: { type: 'urn:ietf:params:acme:error:malformed', detail: 'no' } })
  expect(answer).toEqual({ why: expect.stringContaining(`${status}`), wholeCa, askAgainSeconds: SIX_HOURS })
})

test('a CA that cannot be reached is left alone for six hours', async () => {
  const answer = await ask(new Dns01Error('UNAVAILABLE', 'https://ca.test/ari: the answer took more than 5 s'))
  expect(answer).toEqual({ why: expect.stringContaining('5 s'), wholeCa: true, askAgainSeconds: SIX_HOURS })
})

test('a run that is stopped ends with the reason for it', async () => {
  const stop = new AbortController()
  stop.abort(new Error('Ctrl-C'))
  const { world } = answering(new Error('aborted'))
  await expect(askRenewalInfo(world, 'https://ca.test/ari', 'A.B', stop.signal)).rejects.toThrow('Ctrl-C')
})

test.each([
  { said: undefined, seconds: SIX_HOURS },
  { said: '3600', seconds: 3600 },
  { said: '59', seconds: 60 },
  { said: '0', seconds: 60 },
  { said: '-5', seconds: SIX_HOURS },
  { said: 'soon', seconds: SIX_HOURS },
  { said: '86401', seconds: 86_400 },
  { said: '99999999999999999999', seconds: 86_400 },
  { said: 'Sat, 21 Nov 2026 14:00:00 GMT', seconds: 7200 },
  { said: 'Fri, 20 Nov 2026 14:00:00 GMT', seconds: SIX_HOURS },
])('Retry-After: $said is a pause of $seconds s', async ({ said, seconds }) => {
  const headers: Record<string, string> = said === undefined ? {} : { 'retry-after': said }
  expect((await ask({ headers, body: window(START, END) })).askAgainSeconds).toBe(seconds)
  expect((await ask({ status: 503, headers, body: '' })).askAgainSeconds).toBe(seconds)
})

test.each([
  { url: 'http://ca.test/why', kept: true },
  { url: 'javascript:alert(1)', kept: false },
  { url: 'https://ca.test/\u001b[31mred', kept: false },
  { url: 'https://ca.test/a b', kept: false },
  { url: `https://ca.test/${'x'.repeat(2000)}`, kept: false },
  { url: 7, kept: false },
])('an explanation at $url is kept: $kept; the window holds without it', async ({ url, kept }) => {
  const answer = await ask({ body: window(START, END, { explanationURL: url }) })
  expect(answer.window?.start).toEqual(new Date(START))
  expect(answer.window?.explanationUrl).toBe(kept ? url : undefined)
})

describe('the directory', () => {
  const directory = { newNonce: 'https://ca.test/n', newAccount: 'https://ca.test/a', newOrder: 'https://ca.test/o' }
  const look = (given: Given | Error) => findRenewalService(answering(given).world, 'https://ca.test/dir', signal)

  test.each([
    { body: { ...directory, renewalInfo: 'https://ca.test/ari' }, url: 'https://ca.test/ari' },
    { body: directory, url: undefined },
  ])('says where renewal information is ($url), and is looked at again in a day', async ({ body, url }) => {
    expect(await look({ body })).toEqual({ url, askAgainSeconds: 86_400 })
  })

  test.each<{ what: string; given: Given | Error }>([
    { what: 'names what is no https URL', given: { body: { ...directory, renewalInfo: 'http://ca.test/ari' } } },
    { what: 'is none', given: { body: '<html>' } },
    { what: 'is gone', given: { status: 404, body: '' } },
    { what: 'cannot be reached', given: new Dns01Error('UNAVAILABLE', 'no route') },
  ])('that $what gives no service for six hours', async ({ given }) => {
    const found = await look(given)
    expect(found).toMatchObject({ why: expect.any(String), askAgainSeconds: SIX_HOURS })
    expect(found.url).toBeUndefined()
  })
})
