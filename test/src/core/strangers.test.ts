import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cull } from '../../../src/commands/cull.js'
import { plan } from '../../../src/commands/plan.js'
import { reconcile } from '../../../src/commands/reconcile.js'
import { status } from '../../../src/commands/status.js'
import { linesOf } from '../../../src/core/errors.js'
import { shown } from '../../../src/core/gate.js'
import { parseName } from '../../../src/core/names.js'
import type { World } from '../../../src/core/world.js'
import { note } from '../../../src/limits/record-result.js'
import { openLog } from '../../../src/platform/log.js'
import { openOut } from '../../../src/platform/out.js'
import { runHooks } from '../../../src/provider/hook-scripts.js'
import { openProviders } from '../../../src/provider/loader.js'
import { type Context, looking } from '../../../src/renew/run.js'
import { report } from '../../../src/report/report.js'
import { targetKey } from '../../../src/state/ledger-keys.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { record, txtValue } from '../../contract/provider-contract.js'
import { fakeCloudflare, httpAnswer } from '../../fakes/cloudflare.js'
import { diskWorld } from '../../fakes/disk-world.js'
import { machine } from '../../fakes/machine.js'
import { outside, ROOT } from '../../fakes/outside.js'
import { stateWorld } from '../../fakes/state-world.js'
import { newFolder } from '../../folder.js'

/** What a terminal obeys, a line that looks like ours, and a text that reads backwards. */
const evil = 'x\x1b[2J\x07\r\nerror: forged\nwarn: forged\u202e\x9b0m'

function isHarmless(lines: readonly string[]): void {
  const text = lines.join('\n')
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(text).not.toMatch(/^\s*(error|warn): forged/m)
}

/** JSON with another value wherever this member stands. */
const withMember = (text: string, member: string, value: unknown): string =>
  JSON.stringify(JSON.parse(text, (key, was) => (key === member ? value : was)))

const problem = (more: object) => ({ type: 'urn:ietf:params:acme:error:caa', detail: 'no', ...more })

describe('a CA can neither steer a terminal nor forge a line, by', () => {
  test.each<[string, RegExp, (body: string) => string]>([
    ['the status of an order', /order/, body => withMember(body, 'status', evil)],
    ['the name of an order', /order/, body => withMember(body, 'value', evil)],
    ['the URL of an authorization', /order/, body => withMember(body, 'authorizations', [`https://ca.test/${evil}`])],
    ['the status of an authorization', /authz/, body => withMember(body, 'status', evil)],
    ['the name of an authorization', /authz/, body => withMember(body, 'value', evil)],
    ['the type of a challenge', /authz/, body => withMember(body, 'type', `dns-${evil}`)],
    ['the URL of a challenge', /authz/, body => withMember(body, 'url', `https://ca.test/${evil}`)],
    ['the token of a challenge', /authz/, body => withMember(body, 'token', evil)],
    [
      'its terms of service',
      /directory/,
      body => body.replace('{', `{"meta":{"termsOfService":${JSON.stringify(evil)}},`),
    ],
    ['the detail of a problem', /order/, () => JSON.stringify(problem({ detail: evil }))],
    ['the type of a problem', /order/, () => JSON.stringify(problem({ type: evil }))],
    [
      'the name of a subproblem',
      /order/,
      () => JSON.stringify(problem({ subproblems: [{ ...problem({}), identifier: { type: 'dns', value: evil } }] })),
    ],
    ['a text that is not JSON', /order/, () => evil],
    ['what it sends as certificate', /certificate/, () => evil],
  ])('%s', async (_, path, tampered) => {
    const it = outside({ targets: [['www.one.test']], zones: ['one.test'], severity: 'TRACE' })
    const honest = it.ca.fetch
    let tampers = 0
    Object.assign(it.ca, {
      fetch: (async (url, request) => {
        const answer = await honest(url, request)
        if (!path.test(url.pathname)) return answer
        tampers++
        const body = Buffer.from(tampered(Buffer.from(answer.body).toString()))
        return {
          ...answer,
          status: /"type":/.test(body.toString()) && /order/.test(url.pathname) ? 403 : answer.status,
          body,
        }
      }) satisfies World['fetch'],
    })
    const { outcomes = [], error, said } = await it.run()
    expect(tampers).toBeGreaterThan(0)
    if (error !== undefined) throw error
    const [printed, lines] = [[] as string[], [...said]]
    const out = openOut({ json: true, columns: undefined, masked: text => text }, text => void printed.push(text))
    const world = { ...stateWorld(it.files).world, env: {}, log: logInto(lines) }
    report({ out, batch: false, world } as unknown as Context, await StateDir.open(world, ROOT), outcomes)
    isHarmless(lines)
    isHarmless(printed)
    const ledger = it.files.info(`${ROOT}/.dns01/ledger.json`) ? it.files.text(`${ROOT}/.dns01/ledger.json`) : '{}'
    JSON.parse(ledger, (_key, value) => (typeof value === 'string' ? isHarmless([value]) : value))
  })
})

const logInto = (lines: string[]) =>
  openLog({
    sinks: [{ severity: 'TRACE', format: 'human', write: line => void lines.push(line) }],
    now: () => new Date(0),
  })

test('a hook can neither steer a terminal nor forge a line by what it prints, nor by its name', async () => {
  const folder = newFolder('strangers')
  const hook = join(folder, `hook${evil.replaceAll('/', '')}`)
  writeFileSync(hook, `#!/bin/sh\nprintf '\\033[2J\\r\\007forged\\033]0;x\\n'\necho oops >&2\nexit 3\n`)
  chmodSync(hook, 0o755)
  const lines: string[] = []
  const { world } = diskWorld()
  const call = { event: 'live-updated', args: [], stdin: '', env: {}, stateDir: '/s', timeoutSeconds: 20 }
  const { signal } = new AbortController()
  await runHooks({ ...world, log: logInto(lines) }, { ...call, folders: [folder], signal })
  expect(lines.length).toBeGreaterThan(1)
  isHarmless(lines)
})

describe('a DNS provider that repeats its token in an error', () => {
  const token = 'T0k/en+with=odd&chars"0123456789abcdefgh'
  const basic = Buffer.from(`dns01:${token}`).toString('base64')
  const message = `token ${token}, ${encodeURIComponent(token)}, ${JSON.stringify(token)}, Basic ${basic}\n${evil}`

  async function afterFailure() {
    const { files, context } = machine({ files: { [`${ROOT}/desired/www.example.test`]: '' } })
    const lines: string[] = []
    const log = logInto(lines)
    const cloudflare = fakeCloudflare({ [token]: ['zones', 'dns'] })
    cloudflare.addZone('example.test')
    cloudflare.next.push(httpAnswer(403, { success: false, errors: [{ code: 9109, message }], result: null }))
    const env = { CLOUDFLARE_DNS_API_TOKEN: token }
    const world: World = { ...context.world, env, log, fetch: cloudflare.fetch }
    const { provider } = await openProviders(world, { zones: {} } as never, () => 'cloudflare').open({
      provider: 'cloudflare',
      settings: {},
    })
    const at = '_acme-challenge.www.example.test'
    const call = { zone: parseName('example.test'), signal: context.signal, log }
    const error = await provider.present([record(parseName(at), txtValue('x'), 'example.test')], call).then(
      () => undefined,
      problem => problem as unknown,
    )
    const state = await StateDir.open(world, ROOT)
    const [target] = state.targets().targets
    await note({ world, state }, targetKey(target as never), error)
    return { files, context, world, error, log, lines }
  }

  const hidden = (text: string): void => {
    expect(text).toContain('***')
    for (const form of [token, encodeURIComponent(token), JSON.stringify(token).slice(1, -1), basic])
      expect(text).not.toContain(form)
    expect(text).not.toContain(basic.slice(10, -10))
  }

  test.each([true, false])('does not lay it bare in the log and the results, --json: %j', async json => {
    const { world, log, error, lines } = await afterFailure()
    const printed: string[] = []
    const out = openOut({ json, columns: undefined, masked: log.masked }, text => void printed.push(text))
    const outcome = { subject: 'www.example.test', names: [], result: 'failed', error } as never
    report({ world, out, batch: false } as unknown as Context, await StateDir.open(world, ROOT), [outcome])
    hidden(lines.join('\n'))
    if (json) hidden(printed.join(''))
    isHarmless(lines)
    isHarmless(printed)
  })

  test('does not lay it bare in the ledger, nor in status and plan, which know no secret', async () => {
    const { files, context } = await afterFailure()
    hidden(files.text(`${ROOT}/.dns01/ledger.json`))
    for (const json of [true, false]) {
      const printed: string[] = []
      const out = openOut({ json, columns: undefined, masked: text => text }, text => void printed.push(text))
      await status.run({}, { ...context, out })
      await plan.run({}, { ...context, out })
      hidden(printed.join(''))
      isHarmless(printed)
    }
    expect((await looking(context)).ledger().failures.size).toBe(1)
  })
})

describe('a file can neither steer a terminal nor forge a line, by', () => {
  const id = 'a'.repeat(52)
  const holder = { pid: 7, host: 'elsewhere', since: '2026-01-01T00:00:00Z', startTicks: '', boot: '', token: 'abc' }
  test.each<[string, Record<string, string>, Record<string, string>?]>([
    ['its name in desired/', { [`desired/${evil}`]: 'satisfy: {names: [www.example.com]}' }],
    ['its name in desired/ and wrong content', { [`desired/${evil}`]: `${evil}: [` }],
    ['what it holds in desired/', { 'desired/www.example.com': `satisfy:\n  names: [${JSON.stringify(evil)}]\n` }],
    ['its CA in desired/', { 'desired/www.example.com': `request:\n  provider: ${JSON.stringify(evil)}\n` }],
    ['an unknown key in desired/', { 'desired/www.example.com': `${JSON.stringify(evil)}: 1\n` }],
    ['a folder name in certs/', { [`certs/${evil}/cert`]: 'x', [`certs/${evil}/url`]: 'https://ca.test/1' }],
    ['its name in live/', { [`live/${evil}`]: 'x' }],
    ['the name of a link in live/', {}, { [`live/${evil}`]: `../certs/${evil}` }],
    ['its name in the root', { [evil]: 'x' }],
    [
      'a folder name in accounts/ and keys/',
      { [`accounts/${evil}/${evil}/privkey`]: 'x', [`keys/${evil}/privkey`]: 'x' },
    ],
    ['an order URL', { [`certs/${id}/url`]: `https://ca.test/${evil}`, [`certs/${id}/cert`]: evil }],
    ['a certificate', { [`certs/${id}/fullchain`]: evil, [`certs/${id}/cert`]: evil, [`certs/${id}/url`]: evil }],
    ['conf/target', { 'conf/target': `${evil}: {` }],
    ['conf/perm', { 'conf/perm': `certs ${evil}\n` }],
    ['conf/dns.yml', { 'conf/dns.yml': `zones:\n  ${JSON.stringify(evil)}:\n    provider: ${JSON.stringify(evil)}\n` }],
    ['conf/responses', { 'conf/responses': `${evil}: {` }],
    ['the journal', { '.dns01/journal/x.json': `{"id": ${evil}` }],
    ['the name of a file of the journal', { [`.dns01/journal/${evil}.json`]: '{' }],
    [
      'the provider in the journal',
      { '.dns01/journal/x.json': JSON.stringify({ id: 'x', provider: evil, zone: evil, records: [] }) },
    ],
    ['the history', { '.dns01/history.json': `{"runs": ${evil}` }],
    ['the ledger', { '.dns01/ledger.json': `{"failures": ${evil}` }],
    ['the lock of a machine that is gone', { '.dns01/lock': JSON.stringify({ ...holder, command: evil }) }],
    [
      'the lock of somebody who works',
      { '.dns01/lock': JSON.stringify({ ...holder, host: 'here', pid: 1, command: evil }) },
    ],
  ])('%s', async (_, files, links = {}) => {
    const inside = (all: Record<string, string>) =>
      Object.fromEntries(Object.entries(all).map(([path, text]) => [`${ROOT}/${path}`, text]))
    const { context } = machine({
      files: inside(files),
      links: inside(links),
      folders: [`${ROOT}/desired`, `${ROOT}/certs`],
    })
    const lines: string[] = []
    for (const json of [false, true]) {
      const out = openOut({ json, columns: undefined, masked: text => text }, text => void lines.push(text))
      const seeing: Context = { ...context, out, world: { ...context.world, log: logInto(lines) } }
      for (const command of [status, plan, cull, reconcile])
        await command
          .run({ simulate: command === cull }, seeing)
          .catch(error => lines.push(...linesOf(error).map(shown)))
    }
    expect(lines.length).toBeGreaterThan(0)
    isHarmless(lines)
  })
})
