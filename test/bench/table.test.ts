import { expect, test } from 'vitest'
import { bench, ROWS } from './main.js'
import { median } from './race.js'
import { block } from './table.js'

// What the benchmark computes and prints; that it measures is proved by `npm run bench -- --tiny`, in a minute or two.

test('the table has a line for each client with its median, its ratio to dns01 and how often it ran, then the goals', () => {
  const samples = (...seconds: number[]) => seconds.map(each => ({ seconds: each }))
  const results = [
    { name: 'dns01', scale: 1, samples: samples(1, 3, 2) },
    { name: 'lego', scale: 10, samples: samples(0.5) },
    { name: 'uacme', scale: 1, samples: [], failure: 'exit 1' },
  ]
  const row = { id: 'one', title: '1 certificate', needs: [], measure: () => Promise.reject() }
  const goals = [
    { text: 'at most 2 s', met: true },
    { text: 'less than lego', met: false },
  ]
  expect(block(row, { results, goals, notes: ['on a ramdisk'] }).split('\n')).toEqual([
    '1 certificate',
    expect.stringMatching(/^ +wall s +× dns01 +runs$/),
    expect.stringMatching(/^ {2}dns01 +2\.00 +1\.0 +3$/),
    expect.stringMatching(/^ {2}lego +5\.00 +2\.5 +1$/),
    expect.stringMatching(/^ {2}uacme +0$/),
    '  reached  at most 2 s',
    '  MISSED   less than lego',
    '  FAILED   uacme: exit 1',
    '  note     on a ramdisk',
    '',
  ])
})

test('a row that is not there is reported', async () => {
  await expect(bench('tiny', ['two'], () => {})).rejects.toThrow(`no row two; there are ${ROWS[0]?.id}`)
})

test('the median of an even number of values is the smaller of the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2)
})
