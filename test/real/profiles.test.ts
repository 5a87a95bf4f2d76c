import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCertificate } from '../../src/x509/certificate.js'
import { runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { pebbleLacks } from './servers/pebble.js'
import { type Lab, startLab } from './servers/state.js'

const DAY = 86_400
const profiles = {
  classic: { description: 'The usual', validityPeriod: 90 * DAY },
  tlsserver: { description: 'Smaller', validityPeriod: 45 * DAY },
  shortlived: { description: 'Six days', validityPeriod: 6 * DAY },
}

/** It takes a profile at random where an order asks for none; the life of a certificate tells which it was. */
describe.skipIf(lacking('pebble') || pebbleLacks('profiles'))('a real Pebble with three profiles', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await startLab({ profiles, nonceReject: 0 })
    mkdirSync(join(lab.state, 'desired'), { mode: 0o755 })
  })
  afterAll(() => lab.stop())

  const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: lab.env })
  const write = (file: string, text: string): void => writeFileSync(join(lab.state, file), text)
  const days = (name: string): number => {
    const { notBefore, notAfter } = readCertificate(readFileSync(join(lab.state, 'live', name, 'fullchain')))
    return Math.round((notAfter.getTime() - notBefore.getTime()) / DAY / 1000)
  }

  test('issues by the profile of the target or of conf/target, and by it again at each renewal', async () => {
    const conf = readFileSync(join(lab.state, 'conf/target'), 'utf8')
    write('conf/target', `${conf}  profile: tlsserver\n`)
    write('desired/six', 'satisfy: {names: [six.corp.example]}\nrequest: {profile: {required: shortlived}}\n')
    write('desired/own', 'satisfy: {names: [own.corp.example]}\n')
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
    for (let renewal = 0; renewal < 3; renewal++) {
      expect([days('six.corp.example'), days('own.corp.example')]).toEqual([6, 45])
      const forced = await dns01('reconcile', '--force', 'six.corp.example', '--force', 'own.corp.example')
      expect(forced).toMatchObject({ exit: 0, stderr: '' })
    }
    const { stdout } = await dns01('status', 'six.corp.example')
    expect(stdout).toMatch(/profile +shortlived \(required\)/)
    const { targets } = JSON.parse((await dns01('status', '--json')).stdout)
    expect(targets.map(({ profile }: { profile: unknown }) => profile)).toEqual(
      expect.arrayContaining([
        { name: 'shortlived', required: true },
        { name: 'tlsserver', required: false },
      ]),
    )
  }, 60_000)

  test('is changed by --force, also to one that ends before the certificate that it replaces', async () => {
    write('desired/own', 'satisfy: {names: [own.corp.example]}\nrequest: {profile: shortlived}\n')
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
    expect(days('own.corp.example')).toBe(45)
    expect(await dns01('reconcile', '--force', 'own.corp.example')).toMatchObject({ exit: 0, stderr: '' })
    expect(days('own.corp.example')).toBe(6)
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
    expect(days('own.corp.example')).toBe(6)
  }, 60_000)

  test('orders nothing where a required profile is not offered, and says which are', async () => {
    write('desired/none', 'satisfy: {names: [none.corp.example]}\nrequest: {profile: {required: gold}}\n')
    const before = lab.pebble.requests().length
    const { exit, stderr } = await dns01('reconcile', 'none')
    expect(exit).toBe(3)
    expect(stderr).toContain('offers no profile "gold"')
    for (const name of Object.keys(profiles)) expect(stderr).toContain(name)
    expect(lab.pebble.requests().slice(before).join('\n')).not.toContain('order-plz')
  }, 60_000)

  test('issues without a preferred profile that is not offered, and says so once', async () => {
    write('desired/none', 'satisfy: {names: [none.corp.example]}\nrequest: {profile: {preferred: gold}}\n')
    const first = await dns01('reconcile', 'none')
    expect(first).toMatchObject({ exit: 0 })
    expect(first.stderr).toMatch(/offers no profile "gold"; the certificate is ordered without it/)
    expect(await dns01('reconcile', '--force', 'none.corp.example')).toMatchObject({ exit: 0, stderr: '' })
  }, 60_000)
})
