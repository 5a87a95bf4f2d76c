// What the real program does with what a real CA says of when to renew (RFC 9773), and what goes over the wire.
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { certIdOf } from '../../src/acme/renewal-info.js'
import { readCertificate } from '../../src/x509/certificate.js'
import { type Dns01Result, runDns01 } from './servers/dns01.js'
import { lacking, needSystems } from './servers/need.js'
import { pebbleLacks } from './servers/pebble.js'
import { type Instead, type Recorded, type Recorder, startRecorder } from './servers/recorder.js'
import { type Lab, prepareState, startLab } from './servers/state.js'

const HOST = 'a.corp.example'
/** Of Pebble 2.10. */
const ARI = '/draft-ietf-acme-ari-03/renewalInfo'
const hour = 3_600_000
const instant = (ms: number): string => new Date(Date.now() + ms).toISOString()
const windowOf = (start: number, end: number): string =>
  JSON.stringify({
    suggestedWindow: { start: instant(start), end: instant(end) },
    explanationURL: 'https://ca.example/docs/why',
  })

/** All pauses are over, as if days had passed. */
function makeOld(memory: string): void {
  const past = '"askAgain":"2026-01-01T00:00:00.000Z"'
  writeFileSync(memory, readFileSync(memory, 'utf8').replace(/"askAgain":"[^"]+"/g, past))
}

describe.skipIf(lacking('pebble') || pebbleLacks('renewal information'))('a real Pebble says when to renew', () => {
  let lab: Lab
  let recorder: Recorder
  let env: Record<string, string>

  beforeAll(async () => {
    lab = await startLab({ authzReuse: 0, nonceReject: 0, validitySeconds: 90 * 86_400 })
    recorder = await startRecorder(lab.pebble)
    prepareState(lab.state, recorder.directoryUrl)
    env = { ...lab.env, SSL_CERT_FILE: recorder.caFile }
    expect(await dns01('--batch', 'want', HOST)).toMatchObject({ exit: 0, stderr: '' })
    // of one in 256 serial numbers Pebble does not know its own certificate again: those that need a 00 before them
    while (readCertificate(leaf()).serial.startsWith('00')) await dns01('--batch', 'reconcile', '--force', HOST)
  }, 60_000)
  afterAll(async () => {
    await recorder.stop()
    await lab.stop()
  })
  beforeEach(() => {
    recorder.instead = () => undefined
    recorder.seen.length = 0
  })

  const dns01 = (...args: string[]): Promise<Dns01Result> => runDns01(args, { env })
  const leaf = (): string =>
    readFileSync(join(lab.state, 'live', HOST, 'fullchain'), 'utf8').match(
      /-----BEGIN[\s\S]*?END CERTIFICATE-----\n/,
    )?.[0] ?? ''
  const certId = () => certIdOf(readCertificate(leaf()))
  const asked = (what: RegExp): Recorded[] => recorder.seen.filter(({ path }) => what.test(path))
  const orders = () => asked(/order-plz/).map(({ status, payload }) => ({ status, payload }))
  const memory = (): string => join(lab.state, '.dns01', 'renewal-info.json')

  /** Has Pebble answer so of what is live, as if it had not been asked yet. */
  async function says(text: string): Promise<void> {
    rmSync(memory(), { force: true })
    const body = JSON.stringify({ Certificate: leaf(), ARIResponse: text })
    const ca = readFileSync(lab.pebble.caFile)
    const headers = { 'user-agent': 'test' }
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${lab.pebble.managementUrl}/set-renewal-info/`, { method: 'POST', ca, headers }, answer => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode))
      })
      sent.on('error', reject)
      sent.end(body)
    })
    expect(status).toBe(200)
  }

  test('the usual window is kept, shown, and not asked for again by the second run', async () => {
    expect(await dns01('--batch')).toMatchObject({ exit: 0, stderr: '', stdout: '' })
    expect(recorder.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /dir', `GET ${ARI}/${certId()}`])
    recorder.seen.length = 0
    expect(await dns01('--batch')).toMatchObject({ exit: 0 })
    const shown = (await dns01('status', HOST)).stdout
    const document = JSON.parse((await dns01('status', '--json')).stdout)
    expect((await dns01('plan')).stdout).toBe('')
    expect(recorder.seen).toEqual([])
    expect(shown).toMatch(/renewed +from \S+: the CA asks for renewal between \S+ and \S+ \(asked \S+\)/)
    const { start, end, chosen, asked, askAgain } = document.targets[0].renewalInfo
    expect([start, chosen, end]).toEqual([start, chosen, end].sort())
    expect(Date.parse(askAgain) - Date.parse(asked)).toBe(6 * hour)
  })

  test('a window in the past: renewed at once, the order names the certificate before it, and the page that says why is shown', async () => {
    const before = certId()
    await says(windowOf(-2 * hour, -hour))
    const run = await dns01('--batch', '-v')
    expect(run.exit).toBe(0)
    expect(run.stderr).toMatch(
      /renewal due since .*: the CA asks for renewal between .*, earlier than .*; why: https:\/\/ca\.example\/docs\/why/,
    )
    expect(orders()).toEqual([{ status: 201, payload: expect.objectContaining({ replaces: before }) }])
    expect(JSON.parse(asked(/order-plz/)[0]?.body ?? '{}').replaces).toBe(before)
    expect(certId()).not.toBe(before)
    process.stderr.write(`recorded: POST ${asked(/order-plz/)[0]?.path} ${JSON.stringify(orders()[0]?.payload)}\n`)
  })

  test('a certificate that Pebble counts as replaced: the order is refused, and made once more without naming it', async () => {
    rmSync(realpathSync(join(lab.state, 'live', HOST)), { recursive: true }) // as if the successor had been lost
    rmSync(memory())
    expect(await dns01('--batch')).toMatchObject({ exit: 0 })
    const replaced = certId()
    await says(windowOf(-2 * hour, -hour))
    recorder.seen.length = 0
    expect(await dns01('--batch')).toMatchObject({ exit: 0, stderr: '' })
    expect(orders()).toEqual([
      { status: 409, payload: expect.objectContaining({ replaces: replaced }) },
      { status: 201, payload: expect.not.objectContaining({ replaces: expect.anything() }) },
    ])
  })

  test('a window far away: nothing is renewed', async () => {
    await says(windowOf(20 * 24 * hour, 21 * 24 * hour))
    expect(await dns01('--batch')).toMatchObject({ exit: 0 })
    expect(orders()).toEqual([])
  })

  test.each([
    { what: 'garbage', text: '<<<not JSON at all>>>' },
    {
      what: 'a window that ends before it begins',
      text: windowOf(-hour, -hour).replace(/"end":"[^"]+"/, `"end":"${instant(-2 * hour)}"`),
    },
    { what: 'JSON of something else', text: '{"suggestedWindow": {"start": 7}}' },
    { what: 'nothing', text: '' },
  ])('$what is no window: nothing is renewed, and nobody hears of it', async ({ text }) => {
    await says(text)
    expect(await dns01('--batch')).toMatchObject({ exit: 0, stderr: '', stdout: '' })
    expect(asked(new RegExp(ARI))).toHaveLength(1)
    expect(orders()).toEqual([])
  })

  test.each<{ what: string; instead: Instead }>([
    { what: '404', instead: { status: 404, body: '{"type":"urn:ietf:params:acme:error:malformed"}' } },
    { what: '500', instead: { status: 500, body: 'oh' } },
    { what: '503', instead: { status: 503, body: '<html>' } },
  ])('$what: the old answer holds, and a second run does not ask again', async ({ instead }) => {
    await says(windowOf(20 * 24 * hour, 21 * 24 * hour))
    expect(await dns01('--batch')).toMatchObject({ exit: 0 })
    const before = JSON.parse((await dns01('status', '--json')).stdout).targets[0].renewalInfo
    makeOld(memory())
    recorder.instead = path => (path.startsWith(ARI) ? instead : undefined)
    recorder.seen.length = 0
    for (let run = 0; run < 2; run++) expect(await dns01('--batch')).toMatchObject({ exit: 0, stderr: '', stdout: '' })
    expect(asked(new RegExp(ARI))).toHaveLength(1)
    const after = JSON.parse((await dns01('status', '--json')).stdout).targets[0].renewalInfo
    expect({ ...after, askAgain: undefined }).toEqual({ ...before, askAgain: undefined })
  })

  test('a CA that hangs costs some seconds, and an order that is due is made all the same', async () => {
    rmSync(memory(), { force: true })
    recorder.instead = path => (path.startsWith(ARI) ? 'hangs' : undefined)
    writeFileSync(join(lab.state, 'desired', 'b.corp.example'), '')
    const run = await dns01('--batch')
    expect(run).toMatchObject({ exit: 0, stderr: '' })
    expect(run.seconds).toBeGreaterThan(4.5)
    expect(run.seconds).toBeLessThan(20)
    expect(orders()).toHaveLength(1)
    process.stderr.write(
      `a CA whose renewal information hangs: a run with one order takes ${run.seconds.toFixed(1)} s\n`,
    )
  })
})

describe.skipIf(lacking('pebble'))("a real Pebble of Debian's, older than renewal information", () => {
  test('its directory is looked at once a day, and no order names another certificate', async () => {
    needSystems('pebble')
    const lab = await startLab({ systems: true })
    const recorder = await startRecorder(lab.pebble)
    try {
      prepareState(lab.state, recorder.directoryUrl)
      const run = (...args: string[]) =>
        runDns01(['--batch', ...args], { env: { ...lab.env, SSL_CERT_FILE: recorder.caFile } })
      expect(await run('want', HOST)).toMatchObject({ exit: 0 })
      if (JSON.parse(recorder.seen[0]?.body ?? '{}').renewalInfo !== undefined) return // the system's is a newer one
      recorder.seen.length = 0
      for (let i = 0; i < 3; i++) expect(await run()).toMatchObject({ exit: 0, stderr: '', stdout: '' })
      expect(recorder.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /dir'])
      expect(await run('reconcile', '--force', HOST)).toMatchObject({ exit: 0 })
      const order = recorder.seen.find(({ path }) => path === '/order-plz')
      expect(order?.payload).toEqual({ identifiers: [{ type: 'dns', value: HOST }] })
    } finally {
      await recorder.stop()
      await lab.stop()
    }
  }, 60_000)
})
