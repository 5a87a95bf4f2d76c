import { beforeEach, describe, expect, test } from 'vitest'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const key = ecKey()
const account = ecKey()
const at = (path: string): string => `/s/${path}`

let fake: StateWorld
let state: StateDir
let id: string
beforeEach(async () => {
  fake = stateWorld()
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
  await state.addKey(key)
  const accountId = await state.addAccount('https://ca.test/dir', account)
  id = await state.addOrder({ url: 'https://ca.test/order/1', accountId, keyId: key.id })
  await state.storeCertificate(id, await selfSigned(key, ['www.test']))
  await state.pointLive('www.test', id)
})

/** What a run of its own finds that has just looked, and what it says. */
async function fresh() {
  fake.said.length = 0
  const other = await StateDir.open(fake.world, '/s', { readOnly: true })
  return { certificates: other.certificates(), links: other.links(), said: [...fake.said] }
}

async function surveyed() {
  await state.conform({ andRead: true })
  fake.said.length = 0
  return { certificates: state.certificates(), links: state.links(), said: [...fake.said] }
}

describe('what conform() came by is what a look of its own finds', () => {
  const wrongUrl = (): void => fake.files.put(at(`certs/${id}/url`), 'https://ca.test/order/2')
  test.each<[what: string, change: () => unknown]>([
    ['all is well', () => {}],
    ['an order is not downloaded', () => fake.files.remove(at(`certs/${id}/fullchain`))],
    ['fullchain is damaged', () => fake.files.put(at(`certs/${id}/fullchain`), 'x')],
    ['chain is cut', () => fake.files.put(at(`certs/${id}/chain`), '')],
    ['url is that of another order', wrongUrl],
    ['the key is empty', () => fake.files.put(at(`keys/${key.id}/privkey`), '', 0o600)],
    ['it is to be revoked', () => fake.files.put(at(`certs/${id}/revoke`), '')],
    ['it was revoked', () => fake.files.put(at(`certs/${id}/revoked`), '')],
    ['the link to the account is missing', () => fake.files.remove(at(`certs/${id}/account`))],
    ['certs/ holds something else', () => fake.files.putFolder(at('certs/other'))],
    ['live/ holds something else', () => fake.files.putLink(at('live/dir'), '../certs')],
    [
      'the key is a link',
      async () => {
        fake.files.put(at(`keys/${key.id}/real`), key.pem, 0o600)
        await fake.files.remove(at(`keys/${key.id}/privkey`))
        fake.files.putLink(at(`keys/${key.id}/privkey`), 'real')
      },
    ],
    [
      'the key was changed later',
      () => {
        fake.time = new Date(fake.time.getTime() + 1000)
        fake.files.put(at(`keys/${key.id}/privkey`), ecKey().pem, 0o600)
      },
    ],
  ])('%s', async (_, change) => {
    await change()
    expect(await surveyed()).toEqual(await fresh())
  })
})

describe('what conform() came by is not believed', () => {
  const reads = (): (() => number) => {
    let count = 0
    const { readWithInfo } = fake.files
    fake.files.readWithInfo = path => {
      count++
      return readWithInfo.call(fake.files, path)
    }
    return () => count
  }

  test('twice: who asks again sees what is there now', async () => {
    await surveyed()
    fake.files.put(at(`certs/${id}/revoked`), '')
    await fake.files.remove(at('live/www.test'))
    expect(state.certificates()).toMatchObject([{ revoked: true }])
    expect([...state.links()]).toEqual([])
  })

  test('after a change of ours', async () => {
    await state.conform({ andRead: true })
    await state.requestRevocation(id)
    await state.removeLive('www.test')
    expect(state.certificates()).toMatchObject([{ revokeWanted: true }])
    expect([...state.links()]).toEqual([])
  })

  test('where something was mended', async () => {
    fake.files.put(at(`certs/${id}/cert`), fake.files.text(at(`certs/${id}/cert`)), 0o600)
    await state.conform({ andRead: true })
    const count = reads()
    expect(state.certificates()).toMatchObject([{ complete: true }])
    expect(count()).toBeGreaterThan(0)
  })

  test('where a certificate may not be read: who asks for it is told, and not conform()', async () => {
    const denied = () => {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    }
    const { readPlain } = fake.files
    fake.files.readWithInfo = denied
    fake.files.readPlain = path => (path.endsWith('fullchain') ? denied() : readPlain.call(fake.files, path))
    await state.conform({ andRead: true })
    expect(() => state.certificates()).toThrow('permission denied')
  })
})
