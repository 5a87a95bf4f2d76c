import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCertificate } from '../../src/x509/certificate.js'
import { runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { pebbles } from './servers/pebble.js'
import { type Lab, startLab } from './servers/state.js'

describe.skipIf(lacking('pebble')).each(pebbles())(
  'the key of a renewed certificate, at a Pebble, $which',
  ({ systems }) => {
    let lab: Lab
    beforeAll(async () => {
      lab = await startLab({ systems, nonceReject: 0 })
      mkdirSync(join(lab.state, 'desired'), { mode: 0o755 })
    })
    afterAll(() => lab.stop())

    const inState = (...path: string[]): string => join(lab.state, ...path)
    const desire = (host: string, key: string): void =>
      writeFileSync(inState('desired', host), `satisfy: {names: [${host}.corp.example]}\nrequest: {key: {${key}}}\n`)
    const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: lab.env })
    const live = (host: string) => readCertificate(readFileSync(inState('live', `${host}.corp.example`, 'fullchain')))
    const renewed = async (host: string) => {
      const before = live(host)
      await setTimeout(1100) // of two that end in the same second the old one stays live
      expect(await dns01('reconcile', '--force', `${host}.corp.example`)).toMatchObject({ exit: 0, stderr: '' })
      const after = live(host)
      expect(after.serial).not.toBe(before.serial)
      return { same: after.keyId === before.keyId, keyId: after.keyId }
    }

    test('is a new one, or the old one, or the old one until it is too old, as the target says', async () => {
      desire('new', 'type: ecdsa')
      desire('old', 'reuse: true')
      desire('days', 'reuse: 30')
      expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
      expect((await renewed('new')).same).toBe(false)
      expect((await renewed('old')).same).toBe(true)
      const young = await renewed('days')
      expect(young.same).toBe(true)
      const past = new Date(Date.now() - 31 * 86_400_000)
      utimesSync(inState('keys', young.keyId, 'privkey'), past, past)
      expect((await renewed('days')).same).toBe(false)
      desire('old', 'reuse: true, type: rsa')
      expect((await renewed('old')).same).toBe(false)
      expect(readdirSync(inState('live'))).toHaveLength(3)
      expect(await dns01('cull', '--simulate')).toMatchObject({ exit: 0, stdout: '' })
    }, 60_000)
  },
)
