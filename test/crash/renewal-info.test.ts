// A run that asks its CA when to renew, and renews because of it, killed at each step: the next run puts all in order.
import { expect, test } from 'vitest'
import { type Outside, outside, ROOT } from '../fakes/outside.js'
import { invariants } from '../fakes/state-invariants.js'
import { thorough } from '../thorough.js'
import { at, failures } from './whole-run.js'

const HOSTS = ['a.one.test', 'b.one.test']
const hour = 3_600_000
const nowOf = ({ files }: Outside): number => files.options.now?.().getTime() ?? 0

/** Two certificates, which the CA wants replaced, and these alone: so two orders more, and then it is quiet. */
async function machineWithTwo(): Promise<Outside> {
  const machine = outside({ targets: HOSTS.map(host => [host]), zones: ['one.test'] })
  let askedBy = Number.POSITIVE_INFINITY
  const known = new Set<string>()
  machine.ca.manners = {
    renewalInfo: certId => {
      if (known.size < HOSTS.length) known.add(certId)
      askedBy = Math.min(askedBy, nowOf(machine))
      const start = known.has(certId) ? askedBy - 2 * hour : askedBy + 1000 * hour
      return { body: { suggestedWindow: { start: new Date(start), end: new Date(start + hour) } } }
    },
  }
  expect(failures((await machine.run()).outcomes)).toEqual([])
  return machine
}

test.each([
  { what: 'killed', power: false },
  { what: 'ended by a power loss, with nothing left but what was synced', power: true },
])(
  'a run that renews as the CA asks, $what at any step, heals: each certificate is replaced, and no third is got of it',
  async ({ power }) => {
    const { steps } = await (await machineWithTwo()).run()
    expect(steps.length).toBeGreaterThan(60)
    for (let k = 0; k < steps.length; k += thorough ? 3 : 29) {
      const machine = await machineWithTwo()
      await machine.run(at(k, 'stop'))
      machine.files.restart()
      if (power) machine.files.losePower(() => false)
      for (let again = 0; again < 2; again++) {
        const { outcomes, error } = await machine.run(undefined, { afterSeconds: 7 * 3600 })
        expect({ k, step: steps[k], error, failed: failures(outcomes) }).toEqual({
          k,
          step: steps[k],
          error: undefined,
          failed: [],
        })
      }
      invariants(machine.files, ROOT)
      expect(machine.txt(), `step ${k}`).toEqual([])
      expect(machine.ca.issued.length, `step ${k}: ${steps[k]}`).toBe(4)
    }
  },
  300_000,
)
