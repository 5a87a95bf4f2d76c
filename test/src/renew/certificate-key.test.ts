// Which key a certificate is asked for with: a new one, that of request.key.id, or the one of the certificate that is live.
import { beforeEach, expect, test } from 'vitest'
import type { KeySpec, Target } from '../../../src/core/target.js'
import { keyFor } from '../../../src/renew/certificate-key.js'
import { StateDir } from '../../../src/state/state-dir.js'
import type { KeyPair } from '../../../src/x509/keys.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { target } from '../../fakes/held.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const certificateOf = ecKey()

let fake: StateWorld
let state: StateDir
const url = 'https://ca.test/order/1'

beforeEach(async () => {
  fake = stateWorld()
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
})

/** The certificate of `key` is live for a.test, and the key is there. */
async function live(key = certificateOf, link = 'a.test'): Promise<string> {
  await state.addKey(key)
  const id = await state.addOrder({ url, accountId: undefined, keyId: key.id })
  await state.storeCertificate(id, await selfSigned(key, ['a.test']))
  await state.pointLive(link, id)
  return id
}

const wants = (key: Partial<KeySpec>, more: Partial<Target> = {}): Target =>
  target('t', ['a.test', 'b.test'], { ...more, key: { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048, ...key } })

const days = (count: number): void => {
  fake.time = new Date(fake.time.getTime() + count * 86_400_000)
}

const keyOf = (of: Target): Promise<KeyPair> => keyFor({ world: fake.world, state }, of)

test.each<[string, Target, { after?: number; link?: string }, 'old' | 'new']>([
  ['by default', wants({}), {}, 'new'],
  ['never', wants({ reuse: false }), {}, 'new'],
  ['always', wants({ reuse: true }), { after: 5000 }, 'old'],
  ['while it is young', wants({ reuse: 90 }), { after: 89 }, 'old'],
  ['when it is too old', wants({ reuse: 90 }), { after: 90 }, 'new'],
  ['of another type', wants({ reuse: true, type: 'rsa' }), {}, 'new'],
  ['weaker than is asked for now', wants({ reuse: true, curve: 'nistp384' }), {}, 'new'],
  ['live under another label', wants({ reuse: true }, { label: 'x' }), {}, 'new'],
  ['live under the label of the target', wants({ reuse: true }, { label: 'x' }), { link: 'a.test:x' }, 'old'],
])('%s', async (_, of, { after = 0, link }, which) => {
  await live(certificateOf, link)
  days(after)
  const key = await keyOf(of)
  expect(key.id === certificateOf.id ? 'old' : 'new').toBe(which)
  expect(state.keyIds()).toContain(key.id)
  expect(key.type).toBe(of.key.type)
})

test('with nothing live, and with a live certificate whose key is gone or damaged, a new one is made', async () => {
  const of = wants({ reuse: true })
  expect(state.keyIds().size).toBe(0)
  await keyOf(of)
  expect(state.keyIds().size).toBe(1)
  await live()
  fake.files.put(`/s/keys/${certificateOf.id}/privkey`, 'damaged', 0o600)
  expect((await keyOf(of)).id).not.toBe(certificateOf.id)
  await state.removeKey(certificateOf.id)
  expect((await keyOf(of)).id).not.toBe(certificateOf.id)
})

test.each(['requestRevocation', 'markRevoked'] as const)('never that of a revoked certificate: %s', async revoke => {
  await state[revoke](await live())
  expect((await keyOf(wants({ reuse: true }))).id).not.toBe(certificateOf.id)
})

test('request.key.id wins, and where that key is not there, the live one is used', async () => {
  await live()
  const chosen = ecKey()
  await state.addKey(chosen)
  expect((await keyOf(wants({ reuse: true, id: chosen.id }))).id).toBe(chosen.id)
  expect((await keyOf(wants({ reuse: true, id: 'gone' }))).id).toBe(certificateOf.id)
})
