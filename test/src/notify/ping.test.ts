import { expect, test } from 'vitest'
import type { HttpRequest } from '../../../src/core/world.js'
import { sendPing } from '../../../src/notify/ping.js'
import { fakeLog } from '../../fakes/log.js'
import { fakeWorld } from '../../fakes/world.js'

async function pinged(to: string, failure?: string) {
  const asked: { url: string; request: HttpRequest }[] = []
  const masked: string[] = []
  const world = fakeWorld({
    log: fakeLog([], { masked }),
    fetch: async (url, request) => {
      asked.push({ url: url.href, request })
      return { status: 200, headers: {}, body: Buffer.from('OK') }
    },
  })
  const said = await sendPing(world, to, failure)
  return { said, masked, url: asked[0]?.url, request: asked[0]?.request }
}

test.each([
  ['https://hc.example/uuid', 'https://hc.example/uuid/fail'],
  ['https://hc.example/uuid/', 'https://hc.example/uuid/fail'],
  ['https://hc.example/ping/key/slug?create=1', 'https://hc.example/ping/key/slug/fail?create=1'],
])('%s is asked when all is well, %s when it is not', async (to, fail) => {
  expect((await pinged(to)).url).toBe(to)
  expect((await pinged(to, 'why')).url).toBe(fail)
})

test('it says why in few words, and its address is a secret', async () => {
  const { said, masked, request } = await pinged('https://hc.example/uuid', 'x'.repeat(100_000))
  expect(request?.method).toBe('POST')
  expect(request?.body?.length).toBeLessThan(2100)
  expect(masked).toEqual(expect.arrayContaining(['https://hc.example/uuid', '/uuid']))
  expect(said).toBe('200 OK')
})

test('who does not answer is waited for five seconds', async () => {
  const deadline = (seconds: number) => AbortSignal.abort(new Error(`${seconds} s are over`))
  const fetch = async (_: URL, { signal }: HttpRequest) => Promise.reject(signal.reason)
  const world = fakeWorld({ fetch, clock: { deadline } })
  await expect(sendPing(world, 'https://hc.example/uuid', undefined)).rejects.toMatchObject({
    ...{ code: 'UNAVAILABLE', message: 'hc.example gives no answer within 5 s' },
  })
})

test.each(['hc-ping.com/uuid', 'http://hc.example/uuid', ''])('%j is refused before anything is asked', async to => {
  await expect(pinged(to)).rejects.toMatchObject({ code: 'CONFIG' })
})
