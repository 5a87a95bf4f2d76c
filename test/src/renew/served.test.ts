import { beforeAll, describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { parsePlace } from '../../../src/core/place.js'
import type { Handshake, Line } from '../../../src/core/world.js'
import { dueLooks, linkFor, lookAtServed, plannedLooks } from '../../../src/renew/served.js'
import { statusDocument } from '../../../src/renew/status.js'
import { servedFaults, troubleTexts } from '../../../src/renew/status-text.js'
import type { Seen } from '../../../src/state/served-memory.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { pemBodies } from '../../../src/x509/pem.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { day, names, target } from '../../fakes/held.js'
import { stateWorld } from '../../fakes/state-world.js'

const check = [parsePlace('www.corp.example:443')]
const wanted = target('www.corp.example-1', ['www.corp.example', '*.corp.example'], { check })
const memory = '/s/.dns01/served.json'

/** A state directory with two certificates for the name, the second of which is live, and a server that shows what the test says. */
async function house() {
  const fake = stateWorld()
  const state = await StateDir.open(fake.world, '/s')
  await state.conform()
  const ids: string[] = []
  const shown: Uint8Array[] = []
  for (const serial of [1, 2]) {
    const key = ecKey()
    await state.addKey(key)
    const id = await state.addOrder({ url: `https://ca.test/order/${serial}`, accountId: 'ca.test/x', keyId: key.id })
    const pems = await selfSigned(key, ['www.corp.example', '*.corp.example'], { issuer: 'CN=CA' })
    await state.storeCertificate(id, pems)
    ids.push(id)
    shown.push(...pemBodies(pems.cert))
  }
  const [older = '', live = ''] = ids
  await state.pointLive('www.corp.example', live)
  const [olderDer, liveDer] = shown as [Uint8Array, Uint8Array]
  /** What the server shows, one look after the other; the last of it for ever. */
  const server = { shows: [liveDer], looks: 0, seconds: 0 }
  const line: Line = {
    read: async () => new Uint8Array(),
    write: () => {},
    close: () => {},
    shake: async (): Promise<Handshake> => {
      server.looks++
      fake.time = new Date(fake.time.getTime() + server.seconds * 1000)
      const der = server.shows.length > 1 ? server.shows.shift() : server.shows[0]
      return { protocol: 'TLSv1.3', cipher: 'X', chain: [der as Uint8Array] }
    },
  }
  const tls = { connect: async () => line, trustedCas: async () => [] }
  const world = { ...fake.world, tls }
  const run = (targets = [wanted], again = true) =>
    lookAtServed({ world, state, signal: new AbortController().signal }, targets, { again })
  return { fake, state, world, server, run, older, live, olderDer, liveDer }
}

describe('which looks are due', () => {
  const links = new Map([['www.corp.example', 'c2']])
  const planned = plannedLooks([wanted], links)
  const seen = (more: Partial<Seen>) =>
    new Map([
      [
        planned[0]?.key ?? '',
        { at: day('2026-01-01'), since: day('2026-01-01'), state: 'ok' as const, text: '', ...more },
      ],
    ])
  test.each([
    ['never looked at', new Map(), true, 1],
    ['looked at, and well', seen({ certificate: 'c2' }), true, 0],
    ['another certificate is live since', seen({ certificate: 'c1' }), false, 1],
    ['it was not well', seen({ certificate: 'c2', state: 'failed' }), true, 1],
    ['it was not well, but somebody waits for other names', seen({ certificate: 'c2', state: 'failed' }), false, 0],
  ])('%s', (_, memory, again, count) => {
    expect(dueLooks(planned, memory, again)).toHaveLength(count)
  })

  test('nothing is due where nothing is live', () => {
    expect(dueLooks(plannedLooks([wanted], new Map()), new Map(), true)).toEqual([])
  })

  test.each([
    ['www.corp.example', '', 'www.corp.example'],
    ['api.corp.example', '', '*.corp.example'],
    ['else.example', 'rsa', 'www.corp.example:rsa'],
  ])('%s, label %j: live/%s ought to be served', (name, label, link) => {
    expect(linkFor({ ...wanted, label }, names(name)[0])).toBe(link)
  })
})

describe('a run', () => {
  let it: Awaited<ReturnType<typeof house>>
  beforeAll(async () => {
    it = await house()
  })

  test('looks again for some seconds while the old certificate is still shown, and says nothing when the new one comes', async () => {
    const began = it.fake.time.getTime()
    it.server.shows = [it.olderDer, it.olderDer, it.liveDer]
    expect(await it.run()).toEqual([])
    expect(it.server.looks).toBe(3)
    expect(it.fake.time.getTime() - began).toBe(3000)
    expect(JSON.parse(it.fake.files.text(memory))).toEqual({
      'www.corp.example-1 www.corp.example:443 www.corp.example': expect.objectContaining({
        state: 'ok',
        certificate: it.live,
      }),
    })
  })

  test('asks nobody when nothing has changed since', async () => {
    it.server.looks = 0
    expect(await it.run()).toEqual([])
    expect(it.server.looks).toBe(0)
  })

  test('tells an old certificate with what to do, as a hook that failed; and again, with one look, until it is good', async () => {
    await it.state.pointLive('www.corp.example', it.older)
    it.server.shows = [it.liveDer]
    const [outcome, ...more] = await it.run()
    expect(more).toEqual([])
    expect(outcome?.error).toBeInstanceOf(Dns01Error)
    expect(outcome).toMatchObject({ result: 'failed', names: wanted.names })
    expect(outcome?.error).toMatchObject({
      code: 'HOOK',
      message: `www.corp.example-1: www.corp.example:443: an older certificate of ours is served, certs/${it.live}, and not that of live/www.corp.example`,
      hint: expect.stringMatching(/^reload the server.*\n.*dns01 probe --served www.corp.example looks now$/s),
    })
    it.server.looks = 0
    const since = JSON.parse(it.fake.files.text(memory))['www.corp.example-1 www.corp.example:443 www.corp.example']
      .since
    expect(await it.run()).toHaveLength(1)
    expect(it.server.looks).toBe(1)
    const text = it.fake.files.text(memory)
    expect(Object.values(JSON.parse(text))).toEqual([expect.objectContaining({ state: 'failed', since })])

    it.server.shows = [it.olderDer]
    expect(await it.run()).toEqual([])
    expect(it.fake.files.text(memory)).toContain('"ok"')
  })

  test('forgets places that no target has any more', async () => {
    expect(await it.run([target('other', ['other.test'], { check: [parsePlace(':443')] })])).toEqual([])
    expect(it.fake.files.info(memory)).toBeUndefined()
  })
})

test('status tells the last look without asking anybody, and that nobody has looked at what is live now', async () => {
  const it = await house()
  const text = "satisfy: {names: [www.corp.example, '*.corp.example']}\ncheck: ['www.corp.example:443']\n"
  await it.state.writeTarget(wanted.file, text)
  const served = () => statusDocument({ ...it.world, env: {} }, it.state).targets[0]?.served
  const about = { place: 'www.corp.example:443', name: 'www.corp.example' }
  expect(served()).toEqual([{ ...about, state: 'unseen', text: 'not looked at yet', at: undefined }])
  await it.run()
  expect(served()).toEqual([expect.objectContaining({ ...about, state: 'ok', text: 'the live certificate is served' })])
  await it.state.pointLive('www.corp.example', it.older)
  expect(served()).toEqual([expect.objectContaining({ ...about, state: 'unseen' })])
  await it.run()
  expect(served()).toEqual([
    expect.objectContaining({ ...about, state: 'failed', text: expect.stringMatching(/older/) }),
  ])
  const document = statusDocument({ ...it.world, env: {} }, it.state)
  expect(document.targets[0]).toMatchObject({ urgency: 'troubled' })
  expect(document.targets.flatMap(target => troubleTexts(target, true))).toEqual([
    expect.stringMatching(/^at www.corp.example:443 since .*: an older certificate of ours .* \(reload the server/),
  ])
  expect(servedFaults(document)).toEqual([expect.objectContaining({ code: 'HOOK' })])
})

test('what takes ten seconds is no reload: it is not looked at again in the same run', async () => {
  const it = await house()
  Object.assign(it.server, { shows: [it.olderDer], seconds: 10 })
  expect(await it.run()).toHaveLength(1)
  expect(it.server.looks).toBe(1)
})

test('a placeholder is not looked at: it is shown, and nobody trusts it', async () => {
  const it = await house()
  const key = ecKey()
  await it.state.addKey(key)
  const url = 'https://placeholder.dns01.invalid/x'
  const id = await it.state.addOrder({ url, accountId: undefined, keyId: key.id })
  await it.state.storeCertificate(id, await selfSigned(key, ['www.corp.example']))
  await it.state.pointLive('www.corp.example', id)
  expect(await it.run()).toEqual([])
  expect(it.server.looks).toBe(0)
})

test('what is live and damaged ends no run', async () => {
  const it = await house()
  it.fake.files.put(`/s/certs/${it.live}/fullchain`, 'damaged')
  await expect(it.run()).resolves.toBeDefined()
  await it.fake.files.remove(`/s/certs/${it.live}/fullchain`)
  await expect(it.run()).resolves.toBeDefined()
})

test('a memory that is damaged counts as none', async () => {
  const it = await house()
  it.fake.files.put(memory, '{"x": {"at": "never"}}', 0o600)
  expect(await it.run()).toEqual([])
  expect(it.fake.files.text(memory)).toContain('www.corp.example')
})
