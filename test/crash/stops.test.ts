import { expect, test } from 'vitest'
import { dice } from '../fakes/dice.js'
import { ROOT } from '../fakes/outside.js'
import { invariants } from '../fakes/state-invariants.js'
import { thorough } from '../thorough.js'
import { at, heals, machineWith, stepsOf } from './whole-run.js'

/** Of a run over 20 targets each so manieth step; 1 tries them all, in ten minutes; the kinds of steps are those of a run over 3. */
const every = Number(process.env.CRASH_EVERY ?? (thorough ? 61 : 199))

test('at no moment of a run can others read a key, or does a live link lead to something half-made', async () => {
  const machine = machineWith(3)
  await machine.run(step => {
    if (step === 'disk') invariants(machine.files, ROOT)
    return undefined
  })
})

test.each([
  { count: 3, apart: thorough ? 1 : 29 },
  { count: 20, apart: every },
])(
  'a run over $count targets that is killed heals',
  async ({ count, apart }) => {
    const steps = await stepsOf(count)
    const tried: Record<string, number> = {}
    for (let k = 0; k < steps.length; k += apart) {
      const machine = machineWith(count)
      await machine.run(at(k, 'stop'))
      machine.files.restart()
      await heals(machine, count).catch(error => told(error, k, steps[k]))
      tried[`${steps[k]}`] = (tried[`${steps[k]}`] ?? 0) + 1
    }
    say(`killed, ${count} targets`, tried)
  },
  900_000,
)

test.each([
  { what: 'nothing survives but what was synced', apart: thorough ? 1 : 23, luck: () => () => false },
  { what: 'some of what was not synced survives', apart: thorough ? 3 : 29, luck: coins },
])(
  'a run over 2 targets heals when the power fails and $what',
  async ({ what, apart, luck }) => {
    const steps = await stepsOf(2)
    const tried: Record<string, number> = {}
    for (let k = 0; k < steps.length; k += apart) {
      const machine = machineWith(2)
      await machine.run(at(k, 'stop'))
      machine.files.restart()
      machine.files.losePower(luck(k))
      await heals(machine, 2).catch(error => told(error, k, steps[k]))
      tried[`${steps[k]}`] = (tried[`${steps[k]}`] ?? 0) + 1
    }
    say(`power lost, ${what}`, tried)
  },
  120_000,
)

function coins(seed: number): () => boolean {
  const roll = dice(seed)
  return () => roll() < 0.5
}

function told(error: Error, k: number, step: string | undefined): never {
  error.message = `stopped at step ${k} (${step}): ${error.message}`
  throw error
}

function say(what: string, tried: Readonly<Record<string, number>>): void {
  const total = Object.values(tried).reduce((sum, n) => sum + n, 0)
  expect(total).toBeGreaterThan(5)
  const each = Object.entries(tried).map(([step, n]) => `${n} × ${step}`)
  process.stderr.write(`${what}: ${total} points tried, ${total} healed (${each.join(', ')})\n`)
}
