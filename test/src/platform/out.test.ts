import { expect, test } from 'vitest'
import { openMasks } from '../../../src/core/gate.js'
import { openOut } from '../../../src/platform/out.js'

function anOut(json: boolean, secret = '', columns: number | undefined = undefined) {
  const written: string[] = []
  const { add, masked } = openMasks()
  add(secret)
  return { out: openOut({ json, columns, masked }, text => void written.push(text)), text: () => written.join('') }
}

const evil = 'a\x1b[2J\nfake\x9b\u202e'

test('each line of a result stays one line, without controls', () => {
  const { out, text } = anOut(false)
  out.show({}, () => [evil, 'next'])
  expect(text()).toBe('a\\x1b[2J\\nfake\\x9b\\u202e\nnext\n')
})

test('without lines nothing is printed, and the end is as asked for', () => {
  const { out, text } = anOut(false)
  out.show({}, () => [])
  out.show({}, () => ['url'], '')
  expect(text()).toBe('url')
})

test('JSON keeps each value and has no controls', () => {
  const { out, text } = anOut(true)
  out.show({ file: evil }, () => [])
  expect(text()).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u)
  expect(JSON.parse(text())).toEqual({ file: evil })
})

test.each([true, false])('secrets are masked, json: %j', json => {
  const { out, text } = anOut(json, 'say "s3cr3t"')
  const line = 'it said say "s3cr3t"'
  out.show({ line, n: 1, at: undefined }, () => [line])
  expect(text()).toContain('it said ***')
  expect(text()).not.toContain('s3cr3t')
})

test('a secret that looks like JSON does not break it', () => {
  const { out, text } = anOut(true, 'true')
  out.show({ done: true, said: 'true' }, () => [])
  expect(JSON.parse(text())).toEqual({ done: true, said: '***' })
})

test('a word for people is gated as a result is, and is for a terminal only', () => {
  const read = anOut(false, '', 80)
  read.out.tell([evil])
  expect(read.text()).toBe('a\\x1b[2J\\nfake\\x9b\\u202e\n')
  const unread = anOut(false)
  unread.out.tell(['hello'])
  expect(unread.text()).toBe('')
})
