import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { groupBy } from '../../../src/core/txt-record.js'
import type { RunOptions } from '../../../src/core/world.js'
import { type HookCall, readHookCall } from '../../../src/hook/dialects.js'
import { type HookOptions, runHook } from '../../../src/hook/run.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { fakeClock } from '../../fakes/clock.js'
import { fakeDns, fakeResolver } from '../../fakes/dns.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { countingRandom } from '../../fakes/provider.js'
import { fakeWorld } from '../../fakes/world.js'

const V1 = '1'.repeat(43)
const V2 = '2'.repeat(43)

interface Options {
  readonly env?: Record<string, string>
  /** Path → text, or an error code. */
  readonly files?: Readonly<Record<string, string>>
  /** Exit status of the program behind the provider, for each call in turn; 0 then. */
  readonly exits?: number[]
  readonly lagSeconds?: number
  /** Path → who owns it. */
  readonly owners?: Readonly<Record<string, number>>
}

/**
 * The provider `exec` with a program in dehydrated's way, which takes all records of a zone in one call and writes into
 * the fake DNS. Zones a.test (two servers, the second lags) and b.test.
 */
function aHouse({ env = {}, files = {}, exits = [], lagSeconds = 0, owners = {} }: Options = {}) {
  let stateRoot = '/state'
  const clock = fakeClock(undefined, { patient: true }) // real time passes while a module is loaded
  const dns = fakeDns(clock)
  dns.zone('a.test', { 'ns1.a.test': ['192.0.2.1'], 'ns2.a.test': ['192.0.2.2'] })
  dns.zone('b.test', { 'ns.b.test': ['192.0.2.3'] })
  dns.manners('192.0.2.2', { lagSeconds })
  const calls: string[] = []
  const depths: unknown[] = []
  const said: string[] = []
  const stopping = new AbortController()
  const run = async ([, operation, ...words]: readonly string[], options: RunOptions) => {
    const records = [...groupBy(words.entries(), ([i]) => Math.floor(i / 3)).values()]
    calls.push([operation, ...records.map(([host, , value]) => `${host?.[1]}=${value?.[1].slice(0, 1)}`)].join(' '))
    depths.push(options.env.DNS01_HOOK_DEPTH)
    const exit = exits.shift() ?? 0
    for (const [host, , value] of exit === 0 ? records : []) {
      const act = operation === 'deploy_challenge' ? dns.add : dns.remove
      act(`_acme-challenge.${host?.[1]}`, 'TXT', `${value?.[1]}`)
    }
    return { exit, output: '' }
  }
  const disk = new MemoryFiles({ now: clock.now })
  for (const [path, text] of Object.entries(files)) if (!/^E[A-Z]+$/.test(text)) disk.put(path, text)
  for (const [path, uid] of Object.entries(owners)) disk.give(path, { uid })
  const readFrom = disk.read.bind(disk)
  disk.read = path => {
    const code = files[path]
    if (code && /^E[A-Z]+$/.test(code)) throw Object.assign(new Error(`${code}: no luck`), { code })
    return readFrom(path)
  }
  const world = fakeWorld({
    clock,
    dns,
    run,
    files: disk,
    random: countingRandom(),
    log: listeningLog(said),
    env: {
      DNS01_PROVIDER: 'exec',
      DNS01_EXEC_COMMAND: '/bin/program',
      DNS01_EXEC_DIALECT: 'dehydrated',
      HOOK_CHAIN: 'yes',
      DNS01_RESOLVERS: fakeResolver,
      ...env,
    },
  })
  const hook = (line: string | HookCall, options: HookOptions = {}, more: Record<string, string> = {}) => {
    const [dialect = '', ...words] = typeof line === 'string' ? line.split(' ') : []
    const call = typeof line === 'string' ? (readHookCall(dialect, words, more) as HookCall) : line
    return clock.runUntil(runHook({ world, stateRoot, signal: stopping.signal }, call, options))
  }
  const useState = (path: string) => (stateRoot = path)
  return { clock, dns, disk, calls, depths, said, stopping, hook, useState }
}

const start = (host: string, value: string) => `acmetool challenge-dns-start ${host} file ${value}`
const stop = (host: string, value: string) => `acmetool challenge-dns-stop ${host} file ${value}`

describe('present', () => {
  test('ends when every server shows the value, and soon', async () => {
    const { hook, calls, clock, dns } = aHouse({ lagSeconds: 10 })
    await hook(start('x.a.test', V1))
    expect(calls).toEqual(['deploy_challenge x.a.test=1'])
    expect(dns.values('_acme-challenge.x.a.test')).toEqual([V1])
    expect(clock.seconds).toBeGreaterThan(10)
    expect(clock.seconds).toBeLessThan(12.1)
  })

  test.each<[string, string, HookOptions, Record<string, string>, waits: boolean]>([
    ['acmetool', start('x.a.test', V1), {}, {}, true],
    ['dehydrated', `dehydrated deploy_challenge x.a.test t ${V1}`, {}, {}, true],
    ['uacme', `uacme begin dns-01 x.a.test t ${V1}`, {}, {}, true],
    ['lego', `lego present _acme-challenge.x.a.test. ${V1}`, {}, {}, false],
    ['lego --wait', `lego present _acme-challenge.x.a.test. ${V1}`, { wait: true }, {}, true],
    ['acmetool --no-wait', start('x.a.test', V1), { wait: false }, {}, false],
    ['acmetool and DNS01_PROPAGATION=off', start('x.a.test', V1), {}, { DNS01_PROPAGATION: 'off' }, false],
  ])('who waits: %s', async (_, line, options, env, waits) => {
    const { hook, clock } = aHouse({ lagSeconds: 10, env })
    await hook(line, options)
    expect(clock.seconds > 10).toBe(waits)
  })

  test('a chain of names is one call a zone and one wait', async () => {
    const { hook, calls, clock } = aHouse({ lagSeconds: 10 })
    await hook(`dehydrated deploy_challenge x.a.test t ${V1} b.test t ${V1} x.a.test t ${V2}`)
    expect(calls).toEqual(['deploy_challenge x.a.test=1 x.a.test=2', 'deploy_challenge b.test=1'])
    expect(clock.seconds).toBeLessThan(12.1)
  })

  test('what never shows is removed again', async () => {
    const { hook, calls } = aHouse({ lagSeconds: 10_000 })
    await expect(hook(start('x.a.test', V1))).rejects.toThrow(expect.objectContaining({ code: 'NOT_VISIBLE' }))
    expect(calls).toEqual(['deploy_challenge x.a.test=1', 'clean_challenge x.a.test=1'])
  })

  test('what the provider refuses is removed again, for it may be there', async () => {
    const { hook, calls } = aHouse({ exits: [1] })
    await expect(hook(start('x.a.test', V1))).rejects.toThrow(expect.objectContaining({ code: 'REFUSED' }))
    expect(calls).toEqual(['deploy_challenge x.a.test=1', 'clean_challenge x.a.test=1'])
  })

  test('a stopped wait removes its value', async () => {
    const { hook, calls, dns, stopping } = aHouse({ lagSeconds: 10_000 })
    const stopped = new Error('stopped by SIGTERM')
    dns.add('unrelated.b.test', 'TXT', 'x')
    const running = hook(start('x.a.test', V1))
    while (calls.length === 0) await new Promise(resolve => setImmediate(resolve))
    stopping.abort(stopped)
    await expect(running).rejects.toThrow(stopped)
    expect(calls.at(-1)).toBe('clean_challenge x.a.test=1')
    expect(dns.values('_acme-challenge.x.a.test')).toEqual([])
  })

  test('says what may be left when that fails, too', async () => {
    const { hook, said } = aHouse({ lagSeconds: 10_000, exits: [0, 1] })
    await expect(hook(start('x.a.test', V1))).rejects.toThrow(expect.objectContaining({ code: 'NOT_VISIBLE' }))
    expect(said.join('\n')).toMatch(/TXT records may be left: exec \(dehydrated\).*exited with 1/)
  })

  test('lego names the place itself, after CNAMEs', async () => {
    const { hook, dns, calls } = aHouse()
    await hook(`lego present x.delegated.b.test. ${V1}`)
    expect(calls).toEqual(['deploy_challenge x.delegated.b.test=1'])
    expect(dns.asked.some(question => question.includes('_acme-challenge.'))).toBe(false)
  })
})

describe('certbot waits once a zone, at its last value there', () => {
  const hosts = ['x.a.test', 'b.test', 'y.a.test', 'y.b.test', 'nowhere.invalid']
  test.each([
    ['x.a.test', false],
    ['b.test', false],
    ['y.a.test', true],
    ['y.b.test', true],
  ])('%s: %s', async (host, waits) => {
    const { hook, clock, dns } = aHouse({ lagSeconds: 10 })
    dns.manners('192.0.2.3', { lagSeconds: 10 })
    await hook(
      'certbot auth',
      {},
      {
        CERTBOT_DOMAIN: host,
        CERTBOT_VALIDATION: V1,
        CERTBOT_REMAINING_CHALLENGES: String(hosts.length - 1 - hosts.indexOf(host)),
        CERTBOT_ALL_DOMAINS: hosts.join(','),
      },
    )
    expect(clock.seconds > 10).toBe(waits)
  })
})

describe('cleanup', () => {
  test('removes its value only, in one call', async () => {
    const { hook, dns, calls } = aHouse()
    for (const value of [V1, V2, 'of another']) dns.add('_acme-challenge.x.a.test', 'TXT', value)
    await hook(stop('x.a.test', V1))
    expect(calls).toEqual(['clean_challenge x.a.test=1'])
    expect(dns.values('_acme-challenge.x.a.test')).toEqual([V2, 'of another'])
  })

  test('that fails is an error', async () => {
    const { hook } = aHouse({ exits: [1] })
    await expect(hook(stop('x.a.test', V1))).rejects.toThrow(/exited with 1/)
  })

  test('that fails is only told where dehydrated would give the certificate up', async () => {
    const { hook, said } = aHouse({ exits: [1] })
    await hook(`dehydrated clean_challenge x.a.test t ${V1}`)
    expect(said.join('\n')).toMatch(/exited with 1.*; the client is not told/)
  })
})

describe('what the client that called forgets, since it is killed', () => {
  const folder = `/var/lib/dns01/placed/${createHash('sha256').update('/state').digest('hex').slice(0, 16)}`
  const hour = 3600
  const later = (house: ReturnType<typeof aHouse>, seconds: number) => house.clock.advance(seconds)
  const notes = ({ disk }: ReturnType<typeof aHouse>, at = folder) => (disk.info(at) ? disk.tree(at) : [])

  test('is noted from before the record is placed until after it is gone', async () => {
    const house = aHouse()
    await house.hook(start('x.a.test', V1))
    expect(notes(house)).toEqual([expect.stringMatching(/^file 600 [0-9a-f]{64}\.json$/)])
    expect(house.disk.tree('/var/lib/dns01').slice(0, 2)).toEqual([
      'folder 700 placed',
      expect.stringMatching(/^folder 700 placed\/[0-9a-f]{16}$/),
    ])
    await house.hook(stop('x.a.test', V1))
    expect(notes(house)).toEqual([])
  })

  test('is noted in the state directory, if that is of the same user', async () => {
    const ours = aHouse({ files: { '/state/desired/x': '' } })
    await ours.hook(start('x.a.test', V1))
    expect([notes(ours, '/state/.dns01/placed').length, notes(ours).length]).toEqual([1, 0])
    const theirs = aHouse({ files: { '/state/desired/x': '' }, owners: { '/state': 1000 } })
    await theirs.hook(start('x.a.test', V1))
    expect([notes(theirs, '/state/.dns01/placed').length, notes(theirs).length]).toEqual([0, 1])
  })

  test('is removed by a later call, after an hour, and no value of others', async () => {
    const house = aHouse()
    await house.hook(start('x.a.test', V1))
    house.dns.add('_acme-challenge.x.a.test', 'TXT', 'of another')
    await later(house, hour - 60)
    await house.hook(start('y.b.test', V1))
    expect(house.calls).not.toContain('clean_challenge x.a.test=1')
    await later(house, 120)
    await house.hook(stop('y.b.test', V1))
    expect(house.calls.slice(2)).toEqual(['clean_challenge y.b.test=1', 'clean_challenge x.a.test=1'])
    expect(house.dns.values('_acme-challenge.x.a.test')).toEqual(['of another'])
    expect(house.said).toContain('removed 1 TXT record(s) of an earlier run in a.test')
    expect(notes(house)).toEqual([])
  })

  test('is left alone by a call for another state directory, which may lack the provider', async () => {
    const house = aHouse()
    await house.hook(start('x.a.test', V1))
    await later(house, 2 * hour)
    house.useState('/elsewhere')
    await house.hook(start('y.b.test', V1))
    expect(house.calls).toEqual(['deploy_challenge x.a.test=1', 'deploy_challenge y.b.test=1'])
    expect(notes(house)).toHaveLength(1)
  })

  test('what is placed again is not old', async () => {
    const house = aHouse()
    await house.hook(start('x.a.test', V1))
    await later(house, 2 * hour)
    await house.hook(start('x.a.test', V1))
    expect(house.calls).toEqual(['deploy_challenge x.a.test=1', 'deploy_challenge x.a.test=1'])
    expect(notes(house)).toHaveLength(1)
  })

  test('what cannot be removed stays noted, and the call that tried succeeds', async () => {
    const house = aHouse({ exits: [0, 0, 1] })
    await house.hook(start('x.a.test', V1))
    await later(house, 2 * hour)
    await house.hook(start('y.b.test', V1))
    expect(house.calls.at(-1)).toBe('clean_challenge x.a.test=1')
    expect(notes(house)).toHaveLength(2)
    await house.hook(stop('y.b.test', V1))
    expect(notes(house)).toHaveLength(0)
  })

  test('a note that somebody else may have written, or that is cut off, removes nothing', async () => {
    const house = aHouse()
    for (const host of ['x.a.test', 'y.a.test', 'z.a.test']) await house.hook(start(host, V1))
    const [first, second, third] = house.disk.list(folder).map(({ name }) => `${folder}/${name}`)
    house.disk.give(String(first), { uid: 1000 })
    house.disk.give(String(second), { mode: 0o666 })
    house.disk.put(String(third), '{"id": "', 0o600)
    await later(house, 2 * hour)
    await house.hook(stop('a.test', V2))
    expect(house.calls.filter(call => call.startsWith('clean'))).toEqual(['clean_challenge a.test=2'])
    expect(house.disk.list(folder).map(({ name }) => `${folder}/${name}`)).toEqual([first, second])
  })

  test('a stop that fails leaves the note; a start that takes its value back does not', async () => {
    const house = aHouse({ exits: [0, 1, 1] })
    await house.hook(start('x.a.test', V1))
    await expect(house.hook(stop('x.a.test', V1))).rejects.toThrow()
    expect(notes(house)).toHaveLength(1)
    await expect(house.hook(start('y.a.test', V1))).rejects.toThrow()
    expect(notes(house)).toHaveLength(1)
  })

  test('where nothing can be written, all goes on', async () => {
    const house = aHouse()
    house.disk.options = { fail: () => 'EROFS' }
    await house.hook(start('x.a.test', V1))
    await house.hook(stop('x.a.test', V1))
    expect(house.said.join('\n')).toMatch(/no note of what is placed now can be made: .*EROFS/)
  })
})

describe('settings', () => {
  const line = start('x.a.test', V1)
  const dnsYml = (text: string) => ({ '/state/conf/dns.yml': text })
  const asConf = 'provider: exec\nsettings:\n  command: /bin/program\n  dialect: dehydrated\n'
  const bare = { DNS01_PROVIDER: '', DNS01_EXEC_COMMAND: '', DNS01_EXEC_DIALECT: '' }

  test('conf/dns.yml of the state directory is read', async () => {
    const { hook, calls } = aHouse({ env: bare, files: dnsYml(asConf) })
    await hook(line)
    expect(calls).toHaveLength(1)
  })

  test.each(['ENOENT', 'ENOTDIR', 'EACCES'])('without it (%s) the environment is enough', async code => {
    const { hook, calls } = aHouse({ files: dnsYml(code) })
    await hook(line)
    expect(calls).toHaveLength(1)
  })

  test('a mistake in it is an error', async () => {
    const { hook } = aHouse({ files: dnsYml('provdier: exec\n') })
    await expect(hook(line)).rejects.toThrow('/state/conf/dns.yml:1: unknown key "provdier"')
  })

  test('that names a program, and that somebody else may change, is refused', async () => {
    const { hook, calls } = aHouse({ env: bare, files: dnsYml(asConf), owners: { '/state': 1000 } })
    await expect(hook(line)).rejects.toThrow('but /state belongs to user 1000')
    expect(calls).toEqual([])
  })

  test('--provider wins over it, and takes its settings if it is the same', async () => {
    const other = aHouse({ files: dnsYml('provider: hooks\n') })
    await other.hook(line, { provider: 'exec' })
    expect(other.calls).toHaveLength(1)
    const same = aHouse({ env: bare, files: dnsYml(asConf) })
    await same.hook(line, { provider: 'exec' })
    expect(same.calls).toHaveLength(1)
  })

  test('no provider is an error that lists them; hook folders do not count, this hook may lie in one', async () => {
    const { hook } = aHouse({ env: { ...bare, ACME_HOOKS_DIR: '/hooks' } })
    await expect(hook(line)).rejects.toThrow(
      expect.objectContaining({ code: 'CONFIG', hint: expect.stringMatching(/DNS01_PROVIDER.*rfc2136/) as string }),
    )
  })

  test('ACME_HOSTED_ZONE means route53', async () => {
    const files = dnsYml('settings:\n  ttl: long\n')
    const { hook } = aHouse({ env: { ...bare, ACME_HOSTED_ZONE: 'Z1' }, files })
    await expect(hook(line)).rejects.toThrow('ttl is "long"')
  })

  test('builtin cannot serve a hook', async () => {
    const env = { DNS01_PROVIDER: 'builtin', DNS01_BUILTIN_ZONE: 'a.test' }
    await expect(aHouse({ env }).hook(line)).rejects.toThrow('the provider builtin answers only while dns01 runs')
  })

  test('two values at a name for a provider that holds one are refused before anything is placed', async () => {
    const { hook, calls } = aHouse({ env: { DNS01_EXEC_DIALECT: 'lego' } })
    const both = `dehydrated deploy_challenge x.a.test t ${V1} x.a.test t ${V2}`
    await expect(hook(both)).rejects.toThrow(
      '_acme-challenge.x.a.test needs several values, but exec holds one for each name',
    )
    expect(calls).toEqual([])
  })

  test('a hook that its own provider calls again ends after three turns', async () => {
    const first = aHouse()
    await first.hook(line)
    expect(first.depths).toEqual(['1'])
    const fourth = aHouse({ env: { DNS01_HOOK_DEPTH: '3' } })
    await expect(fourth.hook(line)).rejects.toThrow('this hook is called by the very provider that it calls')
    expect(fourth.calls).toEqual([])
  })
})
