import { beforeEach, expect, test } from 'vitest'
import type { Held } from '../../../src/renew/best-certificate.js'
import { byName } from '../../../src/renew/best-certificate.js'
import { dueOf } from '../../../src/renew/due.js'
import { held } from '../../../src/renew/links.js'
import { endingPlaceholders, placePlaceholders, unlinkedOf } from '../../../src/renew/placeholder.js'
import { work } from '../../../src/renew/plan.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

let fake: StateWorld
let state: StateDir

beforeEach(async () => {
  fake = stateWorld()
  fake.files.put('/s/desired/one', 'satisfy: {names: [a.test, b.test]}\n')
  fake.files.put('/s/desired/two', 'satisfy: {names: [b.test]}\n')
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
})

const now = (): Held => held(state, state.targets().targets)
const place = () => placePlaceholders(fake.world, state, unlinkedOf(['one'], now()))
const ending = (): string[] => [...endingPlaceholders(now(), fake.time).values()].flat()
const wait = (days: number): void => {
  fake.time = new Date(fake.time.getTime() + days * 86_400_000)
}

test('one certificate for a target, linked for all its names, and made once', async () => {
  expect(await place()).toEqual(['a.test', 'b.test'])
  expect(await place()).toEqual([])
  const [only, ...more] = state.certificates()
  expect(more).toEqual([])
  expect(only).toMatchObject({ complete: true, hasKey: true, revoked: true, facts: { names: ['a.test', 'b.test'] } })
  expect(new Set(state.links().values())).toEqual(new Set([only?.id]))
  expect(state.journal.untold()).toEqual(['a.test', 'b.test'])
})

test('a name that another target owns, or that is live already, is left to that', async () => {
  expect(unlinkedOf(['two'], now()).size).toBe(0)
  await state.conform()
  await place()
  expect(unlinkedOf(['one', 'two'], now()).size).toBe(0)
})

test('it counts for nothing: the target is due, nothing is resumed or revoked, and status says what is live', async () => {
  await place()
  const { targets, certificates, links } = now()
  const made = work(now(), { now: fake.time })
  expect(made).toMatchObject({ resume: [], revoke: [] })
  expect(made.issue.map(({ target }) => target.file)).toEqual(['one', 'two'])
  const due = dueOf(targets[0] as (typeof targets)[0], byName(certificates), links, { now: fake.time })
  expect(due).toMatchObject({ live: false, why: 'no certificate yet, a placeholder until 2026-01-08T00:00Z' })
  expect(due?.replaces).toBeUndefined()
})

test('another takes its place when half of its week is over, or it cannot be used any more', async () => {
  await place()
  wait(3)
  expect(ending()).toEqual([])
  wait(1)
  expect(ending()).toEqual(['a.test', 'b.test'])
  await placePlaceholders(fake.world, state, endingPlaceholders(now(), fake.time))
  expect(ending()).toEqual([])
  expect(state.certificates()).toHaveLength(2)
  const live = [...state.links().values()][0] as string
  await fake.files.remove(`/s/certs/${live}/chain`)
  fake.files.put(`/s/certs/${live}/chain`, 'x')
  expect(ending()).toEqual(['a.test', 'b.test'])
  expect(work(now(), { now: fake.time }).resume).toEqual([]) // no CA has ever heard of it
})

test('that of a name which nobody wants any more is left to end', async () => {
  await place()
  await state.removeTarget('one')
  await state.removeTarget('two')
  wait(6)
  expect(ending()).toEqual([])
})
