import { expect, test } from 'vitest'
import { fitted, padded, textWidth } from '../../../src/core/text-width.js'

test.each([
  ['www.example.com', 15],
  ['証明書', 6],
  ['e\u0301', 1],
  ['🔒', 2],
  ['', 0],
])('%j takes %i columns', (text, columns) => {
  expect(textWidth(text)).toBe(columns)
})

test.each([
  ['www.example.com', 15, 'www.example.com'],
  ['www.example.com', 14, 'www.example.c…'],
  ['証明書', 5, '証明…'],
  ['証明書', 4, '証…'],
  ['abc', 1, '…'],
  ['abc', 0, ''],
])('%j in %i columns is %j', (text, columns, short) => {
  expect(fitted(text, columns)).toBe(short)
})

test('spaces fill it up by columns', () => {
  expect(padded('証明', 6)).toBe('証明  ')
})
