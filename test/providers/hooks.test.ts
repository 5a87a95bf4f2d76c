import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import hooks from '../../providers/hooks.js'
import { type Name, parseName } from '../../src/core/names.js'
import type { TxtRecord } from '../../src/core/txt-record.js'
import type { Provider, ProviderCall } from '../../src/provider/api.js'
import { providerContract, record } from '../contract/provider-contract.js'
import { type DiskWorld, diskWorld } from '../fakes/disk-world.js'
import { newFolder } from '../folder.js'

const fixtures = join(import.meta.dirname, '../fixtures/hooks')
const root = newFolder('hooks')

let counter = 0
/** A folder with these hooks: from the fixtures, or a script. */
function folder(...files: (string | [name: string, script: string])[]): string {
  const made = join(root, `hooks${counter++}`)
  mkdirSync(made)
  for (const file of files) {
    const path = join(made, typeof file === 'string' ? file : file[0])
    if (typeof file === 'string') copyFileSync(join(fixtures, file), path)
    else writeFileSync(path, `#!/bin/sh\n${file[1]}\n`)
    chmodSync(path, 0o755)
  }
  return made
}

const open = (folders: string, disk: DiskWorld, timeout = '20'): Provider =>
  hooks.open({ folders, 'state-dir': '/var/lib/acme', timeout }, disk.world) as Provider

const linesOf = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []

providerContract('hooks', async () => {
  const records = mkdtempSync(join(root, 'records-'))
  const disk = diskWorld({ PATH: process.env.PATH, RECORDS: records, TOKEN: 'very secret' })
  const file = (name: Name) => join(records, name.replace('_acme-challenge.', ''))
  return {
    provider: open(folder('several'), disk),
    zones: ['example.test', 'example.org'],
    values: async name => linesOf(file(name)),
    put: async (name, value) => writeFileSync(file(name), `${value}\n`),
    refusalProves: false,
    refusing: async () => open(folder(['a', 'echo "no such zone"; exit 1'], ['b', 'exit 42']), disk),
    failing: async () => open(folder(['a', 'sleep 20']), disk, '0.2'),
    secrets: ['very secret'],
  }
})

describe('the provider hooks', () => {
  let records: string
  let disk: DiskWorld
  beforeEach(() => {
    records = mkdtempSync(join(root, 'records-'))
    disk = diskWorld({ PATH: process.env.PATH, RECORDS: records })
  })
  const call = (): ProviderCall => ({
    zone: parseName('example.test'),
    signal: new AbortController().signal,
    log: disk.world.log,
  })
  const www = (value: string, env = {}): TxtRecord => {
    const one = record(parseName('_acme-challenge.www.example.test'), value, 'example.test')
    return { ...one, challenge: { ...one.challenge, targetFile: '*.x-odd file', env } }
  }
  const calls = () => linesOf(join(records, 'calls'))

  test('gives host, target file, value and an empty argument, and the environment of the target', async () => {
    const others = mkdtempSync(join(root, 'records-'))
    const provider = open(folder('one-value'), disk)
    await provider.present([www('v', { RECORDS: others })], call())
    await provider.cleanup([www('v', { RECORDS: others })], call())
    expect(linesOf(join(others, 'calls'))).toEqual([
      'start www.example.test *.x-odd file v []',
      'stop www.example.test *.x-odd file v []',
    ])
  })

  test('asks for one value at a time, unless the hooks say otherwise', () => {
    expect(open(folder('one-value'), disk)).toMatchObject({ oneValuePerName: true, knowsHostOnly: true })
    expect(open(folder('several'), disk).oneValuePerName).toBe(false)
    expect(open(folder('several', 'one-value'), disk).oneValuePerName).toBe(true)
  })

  test('two values of one host come one after the other, different hosts side by side', async () => {
    const slow = `case $1 in challenge-dns-start) ;; *) exit 42;; esac
echo "begin $2 $4" >> $RECORDS/calls; sleep 0.2; echo "end $2 $4" >> $RECORDS/calls`
    const other = record(parseName('_acme-challenge.other.example.test'), 'c', 'example.test')
    await open(folder(['slow', slow]), disk).present([www('a'), www('b'), other], call())
    const of = (host: string) => calls().filter(line => line.includes(` ${host} `))
    expect(of('www.example.test').map(line => line.replace('www.example.test ', ''))).toEqual([
      'begin a',
      'end a',
      'begin b',
      'end b',
    ])
    expect(
      calls()
        .slice(0, 2)
        .every(line => line.startsWith('begin')),
    ).toBe(true)
  })

  test('when no hook says 0 it tells what each said, and calls no stop', async () => {
    const hooksFolder = folder(
      ['a-dns', `echo "$1" >> ${records}/calls; echo "zone not found"; exit 3`],
      ['b-reload', 'exit 42'],
      ['c-broken', 'exit 9'],
    )
    const provider = open(hooksFolder, disk)
    await expect(provider.present([www('v')], call())).rejects.toMatchObject({
      code: 'REFUSED',
      message: `no hook accepted the DNS challenge of www.example.test (${hooksFolder}/a-dns zone not found; ${hooksFolder}/b-reload does not handle it; ${hooksFolder}/c-broken exited with 9)`,
    })
    await provider.cleanup([www('v')], call())
    expect(calls()).toEqual(['challenge-dns-start'])
  })

  test('without any hook it says where it looked', async () => {
    const empty = folder()
    const presenting = open(empty, disk).present([www('v')], call())
    await expect(presenting).rejects.toMatchObject({
      message: expect.stringContaining('there is none'),
      hint: expect.stringContaining(empty),
    })
  })

  test('one failed host does not hide what another said', async () => {
    const hooksFolder = folder(['a', 'echo "cannot do $2"; exit 1'])
    const other = record(parseName('_acme-challenge.other.example.test'), 'c', 'example.test')
    const presenting = open(hooksFolder, disk).present([www('v'), other], call())
    await expect(presenting).rejects.toThrow(/cannot do www\.example\.test.*; .*cannot do other\.example\.test/)
  })

  test('a start that was ended by the time limit may have placed the record: stop is called', async () => {
    const script = `echo "$1" >> ${records}/calls; [ "$1" = challenge-dns-stop ] || sleep 20`
    const provider = open(folder(['a', script]), disk, '0.2')
    await expect(provider.present([www('v')], call())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await provider.cleanup([www('v')], call())
    expect(calls()).toEqual(['challenge-dns-start', 'challenge-dns-stop'])
  })

  test('a run that finds a record of a run before calls stop', async () => {
    await open(folder('one-value'), disk).cleanup([www('left')], call())
    expect(calls()).toEqual(['stop www.example.test *.x-odd file left []'])
  })

  test('a failing stop is an error, so that the record is not forgotten; stop that nobody handles is a warning', async () => {
    const stops = (exit: number) => open(folder(['a', `[ "$1" = challenge-dns-start ] || exit ${exit}`]), disk)
    await expect(stops(1).cleanup([www('v')], call())).rejects.toMatchObject({ code: 'REFUSED' })
    await stops(42).cleanup([www('v')], call())
    expect(disk.said.at(-1)).toMatch(/^warn: no hook withdrew the DNS challenge of www\.example\.test/)
  })

  test('an unusable time limit is a mistake in the settings', () => {
    for (const timeout of ['0', 'soon', '-1', 'Infinity']) {
      expect(() => open(folder(), disk, timeout)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
    }
  })
})
