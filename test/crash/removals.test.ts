import { expect, test } from 'vitest'
import { clearAway, findWaste } from '../../src/manage/cull.js'
import { requestRevocation } from '../../src/renew/revoke.js'
import { problem } from '../fakes/ca.js'
import { type How, type Outside, ROOT, type Run } from '../fakes/outside.js'
import { invariants } from '../fakes/state-invariants.js'
import { thorough } from '../thorough.js'
import { at, failures, machineWith } from './whole-run.js'

/** Of the steps of a run, each so manieth. */
const apart = thorough ? 1 : 8

interface Machine extends Outside {
  /** What the CA was told to revoke; of a second time it wants to hear nothing. */
  readonly revoked: Set<string>
}

/** Two targets whose certificates are there. */
async function machine(): Promise<Machine> {
  const outside = machineWith(2)
  const revoked = new Set<string>()
  outside.ca.always('/revoke-cert', ({ payload }) => {
    const certificate = String(payload?.certificate)
    if (revoked.has(certificate)) return problem('alreadyRevoked', 'it is revoked')
    revoked.add(certificate)
    return { status: 200, body: {} }
  })
  expect(failures((await outside.run()).outcomes)).toEqual([])
  return { ...outside, revoked }
}

/** `dns01 revoke` of what is live for the first target; in a run that comes after one that was killed it may be done. */
const revoke: How = {
  first: async (state, world) => {
    const isAsked = state.certificates().some(({ revokeWanted, revoked }) => revokeWanted || revoked)
    const id = state.links().get('h0.one.test')
    if (!isAsked && id !== undefined) await requestRevocation({ state, world }, id)
  },
}

/** `dns01 unwant` of the second target, and `dns01 cull`. */
const clear: How = {
  first: async (state, world) => {
    await state.removeTarget('h1.two.test')
    await clearAway(state, findWaste(world, state).waste)
  },
}

const linesOf = ({ files }: Outside, form: RegExp): string[] => files.tree(ROOT).filter(line => form.test(line))

function isRevoked(it: Machine): void {
  expect(it.revoked.size, 'revoked once').toBe(1)
  expect(linesOf(it, /\/revoked$/)).toHaveLength(1)
  expect(it.ca.issued.map(({ names }) => names[0]).sort()).toEqual(['h0.one.test', 'h0.one.test', 'h1.two.test'])
  const live = it.files.readLink(`${ROOT}/live/h0.one.test`)
  expect(it.files.info(`${ROOT}/live/${live}/revoked`)).toBeUndefined()
}

/** A certificate that is valid stays, wanted or not. */
function isCleared(it: Machine): void {
  const counts = [/^link live\//, /^folder \d+ certs\/[^/]+$/, /^folder \d+ keys\/[^/]+$/].map(
    form => linesOf(it, form).length,
  )
  expect(counts).toEqual([1, 2, 2])
  expect(linesOf(it, /^file \d+ desired\//)).toEqual(['file 644 desired/h0.one.test'])
}

const isFine = ({ error, outcomes, said }: Run): void =>
  expect([error, failures(outcomes), said.filter(line => !line.includes('took over the lock'))]).toEqual([
    undefined,
    [],
    [],
  ])

test.each([
  { what: 'revokes and replaces', before: [], how: revoke, isDone: isRevoked },
  { what: 'clears up what was revoked and what is unwanted', before: [revoke], how: clear, isDone: isCleared },
])(
  'a run that $what heals when it is killed, and when the power fails',
  async ({ before, how, isDone }) => {
    const prepared = async (): Promise<Machine> => {
      const it = await machine()
      for (const each of before) isFine(await it.run(undefined, each))
      return it
    }
    const whole = await prepared()
    const { steps } = await whole.run(step => {
      if (step === 'disk') invariants(whole.files, ROOT)
      return undefined
    }, how)
    isDone(whole)
    let tried = 0
    for (let k = 0; k < steps.length; k += apart, tried++) {
      const it = await prepared()
      await it.run(at(k, 'stop'), how)
      it.files.restart()
      if (tried % 2 === 1) it.files.losePower()
      invariants(it.files, ROOT)
      isFine(await it.run(undefined, how))
      invariants(it.files, ROOT)
      isDone(it)
    }
    expect(tried).toBeGreaterThan(2)
  },
  120_000,
)
