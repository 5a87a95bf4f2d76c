// What stands around every run: the lock, conf/dns.yml checked before anything is done, the run's signal, and what a run
// says of TXT records that it could not remove. What is done in between is reconcile.test.ts.
import { expect, test } from 'vitest'
import { codeOf, Dns01Error } from '../../../src/core/errors.js'
import { type Context, dnsConfig, locked, looking, reconcileNow } from '../../../src/renew/run.js'
import { type Machine, type MachineOptions, machine } from '../../fakes/machine.js'
import { txt } from '../../fakes/provider.js'

const ROOT = '/var/lib/acme'
const dnsYml = 'provider: exec\nsettings:\n  command: /usr/local/bin/dns\n'

/** A machine that is set up, and has name servers to ask, which no test here needs. */
function machineWith(files: Readonly<Record<string, string>> = {}, more: Partial<MachineOptions> = {}): Machine {
  const on = machine({
    files: {
      [`${ROOT}/conf/target`]: 'request: {provider: "https://ca.test/directory"}\n',
      [`${ROOT}/conf/dns.yml`]: dnsYml,
      '/usr/local/bin/dns': '#!/bin/sh\n',
      ...files,
    },
    ...more,
  })
  const { world } = on.context
  const dns = { ...world.dns, systemResolvers: () => ['192.0.2.53'] }
  return { ...on, context: { ...on.context, world: { ...world, dns } } }
}

/** A record that an earlier run noted and did not take away. */
const noted = {
  [`${ROOT}/.dns01/journal/j1.json`]: JSON.stringify({
    id: 'j1',
    provider: 'exec',
    settings: { command: '/usr/local/bin/dns' },
    zone: 'a.test',
    records: [txt('a.test', 'v1', 'a.test')],
  }),
}

const reconcileOn = ({ context }: Machine, more: Partial<Context> = {}) =>
  locked({ ...context, ...more }, async state => {
    await state.conform()
    return reconcileNow({ ...context, ...more }, state)
  })

test('a run over nothing asks nobody, starts no program and says nothing', async () => {
  const on = machineWith()
  expect(await reconcileOn(on)).toEqual([])
  expect({ asked: on.ca.asked, ran: on.ran, said: on.said, shown: on.shown }).toEqual({
    ...{ asked: [], ran: [], said: [], shown: [] },
  })
})

test('a mistake in conf/dns.yml stops the run before anything is done, with the line', async () => {
  const on = machineWith({ ...noted, [`${ROOT}/conf/dns.yml`]: `${dnsYml}comand: x\n` })
  const run = reconcileOn(on)
  await expect(run).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('conf/dns.yml:4') })
  expect({ asked: on.ca.asked, ran: on.ran }).toEqual({ asked: [], ran: [] })
})

test('without conf/dns.yml the configuration is empty, and no error', async () => {
  const on = machineWith()
  await on.files.remove(`${ROOT}/conf/dns.yml`)
  const { fallback, zones } = await dnsConfig(on.context, await looking(on.context))
  expect([fallback.provider, zones.size]).toEqual([undefined, 0])
})

test('what an earlier run left is taken away first, by the provider that had placed it', async () => {
  const on = machineWith(noted)
  expect(await reconcileOn(on)).toEqual([])
  expect(on.ran.map(({ argv }) => argv.slice(0, 3).join(' '))).toEqual(['/usr/local/bin/dns challenge-dns-stop a.test'])
  expect(on.files.info(`${ROOT}/.dns01/journal/j1.json`)).toBeUndefined()
})

test('records that cannot be removed are an outcome of their own, told last', async () => {
  const on = machineWith({ ...noted, [`${ROOT}/desired/x`]: 'satisfy: [' }, { run: () => ({ exit: 1 }) })
  const outcomes = await reconcileOn(on)
  expect(outcomes.map(({ subject, result }) => `${subject} ${result}`)).toEqual(['desired failed', 'dns left'])
  expect(outcomes.at(-1)?.error).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/could not remove 1 TXT record\(s\) of an earlier run in a\.test: .*next run tries/),
  })
  expect(on.said.filter(line => line.includes('TXT record'))).toEqual([])
})

test('a run that is stopped throws its reason, and the log has what it left', async () => {
  const stop = new AbortController()
  const reason = new Dns01Error('UNAVAILABLE', 'stopped by SIGTERM')
  const on = machineWith(noted, {
    run: () => {
      stop.abort(reason)
      return { exit: 1 }
    },
  })
  await expect(reconcileOn(on, { signal: stop.signal })).rejects.toBe(reason)
  expect(on.said.join('\n')).toMatch(/warn: could not remove 1 TXT record/)
  expect(on.files.info(`${ROOT}/.dns01/journal/j1.json`), 'for the next run').toBeDefined()
})

test('a run whose lock was taken over throws that, and goes on with nothing', async () => {
  const on = machineWith()
  const lost = new Dns01Error('LOCKED', 'another run has taken over')
  const run = locked(on.context, async state => {
    state.fence.lost.abort(lost)
    return reconcileNow(on.context, state)
  })
  await expect(run).rejects.toBe(lost)
})

test('one run at a time: who comes meanwhile is told, and the lock is given back when the work throws', async () => {
  const on = machineWith()
  let second: unknown
  const first = locked(on.context, async () => {
    second = await locked(on.context, async () => 'in').catch(codeOf)
    throw new Error('no')
  })
  await expect(first).rejects.toThrow('no')
  expect(second).toBe('LOCKED')
  expect(await locked(on.context, async () => 'in')).toBe('in')
})

test('who only looks writes nothing, and is not kept out by a run', async () => {
  const on = machineWith()
  await locked(on.context, async () => {
    const before = on.files.tree('/')
    expect((await looking(on.context)).targets().targets).toEqual([])
    expect(on.files.tree('/')).toEqual(before)
  })
})

test('-vv: a run that finds nothing to do says what it looked at', async () => {
  const debug: string[] = []
  const on = machineWith()
  const { world } = on.context
  const listening = { ...world, log: { ...world.log, debug: (line: string) => void debug.push(line) } }
  await reconcileOn(on, { world: listening, verbose: 1 })
  expect(debug).toEqual([])
  await reconcileOn(on, { world: listening, verbose: 2 })
  expect(debug).toEqual(['state directory /var/lib/acme: 0 targets, 0 accounts'])
})
