import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { Predecessor } from '../../../src/limits/admission.js'
import { newOrder } from '../../../src/renew/new-order.js'
import type { KeptRenewal } from '../../../src/state/renewal-memory.js'
import { Tally } from '../../../src/state/tally.js'
import { names } from '../../fakes/held.js'
import { fakeLog } from '../../fakes/log.js'

const LE = 'https://acme-v02.api.letsencrypt.org/directory'

const before = (more: Partial<Predecessor> = {}): Predecessor => ({
  certificate: 'old',
  certId: 'AKI.serial',
  accountId: 'ca/ours',
  names: names('a.test', 'b.test'),
  windowBegun: false,
  ...more,
})

const refusal = (type: string) =>
  new Dns01Error('REFUSED', type, { cause: { type: `urn:ietf:params:acme:error:${type}` } })

interface Given {
  readonly replaces?: Predecessor | undefined
  readonly offersRenewalInfo?: boolean
  /** To an order with `replaces`. */
  readonly answer?: Error
}

/** What was ordered, how many orders were counted, what was kept. */
async function ordered({ replaces, offersRenewalInfo = true, answer }: Given) {
  const sent: unknown[] = []
  const kept: [string, KeptRenewal][] = []
  let counted = 0
  const client = {
    directory: async () => ({ renewalInfo: offersRenewalInfo ? 'https://ca.test/ari' : undefined }),
    newOrder: async (request: { replaces?: string }) => {
      sent.push(request.replaces ?? 'none')
      if (request.replaces !== undefined && answer) throw answer
      return {}
    },
  }
  const state = {
    tally: new Tally(),
    ledger: () => ({ ordered: async () => void counted++ }),
    renewals: () => ({
      certificates: new Map(),
      keep: (...one: [string, KeptRenewal]) => kept.push(one),
      save: async () => {},
    }),
  }
  const parts = { world: { env: {}, log: fakeLog() }, state, signal: new AbortController().signal }
  const wish = { ca: LE, names: names('a.test', 'c.test'), replaces }
  const { replaced } = await newOrder(parts as never, { client, accountId: 'ca/ours' } as never, wish)
  return { sent, counted, replaced, kept }
}

test.each<{ what: string; given: Given; named: boolean }>([
  { what: 'the one before it', given: { replaces: before() }, named: true },
  { what: 'none where there was none', given: {}, named: false },
  { what: 'none of another account', given: { replaces: before({ accountId: 'ca/other' }) }, named: false },
  { what: 'none without a common name', given: { replaces: before({ names: names('x.test') }) }, named: false },
  {
    what: 'none to a CA without renewal information',
    given: { replaces: before(), offersRenewalInfo: false },
    named: false,
  },
])('an order names $what', async ({ given, named }) => {
  const result = await ordered(given)
  expect(result).toMatchObject({ sent: [named ? 'AKI.serial' : 'none'], replaced: named, counted: 1 })
})

test.each(['alreadyReplaced', 'malformed', 'unauthorized', 'serverInternal'])(
  'refused as %s it is made once more without, and counted once',
  async type => {
    for (const windowBegun of [true, false]) {
      const result = await ordered({ replaces: before({ windowBegun }), answer: refusal(type) })
      expect(result).toMatchObject({ sent: ['AKI.serial', 'none'], replaced: false, counted: 1 })
      expect(result.kept).toEqual(type === 'alreadyReplaced' ? [['old', { replaced: true }]] : [])
    }
  },
)

test('what the CA has asked for is not counted among the orders of three hours', async () => {
  expect(await ordered({ replaces: before({ windowBegun: true }) })).toMatchObject({ counted: 0, replaced: true })
})

test('what is wrong with the order itself is not tried again', async () => {
  await expect(ordered({ replaces: before(), answer: refusal('rejectedIdentifier') })).rejects.toThrow()
})
