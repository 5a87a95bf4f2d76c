// What probe says of the methods by which a name may be proved besides dns-01.
import { describe, expect, test } from 'vitest'
import { accountLabel } from '../../../src/acme/challenge.js'
import { exitStatus } from '../../../src/core/errors.js'
import type { World } from '../../../src/core/world.js'
import { probeErrors } from '../../../src/probe/report.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { generateKey } from '../../../src/x509/keys.js'
import { fakeCa } from '../../fakes/ca.js'
import type { FakeDns } from '../../fakes/dns.js'
import { all, ca, directory, line, not, type Options, root, run } from './lab.js'

test('with dns-account-01 the value comes and goes at the account’s own name, and CAA must allow that method', async () => {
  const ca = fakeCa()
  const method = 'dns-account-01' as const
  const options = {
    ...{ method, fetch: ca.fetch },
    before: async (world: World) => {
      const state = await StateDir.open(world, root)
      await state.conform()
      await state.addAccount(ca.directoryUrl, await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 }))
    },
  }
  const label = accountLabel('https://ca.test/account/1')
  const { document, left } = await run(['www.a.test'], options)
  expect(all(document).map(line)).toContain(
    `ok account: https://ca.test/account/1; its values are placed at ${label}._acme-challenge.www.a.test`,
  )
  expect(all(document).find(({ check }) => check === 'rights')?.text).toContain(
    `fake placed a value at ${label}._acme-challenge.www.a.test; all servers showed it`,
  )
  expect([not('ok', document).map(line), left]).toEqual([[], []])
  const dns = (fake: FakeDns) => fake.add('a.test', 'CAA', '0 issue ca.test; validationmethods=dns-01')
  const meta = { ...directory, meta: { caaIdentities: ['ca.test'] } }
  ca.always('/directory', {
    body: { ...meta, newNonce: 'https://ca.test/new-nonce', newAccount: 'https://ca.test/new-account' },
  })
  expect(
    not('ok', (await run(['www.a.test'], { ...options, dns })).document)
      .map(line)
      .join(),
  ).toContain('validationmethods lack dns-account-01')
})

describe('with dns-persist-01', () => {
  const account = 'https://ca.test/account/1'
  const at = '_validation-persist.www.a.test'
  const good = `ca.test; accounturi=${account}`

  async function look(records: readonly string[], more: Partial<Options> = {}, name = 'www.a.test') {
    const ca = fakeCa()
    const meta = { caaIdentities: ['ca.test'], ...more.meta }
    const urls = { newNonce: 'https://ca.test/new-nonce', newAccount: 'https://ca.test/new-account' }
    ca.always('/directory', { body: { ...directory, ...urls, meta } })
    let state: StateDir | undefined
    const found = await run([name], {
      ...{ method: 'dns-persist-01', fetch: ca.fetch },
      before: async world => {
        state = await StateDir.open(world, root)
        await state.conform()
        await state.addAccount(ca.directoryUrl, await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 }))
      },
      ...more,
      dns: (fake, clock) => {
        for (const value of records) fake.add(at, 'TXT', value)
        more.dns?.(fake, clock)
      },
    })
    const findings = found.document.names.flatMap(one => one.findings)
    return { ...found, record: findings.filter(({ check }) => check === 'record').map(line), findings }
  }

  test('the record is looked at, at each server; no provider is opened and nothing is written', async () => {
    const provider = { present: () => Promise.reject(new Error('nobody shall write')) }
    const { record, findings, events, document, left } = await look(['other.test; accounturi=x', good], { provider })
    expect(record).toEqual([`ok record: ${at} proves www.a.test; seen at 192.0.2.1, 192.0.2.2`])
    expect(findings.map(({ check }) => check)).toEqual([
      'record',
      'caa',
      'dnssec',
      'cname',
      'servers',
      'servers',
      'view',
      'rights',
    ])
    expect(not('ok', document).map(line)).toEqual(['skipped rights: not tried: nothing is written'])
    expect([events, left]).toEqual([[], []])
  })

  const inADay = 1767225600 + 86_400 // the clock stands at 2026-01-01
  test.each<[string, string[], Partial<Options>, string, RegExp, number]>([
    [
      'nothing there',
      [],
      {},
      'www.a.test',
      /^failed record: .*there is no such record → dns01 persist 'www\.a\.test' prints/,
      3,
    ],
    [
      'another account',
      ['ca.test; accounturi=x'],
      {},
      'www.a.test',
      /^failed record: .*its accounturi is x, and ours is https:\/\/ca\.test\/account\/1 → /,
      3,
    ],
    [
      'a wildcard without its policy',
      [good],
      {},
      '*.www.a.test',
      /^failed record: .*it lacks policy=wildcard → add policy=wildcard/,
      3,
    ],
    [
      'an end that is past',
      [`${good}; persistUntil=1767225600`],
      {},
      'www.a.test',
      /^failed record: .*its persistUntil was 2026-01-01T00:00Z → publish it with a later end/,
      3,
    ],
    [
      'a malformed one',
      [`${good};`],
      {},
      'www.a.test',
      /^failed record: .*it is malformed: it ends with ";" → dns01 persist/,
      3,
    ],
    [
      'an end that is near',
      [`${good}; persistUntil=${inADay}`],
      {},
      'www.a.test',
      /^warning record: the record at .* counts until 2026-01-02T00:00Z only/,
      0,
    ],
    [
      'one server that lags',
      [good],
      { dns: fake => fake.manners('192.0.2.2', { lagSeconds: 3600 }) },
      'www.a.test',
      /^failed record: .*the record is not good at 1 of 2 servers \(192\.0\.2\.2: there is no such record\)/,
      7,
    ],
    [
      'a server that is silent',
      [good],
      { dns: fake => fake.manners('192.0.2.2', { unheard: 'silent' }) },
      'www.a.test',
      /^ok record: .*seen at 192\.0\.2\.1$/,
      0,
    ],
    [
      'the hash of draft 02 is wanted',
      [good],
      { meta: { issuerDomainNames: ['ca.test'], accountHashPrefix: 'h:' } },
      'www.a.test',
      /^failed record: .*ours is h:sha-256\//,
      3,
    ],
    ['auto, nothing there', [], { method: 'auto' }, 'www.a.test', /^ok record: none stands at .*: dns-01 is used$/, 0],
    [
      'auto, one that is no good',
      [`${good};`],
      { method: 'auto' },
      'www.a.test',
      /^warning record: .*; so dns-01 is used → /,
      0,
    ],
  ])('%s', async (_, records, more, name, says, exit) => {
    const { record, document, events } = await look(records, more, name)
    expect(record.join('\n')).toMatch(says)
    expect(exitStatus(probeErrors(document))).toBe(exit)
    expect(events.length > 0).toBe(more.method === 'auto')
  })

  test('auto with a record that is good writes nothing', async () => {
    const { record, events } = await look([good], { method: 'auto' })
    expect(record.join()).toMatch(/^ok record/)
    expect(events).toEqual([])
  })

  test('what it saw of the end is remembered for status, also when there is none any more', async () => {
    const ends = async (records: readonly string[], before: Date | undefined) => {
      let world: World | undefined
      await look(records, {
        before: async given => {
          world = given
          const state = await StateDir.open(given, root)
          await state.conform()
          await state.addAccount(ca, await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 }))
          await state.ledger().recordsSeen([['ca.test%2fdirectory www.a.test', before]])
        },
      })
      return [...(await StateDir.open(world as World, root)).ledger().recordEnds.values()]
    }
    expect(await ends([`${good}; persistUntil=${inADay}`], undefined)).toEqual([new Date(inADay * 1000)])
    expect(await ends([good], new Date(inADay * 1000))).toEqual([])
  })

  test('no account: what to do, and nothing else is looked at', async () => {
    const { document } = await run(['www.a.test'], { method: 'dns-persist-01' })
    expect(not('ok', document).map(line)).toEqual([
      expect.stringMatching(/^failed record: there is no account .* → dns01 account register/),
      'skipped rights: not tried: nothing is written',
    ])
  })
})

test('with dns-account-01 and no account there is nothing to try yet', async () => {
  const { document, events } = await run(['www.a.test'], { method: 'dns-account-01' })
  expect(not('ok', document).map(line)).toEqual([
    expect.stringMatching(
      /^failed account: there is no account for https:\/\/ca\.test\/directory → dns01 account register/,
    ),
    'skipped rights: not tried: there is no place for a value',
  ])
  expect(events).toEqual([])
})
