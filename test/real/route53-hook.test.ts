import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { txtValue } from '../contract/provider-contract.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { temporaryFolder } from './servers/process.js'
import { type RunningRoute53, resolverAddress, startRoute53 } from './servers/route53.js'

/** For notes of what calls have placed. */
const state = temporaryFolder('route53-hook')
const hook = join(import.meta.dirname, '../../hooks/route53')
const name = '_acme-challenge.www.example.test'

interface Lab {
  readonly route53: RunningRoute53
  /** Calls the hook for www.example.test as acmetool does: in /, umask 000, no HOME, little PATH, the tutorial's environment. Resolves to status and stderr. */
  call(event: string, value: string, more?: Record<string, string>): Promise<{ exit: number | null; stderr: string }>
}

const inLab = (work: (lab: Lab) => Promise<void>): Promise<void> =>
  withNetns({ resolvers: [resolverAddress] }, async netns => {
    const route53 = await startRoute53(netns.name, {
      zones: [
        { name: 'example.test', id: 'Z1' },
        { name: 'example.org', id: 'Z2' },
      ],
      syncSeconds: 1,
      lagSeconds: { 'ns-3.awsdns-03.test': 1 },
    })
    const call: Lab['call'] = (event, value, more = {}) =>
      run(
        [
          'netns',
          'exec',
          netns.name,
          '/bin/sh',
          '-c',
          'umask 000; exec "$@"',
          'sh',
          hook,
          event,
          'www.example.test',
          'target',
          txtValue(value),
          '',
        ],
        {
          PATH: `${join(process.execPath, '..')}:/usr/bin:/bin:/usr/sbin:/sbin`,
          ACME_STATE_DIR: '/nonexistent/state',
          XDG_STATE_HOME: state.path,
          ...route53.env,
          ...more,
        },
      )
    try {
      await work({ route53, call })
    } finally {
      await route53.stop()
    }
  })

function run(args: readonly string[], env: Record<string, string>): Promise<{ exit: number | null; stderr: string }> {
  const child = spawn('ip', args, { cwd: '/', env, stdio: ['pipe', 'ignore', 'pipe'] })
  let stderr = ''
  child.stdin.end()
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  return new Promise(resolve => child.once('close', exit => resolve({ exit, stderr })))
}

describe.skipIf(lacking('netns'))('hooks/route53', () => {
  afterAll(() => state.remove())

  test('start returns when every server shows the value, stop takes only that one away', () =>
    inLab(async ({ route53, call }) => {
      await route53.control({ put: { zone: 'Z1', name, values: ['theirs'] } })
      const from = performance.now()
      expect(await call('challenge-dns-start', 'ours')).toEqual({ exit: 0, stderr: '' })
      expect(performance.now() - from).toBeGreaterThan(1000)
      expect((await route53.control()).txt).toEqual([{ name, values: ['theirs', txtValue('ours')] }])
      expect(await call('challenge-dns-stop', 'ours')).toEqual({ exit: 0, stderr: '' })
      expect((await route53.control()).txt).toEqual([{ name, values: ['theirs'] }])
      expect(await call('challenge-dns-stop', 'ours')).toEqual({ exit: 0, stderr: '' })
    }))

  test('four at once for one host, and a stop whose answer is lost', () =>
    inLab(async ({ route53, call }) => {
      const values = ['a', 'b', 'c', 'd']
      const all = (event: string) => Promise.all(values.map(value => call(event, value)))
      for (const result of await all('challenge-dns-start')) expect(result).toEqual({ exit: 0, stderr: '' })
      expect([...((await route53.control()).txt[0]?.values ?? [])].sort()).toEqual(values.map(txtValue).sort())
      await route53.control({ faults: { loseAnswers: { by: 'reset', times: 1 } } })
      for (const { exit } of await all('challenge-dns-stop')) expect(exit).toBe(0)
      expect((await route53.control()).txt).toEqual([])
    }))

  test('ACME_HOSTED_ZONE is taken, with its check', () =>
    inLab(async ({ route53, call }) => {
      await route53.control({ faults: { denied: ['ListHostedZonesByName'] } })
      expect((await call('challenge-dns-start', 'x', { ACME_HOSTED_ZONE: '/hostedzone/Z1' })).exit).toBe(0)
      expect((await call('challenge-dns-stop', 'x', { ACME_HOSTED_ZONE: 'Z1' })).exit).toBe(0)
      const { exit, stderr } = await call('challenge-dns-start', 'x', { ACME_HOSTED_ZONE: 'Z2' })
      expect(exit).not.toBe(0)
      expect(stderr).toContain(`example.org (Z2) does not hold ${name}`)
    }))
})
