import { expect, test } from 'vitest'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { stateWorld } from '../../fakes/state-world.js'

/** What a look at thousands of certificates costs in questions to the disk. */
test('a certificate costs so many questions and no more', async () => {
  const fake = stateWorld()
  const state = await StateDir.open(fake.world, '/s')
  await state.conform()
  const key = ecKey()
  const accountId = await state.addAccount('https://ca.test/dir', ecKey())
  await state.addKey(key)
  const pems = await selfSigned(key, ['www.test'])
  state.renewals() // read once, however many there are
  let order = 0
  const add = async (): Promise<void> => {
    const id = await state.addOrder({ url: `https://ca.test/order/${++order}`, accountId, keyId: key.id })
    await state.storeCertificate(id, pems)
    await state.pointLive(`${order}.test`, id)
    await state.writeTarget(`${order}.test`, '')
  }

  const asked = { list: 0, info: 0, readWithInfo: 0, readPlain: 0, readLink: 0 }
  for (const call of Object.keys(asked) as (keyof typeof asked)[]) {
    const real = fake.files[call].bind(fake.files) as (path: string) => never
    fake.files[call] = (path: string) => {
      asked[call]++
      return real(path)
    }
  }
  const price = async (look: () => unknown): Promise<string> => {
    const before = { ...asked }
    await look()
    return (Object.keys(asked) as (keyof typeof asked)[])
      .map(call => `${asked[call] - before[call]} ${call}`)
      .join(', ')
  }
  const each = async (look: () => unknown): Promise<string> => {
    await add()
    const one = (await price(look)).match(/\d+/g)?.map(Number) ?? []
    await add()
    const two = (await price(look)).match(/\d+/g)?.map(Number) ?? []
    return Object.keys(asked)
      .map((call, i) => `${(two[i] ?? 0) - (one[i] ?? 0)} ${call}`)
      .join(', ')
  }

  expect(await each(() => state.certificates())).toBe('0 list, 5 info, 2 readWithInfo, 0 readPlain, 2 readLink')
  expect(await each(() => state.targets())).toBe('0 list, 0 info, 0 readWithInfo, 1 readPlain, 0 readLink')
  expect(await each(() => state.links())).toBe('0 list, 0 info, 0 readWithInfo, 0 readPlain, 1 readLink')
  // the folder, cert and chain, the target; url and fullchain with their rights; three links
  const throughAll = '1 list, 4 info, 2 readWithInfo, 0 readPlain, 3 readLink'
  expect(await each(() => state.conform())).toBe(throughAll)
  const surveyed = async () => {
    await state.conform({ andRead: true })
    return [state.certificates(), state.links()]
  }
  expect(await each(surveyed)).toBe(throughAll)
  const { changes } = fake.files
  await state.conform()
  expect(fake.files.changes).toBe(changes)
})
