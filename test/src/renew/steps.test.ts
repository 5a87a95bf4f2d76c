// What whole runs tell of their progress: the list on a terminal is right only if every certificate's steps come and end.
import { expect, test } from 'vitest'
import { plain } from '../../../src/core/styled.js'
import type { Step } from '../../../src/core/world.js'
import { Board, finalLines, liveLines } from '../../../src/report/progress.js'
import { type OutsideOptions, outside } from '../../fakes/outside.js'

const view = { columns: 100, rows: 30 }

/** A machine whose steps a board sees, all at one instant. */
function watched(count: number, more: Partial<OutsideOptions> = {}) {
  const board = new Board()
  const seen: Step[] = []
  const drawn: string[][] = []
  const live = {
    step: (step: Step): void => {
      seen.push(step)
      board.see(step, new Date(0))
    },
    clear: () => {},
  }
  const targets = Array.from({ length: count }, (_, i) => [`h${i}.one.test`])
  const machine = outside({ targets, zones: ['one.test'], live, ...more })
  /** Drawn before each request, question and change on disk. */
  const run = () =>
    machine.run(() => {
      drawn.push(liveLines(board, new Date(0), view).map(plain))
      return undefined
    })
  return { machine, run, board, seen, drawn, left: () => finalLines(board, new Date(0), view).map(plain) }
}

const stagesOf = (seen: readonly Step[], id: string): string[] => {
  const stages = seen.filter(step => step.id === id).map(({ stage, result }) => stage ?? result ?? 'over')
  return stages.filter((stage, i) => stage !== stages[i - 1])
}

test('a certificate comes to each stage in turn, and each of them ends', async () => {
  const { run, board, seen, drawn, left } = watched(30, { parallel: 20 })
  await run()
  expect(stagesOf(seen, 'h0.one.test')).toEqual([
    'looking for its zone',
    'asking the CA',
    'placing records',
    'waiting for the name servers',
    'waiting for the CA to validate',
    'waiting for the certificate',
    'issued',
  ])
  expect(stagesOf(seen, 'h29.one.test')[0]).toBe('waiting for its turn')
  expect(board.isBusy).toBe(false)
  expect(left()).toEqual(['30 certificates: 30 issued · 0 s'])
  expect(drawn.length).toBeGreaterThan(100)
  expect(drawn.flat().filter(line => line.length >= view.columns)).toEqual([])
})

test('what fails is shown as failed, with the reason, and the others go on', async () => {
  const { machine, run, board, drawn, left } = watched(3)
  machine.ca.manners = { blindFor: ['h1.one.test'] }
  await run()
  expect(drawn.flat()).toContainEqual(expect.stringMatching(/^✗ h1\.one\.test +failed: .*h1\.one\.test/))
  expect(left()).toEqual(['✓ h0.one.test  issued  0 s', '✗ h1.one.test  failed  0 s', '✓ h2.one.test  issued  0 s'])
  expect(board.isBusy).toBe(false)
})

test('a name server that lags is named', async () => {
  const { machine, run, drawn } = watched(1)
  machine.dns.manners('198.51.100.1', { lagSeconds: 30 })
  await run()
  expect(drawn.flat()).toContainEqual(
    expect.stringMatching(/ns2\.one\.test \(1 of 2 servers show it\) +0 s of 15 min$/),
  )
})

test('a run that asks nobody has no steps', async () => {
  const { machine, seen } = watched(2)
  await machine.run()
  seen.length = 0
  await machine.run()
  expect(seen).toEqual([])
})
