import { expect, test } from 'vitest'
import { bench, ROWS } from './bench/main.js'
import { median } from './bench/race.js'
import { lacking } from './real/servers/need.js'

/** That the benchmark works; its figures are not looked at. */
test.skipIf(lacking('pebble', 'named', 'netns', 'time', 'setpriv', 'uacme'))(
  'the benchmark measures dns01, and another client, and prints what it found',
  { timeout: 240_000 },
  async () => {
    const said: string[] = []
    const ids = ['one', 'thousand', 'held', 'lag', 'route53', 'hook'] // the other rows differ in numbers only
    await bench('tiny', ids, text => said.push(text))
    expect(said.find(text => text.startsWith('1 certificate, 1 name'))).toMatch(/^ {2}uacme .*\d/m)
    for (const { title } of ROWS.filter(({ id }) => ids.includes(id))) {
      const block = said.find(text => text.startsWith(title)) ?? ''
      expect(block).toMatch(/^ {2}dns01 +\d+\.\d\d/m)
      expect(block).toMatch(/^ {2}(reached|MISSED)/m)
    }
  },
)

test('a row that is not there is told', async () => {
  await expect(bench('tiny', ['two'], () => {})).rejects.toThrow(`no row two; there are ${ROWS[0]?.id}`)
})

test('the median of an even number of values is the smaller of the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2)
})
