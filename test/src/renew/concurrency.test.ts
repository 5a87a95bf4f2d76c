import { expect, test } from 'vitest'
import { limitConcurrency } from '../../../src/renew/concurrency.js'
import { fakeClock } from '../../fakes/clock.js'
import { type Outside, outside } from '../../fakes/outside.js'

/** Runs flows of so many seconds each; gives when each ended, and how many were under way at most. */
async function flows(parallel: number, durations: readonly number[]) {
  const clock = fakeClock()
  const inTurn = limitConcurrency({ clock }, parallel)
  let [underWay, most] = [0, 0]
  const flow = (seconds: number): Promise<number> =>
    inTurn(async () => {
      underWay++
      most = Math.max(most, underWay)
      await clock.sleep(seconds, new AbortController().signal)
      underWay--
      return Math.round(clock.seconds)
    })
  const ends = await clock.runUntil(Promise.all(durations.map(flow)))
  return { ends, most }
}

test('as many flows as asked for run at a time', async () => {
  expect(await flows(2, [4, 4, 4, 4])).toEqual({ ends: [4, 4, 8, 8], most: 2 })
})

test('slow flows make room for others after ten seconds', async () => {
  const { ends } = await flows(2, [900, 900, 900, 900, 1])
  expect(ends).toEqual([900, 900, 910, 910, 21])
})

test('slow flows are never more than ten times as many as may run at a time', async () => {
  const { most } = await flows(2, Array(50).fill(900))
  expect(most).toBe(20)
})

test('a flow that fails fails for its caller, and frees its place', async () => {
  const inTurn = limitConcurrency({ clock: fakeClock() }, 1)
  const failing = inTurn(() => Promise.reject(new Error('no')))
  await expect(Promise.all([failing, inTurn(async () => 1)])).rejects.toThrow('no')
  expect(await inTurn(async () => 2)).toBe(2)
})

test('a slow zone does not slow the others', async () => {
  const slow = Array.from({ length: 12 }, (_, i) => [`h${i}.one.test`])
  const machine: Outside = outside({ targets: [...slow, ['z.two.test']], zones: ['one.test', 'two.test'], parallel: 5 })
  for (const server of ['192.0.2.1', '198.51.100.1']) machine.dns.manners(server, { lagSeconds: 600 })
  const run = await machine.run()
  expect((run.outcomes ?? []).filter(({ result }) => result === 'issued')).toHaveLength(13)
  expect(machine.ca.issued[0]?.names).toEqual(['z.two.test'])
  expect(run.seconds).toBeLessThan(700)
})
