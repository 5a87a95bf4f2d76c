// Accounts at a real CA, by the real program: bindings to an external one.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIfOlder, runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { type Lab, startLab } from './servers/state.js'

const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

describe.skipIf(lacking('pebble'))('a CA that wants an external account binding', () => {
  let lab: Lab
  beforeAll(async () => {
    buildIfOlder()
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
      stderr: expect.stringMatching(/wants an external account binding, and none is given[\s\S]*DNS01_EAB_KID/),
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
