import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { newTargetText } from '../../src/config/target-edit.js'
import type { Name } from '../../src/core/names.js'
import type { World } from '../../src/core/world.js'
import { openFiles } from '../../src/platform/files.js'
import { StateDir } from '../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../fakes/certificates.js'
import { fakeLog } from '../fakes/log.js'
import { fakeWorld } from '../fakes/world.js'
import { newFolder } from '../folder.js'
import { lacking, need } from './servers/need.js'

/** Real acmetool reads what we write, and we read what it mended. Neither changes what the other made. */

let root: string
let said: string[]
beforeEach(() => {
  root = join(newFolder('state'), 'acme')
  said = []
})

const world = (): World => {
  const say = (text: string): void => void said.push(text)
  return fakeWorld({
    clock: { now: () => new Date() },
    files: openFiles(),
    random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
    self: { pid: process.pid, host: 'here', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    log: { ...fakeLog(), error: say, warn: say, notice: say, debug: say },
  })
}

const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(need('acmetool'), ['--batch', '--state', root, '--hooks', join(root, 'no-hooks'), ...args], {
    encoding: 'utf8',
  })

async function build(): Promise<StateDir> {
  const state = await StateDir.open(world(), root)
  await state.conform()
  await state.writeConf(
    'target',
    'request:\n  provider: https://ca.test/dir\n  challenge:\n    dns:\n      provider: memory\n',
  )
  await state.writeTarget('*.www.test-x', newTargetText(['*.www.test', 'www.test'] as Name[]))
  const accountId = await state.addAccount('https://ca.test:443/päth/dir', ecKey())
  await state.journal.noteUntold(['x'])
  for (const [i, name] of ['www.test', '*.www.test', 'half.test'].entries()) {
    const key = ecKey()
    await state.addKey(key)
    const id = await state.addOrder({ url: `https://ca.test/order/${i}`, accountId, keyId: key.id })
    if (name === 'half.test') continue
    const soon = { notBefore: new Date(Date.now() - 3600_000), notAfter: new Date(Date.now() + 80 * 86_400_000) }
    await state.storeCertificate(id, await selfSigned(key, [name, 'www.test', '*.www.test'], soon))
    await state.pointLive(name, id)
    await state.pointLive(`${name}:label`, id)
  }
  return state
}

describe.skipIf(lacking('acmetool'))('acmetool and we', () => {
  test('both enforce conf/perm alike', async () => {
    await build()
    const perm =
      'keys/*/privkey 0640 0750 - -\nkeys/* 0700 0710\nlive inherit\ncerts 0640 0750\ncerts/*/haproxy inherit\nconf/*.yml 0600 0700\n'
    writeFileSync(join(root, 'conf/perm'), perm)
    writeFileSync(join(root, 'conf/dns.yml'), '')
    mkdirSync(join(root, 'haproxy'))
    chmodSync(join(root, 'haproxy'), 0o700)
    const theirs = run('status').stderr.match(/has wrong mode/g)?.length ?? 0
    expect(theirs).toBeGreaterThan(10)
    await (await StateDir.open(world(), root)).conform()
    expect(said).toEqual([])

    rmSync(join(root, 'conf/perm'))
    await (await StateDir.open(world(), root)).conform()
    expect(said.filter(line => line.includes('has mode')).length).toBeGreaterThan(10)
    expect(run('status').stderr).toBe('')
    writeFileSync(join(root, 'conf/perm'), perm)
    said = []
    await (await StateDir.open(world(), root)).conform()
    expect(said.length).toBeGreaterThan(10)
    expect(run('status').stderr).toBe('')
  })

  test('what stops acmetool is corrected', async () => {
    const state = await build()
    const [id] = [...state.links().values()]
    for (const folder of ['keys', 'certs', 'accounts/ca.test%2fdir'])
      mkdirSync(join(root, folder, 'a'.repeat(52)), { recursive: true })
    expect(run('status').status).toBe(1)
    await (await StateDir.open(world(), root)).conform()
    expect(said.filter(line => line.includes('half-made'))).toHaveLength(3)
    expect(run('status')).toMatchObject({ status: 0, stderr: '' })
    expect(state.certificates().some(certificate => certificate.id === id)).toBe(true)
  })
})
