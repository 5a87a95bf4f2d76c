// Accounts at a real CA, by the real program: bindings to an external one, and what `dns01 account` does.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startProxy } from '../fakes/proxy.js'
import { runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { pebbles } from './servers/pebble.js'
import { type Lab, prepareState, startLab } from './servers/state.js'
import { makeTestCa } from './servers/test-ca.js'

const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

describe.skipIf(lacking('pebble'))('a CA that requires an external account binding', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await startLab({ externalAccountKeys: { 'kid-of-ours': hmacKey } })
  })
  afterAll(() => lab?.stop())

  const want = (env: Record<string, string>, ...flags: string[]) =>
    runDns01(['--batch', ...flags, 'want', 'eab.corp.example'], { env: { ...lab.env, ...env } })
  const accounts = (): string[] => {
    const folder = join(lab.state, 'accounts')
    return existsSync(folder) ? readdirSync(folder).flatMap(server => readdirSync(join(folder, server))) : []
  }

  test('without one it is told what is missing, and how to give it; with half of one, which half', async () => {
    expect(await want({})).toMatchObject({
      exit: 3,
      stderr: expect.stringMatching(/requires an external account binding, and none is given[\s\S]*DNS01_EAB_KID/),
    })
    const asked = lab.pebble.requests().length
    expect(await want({ DNS01_EAB_KID: 'kid-of-ours' })).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('is missing: DNS01_EAB_HMAC_KEY'),
    })
    expect(lab.pebble.requests()).toHaveLength(asked)
    expect(accounts()).toEqual([])
  })

  test('a wrong one is refused, the right one gives a certificate, and neither half is in the log', async () => {
    const wrong = { DNS01_EAB_KID: 'kid-of-ours', DNS01_EAB_HMAC_KEY: hmacKey.toLowerCase() }
    const refused = await want(wrong, '-vv')
    expect(refused).toMatchObject({ exit: 6, stderr: expect.stringContaining('is the external account binding right') })
    const file = join(dirname(lab.state), 'eab.key')
    writeFileSync(file, `${hmacKey}\n`, { mode: 0o600 })
    const given = await want({ DNS01_EAB_KID: 'kid-of-ours', DNS01_EAB_HMAC_KEY_FILE: file }, '-vv')
    expect(given.exit, given.stderr).toBe(0)
    expect(accounts()).toHaveLength(1)
    expect(refused.stderr + given.stderr).not.toMatch(new RegExp(`kid-of-ours|${hmacKey}`, 'i'))
    expect(existsSync(join(lab.state, 'live/eab.corp.example/fullchain'))).toBe(true)
  })
})

describe.skipIf(lacking('pebble')).each(pebbles())('an account at a Pebble, $which', ({ systems }) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await startLab({ systems })
  })
  afterAll(() => lab?.stop())

  const run = async (...words: string[]) => {
    const { exit, stdout, stderr } = await runDns01(words, { env: lab.env })
    return { exit, said: stdout.trim(), stderr }
  }
  const shown = async (): Promise<Record<string, unknown>[]> =>
    JSON.parse((await run('account', 'show', '--json')).said)
  const stored = (): string[] => {
    const [server = ''] = readdirSync(join(lab.state, 'accounts'))
    return readdirSync(join(lab.state, 'accounts', server)).map(key => `${server}/${key}`)
  }

  test('is registered without an order, gets other contacts, another key, and is closed', async () => {
    const { said: id } = await run('account', 'register')
    expect(stored()).toEqual([id])
    expect(await run('want', 'one.corp.example')).toMatchObject({ exit: 0 })
    expect(await run('account', 'update', '--email', 'a@example.com', '--email', 'b@example.com')).toMatchObject({
      exit: 0,
    })
    const [before] = await shown()
    expect(before).toMatchObject({ id, status: 'valid', contact: ['mailto:a@example.com', 'mailto:b@example.com'] })
    expect(await run('account', 'update', '--email', '')).toMatchObject({ exit: 0 })

    const { said: next, stderr } = await run('account', 'rollover')
    expect({ stderr, stored: stored(), other: next !== id }).toEqual({ stderr: '', stored: [next], other: true })
    expect(await shown()).toEqual([
      expect.objectContaining({ id: next, url: before?.url, status: 'valid', contact: [] }),
    ])
    const certificate = readlinkSync(join(lab.state, 'live/one.corp.example')).replace('../', '')
    expect(readlinkSync(join(lab.state, certificate, 'account'))).toBe(`../../accounts/${next}`)
    expect(await run('want', 'two.corp.example')).toMatchObject({ exit: 0 })
    expect(await run('revoke', certificate.replace('certs/', ''))).toMatchObject({ exit: 0 })
    expect(stored(), 'nobody has registered another').toEqual([next])

    expect(await run('account', 'deactivate')).toMatchObject({ exit: 0, stderr: '' })
    expect(stored()).toEqual([])
    expect(existsSync(join(lab.state, 'live/two.corp.example/fullchain'))).toBe(true)
    expect(await run('reconcile', '--batch')).toMatchObject({ exit: 0, said: '', stderr: '' })
    expect(await run('want', 'three.corp.example')).toMatchObject({ exit: 0 })
    expect(stored(), 'conf/responses consents: a new one is made').toHaveLength(1)
  })

  test('whose change of key the CA has heard, but its answer was lost, has the new key', async () => {
    const tls = await makeTestCa()
    let cut = 0
    const proxy = await startProxy({
      toPort: Number(new URL(lab.pebble.directoryUrl).port),
      tls,
      caPem: readFileSync(lab.pebble.caFile, 'utf8'),
      trick: ({ path }) => (path.startsWith('/rollover') && cut++ === 0 ? 'cut' : undefined),
    })
    try {
      const folder = join(dirname(lab.state), 'lost')
      mkdirSync(folder)
      writeFileSync(join(folder, 'roots.pem'), tls.ca)
      prepareState(join(folder, 'state'), `https://localhost:${proxy.port}/dir`)
      const env = { ...lab.env, ACME_STATE_DIR: join(folder, 'state'), SSL_CERT_FILE: join(folder, 'roots.pem') }
      const there = async (...words: string[]) => (await runDns01(['account', ...words], { env })).stdout.trim()
      const before = await there('register')
      const [account] = JSON.parse(await there('show', '--json'))
      const after = await there('rollover')
      expect({ cut: cut > 0, changed: after !== before }).toEqual({ cut: true, changed: true })
      const shownNow = JSON.parse(await there('show', '--json'))
      expect(shownNow).toEqual([{ ...account, id: after, thumbprint: expect.any(String) }])
    } finally {
      await proxy.close()
    }
  })

  test('whose change of key was cut off after the CA had heard it is used by its new key in the next run', async () => {
    const { said: id } = await run('account', 'register')
    const [server = '', oldId = ''] = id.split('/')
    const old = readFileSync(join(lab.state, 'accounts', id, 'privkey'), 'utf8')
    const { said: next } = await run('account', 'rollover')
    const [, newId = ''] = next.split('/')
    const account = (key: string) => join(lab.state, 'accounts', server, key)
    // as it stands on disk right after the CA's answer
    const note = join(lab.state, '.dns01/rollover', newId)
    mkdirSync(note, { recursive: true, mode: 0o700 })
    writeFileSync(join(note, 'account'), `${id}\n`, { mode: 0o600 })
    cpSync(join(account(newId), 'privkey'), join(note, 'privkey'))
    rmSync(account(newId), { recursive: true })
    mkdirSync(account(oldId), { mode: 0o700 })
    writeFileSync(join(account(oldId), 'privkey'), old, { mode: 0o600 })
    expect(await run('--batch', 'reconcile')).toMatchObject({ exit: 0 })
    expect(stored()).toEqual([next])
    expect(await shown()).toEqual([expect.objectContaining({ id: next, status: 'valid' })])
  })
})
