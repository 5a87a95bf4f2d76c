import { expect, test } from 'vitest'
import { widthOf } from '../../../src/platform/terminal.js'

test.each([
  [100, 100],
  [undefined, 80],
  [0, 80],
])('a terminal that says %s has %i columns', (columns, width) => {
  expect(widthOf({ columns })).toBe(width)
})
