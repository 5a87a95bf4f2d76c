import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openRunLimit } from '../../../src/renew/run-limit.js'
import { fakeClock } from '../../fakes/clock.js'

const clock = fakeClock()

test('any number of waits may listen to the signal of a bounded run, without a warning of node', async () => {
  const { signal } = openRunLimit({ clock, env: {} }, true, new AbortController().signal)
  const warnings: string[] = []
  const hear = ({ name }: Error) => warnings.push(name)
  process.on('warning', hear)
  for (let i = 0; i < 20; i++) signal.addEventListener('abort', () => {})
  await turn()
  process.off('warning', hear)
  expect(warnings).toEqual([])
})
