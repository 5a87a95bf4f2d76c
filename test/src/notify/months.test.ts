// Notices over months of daily runs, with a CA in memory that is away for weeks: what a person hears of it.
import { expect, test } from 'vitest'
import { decide, type ToldAbout } from '../../../src/notify/decide.js'
import { statusDocument } from '../../../src/renew/status.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { fakeLog } from '../../fakes/log.js'
import { outside, ROOT } from '../../fakes/outside.js'
import { fakeWorld } from '../../fakes/world.js'

const daySeconds = 86_400

/** `DAY KIND, KIND …` of each run that tells something; the CA does not answer on the days that are given. */
async function heard(days: number, isAway: (day: number) => boolean): Promise<string[]> {
  const machine = outside({ targets: [['a.one.test'], ['b.one.test']], zones: ['one.test'] })
  let told: ToldAbout = {}
  const all: string[] = []
  for (let day = 0; day < days; day++) {
    const how = { batch: true, afterSeconds: daySeconds }
    const run = await machine.run(step => (step === 'request' && isAway(day) ? 'lose' : undefined), how)
    const now = machine.files.options.now?.() ?? new Date(0)
    const world = fakeWorld({ files: machine.files, log: fakeLog(), clock: { now: () => now } })
    const state = await StateDir.open(world, ROOT, { readOnly: true })
    const { targets } = statusDocument(world, state)
    const decided = decide(told, { now, outcomes: run.outcomes ?? [], targets, complete: run.error === undefined })
    told = decided.told
    if (decided.notices.length > 0) all.push(`${day} ${decided.notices.map(({ kind }) => kind).join(', ')}`)
  }
  expect(told).toEqual({})
  return all
}

test('a CA that is away for six weeks is told when it fails, when little is left, at the end, and when it is back', async () => {
  expect(await heard(120, day => day >= 55 && day < 97)).toEqual([
    '60 failed, failed',
    '80 few-days, few-days',
    '90 few-days, few-days',
    '97 well, well',
  ])
})

test('a CA that is away when nothing is due, and one that does all it should, are not told of at all', async () => {
  expect(await heard(70, day => day >= 20 && day < 40)).toEqual([])
})
