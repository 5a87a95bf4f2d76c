import { describe, expect, test } from 'vitest'
import { pauseBeforeRenewals } from '../../../src/renew/jitter.js'
import type { Context } from '../../../src/renew/run.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { names } from '../../fakes/held.js'
import { stateWorld } from '../../fakes/state-world.js'

interface Given {
  readonly setting?: string
  readonly batch?: boolean
  readonly force?: string[]
  /** Ends on that day of 2026; the margin is 30 days, today is 1 March. */
  readonly certificates?: Readonly<Record<string, string>>
}

/** Seconds slept. */
async function pause({ setting, batch = true, force = [], certificates = {} }: Given): Promise<number> {
  const fake = stateWorld()
  fake.time = new Date('2026-03-01T00:00:00Z')
  const state = await StateDir.open(fake.world, '/s')
  await state.conform()
  const key = ecKey()
  await state.addKey(key)
  for (const [name, end] of Object.entries(certificates)) {
    await state.writeTarget(name, '')
    if (end === '') continue
    const id = await state.addOrder({ url: `https://ca.test/${name}`, accountId: undefined, keyId: key.id })
    const dates = { notBefore: new Date('2025-12-01T00:00:00Z'), notAfter: new Date(`2026-${end}T00:00:00Z`) }
    await state.storeCertificate(id, await selfSigned(key, [name], { ...dates, issuer: 'CN=CA' }))
  }
  const world = { ...fake.world, env: { DNS01_RENEWAL_PAUSE: setting }, random: () => Uint8Array.of(128, 0) }
  const context = { world, batch, stateRoot: '/s', signal: new AbortController().signal }
  await pauseBeforeRenewals(context as unknown as Context, names(...force))
  return (fake.time.getTime() - new Date('2026-03-01T00:00:00Z').getTime()) / 1000
}

describe('the pause before renewals', () => {
  const due = { 'a.test': '03-20' }
  test.each<[string, Given, number]>([
    ['not set', { certificates: due }, 0],
    ['set to none', { setting: '0', certificates: due }, 0],
    ['set: a random part of it', { setting: '3600', certificates: due }, 1800],
    ['somebody watches', { setting: '3600', batch: false, certificates: due }, 0],
    ['forced', { setting: '3600', force: ['a.test'], certificates: due }, 0],
    ['nothing is due', { setting: '3600', certificates: { 'a.test': '05-20' } }, 0],
    ['there is no certificate yet', { setting: '3600', certificates: { 'a.test': '' } }, 0],
    ['one has expired', { setting: '3600', certificates: { 'a.test': '02-20' } }, 0],
    ['besides renewals there is a first certificate', { setting: '3600', certificates: { ...due, 'b.test': '' } }, 0],
  ])('%s', async (_, given, seconds) => {
    expect(await pause(given)).toBe(seconds)
  })

  test('a setting that is not a number is an error that names it', async () => {
    await expect(pause({ setting: 'an hour' })).rejects.toMatchObject({ code: 'CONFIG' })
  })
})
