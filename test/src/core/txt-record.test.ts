import { expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { byZone, groupBy } from '../../../src/core/txt-record.js'
import { record } from '../../contract/provider-contract.js'

test('groupBy keeps the order of first appearance and of the items', () => {
  expect([...groupBy(['bx', 'ay', 'bz'], text => text[0])]).toEqual([
    ['b', ['bx', 'bz']],
    ['a', ['ay']],
  ])
})

test('byZone puts every record under its zone', () => {
  const a1 = record(parseName('_acme-challenge.x.a.test'), 'v1', 'a.test')
  const b = record(parseName('_acme-challenge.b.test'), 'v2', 'b.test')
  const a2 = record(parseName('_acme-challenge.y.a.test'), 'v3', 'a.test')
  expect([...byZone([a1, b, a2])]).toEqual([
    ['a.test', [a1, a2]],
    ['b.test', [b]],
  ])
})
