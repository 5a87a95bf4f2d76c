// A second CA, for real: two Pebbles, the first behind a proxy that misbehaves as CAs do on their bad days.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type RunningProxy, startProxy, type Trick } from '../fakes/proxy.js'
import { buildIfOlder, type Dns01Result, runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { type Pebble, type PebbleOptions, startPebble } from './servers/pebble.js'
import { freePort, temporaryFolder } from './servers/process.js'
import { prepareState } from './servers/state.js'
import { makeTestCa } from './servers/test-ca.js'

interface Lab {
  readonly state: string
  readonly firstUrl: string
  readonly first: Pebble
  readonly second: Pebble
  readonly proxy: RunningProxy
  /** What the first CA does to each request. */
  trick: (path: string) => Trick | undefined
  run(...words: string[]): Promise<Dns01Result>
  /** Of a name, as `status --json` has it: where it should come from, and where it did. */
  status(name: string): Promise<{ ca: string; certificateCa?: string; certificate: string }>
}

async function inLab(oldFirst: boolean, work: (lab: Lab) => Promise<void>, more: PebbleOptions = {}): Promise<void> {
  buildIfOlder()
  const folder = temporaryFolder('second-ca')
  const state = join(folder.path, 'state')
  mkdirSync(join(folder.path, 'hooks'))
  const listen = `127.0.0.1:${await freePort()}`
  const ninetyDays = 90 * 86_400 // of both: the certificate that ends last is the one that is live
  const options = { dnsServer: listen, nonceReject: 0, authzReuse: 0, validitySeconds: ninetyDays }
  const first = await startPebble({ ...options, systems: oldFirst })
  const second = await startPebble({ ...options, ...more, systems: !oldFirst })
  const tls = await makeTestCa()
  const caPem = readFileSync(first.caFile, 'utf8')
  const lab: Omit<Lab, 'proxy' | 'firstUrl'> = {
    ...{ state, first, second },
    trick: () => undefined,
    run: (...words) => runDns01(words, { env, timeoutSeconds: 90 }),
    status: async name => JSON.parse((await lab.run('status', name, '--json')).stdout).targets[0],
  }
  const toPort = Number(new URL(first.directoryUrl).port)
  const proxy = await startProxy({ toPort, tls, caPem, trick: ({ path }) => lab.trick(path) })
  const roots = join(folder.path, 'roots.pem')
  writeFileSync(roots, `${tls.ca}\n${readFileSync(second.caFile, 'utf8')}`)
  const env = {
    ACME_STATE_DIR: state,
    ACME_HOOKS_DIR: join(folder.path, 'hooks'),
    SSL_CERT_FILE: roots,
    DNS01_PROVIDER: 'builtin',
    DNS01_BUILTIN_ZONE: 'corp.example',
    DNS01_BUILTIN_LISTEN: listen,
  }
  const firstUrl = `https://localhost:${proxy.port}/dir`
  prepareState(state, firstUrl)
  const target = `request:\n  provider: ${firstUrl}\n  fallback: [${second.directoryUrl}]\n  key: {type: ecdsa}\n`
  writeFileSync(join(state, 'conf/target'), target)
  try {
    await work(Object.assign(lab, { proxy, firstUrl }))
  } finally {
    await proxy.close()
    await Promise.all([first.stop(), second.stop()])
    folder.remove()
  }
}

/** What a CA says, with the time to come again: so nobody waits for it in this run. */
const answers = (status: number, type: string): Trick => ({
  instead: {
    status,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '7200' },
    body: JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail: 'not today' }),
  },
})

const asked = ({ requests }: Pebble, path: string): number => requests().filter(line => line.includes(path)).length

describe.skipIf(lacking('pebble')).each([{ oldFirst: false }, { oldFirst: true }])(
  'two CAs, the first of them the older Pebble: $oldFirst',
  ({ oldFirst }) => {
    test('a name gets its certificate from the second when the first limits us or answers 5xx, and its renewal asks the first', () =>
      inLab(oldFirst, async lab => {
        const [first, second] = [lab.firstUrl, lab.second.directoryUrl]
        lab.trick = path => (path === '/order-plz' ? answers(429, 'rateLimited') : undefined)
        const limited = await lab.run('want', 'limited.corp.example')
        expect(limited).toMatchObject({
          exit: 0,
          stderr: expect.stringContaining(`asking ${second} in the place of ${first}, which failed: `),
        })
        lab.trick = path => (path === '/order-plz' ? answers(500, 'serverInternal') : undefined)
        expect(await lab.run('want', 'broken.corp.example')).toMatchObject({ exit: 0 })
        for (const name of ['limited.corp.example', 'broken.corp.example'])
          expect(await lab.status(name)).toMatchObject({ ca: first, certificateCa: second })

        lab.trick = () => undefined
        expect(await lab.run('--batch', 'reconcile'), 'they will do').toMatchObject({ exit: 0, stdout: '', stderr: '' })
        expect(await lab.run('reconcile', '--force', 'limited.corp.example')).toMatchObject({ exit: 0 })
        expect((await lab.status('limited.corp.example')).certificateCa).toBeUndefined()

        const { certificate } = await lab.status('broken.corp.example')
        expect(await lab.run('revoke', certificate)).toMatchObject({ exit: 0 })
        expect([asked(lab.first, '/revoke-cert'), asked(lab.second, '/revoke-cert')]).toEqual([0, 1])
        expect((await lab.status('broken.corp.example')).certificateCa, 'the first wanted two hours').toBe(second)
      }))

    test('a refusal of the name leads nowhere else; without consent to its terms the second is not used, and the run says so', () =>
      inLab(oldFirst, async lab => {
        lab.trick = path => (path === '/order-plz' ? answers(403, 'rejectedIdentifier') : undefined)
        expect(await lab.run('want', 'refused.corp.example')).toMatchObject({ exit: 6 })
        expect(asked(lab.second, '/dir')).toBe(0)

        writeFileSync(join(lab.state, 'conf/responses'), '"acme-enter-email": ""\n') // the first knows us already
        lab.trick = path => (path === '/order-plz' ? answers(429, 'rateLimited') : undefined)
        const without = await lab.run('want', 'limited.corp.example')
        expect(without).toMatchObject({ exit: 7, stderr: expect.stringContaining('is not asked in the place of') })
        expect(without.stderr).toContain(`dns01 account register ${lab.second.directoryUrl}`)
        expect(asked(lab.second, '/sign-me-up')).toBe(0)
        expect(existsSync(join(lab.state, 'live/limited.corp.example'))).toBe(false)
      }))
  },
)

describe.skipIf(lacking('pebble'))('a second CA that requires an external account binding', () => {
  const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

  test('gets its own from the answers, and the first gets none', () =>
    inLab(
      false,
      async lab => {
        lab.trick = path => (path === '/order-plz' ? answers(429, 'rateLimited') : undefined)
        const without = await lab.run('want', 'bound.corp.example')
        expect(without).toMatchObject({
          exit: 7,
          stderr: expect.stringMatching(
            /is not asked in the place of .*: \S+ requires an external account binding, .*\n {2}dns01 account register .*\n.*\n.*\n {2}"acme-eab-kid:/,
          ),
        })
        const url = lab.second.directoryUrl
        const file = join(lab.state, '../second.key')
        writeFileSync(file, `${hmacKey}\n`, { mode: 0o600 })
        const answered = `"acme-eab-kid:${url}": kid-of-ours\n"acme-eab-hmac-key-file:${url}": ${file}\n`
        appendFileSync(join(lab.state, 'conf/responses'), answered)
        expect(await lab.run('want', 'bound.corp.example')).toMatchObject({ exit: 0 })
        expect(await lab.status('bound.corp.example')).toMatchObject({ certificateCa: url })
      },
      { externalAccountKeys: { 'kid-of-ours': hmacKey } },
    ))
})

describe.skipIf(lacking('pebble'))('a first CA that is gone', () => {
  test('is told, and the second serves; plan tells which CA would be asked', () =>
    inLab(false, async lab => {
      await lab.proxy.close()
      const { exit, stderr } = await lab.run('want', 'gone.corp.example')
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: expect.stringMatching(/in the place of .*ECONNREFUSED/) })
      writeFileSync(join(lab.state, 'desired/another'), 'satisfy: {names: [another.corp.example]}\n')
      const plan = await lab.run('plan')
      expect(plan.stdout).toContain(`(${lab.second.directoryUrl} in the place of ${lab.firstUrl})`)
    }))
})
