import { expect, test } from 'vitest'
import { dice } from '../fakes/dice.js'
import type { Fault, Step } from '../fakes/outside.js'
import { thorough } from '../thorough.js'
import { allIsWell, failures, machineWith } from './whole-run.js'

const certificates = thorough ? 1000 : 100
/** Of every request, answer, question and change of a zone that is lost. */
const share = 0.01
/** A certificate takes about this many changes of the disk: so 1 % of the certificates meet a full one. */
const changesEach = 40

test(`${certificates} certificates, ${share * 100} % of everything failing: complete after three cron runs`, {
  timeout: 240_000,
}, async () => {
  const machine = machineWith(certificates)
  const roll = dice(20_261_121)
  const faults = new Map<Step, number>()
  const storm = (step: Step): Fault => {
    if (roll() >= (step === 'disk' ? share / changesEach : share)) return undefined
    faults.set(step, (faults.get(step) ?? 0) + 1)
    return step === 'disk' ? 'ENOSPC' : 'lose'
  }
  const story: string[] = []
  for (let run = 1, complete = false; !complete; run++) {
    expect(run, story.join('; ')).toBeLessThanOrEqual(3)
    const { outcomes, error, steps, seconds } = await machine.run(storm)
    const failed = failures(outcomes).length
    story.push(`run ${run}: ${steps.length} steps, ${failed} targets failed, ${seconds.toFixed(0)} s`)
    if (error) story.push(String(error))
    complete = error === undefined && failed === 0
  }
  console.log(`${story.join('; ')}; faults: ${[...faults].map(([step, n]) => `${n} × ${step}`).join(', ')}`)
  await machine.run() // what a disk did not let the last run remove; it orders nothing
  allIsWell(machine, certificates)
})
