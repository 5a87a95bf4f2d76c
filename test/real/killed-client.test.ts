import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { txtValue } from '../contract/provider-contract.js'
import { startBind } from './servers/bind.js'
import { hook } from './servers/clients.js'
import { type Dns01Result, dns01Program, startProgram } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { startPebble } from './servers/pebble.js'
import { temporaryFolder } from './servers/process.js'
import { prepareState } from './servers/state.js'

/** What real acmetool leaves when it is killed between start and stop of our hook, and who removes it. */

const secret = randomBytes(32).toString('base64')
const host = 'www.corp.test'

interface Killed {
  readonly folder: string
  readonly state: string
  /** Runs it in the namespace with what the provider needs. */
  run(argv: readonly string[], env?: Record<string, string>): Promise<Dns01Result>
  values(): Promise<string[]>
  /** As if it had been killed two hours ago. */
  twoHoursLater(): void
}

/** acmetool wants a certificate by hooks/rfc2136 from a Pebble and a BIND, and is killed when the record is up and the hook has ended. */
const afterKill = (work: (killed: Killed) => Promise<void>): Promise<void> =>
  withNetns({}, async netns => {
    const { path: folder, remove } = temporaryFolder('killed')
    const state = join(folder, 'state')
    const bind = await startBind({
      netns: netns.name,
      keys: { 'acme-key': { algorithm: 'hmac-sha256', secret } },
      zones: { 'corp.test': { allowUpdate: ['acme-key'] } },
      recursion: true,
    })
    const pebble = await startPebble({ dnsServer: '127.0.0.1:53', netns: netns.name })
    const settings = {
      ACME_STATE_DIR: state,
      XDG_STATE_HOME: folder,
      SSL_CERT_FILE: pebble.caFile,
      DNS01_PROVIDER: 'rfc2136',
      RFC2136_NAMESERVER: '127.0.0.1',
      RFC2136_TSIG_KEY: 'acme-key',
      RFC2136_TSIG_SECRET: secret,
    }
    const start = (argv: readonly string[], env = {}) =>
      startProgram(argv, { netns: netns.name, cwd: '/', env: { ...settings, ...env }, timeoutSeconds: 100 })
    const values = async () => {
      const rows = await netns.exec(['dig', '+short', '@127.0.0.1', `_acme-challenge.${host}`, 'TXT'])
      return rows.split('\n').flatMap(row => (row === '' ? [] : [row.replaceAll('"', '')]))
    }
    try {
      prepareState(state, pebble.directoryUrl)
      for (const path of ['hooks', 'state/desired']) mkdirSync(join(folder, path), { mode: 0o755 })
      symlinkSync(hook('rfc2136'), join(folder, 'hooks/rfc2136'))
      writeFileSync(join(state, 'desired/it'), `satisfy:\n  names:\n    - ${host}\n`)
      const ended = join(folder, 'ended')
      writeFileSync(
        join(folder, 'hooks/z-ended'),
        `#!/bin/sh\n[ "$1" = challenge-dns-start ] && : >${ended}\nexit 42\n`,
        {
          mode: 0o755,
        },
      )
      const acmetool = start([need('acmetool'), '--hooks', join(folder, 'hooks'), '--batch', 'reconcile'])
      for (let i = 0; i < 1000 && !existsSync(ended); i++) await new Promise(resolve => setTimeout(resolve, 20))
      acmetool.kill('SIGKILL')
      expect((await acmetool.result).exit).toBe(137)
      expect(await values()).toHaveLength(1)
      const placed = join(state, '.dns01/placed')
      const notes = () => (existsSync(placed) ? readdirSync(placed) : []).map(name => join(placed, name))
      expect(notes()).toHaveLength(1)
      await work({
        ...{ folder, state, values },
        run: (argv, env) => start(argv, env).result,
        twoHoursLater: () => {
          const then = Date.now() / 1000 - 7200
          for (const note of notes()) utimesSync(note, then, then)
        },
      })
      expect(notes()).toEqual([])
    } finally {
      await Promise.all([bind.stop(), pebble.stop()])
      remove()
    }
  })

const calling = (event: string, at: string, value: string) => [hook('rfc2136'), event, at, 'it', txtValue(value), '']

describe.skipIf(lacking('netns', 'named', 'dig', 'pebble', 'acmetool'))(
  'acmetool, killed between start and stop',
  () => {
    test("a hook call an hour later removes its value, and nobody else's", () =>
      afterKill(async ({ folder, run, values, twoHoursLater }) => {
        const [left] = await values()
        const elsewhere = { ACME_STATE_DIR: join(folder, 'other'), XDG_STATE_HOME: join(folder, 'other') }
        expect((await run(calling('challenge-dns-start', host, 'theirs'), elsewhere)).exit).toBe(0)
        expect((await run(calling('challenge-dns-start', 'b.corp.test', 'b'))).exit).toBe(0)
        expect((await values()).sort()).toEqual([left, txtValue('theirs')].sort())
        twoHoursLater() // b's, too: it is being taken back just now
        const { exit, stderr } = await run(calling('challenge-dns-stop', 'b.corp.test', 'b'))
        expect(`${exit} ${stderr}`).toMatch(/^0 .*removed 1 TXT record\(s\) of an earlier run in corp.test\n$/)
        expect(await values()).toEqual([txtValue('theirs')])
      }))

    test('the next reconcile of dns01 removes it, and gets the certificate', () =>
      afterKill(async ({ run, state, values, twoHoursLater }) => {
        const reconcile = [process.execPath, dns01Program, '--batch', 'reconcile']
        twoHoursLater()
        const { exit, stderr } = await run(reconcile)
        expect([exit, stderr]).toEqual([0, expect.stringContaining('removed 1 TXT record(s) of an earlier run')])
        expect(await values()).toEqual([])
        expect(existsSync(join(state, 'live', host, 'fullchain'))).toBe(true)
        expect(await run(reconcile)).toMatchObject({ exit: 0, stdout: '', stderr: '' })
      }))
  },
)
