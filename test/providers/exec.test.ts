import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { DialectName } from '../../providers/exec/dialects.js'
import exec from '../../providers/exec.js'
import { parseName } from '../../src/core/names.js'
import type { TxtRecord } from '../../src/core/txt-record.js'
import type { Provider, ProviderCall } from '../../src/provider/api.js'
import { providerContract, record } from '../contract/provider-contract.js'
import { type DiskWorld, diskWorld } from '../fakes/disk-world.js'
import { newFolder } from '../folder.js'
import { thorough } from '../thorough.js'

const fixtures = join(import.meta.dirname, '../fixtures')
const store = join(fixtures, 'exec/store')
const root = newFolder('exec')

let counter = 0
/** An executable script with blanks in its path. */
function script(text: string): string {
  const path = join(root, `a script ${counter++}`)
  writeFileSync(path, `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
  return `'${path}'`
}

type More = Partial<Parameters<typeof exec.open>[0]>
const open = (dialect: DialectName | undefined, command: string, disk: DiskWorld, more: More = {}): Provider =>
  exec.open(
    {
      command,
      dialect,
      chain: 'no',
      timeout: '20',
      'state-dir': '/var/lib/acme',
      'cleanup-command': undefined,
      'at-once': undefined,
      ...more,
    },
    disk.world,
  ) as Provider

const linesOf = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
const diskFor = (records: string, env = {}) =>
  diskWorld({ PATH: process.env.PATH, RECORDS: records, TOKEN: 'very secret', ...env })

/** An installed double of acme.sh in a folder of its own. */
function acmeSh(): string {
  const home = mkdtempSync(join(root, 'acme.sh-'))
  cpSync(join(fixtures, 'acme.sh'), home, { recursive: true })
  writeFileSync(join(home, 'account.conf'), '')
  return home
}

const subjects: [string, DialectName, (records: string) => [string, DiskWorld, More?]][] = [
  ['acmetool', 'acmetool', records => [store, diskFor(records, { STYLE: 'acmetool' })]],
  [
    'certbot',
    'certbot',
    records => [
      `STYLE=certbot ${store} auth`,
      diskFor(records),
      { 'cleanup-command': `STYLE=certbot ${store} cleanup` },
    ],
  ],
  ['dehydrated', 'dehydrated', records => [store, diskFor(records, { STYLE: 'dehydrated' })]],
  [
    'dehydrated with HOOK_CHAIN',
    'dehydrated',
    records => [store, diskFor(records, { STYLE: 'dehydrated' }), { chain: 'yes' }],
  ],
  ['lego', 'lego', records => [store, diskFor(records, { STYLE: 'lego' })]],
  ['uacme', 'uacme', records => [store, diskFor(records, { STYLE: 'uacme' })]],
  [
    'acmesh',
    'acmesh',
    records => [`${acmeSh()}/acme.sh dns_store`, diskFor(records, { STORE_Token: 'token secret', HOME: root })],
  ],
]
for (const [title, dialect, make] of subjects) {
  providerContract(`exec ${title}`, async () => {
    const records = mkdtempSync(join(root, 'records-'))
    const [command, disk, more] = make(records)
    const file = (name: string) => join(records, name.replace('_acme-challenge.', ''))
    const saysNo = { certbot: '', acmesh: `${acmeSh()}/acme.sh dns_nobody` }[dialect as string] ?? script('exit 1')
    return {
      provider: open(dialect, command, disk, more),
      zones: ['example.test', 'example.org'],
      values: async name => linesOf(file(name)),
      put: async (name, value) => writeFileSync(file(name), `${value}\n`),
      many: thorough ? 100 : 10,
      refusalProves: false,
      refusing: saysNo === '' ? undefined : async () => open(dialect, saysNo, disk, more),
      failing:
        dialect === 'acmetool' ? async () => open(dialect, script('sleep 20'), disk, { timeout: '0.2' }) : undefined,
      secrets: ['very secret', 'token secret'],
    }
  })
}

describe('the provider exec', () => {
  let records: string
  let disk: DiskWorld
  beforeEach(() => {
    records = mkdtempSync(join(root, 'records-'))
    disk = diskFor(records)
  })
  const call = (): ProviderCall => ({
    zone: parseName('example.test'),
    signal: new AbortController().signal,
    log: disk.world.log,
  })
  const host = (name: string, value: string): TxtRecord =>
    record(parseName(`_acme-challenge.${name}.example.test`), value, 'example.test')
  const calls = () => linesOf(join(records, 'calls'))

  test.each([
    ['one host', ['a']],
    ['several', ['a', 'b', 'c']],
  ])('a program that cannot be started has written nothing: %s', async (_, hosts) => {
    const provider = open('acmetool', '/nonexistent/program', disk)
    const wanted = hosts.map(name => host(name, 'v'))
    await expect(provider.present(wanted, call())).rejects.toMatchObject({ code: 'REFUSED', nothingWritten: true })
  })

  test('certbot: one call after the other, how many remain, and what auth said for cleanup', async () => {
    const command = `STYLE=certbot ${store}`
    const provider = open('certbot', `${command} auth`, disk, { 'cleanup-command': `${command} cleanup` })
    const both = [host('a', 'v1'), host('b', 'v2')]
    await provider.present(both, call())
    await provider.cleanup(both, call())
    expect(calls()).toEqual([
      'auth|a.example.test|v1|1|a.example.test,b.example.test|unset|',
      'auth|b.example.test|v2|0|a.example.test,b.example.test|unset|',
      'cleanup|a.example.test|v1|1|a.example.test,b.example.test|id-of-a.example.test|',
      'cleanup|b.example.test|v2|0|a.example.test,b.example.test|id-of-b.example.test|',
    ])
  })

  test('certbot: a bad exit status is a warning, as with certbot', async () => {
    await open('certbot', 'echo odd; exit 3', disk).present([host('a', 'v')], call())
    expect(disk.said).toContain('warn: exec (certbot): present for a.example.test: exited with 3: odd')
  })

  test('dehydrated with HOOK_CHAIN: all in one call', async () => {
    disk = diskFor(records, { STYLE: 'dehydrated' })
    await open('dehydrated', store, disk, { chain: 'yes' }).present([host('a', 'v1'), host('b', 'v2')], call())
    expect(calls()).toEqual(['deploy_challenge|a.example.test|token|v1|b.example.test|token|v2|'])
  })

  test('uacme: a name that begin declined gets no done', async () => {
    const provider = open('uacme', script(`echo "$1" >> ${records}/calls; exit 1`), disk)
    await expect(provider.present([host('a', 'v')], call())).rejects.toMatchObject({
      code: 'REFUSED',
      hint: expect.stringContaining('does not handle this name'),
    })
    await provider.cleanup([host('a', 'v')], call())
    expect(calls()).toEqual(['begin'])
  })

  test('lego: cleanup is called even after a failed present, and its failure is not forgotten', async () => {
    const provider = open('lego', script(`echo "$1" >> ${records}/calls; exit 1`), disk)
    await expect(provider.present([host('a', 'v')], call())).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(provider.cleanup([host('a', 'v')], call())).rejects.toMatchObject({ code: 'REFUSED' })
    expect(calls()).toEqual(['present', 'cleanup'])
  })

  test.each([
    ['acmetool', true, true],
    ['certbot', false, true],
    ['dehydrated', false, true],
    ['lego', true, false],
    ['lego-raw', true, true],
    ['uacme', true, true],
    ['acmesh', false, false],
  ] as const)('%s: one value at a time: %j; hears of the host alone: %j', (dialect, one, hostOnly) => {
    const command = dialect === 'acmesh' ? '/x/acme.sh dns_store' : store
    expect(open(dialect, command, disk)).toMatchObject({ oneValuePerName: one, knowsHostOnly: hostOnly })
  })

  test('at most as many calls at once as the client itself makes, or the setting says', async () => {
    const slow = script('echo begin >> $RECORDS/calls; sleep 0.1; echo end >> $RECORDS/calls')
    const four = ['a', 'b', 'c', 'd'].map(name => host(name, 'v'))
    await open('lego', slow, disk).present(four, call())
    expect(calls()).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end', 'begin', 'end'])
    await open('acmetool', slow, disk).present([host('e', 'v'), host('e', 'w')], call())
    expect(calls().slice(8)).toEqual(['begin', 'end', 'begin', 'end'])
    rmSync(join(records, 'calls'))
    await open('lego', slow, disk, { 'at-once': '4' }).present(four, call())
    expect(calls().slice(0, 2)).toEqual(['begin', 'begin'])
  })

  test('what the program writes is in the log, the last line in the error, which names the program', async () => {
    const command = script('echo "I tried"; echo "no such zone" >&2; exit 2')
    const presenting = open('dehydrated', command, disk).present([host('a', 'v')], call())
    await expect(presenting).rejects.toThrow(
      new RegExp(`^exec \\(dehydrated\\) ${command.slice(1, -1)}: present for a\\.example\\.test: exited with 2: `),
    )
    expect(disk.said).toContain(`info: exec (dehydrated) ${command.slice(1, -1)}: no such zone`)
  })

  test('a program that is not there is refused at once', async () => {
    const presenting = open('lego', '/nowhere/hook', disk).present([host('a', 'v')], call())
    await expect(presenting).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('no such file'),
    })
  })

  test("the target's environment, the state directory, and a folder: / with acmetool, else ours", async () => {
    const show = script('echo "$MINE $ACME_STATE_DIR $PWD" >> $RECORDS/calls')
    const one = host('a', 'v')
    const withEnv = { ...one, challenge: { ...one.challenge, env: { MINE: 'mine' } } }
    await open('acmetool', show, disk).present([withEnv], call())
    await open('lego', show, disk).present([withEnv], call())
    expect(calls()).toEqual(['mine /var/lib/acme /', `mine /var/lib/acme ${process.cwd()}`])
  })

  test("lego's own variables are enough", async () => {
    for (const [mode, line] of [
      [undefined, 'present|_acme-challenge.a.example.test.|v|'],
      ['RAW', 'present|--|a.example.test|token|token.thumb|'],
    ] as const) {
      disk = diskFor(records, { EXEC_PATH: store, EXEC_MODE: mode, STYLE: 'lego' })
      await open(undefined, store, disk)
        .present([host('a', 'v')], call())
        .catch(() => {})
      expect(calls().at(-1)).toBe(line)
    }
  })

  test('an unknown dialect, or a number that is not one, is a mistake in the settings', () => {
    for (const [dialect, more] of [
      ['certbto', {}],
      ['lego', { 'at-once': '0' }],
      ['lego', { timeout: 'long' }],
      ['acmesh', {}],
    ] as const) {
      expect(() => open(dialect as DialectName, store, disk, more)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
    }
  })
})

describe('acme.sh', () => {
  const call: ProviderCall = {
    zone: parseName('example.test'),
    signal: new AbortController().signal,
    log: diskWorld().world.log,
  }
  const one = record(parseName('_acme-challenge.a.example.test'), 'v', 'example.test')

  test('credentials come from the account.conf of its home', async () => {
    const home = acmeSh()
    const records = mkdtempSync(join(root, 'records-'))
    writeFileSync(join(home, 'account.conf'), "SAVED_STORE_Token='saved'\n")
    await open('acmesh', `${home}/acme.sh dns_store`, diskFor(records, { HOME: '/nowhere' })).present([one], call)
    expect(linesOf(join(records, 'a.example.test'))).toEqual(['v'])
  })

  test('its settings come from the environment, too, and it saves them where LE_WORKING_DIR or HOME says', async () => {
    for (const variable of ['HOME', 'LE_WORKING_DIR']) {
      const records = mkdtempSync(join(root, 'records-'))
      const home = mkdtempSync(join(root, 'home-'))
      const folder = variable === 'HOME' ? join(home, '.acme.sh') : home
      mkdirSync(folder, { recursive: true })
      cpSync(join(fixtures, 'acme.sh'), folder, { recursive: true })
      const disk = diskFor(records, { HOME: '/nowhere', [variable]: home, STORE_Token: 'new' })
      await open('acmesh', 'dns_store', disk).present([one], call)
      expect(readFileSync(join(folder, 'account.conf'), 'utf8')).toBe("SAVED_STORE_Token='new'\n")
    }
  })

  test('what it says is in the error', async () => {
    const disk = diskFor(mkdtempSync(join(root, 'records-')), { HOME: root })
    const home = acmeSh()
    await expect(open('acmesh', `${home}/acme.sh dns_store`, disk).present([one], call)).rejects.toThrow(
      "exited with 1: [now] You don't specify STORE_Token.",
    )
    await expect(open('acmesh', `${home}/acme.sh dns_other`, disk).present([one], call)).rejects.toThrow(
      'acme.sh has no dns_other',
    )
  })
})
