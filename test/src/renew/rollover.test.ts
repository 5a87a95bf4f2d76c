// A change of an account's key that is stopped anywhere, on our side or on the way to the CA, is finished by the next run.
import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { Fetch } from '../../../src/core/world.js'
import { openAuthorities } from '../../../src/renew/authorities.js'
import { finishRollovers, rollOver } from '../../../src/renew/rollover.js'
import { responses } from '../../../src/state/responses.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { generateKey } from '../../../src/x509/keys.js'
import { type AccountCa, accountCa } from '../../fakes/account-ca.js'
import { problem } from '../../fakes/ca.js'
import { Stopped } from '../../fakes/memory-files.js'
import { invariants } from '../../fakes/state-invariants.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const P256 = { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 } as const
const oldKey = await generateKey(P256)
const { signal } = new AbortController()

interface Lab {
  readonly fake: StateWorld
  readonly ca: AccountCa
  /** Between us and the CA; undefined hands on. */
  between: (request: number, handOn: () => ReturnType<Fetch>) => ReturnType<Fetch>
  open(): Promise<Parameters<typeof rollOver>[0]>
  /** Of the account as it was. */
  readonly before: string
}

/** An account that the CA knows, a certificate and an open order of it, and a certificate of another account. */
async function lab(): Promise<Lab> {
  const fake = stateWorld()
  const ca = accountCa()
  let requests = 0
  const made: Omit<Lab, 'before'> = {
    fake,
    ca,
    between: (_request, handOn) => handOn(),
    open: async () => {
      const fetch: Fetch = (url, request) => made.between(++requests, () => ca.fetch(url, request))
      const state = await StateDir.open(fake.world, '/s')
      return { world: { ...fake.world, fetch }, state, signal }
    },
  }
  const { world, state } = await made.open()
  await state.conform()
  await state.writeConf('target', `request: {provider: "${ca.directoryUrl}", key: {type: ecdsa}}\n`)
  const before = await state.addAccount(ca.directoryUrl, oldKey)
  const agreed = responses(
    new Map<string, string | boolean>([
      ['acme-agreement:https://ca.test/terms', true],
      ['acme-enter-email', ''],
    ]),
  )
  await openAuthorities({ world: world as never, state, defaults: state.defaults(), responses: agreed, signal }).for(
    ca.directoryUrl,
  )
  const key = await generateKey(P256)
  await state.addKey(key)
  const other = await state.addAccount('https://other.test/directory', await generateKey(P256))
  for (const accountId of [before, before, other])
    await state.addOrder({ url: `https://ca.test/order/${state.certificates().length}`, accountId, keyId: key.id })
  requests = 0
  return Object.assign(made, { before })
}

/** One account of the CA here, with the key that the CA knows; everything of the old one leads to it; no note is left. */
async function expectWhole({ fake, ca, open, before }: Lab, changed = true): Promise<void> {
  const { state } = await open()
  invariants(fake.files, '/s')
  expect(ca.accounts, 'no second account is registered').toHaveLength(1)
  const [id, ...more] = state.accounts().flatMap(({ id }) => (id.startsWith('ca.test') ? [id] : []))
  expect(more).toEqual([])
  expect(ca.by(state.accountKey(id as string).thumbprint)).toBe(ca.accounts[0])
  expect(id === before).toBe(!changed)
  const accounts = state.certificates().map(({ accountId }) => accountId)
  expect(accounts.filter(each => each === id)).toHaveLength(2)
  expect(accounts.filter(each => each?.startsWith('other.test'))).toHaveLength(1)
  expect(state.rollovers()).toEqual([])
}

describe('a change of an account’s key', () => {
  test('gives the account another key, and the certificates lead to it under its new name', async () => {
    const on = await lab()
    const after = await rollOver(await on.open(), on.before)
    expect((await on.open()).state.accounts().map(({ id }) => id)).toContain(after)
    await expectWhole(on)
  })

  test('says whose records of dns-persist-01 name the old key, where the CA hashes it', async () => {
    for (const accountHashPrefix of ['https://ca.test/h/', undefined]) {
      const on = await lab()
      const { state } = await on.open()
      const dns = (method: string) => `request: {challenge: {dns: {method: ${method}}}}\n`
      await state.writeTarget('a.test', dns('dns-persist-01'))
      await state.writeTarget('b.test', dns('auto'))
      await state.writeTarget('c.test', dns('dns-01'))
      await state.writeTarget('d.test', `request: {provider: "https://d.test/x", challenge: {dns: {method: auto}}}\n`)
      const url = (path: string) => `https://ca.test/${path}`
      const urls = { newNonce: url('new-nonce'), newAccount: url('new-account'), newOrder: url('new-order') }
      on.ca.always('/directory', { body: { ...urls, keyChange: url('key-change'), meta: { accountHashPrefix } } })
      on.fake.said.length = 0
      await rollOver(await on.open(), on.before)
      const told = on.fake.said.filter(line => line.includes('records of dns-persist-01'))
      expect(told).toEqual(
        accountHashPrefix ? [expect.stringContaining('of a.test, b.test name the account by its key')] : [],
      )
    }
  })

  test.each([
    ['is stopped', false],
    ['loses the power', true],
  ])(
    'that %s at any change of the disk is finished by the next run, and no account is lost or doubled',
    async (_, power) => {
      let stops = 0
      for (let k = 0, done = false; !done; k++) {
        const on = await lab()
        on.fake.files.restart()
        on.fake.files.stopAt = k
        done = await rollOver(await on.open(), on.before).then(
          () => true,
          error => {
            if (!(error instanceof Stopped)) throw error
            return false
          },
        )
        on.fake.files.restart()
        if (power) on.fake.files.losePower()
        if (!done) stops++
        const { state, ...rest } = await on.open()
        await state.conform()
        expect(await finishRollovers({ ...rest, state }), `stopped at change ${k}`).toEqual([])
        await expectWhole(on, isChanged(on))
      }
      expect(stops).toBeGreaterThan(10)
    },
    30_000,
  )

  test.each(['is not sent', 'is heard, and its answer lost'])(
    'of which any request, and all after it, %s, is finished by the next run',
    async what => {
      for (let k = 1, done = false; !done; k++) {
        const on = await lab()
        on.between = async (request, handOn) => {
          if (request < k) return handOn()
          if (what !== 'is not sent') await handOn()
          throw new Dns01Error('UNAVAILABLE', 'the line is dead')
        }
        done = await rollOver(await on.open(), on.before).then(
          () => true,
          error => {
            expect(error).toMatchObject({ code: 'UNAVAILABLE' })
            return false
          },
        )
        on.between = (_request, handOn) => handOn()
        expect(await finishRollovers(await on.open()), `dead from request ${k} on`).toEqual([])
        await expectWhole(on, isChanged(on))
      }
    },
    30_000,
  )

  test('whose answer alone is lost is done: the repetition is refused, and the CA is asked which key it knows', async () => {
    const on = await lab()
    let lost = 0
    on.between = async (_request, handOn) => {
      const before = on.ca.asked.filter(line => line === 'POST /key-change').length
      const answer = await handOn()
      if (on.ca.asked.filter(line => line === 'POST /key-change').length === before || lost++ > 0) return answer
      throw new Dns01Error('UNAVAILABLE', 'cut')
    }
    await rollOver(await on.open(), on.before)
    expect(on.ca.asked.filter(line => line === 'POST /key-change')).toHaveLength(2)
    await expectWhole(on)
  })

  test('that the CA refuses leaves the account as it was; the new key is kept aside', async () => {
    const on = await lab()
    on.ca.always('/key-change', problem('badPublicKey', 'not this curve', 400))
    await expect(rollOver(await on.open(), on.before)).rejects.toMatchObject({ code: 'REFUSED' })
    expect(on.fake.said.join()).toMatch(
      /keeps its key; the one meant to replace it is in \.dns01\/set-aside\/rollover\./,
    )
    await expectWhole(on, false)
  })

  test('at a CA that offers none is refused before anything is noted', async () => {
    const on = await lab()
    const urls = { newNonce: '/new-nonce', newAccount: '/new-account', newOrder: '/new-order' }
    on.ca.always('/directory', {
      body: Object.fromEntries(Object.entries(urls).map(([k, v]) => [k, `https://ca.test${v}`])),
    })
    const changes = on.fake.files.changes
    await expect(rollOver(await on.open(), on.before)).rejects.toThrow(/its directory lacks keyChange/)
    expect(on.fake.files.changes).toBe(changes)
  })

  test('that cannot be finished is told, and the account is not used or registered again meanwhile', async () => {
    const on = await lab()
    const { state, world } = await on.open()
    await state.noteRollover({ accountId: on.before, key: await generateKey(P256) })
    on.between = () => Promise.reject(new Dns01Error('UNAVAILABLE', 'the line is dead'))
    const outcomes = await finishRollovers(await on.open())
    expect(outcomes).toEqual([expect.objectContaining({ subject: `accounts/${on.before}`, result: 'failed' })])
    on.between = (_request, handOn) => handOn()
    const parts = { world: world as never, state, defaults: state.defaults(), responses: responses(new Map()), signal }
    await expect(openAuthorities(parts).for(on.ca.directoryUrl)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await finishRollovers(await on.open())).toEqual([])
    await expectWhole(on)
  })

  test('whose note is damaged is told, and keeps nobody from the account', async () => {
    const on = await lab()
    on.fake.files.put('/s/.dns01/rollover/x/account', on.before)
    on.fake.files.put('/s/.dns01/rollover/x/privkey', 'no key', 0o600)
    expect(await finishRollovers(await on.open())).toEqual([])
    expect(on.fake.said.join()).toMatch(
      /change of an account's key cannot be finished: .*move \.dns01\/rollover\/x away/,
    )
    await expectWhole(on, false)
  })

  test('of an account that the CA has forgotten is given up, once', async () => {
    const on = await lab()
    const { state } = await on.open()
    await state.noteRollover({ accountId: on.before, key: await generateKey(P256) })
    on.ca.accounts.splice(0)
    expect(await finishRollovers(await on.open())).toEqual([
      expect.objectContaining({
        error: expect.objectContaining({ message: expect.stringContaining('by neither of its keys') }),
      }),
    ])
    expect(await finishRollovers(await on.open())).toEqual([])
  })
})

/** Whether the CA knows the account by another key than before. */
const isChanged = ({ ca }: Lab): boolean => ca.by(oldKey.thumbprint) === undefined
