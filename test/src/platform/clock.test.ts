import { afterEach, describe, expect, test, vi } from 'vitest'
import { realClock } from '../../../src/platform/clock.js'

const never = new AbortController().signal

afterEach(() => {
  vi.useRealTimers()
})

describe('sleep', () => {
  test('takes its time', async () => {
    const before = performance.now()
    await realClock.sleep(0.05, never)
    expect(performance.now() - before).toBeGreaterThanOrEqual(49)
  })

  test.each([0, -1])('of %i seconds is over in the next turns', async seconds => {
    await realClock.sleep(seconds, never)
  })

  test('ends with the reason of the signal, and leaves no listener', async () => {
    const stopping = new AbortController()
    const removed = vi.spyOn(stopping.signal, 'removeEventListener')
    await realClock.sleep(0, stopping.signal)
    expect(removed).toHaveBeenCalledWith('abort', expect.any(Function))
    const sleeping = realClock.sleep(3600, stopping.signal)
    stopping.abort(new Error('Ctrl-C'))
    await expect(sleeping).rejects.toThrow('Ctrl-C')
    await expect(realClock.sleep(3600, stopping.signal)).rejects.toThrow('Ctrl-C')
  })

  test.each([30, 60])('of %i days is longer than a timer can hold, and still that long', async days => {
    vi.useFakeTimers()
    let awake = false
    void realClock.sleep(days * 86_400, never).then(() => {
      awake = true
    })
    await vi.advanceTimersByTimeAsync(days * 86_400_000 - 1000)
    expect(awake).toBe(false)
    await vi.advanceTimersByTimeAsync(1000)
    expect(awake).toBe(true)
  })
})

describe('deadline', () => {
  test('aborts with a TimeoutError', async () => {
    const signal = realClock.deadline(0.02)
    expect(signal.aborted).toBe(false)
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  test.each([2_000_000, 2_147_484, 1e9])('of %i seconds does not end at once', async seconds => {
    const signal = realClock.deadline(seconds)
    await realClock.sleep(0.03, never)
    expect(signal.aborted).toBe(false)
  })

  test('in the past has come', async () => {
    const signal = realClock.deadline(-5)
    await realClock.sleep(0.02, never)
    expect(signal.aborted).toBe(true)
  })
})

test('now is now', () => {
  expect(Math.abs(realClock.now().getTime() - Date.now())).toBeLessThan(1000)
})
