import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fakeClock } from './clock.js'

const { signal } = new AbortController()

test('a clock of which nobody asks anything stands still', async () => {
  const clock = fakeClock()
  let woken = false
  void clock.sleep(1, signal).then(() => {
    woken = true
  })
  await new Promise(resolve => setTimeout(resolve, 20))
  expect([clock.seconds, woken]).toEqual([0, false])
})

test('advance() wakes who sleeps shorter, in order, at their time, and what they begin then', async () => {
  const clock = fakeClock()
  const seen: string[] = []
  const sleeper = async (name: string, ...pauses: readonly number[]) => {
    for (const seconds of pauses) {
      await clock.sleep(seconds, signal)
      seen.push(`${name} at ${clock.seconds}`)
    }
  }
  void sleeper('a', 3, 3)
  void sleeper('b', 2, 9)
  await clock.advance(10)
  expect([clock.seconds, ...seen]).toEqual([10, 'b at 2', 'a at 3', 'a at 6'])
})

test('runUntil() goes on no longer than the work needs', async () => {
  const clock = fakeClock()
  void clock.sleep(100, signal)
  const work = async () => {
    await clock.sleep(7, signal)
    return 'done'
  }
  expect([await clock.runUntil(work()), clock.seconds]).toEqual(['done', 7])
})

test('runUntil() rejects when time cannot help', async () => {
  await expect(fakeClock().runUntil(new Promise(() => {}))).rejects.toThrow('nobody waits for time any more')
})

test('sleep() rejects with the reason of its signal, and a deadline ends with a TimeoutError', async () => {
  const clock = fakeClock()
  const stopping = new AbortController()
  const sleeping = clock.sleep(10, stopping.signal)
  stopping.abort(new Error('stop'))
  await expect(sleeping).rejects.toThrow('stop')
  const deadline = clock.deadline(5)
  await clock.advance(6)
  expect(deadline.reason).toMatchObject({ name: 'TimeoutError' })
})

test('several works at once are moved on together, and time stands still when all have ended', async () => {
  const clock = fakeClock()
  const seen: string[] = []
  const sleep = clock.along(clock.sleep)
  await Promise.all([3600, 60].map(seconds => sleep(seconds, signal).then(() => seen.push(`${clock.seconds}`))))
  void clock.sleep(1, signal)
  await new Promise(resolve => setTimeout(resolve, 20))
  expect([clock.seconds, ...seen]).toEqual([3600, '60', '3600'])
})

test('does not go on for the sake of deadlines where all are patient, who may wait for something else', async () => {
  const clock = fakeClock(undefined, { patient: true })
  const deadline = clock.deadline(1)
  const work = async () => {
    await clock.sleep(0.5, signal)
    await new Promise(resolve => setTimeout(resolve, 20))
    await clock.sleep(0.25, signal)
    return [clock.seconds, deadline.aborted]
  }
  expect(await clock.runUntil(work())).toEqual([0.75, false])
})

test('waits for work that takes real time, however long', async () => {
  const clock = fakeClock()
  const deadline = clock.deadline(1)
  await clock.runUntil(promisify(pbkdf2)('word', 'salt', 200_000, 32, 'sha512'))
  expect([clock.seconds, deadline.aborted]).toEqual([0, false])
})
