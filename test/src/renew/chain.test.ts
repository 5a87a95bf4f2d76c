// Which of a CA's chains is taken: by the issuer of its last certificate, and the CA's own choice where none has it.
import { expect, test } from 'vitest'
import type { AcmeClient, Order } from '../../../src/acme/client.js'
import { downloadChain, isIssuer, lastIssuer } from '../../../src/renew/chain.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { names } from '../../fakes/held.js'
import { stateWorld } from '../../fakes/state-world.js'

const by = async (issuer: string): Promise<string> => (await selfSigned(ecKey(), ['a.test'], { issuer })).cert
const leaf = await by('CN=Intermediate')
const [toX, toY] = [leaf + (await by('C=US, O=R, CN=Root X')), leaf + (await by('CN=Root Y'))]

test.each([
  ['CN=Root X', 'Root X', true],
  ['C=US, O=R, CN=Root X', 'Root X', true],
  ['CN=Root X, OU=Trust', 'Root X', true],
  ['C=US, O=R, CN=Root X', 'C=US, O=R, CN=Root X', true],
  ['CN=Root, Inc', 'Root, Inc', true],
  ['CN=Root X', 'Root', false],
  ['CN=Root X1', 'Root X', false],
  ['O=Root X', 'Root X', false],
  ['CN=Root X', 'root x', false],
])('issuer %j, wanted %j: %s', (issuer, wanted, is) => expect(isIssuer(issuer, wanted)).toBe(is))

test('the last certificate counts; the issuer of the leaf is the same in all chains', () => {
  expect([lastIssuer(toX), lastIssuer(toY), lastIssuer(leaf)]).toEqual([
    'C=US, O=R, CN=Root X',
    'CN=Root Y',
    'CN=Intermediate',
  ])
  expect(lastIssuer('')).toBeUndefined()
  expect(lastIssuer('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toBeUndefined()
})

test.each([
  [undefined, 'X', []],
  ['Root X', 'X', []],
  ['Root Y', 'Y', []],
  [
    'Root Z',
    'X',
    [
      'notice: a.test: the CA has no chain up to "Root Z"; its own choice is taken (it has "C=US, O=R, CN=Root X", "CN=Root Y")',
    ],
  ],
])('wanted %j: the chain to %s, and what is told once', async (wanted, to, said) => {
  const fake = stateWorld()
  const certificate: AcmeClient['certificate'] = async (_order, _signal, isPreferred) =>
    [toX, toY].find(chain => isPreferred?.(chain) ?? true) ?? toX
  const order = { url: 'https://ca.test/order/1', identifiers: names('a.test') } as unknown as Order
  for (const _run of [1, 2]) {
    const state = await StateDir.open(fake.world, '/s')
    const { signal } = new AbortController()
    const chain = await downloadChain({ world: fake.world, state, signal }, { certificate }, order, wanted)
    expect(chain === toX ? 'X' : 'Y').toBe(to)
  }
  expect(fake.said).toEqual(said)
})
