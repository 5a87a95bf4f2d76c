import { describe, expect, test } from 'vitest'
import { newTargetText } from '../../../src/config/target-edit.js'
import type { Name } from '../../../src/core/names.js'
import type { TxtRecord } from '../../../src/core/txt-record.js'
import { withLock } from '../../../src/state/lock.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { dice } from '../../fakes/dice.js'
import { MemoryFiles, Stopped } from '../../fakes/memory-files.js'
import { invariants } from '../../fakes/state-invariants.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'
import { thorough } from '../../thorough.js'

const ROOT = '/var/lib/acme'
const CA = 'https://ca.test/dir'
const keys = [ecKey(), ecKey()] as const
const account = ecKey()
const issued = [await selfSigned(keys[0], ['www.test']), await selfSigned(keys[1], ['www.test'])] as const
const challenge = { host: 'www.test', wildcard: false, token: 't', keyAuthorization: 't.k', targetFile: 'x', env: {} }
const record = {
  name: '_acme-challenge.www.test',
  value: 'v',
  zone: 'www.test',
  ttlSeconds: 60,
  challenge,
} as unknown as TxtRecord

/** A run that gets a first certificate and a second, and removes the first: every kind of change there is. */
async function run(fake: StateWorld): Promise<void> {
  const state = await StateDir.open(fake.world, ROOT)
  await withLock(fake.world, state, { command: 'test', waitSeconds: 0 }, async () => {
    await state.conform()
    await state.writeTarget('www.test', newTargetText(['www.test' as Name]))
    await state.writeConf('target', `request:\n  provider: ${CA}\n`)
    const accountId = await state.addAccount(CA, account)
    const ids: string[] = []
    for (const [i, key] of keys.entries()) {
      await state.addKey(key)
      await state.journal.note({ id: `e${i}`, provider: 'memory', zone: record.zone, records: [record] })
      const id = await state.addOrder({ url: `https://ca.test/order/${i}`, accountId, keyId: key.id })
      await state.journal.gone(`e${i}`)
      await state.storeCertificate(id, issued[i] as (typeof issued)[0])
      await state.journal.noteUntold(['www.test'])
      await state.pointLive('www.test', id)
      await state.journal.clearUntold()
      ids.push(id)
    }
    await state.requestRevocation(ids[0] as string)
    await state.markRevoked(ids[0] as string)
    await state.removeCertificate(ids[0] as string)
    await state.removeKey(keys[0].id)
  })
}

/** A second run as somebody else finds all in order, says at most that it took over, and needs nothing mended by a third. */
async function heals(fake: StateWorld): Promise<void> {
  fake.files.restart()
  const again = stateWorld(fake.files, 2)
  again.time = new Date(fake.time.getTime() + 3600_000) // files that say nothing are taken for leftovers by their age
  const state = await StateDir.open(again.world, ROOT)
  await withLock(again.world, state, { command: 'second', waitSeconds: 0 }, () => state.conform())
  invariants(fake.files, ROOT)
  expect(again.said.filter(line => !line.includes('took over the lock'))).toEqual([])
  expect(fake.files.tree(`${ROOT}/tmp`)).toEqual([])
  expect(fake.files.list(`${ROOT}/.dns01`).filter(({ name }) => name.startsWith('lock'))).toEqual([])
  expect(state.targets().problems).toEqual([])
  for (const certificate of state.certificates())
    expect(certificate).toMatchObject({ accountId: expect.any(String), keyId: expect.any(String), hasKey: true })
  for (const id of state.keyIds()) expect(state.key(id).id).toBe(id)
  expect(state.journal.entries().every(entry => entry.records.length === 1)).toBe(true)
  const { changes } = fake.files
  await state.conform()
  expect(fake.files.changes).toBe(changes)
}

async function stoppedAt(k: number): Promise<{ fake: StateWorld; done: boolean }> {
  const fake = stateWorld(new MemoryFiles())
  fake.files.stopAt = k
  const done = await run(fake).then(
    () => true,
    error => {
      if (!(error instanceof Stopped)) throw error
      return false
    },
  )
  return { fake, done }
}

/** Of the changes that a run makes, each so manieth. */
const apart = thorough ? 1 : 3

/** Stops the run at these changes, and lets it end in the end. */
async function everywhere(after: (fake: StateWorld, k: number) => Promise<void>): Promise<number> {
  for (let k = 0; ; k += apart) {
    const { fake, done } = await stoppedAt(k)
    await after(fake, k)
    if (done) return k
  }
}

test('shows nobody a key, nor anything half-made, at any moment', async () => {
  const fake = stateWorld(new MemoryFiles())
  let looks = 0
  fake.files.options = {
    ...fake.files.options,
    changed: () => {
      invariants(fake.files, ROOT)
      looks++
    },
  }
  await run(fake)
  expect(looks).toBe(fake.files.changes)
})

describe('a run that stops at any change', () => {
  test('leaves what the next run heals', async () => {
    expect(await everywhere(heals)).toBeGreaterThan(100)
  }, 30_000)

  test(
    'leaves what the next run heals when the power fails and nothing survives but what was synced',
    () =>
      everywhere(fake => {
        fake.files.restart()
        fake.files.losePower()
        invariants(fake.files, ROOT)
        return heals(fake)
      }),
    30_000,
  )

  test(
    'leaves what the next run heals when the power fails and some of the rest survives',
    () =>
      everywhere((fake, k) => {
        const roll = dice(k)
        fake.files.restart()
        fake.files.losePower(() => roll() < 0.5)
        return heals(fake)
      }),
    30_000,
  )
})

describe('a disk that fails at any change', () => {
  test.each(['ENOSPC', 'EROFS', 'EIO'])(
    '%s: STATE with a hint, and the next run heals',
    async code => {
      for (let k = 0; ; k += apart) {
        const fake = stateWorld(new MemoryFiles())
        fake.files.options = { now: () => fake.time, fail: () => (fake.files.changes >= k ? code : undefined) }
        const error = await run(fake).catch(e => e)
        fake.files.options = { now: () => fake.time }
        if (error !== undefined)
          expect(error).toMatchObject({
            code: 'STATE',
            message: expect.stringContaining(code),
            hint: expect.any(String),
          })
        await heals(fake)
        if (error === undefined) return
      }
    },
    30_000,
  )
})
