import { expect, test } from 'vitest'
import { groupBy } from '../../../src/core/txt-record.js'

test('groupBy keeps the order of first appearance and of the items', () => {
  expect([...groupBy(['bx', 'ay', 'bz'], text => text[0])]).toEqual([
    ['b', ['bx', 'bz']],
    ['a', ['ay']],
  ])
})
