// `dns01 import lego` with what the real lego has made at a real CA: nothing is issued anew, and the next renewal is ours.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCertificate } from '../../src/x509/certificate.js'
import { runDns01, startProgram } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { temporaryFolder } from './servers/process.js'
import { type Lab, startLab } from './servers/state.js'

describe.skipIf(lacking('pebble', 'lego', 'openssl'))('what lego has made', () => {
  let lab: Lab
  let folder: ReturnType<typeof temporaryFolder>
  const at = (...path: string[]): string => join(folder.path, ...path)
  const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: { ...lab.env, HOME: folder.path } })
  const live = (name: string) => readCertificate(readFileSync(join(lab.state, 'live', name, 'fullchain')))
  const asked = (what: RegExp): number => lab.pebble.requests().filter(line => what.test(line)).length

  async function lego(...words: string[]): Promise<void> {
    const to = ['--server', lab.pebble.directoryUrl, '--email', 'a@example.test', '--accept-tos', '--path', at('.lego')]
    const env = { LEGO_CA_CERTIFICATES: lab.pebble.caFile, EXEC_PATH: at('hook'), HOME: folder.path }
    const pause = { EXEC_POLLING_INTERVAL: '1', EXEC_SEQUENCE_INTERVAL: '0' }
    const run = startProgram(['lego', ...to, '--dns', 'exec', '--dns.disable-cp', ...words, 'run'], {
      env: { ...env, ...pause },
    })
    const { exit, stdout, stderr } = await run.result
    if (exit !== 0) throw new Error(`lego: ${exit}\n${stdout}${stderr}`)
  }

  beforeAll(async () => {
    lab = await startLab({ alwaysValid: true, nonceReject: 0 })
    folder = temporaryFolder('lego')
    symlinkSync('/bin/true', at('hook'))
    await lego('-d', 'www.corp.example', '-d', '*.www.corp.example')
    await lego('--key-type', 'rsa2048', '-d', '*.corp.example')
    const request = ['req', '-new', '-newkey', 'rsa:2048', '-noenc', '-keyout', at('own.key'), '-subj', '/']
    execFileSync(
      need('openssl'),
      [...request, '-addext', 'subjectAltName=DNS:own.corp.example', '-out', at('own.csr')],
      { stdio: 'pipe' },
    )
    await lego('--csr', at('own.csr'))
  })
  afterAll(async () => {
    await lab.stop()
    folder.remove()
  })

  test('is shown, taken over, found in order, and renewed with the same account and the same kind of key', async () => {
    const shown = await dns01('import', 'lego', '--simulate') // finds ~/.lego
    expect(shown).toMatchObject({
      exit: 0,
      stderr: expect.stringContaining('own.corp.example.json: it has no key here'),
    })
    expect(shown.stdout.match(/^(accounts|certs|desired)\//gm)).toEqual([
      'accounts/',
      'certs/',
      'certs/',
      'desired/',
      'desired/',
    ])
    expect(readdirSync(lab.state).sort()).toEqual(['conf'])

    const taken = await dns01('import', 'lego', at('.lego'))
    expect(taken).toMatchObject({ exit: 0, stdout: shown.stdout })
    const before = live('www.corp.example')
    expect(before.names).toEqual(['www.corp.example', '*.www.corp.example'])
    expect(live('*.corp.example').keyType).toBe('rsa')

    const orders = asked(/order-plz/)
    const accounts = asked(/sign-me-up/)
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
    expect(asked(/order-plz/), 'nothing is due').toBe(orders)
    await setTimeout(1100) // of two that end in the same second the old one stays live
    expect(await dns01('reconcile', '--force', 'www.corp.example')).toMatchObject({ exit: 0, stderr: '' })
    expect(live('www.corp.example').serial).not.toBe(before.serial)
    expect(asked(/order-plz/)).toBe(orders + 1)
    expect(asked(/sign-me-up/) - accounts, 'it is only looked for').toBeLessThanOrEqual(1)
    expect(
      readdirSync(join(lab.state, 'accounts')).flatMap(ca => readdirSync(join(lab.state, 'accounts', ca))),
    ).toHaveLength(1)
    expect(readFileSync(join(lab.state, 'desired/_.corp.example'), 'utf8')).toContain('    rsa-size: 2048\n')
  }, 120_000)

  test('twice is the same as once', async () => {
    expect(await dns01('import', 'lego', at('.lego'))).toMatchObject({ exit: 0, stdout: '' })
  })
})
