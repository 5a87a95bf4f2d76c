import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AcmetoolLab,
  type HookCall,
  liveId,
  mergeState,
  putOrder,
  snapshotOf,
  startAcmetoolLab,
} from './servers/acmetool.js'
import { lacking } from './servers/need.js'

const silent = { exit: 0, stdout: '', stderr: '' }

/** What acmetool is to build; a run of its own for each, since it takes ten seconds a certificate, one after the other. */
const targets: Readonly<Record<string, string>> = {
  'rsa.corp.example': 'request: {key: {type: rsa, rsa-size: 2048}}\n',
  wild: "satisfy: {names: ['*.corp.example', corp.example]}\nrequest: {challenge: {env: {WORD: hello}}}\n",
  inner: 'satisfy: {names: [corp.example], key: {type: rsa}}\nlabel: inner\n',
  half: 'satisfy: {names: [half.corp.example]}\nrequest: {key: {ecdsa-curve: nistp384}}\n',
  'spare.corp.example': '',
}

describe.skipIf(lacking('acmetool', 'pebble'))('a state directory that acmetool has made', () => {
  let lab: AcmetoolLab
  let state: string
  const made: Record<string, string> = {}
  let acmetoolCalls: HookCall[]

  beforeAll(async () => {
    lab = await startAcmetoolLab()
    await Promise.all(
      Object.entries(targets).map(async ([file, text]) => {
        const own = lab.newState(file)
        writeFileSync(join(own, 'desired', file), text)
        expect(await lab.acmetool(own, 'reconcile')).toMatchObject(silent)
        made[file] = own
      }),
    )
    acmetoolCalls = lab.calls(made.wild as string)
    state = lab.newState('state')
    for (const file of ['rsa.corp.example', 'wild', 'inner', 'spare.corp.example'])
      mergeState(made[file] as string, state)
    expect(await lab.acmetool(state, 'reconcile')).toMatchObject(silent)
    lab.calls(state)
  })
  afterAll(() => lab?.stop())

  const certificate = (link: string) => new X509Certificate(readFileSync(join(state, 'live', link, 'cert')))

  test('with keys of both kinds, a label, a wildcard and several accounts is a no-op for dns01', async () => {
    const before = snapshotOf(state)
    // acmetool does not know renewal information (RFC 9773): the first run asks for it, by GET, and for nothing else
    const signed = () => lab.pebble.requests().filter(line => !line.startsWith('GET ')).length
    const requests = signed()
    expect(await lab.dns01(state)).toMatchObject(silent)
    expect(snapshotOf(state)).toEqual(before)
    expect(signed()).toBe(requests)
    expect(lab.calls(state)).toEqual([])
    expect(readdirSync(join(state, 'accounts', readdirSync(join(state, 'accounts'))[0] as string))).toHaveLength(4)
    expect(readdirSync(join(state, 'live'))).toContain('corp.example:inner')
  })

  test('is renewed with keys of the same kind, by calling the hooks as acmetool calls them', async () => {
    const before = liveId(state, '*.corp.example')
    await setTimeout(1100) // of two that end in the same second the old one stays live
    const force = ['--force', '*.corp.example', '--force', 'rsa.corp.example']
    expect(await lab.dns01(state, 'reconcile', ...force)).toMatchObject(silent)
    expect(liveId(state, '*.corp.example')).not.toBe(before)
    expect(certificate('rsa.corp.example').publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 })
    expect(certificate('*.corp.example').publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
    const calls = lab.calls(state)
    const ofWild = calls.filter(({ args }) => args[1] !== 'rsa.corp.example')
    expect(shapes(ofWild)).toEqual(shapes(acmetoolCalls))
    expect(ofWild.at(-1)).toMatchObject({
      event: 'live-updated',
      stdin: '*.corp.example\ncorp.example\nrsa.corp.example\n',
      stateDir: state,
      folder: '/',
    })
    expect(new Set(calls.map(({ umask }) => umask))).toEqual(new Set(['0022'])) // acmetool's is 0000: a trap
    expectStartBeforeStop(ofWild)
    expectStartBeforeStop(acmetoolCalls)
  })

  test('is still acmetool’s afterwards: nothing to say, nothing to mend', async () => {
    const before = snapshotOf(state)
    expect(await lab.acmetool(state, 'reconcile')).toMatchObject(silent)
    expect(snapshotOf(state)).toEqual(before)
    const { stdout, stderr } = await lab.acmetool(state, 'status')
    expect(stderr).toBe('')
    expect(stdout).toContain(`best: Certificate(${liveId(state, '*.corp.example')})`)
    expect(stdout).not.toMatch(/error|needs-renewing|uncached/)
  })

  test('with a certificate that was ordered but never fetched is completed, with the order’s own account', async () => {
    const half = made.half as string
    const id = liveId(half, 'half.corp.example')
    const whole = readFileSync(join(half, 'certs', id, 'fullchain'), 'utf8')
    for (const file of ['cert', 'chain', 'fullchain', 'privkey']) rmSync(join(half, 'certs', id, file))
    rmSync(join(half, 'live/half.corp.example'))
    mergeState(half, state)
    const requests = lab.pebble.requests().length
    expect(await lab.dns01(state)).toMatchObject(silent)
    expect(readFileSync(join(state, 'live/half.corp.example/fullchain'), 'utf8')).toBe(whole)
    expect(existsSync(join(state, 'live/half.corp.example/privkey'))).toBe(true)
    expect(lab.pebble.requests().slice(requests)).not.toContain('POST /order-plz')
    expect(lab.calls(state)).toMatchObject([{ event: 'live-updated', stdin: 'half.corp.example\n' }])
  })

  test('with such an order that the CA has forgotten, or whose account is gone, serves its targets all the same', async () => {
    const url = `${new URL(lab.pebble.directoryUrl).origin}/my-order/forgotten`
    const account = readlinkSync(join(state, 'live/half.corp.example/account'))
    const forgotten = putOrder(state, url, account)
    const orphan = putOrder(state, `${url}-too`, undefined)
    writeFileSync(join(state, 'desired/later.corp.example'), '')
    const { exit, stderr } = await lab.dns01(state)
    expect(exit).toBe(0)
    expect(stderr).toMatch(/my-order\/forgotten is dropped: the CA does not know it/)
    expect(stderr).toMatch(/my-order\/forgotten-too waits for the next run: none of the \d+ accounts/)
    expect(existsSync(join(state, 'certs', forgotten))).toBe(false)
    expect(existsSync(join(state, 'certs', orphan))).toBe(true)
    expect(existsSync(join(state, 'live/later.corp.example/fullchain'))).toBe(true)
    rmSync(join(state, 'certs', orphan), { recursive: true })
    lab.calls(state)
  })

  test('with a wish to revoke, which acmetool only notes, is revoked for real, and replaced', async () => {
    const id = liveId(state, 'rsa.corp.example')
    const { serialNumber } = certificate('rsa.corp.example')
    expect(await lab.acmetool(state, 'revoke', id)).toMatchObject(silent)
    expect(await statusAtCa(lab, serialNumber)).toBe('Valid')
    expect(await lab.dns01(state)).toMatchObject(silent)
    expect(await statusAtCa(lab, serialNumber)).toBe('Revoked')
    expect(existsSync(join(state, 'certs', id, 'revoked'))).toBe(true)
    expect(liveId(state, 'rsa.corp.example')).not.toBe(id)
    expect(await lab.acmetool(state, 'reconcile')).toMatchObject(silent)
  })

  test('that no target refers to any more is revoked, too, by the id of its key, with a reason', async () => {
    const id = liveId(state, 'spare.corp.example')
    const { serialNumber } = certificate('spare.corp.example')
    expect(await lab.dns01(state, 'unwant', 'spare.corp.example')).toMatchObject(silent)
    const keyId = readdirSync(join(made['spare.corp.example'] as string, 'keys'))[0] as string
    expect(await lab.dns01(state, 'revoke', keyId, '--reason', 'superseded')).toMatchObject(silent)
    expect(await statusAtCa(lab, serialNumber)).toBe('Revoked')
    expect(readdirSync(join(state, 'certs', id))).toContain('revoked')
  })

  test('is culled, and stays acmetool’s', async () => {
    const before = snapshotOf(state)
    const simulated = await lab.dns01(state, 'cull', '-n')
    expect(snapshotOf(state)).toEqual(before)
    expect(simulated.stdout).toMatch(/^live\/spare.corp.example {2}no target wants it$/m)
    expect(simulated.stdout.match(/^certs\/\w+ {2}revoked: /gm)).toHaveLength(2)
    expect(simulated.stdout).toMatch(/^keys\/\w+ {2}no certificate uses it$/m)
    const culled = await lab.dns01(state, 'cull')
    expect(culled).toMatchObject({ exit: 0, stdout: simulated.stdout, stderr: '' })
    for (const line of culled.stdout.trimEnd().split('\n'))
      expect(existsSync(join(state, line.split(' ')[0] as string)), line).toBe(false)
    const after = snapshotOf(state)
    expect(await lab.dns01(state, 'cull')).toMatchObject(silent)
    expect(await lab.dns01(state)).toMatchObject(silent)
    expect(await lab.acmetool(state, 'reconcile')).toMatchObject(silent)
    expect(await lab.acmetool(state, 'cull', '-n')).toMatchObject(silent)
    expect(snapshotOf(state)).toEqual(after)
  })
})

/** Calls without what differs from run to run, in an order that does not depend on who was quicker; acmetool tells links at random. */
const shapes = (calls: readonly HookCall[]): string[] =>
  calls
    .map(({ event, args, stdin, folder, env, word }) => {
      const plain = args.map(arg => (/^[\w-]{43}$/.test(arg) ? 'VALUE' : arg))
      const said = stdin
        .split('\n')
        .filter(line => line !== 'rsa.corp.example')
        .sort()
      return JSON.stringify({ event, args: plain, stdin: said, folder, env: env.filter(n => !OURS.has(n)), word })
    })
    .sort()

/** What only one of the two programs was started with; hooks inherit it. */
const OURS = new Set(['DNS01_PROVIDER', 'DNS01_PROPAGATION'])

function expectStartBeforeStop(calls: readonly HookCall[]): void {
  const events = (value: string) => calls.filter(({ args }) => args[2] === value).map(({ event }) => event)
  const values = new Set(calls.flatMap(({ args }) => (args[2] === undefined ? [] : [args[2]])))
  expect(values.size).toBe(2)
  for (const value of values) expect(events(value)).toEqual(['challenge-dns-start', 'challenge-dns-stop'])
}

/** Pebble's own word on a certificate. */
async function statusAtCa({ pebble }: AcmetoolLab, serial: string): Promise<string> {
  const { get } = await import('node:https')
  const url = `${pebble.managementUrl}/cert-status-by-serial/${serial.toLowerCase()}`
  return new Promise((resolve, reject) => {
    get(url, { ca: readFileSync(pebble.caFile) }, response => {
      let body = ''
      response.on('data', chunk => (body += chunk))
      response.on('end', () => resolve((JSON.parse(body) as { Status: string }).Status))
    }).on('error', reject)
  })
}
