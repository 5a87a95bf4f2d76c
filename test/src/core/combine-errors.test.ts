import { expect, test } from 'vitest'
import { settleAll } from '../../../src/core/combine-errors.js'
import { Dns01Error, unwritten } from '../../../src/core/errors.js'

const no = (code: 'REFUSED' | 'UNAVAILABLE', message: string) => Promise.reject(new Dns01Error(code, message))

test('all went well', async () => {
  await settleAll([Promise.resolve(1), Promise.resolve()])
  await settleAll([])
})

test('one error comes out as it is, after all have ended', async () => {
  let ended = false
  const slow = new Promise<void>(resolve => setTimeout(resolve, 30)).then(() => {
    ended = true
  })
  const error = new Dns01Error('UNAVAILABLE', 'busy')
  await expect(settleAll([Promise.reject(error), slow])).rejects.toBe(error)
  expect(ended).toBe(true)
})

test('several become one error, each message once, with the code that sorts first', async () => {
  const errors = [no('UNAVAILABLE', 'a'), no('REFUSED', 'b'), no('UNAVAILABLE', 'a')]
  await expect(settleAll(errors)).rejects.toMatchObject({ code: 'REFUSED', message: 'a; b' })
})

test('of many errors the first five are named', async () => {
  const errors = Array.from({ length: 8 }, (_, i) => no('REFUSED', String(i)))
  await expect(settleAll(errors)).rejects.toThrow('0; 1; 2; 3; 4; and 3 more')
})

test('a bug, or the reason of a signal, is not wrapped', async () => {
  const bug = new TypeError('x is undefined')
  await expect(settleAll([no('REFUSED', 'a'), Promise.reject(bug)])).rejects.toBe(bug)
})

const proof = () => Promise.reject(unwritten(new Dns01Error('REFUSED', 'BADSIG')))
test.each<[string, () => Promise<unknown>[], boolean]>([
  ['the only one proves it', () => [proof()], true],
  ['each of them proves it', () => [proof(), proof()], true],
  ['another one went well', () => [proof(), Promise.resolve()], false],
  ['another one proves nothing', () => [proof(), no('REFUSED', 'exited with 1')], false],
])('whether nothing was written: %s', async (_, tasks, nothingWritten) => {
  await expect(settleAll(tasks())).rejects.toMatchObject({ nothingWritten })
})
